/// 05: testing your handlers. A harness runs the real worker step by step, on this thread, on a clock that stands
/// still: no sleeping, no waiting, the same result every time. In a real test, write EXPECT_EQ for `check`.
///
///     05_testing [URL]

#include <cstdlib>
#include <iostream>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct Remind {
  static constexpr std::string_view kind = "remind";
  std::string who;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Remind, who)
};

/// The code under test.
sqlq::Handlers handlers() {
  sqlq::Handlers table;
  table.on<Remind>(
      [](const Remind& remind, sqlq::JobContext& job) {
        if (remind.who == "bob" && job.attempt() == 1) throw std::runtime_error("no answer");
        if (remind.who == "eve" && job.job().claims == 1) return sqlq::Outcome::snooze(1h);
        return sqlq::Outcome::done();
      },
      {.retry = sqlq::RetryPolicy::exponential(1min, 1h)});
  return table;
}

bool all_well = true;

template <class T, class U>
void check(std::string_view what, const T& actual, const U& expected) {
  const bool ok = actual == expected;
  all_well = all_well && ok;
  std::cout << (ok ? "ok      " : "FAILED  ") << what << '\n';
}

int main(int argc, char** argv) try {
  sqlq::testing::Harness q{argc > 1 ? argv[1] : "sqlite::memory:", handlers()};
  auto client = q.client();
  const auto state = [&](const sqlq::Enqueued& job) { return client.find(job.id).value().state; };

  const auto ada = client.enqueue(Remind{"ada"}, {.delay = 10min});
  check("nothing runs before it is due", q.work_due(), 0u);
  q.advance(10min);
  check("it runs when it is due", q.work_due(), 1u);
  check("and succeeds", state(ada), sqlq::JobState::success);

  const auto bob = client.enqueue(Remind{"bob"});
  check("the first attempt is made", q.work_due(), 1u);
  check("it fails and waits for the retry", state(bob), sqlq::JobState::scheduled);
  q.advance(59s);
  check("not before a minute has passed", q.work_due(), 0u);
  q.advance(1s);
  check("then it runs again", q.work_due(), 1u);
  check("and succeeds", state(bob), sqlq::JobState::success);
  check("the history has the failure", q.admin().history(bob.id).at(0).message, "no answer");

  const auto eve = client.enqueue(Remind{"eve"});
  check("a snooze", q.work_due(), 1u);
  check("does not cost an attempt", client.find(eve.id).value().attempt, 0);
  q.advance(1h);
  check("the second run", q.work_due(), 1u);
  check("is attempt number 1", client.find(eve.id).value().attempt, 1);

  q.advance(25h);
  q.sweep();
  check("a day later finished jobs are gone", client.find(ada.id).has_value(), false);
  return all_well ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
