/// 06: a workflow. An order is charged, booked in a transaction of the application's own, rests for a while, waits for
/// an approval, and is shipped in parts, each of which is a job. The handler reads from top to bottom; what it has done
/// is recorded, so that it goes on where it was after a crash, a retry, or days of waiting, and while it sleeps or
/// waits it holds neither a thread nor a lease.
///
///     06_workflow [URL SOCI-CONNECTION]      default: sqlite://workflow.db, and the same file
///
/// In earnest the rests are hours and days. A test of a workflow lets them pass in no time: sqlq/testing/harness.hpp.

#include <cstdlib>
#include <iostream>
#include <vector>

#include <soci/soci.h>

#include <sqlq/sqlq.hpp>

using namespace std::chrono_literals;

struct Ship {
  static constexpr std::string_view kind = "ship";
  int order = 0, part = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Ship, order, part)
};

struct Order {
  static constexpr std::string_view kind = "order";
  int number = 0, parts = 1;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Order, number, parts)
};

struct Receipt {
  std::string text;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Receipt, text)
};

struct Approval {
  std::string by;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Approval, by)
};

struct Fulfilled {
  std::string receipt, approved_by;
  int grams = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Fulfilled, receipt, approved_by, grams)
};

/// As in 03: a connection of the application, which leaves the checkpoints of a SQLite file to sqlq.
void connect(soci::session& session, const std::string& connection) {
  session.open(connection);
  if (session.get_backend_name() == "sqlite3") session << "PRAGMA wal_autocheckpoint=0";
}

/// Somebody else's service: the number of the order is its idempotency key, for a crash between the payment and its
/// record repeats the call.
Receipt pay(const Order& order) { return {"receipt " + std::to_string(order.number)}; }

/// The step is recorded in the same transaction as the row: the row is inserted exactly once, whatever crashes.
void book(sqlq::JobContext& job, const std::string& connection, const Order& order) {
  soci::session session;
  connect(session, connection);
  soci::transaction transaction(session);
  job.step(sqlq::borrow(session), "book", [&] {
    session << "INSERT INTO bookings (number) VALUES (:number)", soci::use(order.number);
  });
  transaction.commit();
}

sqlq::Outcome fulfil(const Order& order, sqlq::JobContext& job, const std::string& connection) {
  const auto receipt = job.step("charge", [&] { return pay(order); });
  book(job, connection, order);
  job.sleep("cool-off", 100ms);
  const auto approval = job.wait<Approval>("approved", order.number == 2 ? 100ms : 1h);
  if (!approval) {
    job.step("refund", [] {});
    return sqlq::discard("nobody has approved it in time");
  }

  std::vector<Ship> parts;
  for (int part = 1; part <= order.parts; ++part) parts.push_back({order.number, part});
  int grams = 0;
  for (const sqlq::Job& shipped : job.all("parts", parts)) {
    if (shipped.state != sqlq::JobState::success) return sqlq::discard("a part could not be shipped");
    grams += sqlq::result_of<int>(shipped);
  }
  job.set_result(Fulfilled{receipt.text, approval->by, grams});
  return sqlq::Outcome::done();
}

void show(const sqlq::Admin& admin, const sqlq::Job& order) {
  std::cout << sqlq::to_string(order.state) << ' ' << order.result << '\n';
  for (const sqlq::StepRecord& step : admin.steps(order.id)) {
    std::cout << "  " << sqlq::to_string(step.kind) << ' ' << step.name << '\n';
  }
}

int main(int argc, char** argv) try {
  auto db = sqlq::open(argc > 2 ? argv[1] : "sqlite://workflow.db");
  const std::string connection = argc > 2 ? argv[2] : "sqlite3://db=workflow.db timeout=5";
  db.migrate();
  sqlq::Client client{db};
  sqlq::Admin admin{db};

  soci::session session;
  connect(session, connection);
  session << "DROP TABLE IF EXISTS bookings";
  session << "CREATE TABLE bookings (number INTEGER PRIMARY KEY)";

  const auto approved = client.enqueue(Order{1, 3});
  const auto forgotten = client.enqueue(Order{2, 1});
  client.signal(approved.id, "approved", Approval{"ada"});  // it may come before anybody waits for it

  sqlq::Handlers handlers;
  handlers.on<Order>([&](const Order& order, sqlq::JobContext& job) { return fulfil(order, job, connection); });
  handlers.on<Ship>([](const Ship& ship, sqlq::JobContext& job) { job.set_result(100 * ship.part); });
  sqlq::Worker worker{db, handlers, {.concurrency = 1}};
  worker.start();
  for (const auto& order : {approved, forgotten}) {
    const auto job = client.wait(order.id, 30s);
    if (!job) throw std::runtime_error("the order is not done in time");
    show(admin, *job);
  }
  worker.stop();

  int bookings = 0;
  session << "SELECT count(*) FROM bookings", soci::into(bookings);
  std::cout << "bookings: " << bookings << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
