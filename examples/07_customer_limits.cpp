/// 07: limits by key. A program calls an API for its customers, of which each may call so often, and some have bought
/// more. When the API itself says "too many", only the jobs of that customer wait. A harness runs it on a clock that
/// stands still, so that minutes take no time; a service has a sqlq::Worker in its place.
///
///     07_customer_limits [URL]

#include <cstdlib>
#include <iostream>
#include <string>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct CallApi {
  static constexpr std::string_view kind = "call-api";
  std::string customer;
  int page = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(CallApi, customer, page)
};

/// In place of a real one: it refuses one call.
struct Api {
  struct Answer {
    int status = 200;
    std::chrono::seconds retry_after{0};
  };
  Answer get(const std::string& customer, int page) {
    const bool refused = customer == "bob" && page == 1 && !refused_before;
    refused_before = refused_before || refused;
    return refused ? Answer{429, 30s} : Answer{};
  }
  bool refused_before = false;
};

sqlq::Handlers handlers(Api& api) {
  sqlq::Handlers table;
  table.on<CallApi>([&api](const CallApi& call) {
    const Api::Answer answer = api.get(call.customer, call.page);
    if (answer.status == 429) return sqlq::Outcome::throttled(answer.retry_after, "429 Too Many Requests");
    return sqlq::Outcome::done();
  });
  return table;
}

void set_limits(sqlq::Admin admin) {
  admin.set_key_limits("calls", {.concurrency = 2, .rate = sqlq::Rate{.count = 100, .per = 1min, .burst = 10}});
  admin.set_key_limits("calls", "eve", sqlq::KeyLimits{.rate = sqlq::Rate{.count = 1000, .per = 1min, .burst = 50}});
}

bool all_well = true;

template <class T, class U>
void check(std::string_view what, const T& actual, const U& expected) {
  const bool ok = actual == expected;
  all_well = all_well && ok;
  std::cout << (ok ? "ok      " : "FAILED  ") << what << '\n';
}

int main(int argc, char** argv) try {
  Api api;
  sqlq::testing::Harness q{argc > 1 ? argv[1] : "sqlite::memory:", handlers(api), {.queues = {"calls"}}};
  set_limits(q.admin());
  auto client = q.client();
  const auto call = [&](const std::string& customer, int page) {
    return client.enqueue(CallApi{customer, page}, {.queue = "calls", .key = customer}).id;
  };

  for (int page = 1; page <= 11; ++page) call("ada", page);
  const sqlq::JobId last = call("ada", 12);
  check("ten calls of a customer start at once", q.work_due(), 10u);
  check("the next one waits", client.find(last).value().state, sqlq::JobState::waiting);
  check("for its rate", q.admin().explain(last).front().code, sqlq::Reason::Code::key_rate);
  check("until a moment has passed", q.work_for(660ms), 1u);
  check("and another one", q.work_for(660ms), 1u);

  for (int page = 1; page <= 40; ++page) call("eve", page);
  check("who has bought more may call more", q.work_due(), 40u);

  q.admin().set_key_limits("calls", "bob", sqlq::KeyLimits{.concurrency = 1});
  const sqlq::JobId refused = call("bob", 1);
  call("bob", 2);
  check("the API refuses a call", q.work_due(), 1u);
  check("the others of that customer wait", q.admin().key("calls", "bob").waiting, 2u);
  call("zoe", 1);
  check("those of other customers do not", q.work_due(), 1u);
  check("after 30 s they go on", q.work_for(31s), 2u);
  check("no attempt was charged", client.find(refused).value().attempt, 1);
  return all_well ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
