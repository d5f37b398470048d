/// The fragments of docs/workflows.md, in a program that runs them on a clock of its own and on a SQLite file.
///
///     workflows_parts [FILE]

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sqlite3.h>

#include <sqlq/sqlite.hpp>
#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

void run(sqlite3* connection, const std::string& sql) {
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(connection));
  }
}

class Transaction {  // rolled back unless it was committed
 public:
  explicit Transaction(sqlite3* connection) : connection_(connection) { run(connection_, "BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (connection_ != nullptr) sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    run(connection_, "COMMIT");
    connection_ = nullptr;
  }

 private:
  sqlite3* connection_;
};

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

Connection connect(const std::string& file) {
  sqlite3* handle = nullptr;
  const int status = sqlite3_open(file.c_str(), &handle);
  Connection connection(handle, sqlite3_close);
  if (status != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  sqlite3_busy_timeout(handle, 5000);
  run(handle, "PRAGMA wal_autocheckpoint=0");  // checkpoints are left to sqlq: see backends/sqlite/README.md
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return connection;
}

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  int amount = 0;
  std::vector<std::string> items;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Parcel, amount, items)
};

struct Motion {
  static constexpr std::string_view kind = "motion";
};

struct Vote {
  std::string by;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Vote, by)
};

struct Picture {
  static constexpr std::string_view kind = "picture";
};

struct Resize {
  static constexpr std::string_view kind = "resize";
  int width = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Resize, width)
};

struct File {
  std::string path;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(File, path)
};

struct Bank {
  std::string charge(int amount, const std::string& key) {
    if (charged.contains(key)) return charged.at(key);  // it knows this payment already
    std::cout << "charged " << amount << '\n';
    return charged[key] = "receipt 17";
  }
  std::map<std::string, std::string> charged;
};

void pack(const std::string& item) { std::cout << "packed " << item << '\n'; }
int old_tax(const Parcel& parcel) { return parcel.amount / 5; }
int new_tax(const Parcel& parcel) { return parcel.amount / 4; }

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "workflows.db";
  sqlq::Handlers handlers;
  Bank bank;
  Connection owner(nullptr, sqlite3_close);
  sqlite3* connection = nullptr;

  handlers.on<Parcel>([&](const Parcel& parcel, sqlq::JobContext& job) {
    const auto receipt = job.step("charge", [&] {
      return bank.charge(parcel.amount, job.id().to_string() + "/charge");  // the same key each time that it runs
    });
    Transaction mine(connection);
    job.step(sqlq::sqlite::borrow(connection), "book", [&] {
      run(connection, "INSERT INTO ledger (amount) VALUES (" + std::to_string(parcel.amount) + ")");
    });
    mine.commit();
    for (std::size_t i = 0; i < parcel.items.size(); ++i) {
      job.step("pack", static_cast<std::int64_t>(i), [&] { pack(parcel.items[i]); });
    }
    if (job.since("new-tax-rule")) {
      job.step("tax", [&] { std::cout << "tax " << new_tax(parcel) << '\n'; });
    } else {
      job.step("tax", [&] { std::cout << "tax " << old_tax(parcel) << '\n'; });
    }
  });
  handlers.on<Motion>([](const Motion&, sqlq::JobContext& job) {
    for (std::int64_t n = 0; n < 3; ++n) {
      const auto vote = job.wait<Vote>({"vote", n}, 24h);
      if (!vote) break;  // nobody more has voted for a day
      job.step("count", n, [&] { std::cout << vote->by << " has voted\n"; });
    }
  });
  handlers.on<Resize>([](const Resize& resize, sqlq::JobContext& job) {
    job.set_result(File{"picture-" + std::to_string(resize.width) + ".png"});
  });
  handlers.on<Picture>([](const Picture&, sqlq::JobContext& job) {
    const std::vector<Resize> children{{100}, {800}};
    for (const sqlq::Job& child : job.all("sizes", children)) {
      if (child.state != sqlq::JobState::success) throw std::runtime_error("a size could not be made");
      std::cout << sqlq::result_of<File>(child).path << '\n';
    }
  });

  sqlq::testing::Harness q{"sqlite://" + file, handlers};
  sqlq::Client client = q.client();
  sqlq::Admin admin = q.admin();
  owner = connect(file);
  connection = owner.get();
  run(connection, "DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (amount INTEGER)");

  sqlq::JobId id = client.enqueue(Parcel{20, {"Faust", "Macbeth"}}).id;
  q.work_due();
  for (const sqlq::StepRecord& step : admin.steps(id)) {
    std::cout << to_string(step.kind) << ' ' << step.name << ' ' << step.number << '\n';
  }
  admin.restart(id, "tax");  // keeps what was recorded before it; runs it and all that follows again
  q.work_due();

  id = client.enqueue(Motion{}).id;
  q.work_due();
  client.signal(id, "vote", Vote{"Ada"}, sqlq::SignalMode::append);
  client.signal(id, "vote", Vote{"Bob"}, sqlq::SignalMode::append);
  client.signal(id, "vote", Vote{"Eve"}, sqlq::SignalMode::replace);  // number 0; stored where there is none
  q.work_for(25h);
  std::cout << to_string(client.find(id)->state) << '\n';
  admin.restart(id, {.from = "vote", .number = 1, .forget_signals = true});  // waits for the second vote once more
  client.signal(id, "vote", Vote{"Cid"}, sqlq::SignalMode::append);
  q.work_for(25h);

  client.enqueue(Picture{});
  q.work_for(1h);
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
