/// 08: order by key. Events of many accounts are handled by many threads at once, those of one account one after the
/// other in the order in which they were stored. One that fails is tried again before any later one. When one has
/// failed for good, its account is held until an operator has looked at it; the other accounts go on.
///
///     08_account_events [URL]      default: sqlite://events.db

#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

using namespace std::chrono_literals;

struct Event {
  static constexpr std::string_view kind = "event";
  std::string account;
  int number = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Event, account, number)
};

/// The events of each account that have been applied, in order.
class Ledger {
 public:
  void book(const Event& event) {
    const std::scoped_lock lock(mutex_);
    accounts_[event.account] += " " + std::to_string(event.number);
  }
  [[nodiscard]] std::string of(const std::string& account) const {
    const std::scoped_lock lock(mutex_);
    const auto found = accounts_.find(account);
    return account + ":" + (found == accounts_.end() ? "" : found->second);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> accounts_;
};

sqlq::Handlers handlers(Ledger& ledger) {
  sqlq::Handlers table;
  table.on<Event>(
      [&ledger](const Event& event, sqlq::JobContext& job) {
        if (event.account == "ada" && event.number == 2 && job.attempt() == 1) throw std::runtime_error("no answer");
        if (event.account == "eve" && event.number == 2) throw sqlq::Discard("an amount below zero");
        ledger.book(event);
      },
      {.retry = sqlq::RetryPolicy::constant(200ms)});
  return table;
}

int main(int argc, char** argv) try {
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite://events.db");
  db.migrate();
  sqlq::Admin admin{db};
  admin.set_key_limits("events", {.order = sqlq::KeyOrder::strict, .after_error = sqlq::AfterError::hold});

  sqlq::Client client{db};
  std::vector<sqlq::JobId> jobs;
  for (int number = 1; number <= 5; ++number) {
    for (const std::string account : {"ada", "bob", "eve"}) {
      jobs.push_back(client.enqueue(Event{account, number}, {.queue = "events", .key = account}).id);
    }
  }

  Ledger ledger;
  sqlq::Worker worker{db, handlers(ledger), {.queues = {"events"}, .concurrency = 8}};
  worker.start();
  const auto tick = db.clock().make_signal();
  const auto pause = [&] { tick->wait_until(db.clock().steady() + 10ms); };
  while (!admin.key("events", "eve").held) pause();
  for (const auto* account : {"ada", "bob"}) {
    while (admin.key("events", account).waiting + admin.key("events", account).inside > 0) pause();
    std::cout << ledger.of(account) << '\n';
  }
  std::cout << ledger.of("eve") << ", then held: " << admin.key("events", "eve").waiting << " wait\n";

  admin.open_key("events", "eve");  // somebody has looked at it; or: sqlq queue open-key events eve
  for (const sqlq::JobId id : jobs) {
    if (!client.wait(id, 30s)) throw std::runtime_error("an event was not handled in time");
  }
  worker.stop();
  std::cout << ledger.of("eve") << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
