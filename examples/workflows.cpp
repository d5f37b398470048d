#include <iostream>
#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct Order {
  static constexpr std::string_view kind = "order";
  std::string book;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Order, book)
};

struct Approval {  // what the signal carries
  std::string by;
  bool yes = false;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Approval, by, yes)
};

void work(const Order& order, sqlq::JobContext& job) {
  const auto receipt = job.step("charge", [&] {  // runs once; what it returns is recorded
    std::cout << "charging for " << order.book << '\n';
    return std::string("receipt 17");
  });
  job.sleep("cool-off", 24h);
  const auto approval = job.wait<Approval>("approved", 7 * 24h);
  if (!approval || !approval->yes) {  // nobody answered within a week, or somebody said no
    job.step("refund", [&] { std::cout << "refunding " << receipt << '\n'; });
    return;
  }
  job.step("ship", [&] { std::cout << "shipping, approved by " << approval->by << '\n'; });
}

int main(int argc, char** argv) {
  sqlq::Handlers handlers;
  handlers.on<Order>(work);

  // A service has a sqlq::Worker; this is one on a clock that moves when it is told to.
  sqlq::testing::Harness q{argc > 1 ? argv[1] : "sqlite::memory:", handlers};
  const sqlq::JobId order = q.client().enqueue(Order{"Faust"}).id;

  q.work_due();      // charges; then the job sleeps, and holds neither a slot nor a lease
  q.work_for(25h);   // a day later it begins at its top, finds the receipt, has slept, and waits
  q.client().signal(order, "approved", Approval{"Ada", true});  // by a web server, perhaps
  q.work_due();      // ships
  std::cout << to_string(q.client().find(order)->state) << '\n';

  q.client().enqueue(Order{"Macbeth"});
  q.work_for(9 * 24h);  // nobody approves
}
