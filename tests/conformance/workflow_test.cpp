// Handlers with durable steps, run by workers.

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Part {
  static constexpr std::string_view kind = "part";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Part, n)
};

struct Approval {
  bool granted = false;
  std::string by{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Approval, granted, by)
};

/// What handlers did, in order. Thread-safe.
class Diary {
 public:
  void write(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] std::size_t size() const { return lines().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

template <class F>
Handlers workflow(F run, HandlerOptions options = {}) {
  options.retry = RetryPolicy::constant(1s);
  Handlers handlers;
  handlers.on("work", Handlers::Function([run](JobContext& job) {
                run(job);
                return Outcome::done();
              }),
              std::move(options));
  return handlers;
}

/// Until the job is scheduled for that time.
#define SQLQ_SLEEPS(id, until)                                                                           \
  ASSERT_TRUE(eventually([&] { return state(id) == JobState::scheduled && row(id).run_at == (until); })) \
      << to_string(state(id)) << ' ' << (row(id).run_at - clock().now()).count()

}  // namespace

TEST_P(Workflow, AStepThatIsRecordedIsNotRunAgain) {
  SQLQ_NEEDS(steps);
  Diary diary;
  std::atomic<int> failures{2};
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const int charge = job.step("charge", [&] {
                         diary.write("charge");
                         return 42;
                       });
                       const std::string text = job.step("text", [&] {
                         diary.write("text");
                         if (failures-- > 0) throw std::runtime_error("down");
                         return std::string("\xC3\xBC \"quoted\"");
                       });
                       job.step("nothing", [&] { diary.write("nothing"); });
                       job.set_result(codec<std::string>::encode(text + std::to_string(charge)));
                     })};
  const JobId id = enqueue();
  for (int i = 0; i < 2; ++i) {
    SQLQ_SLEEPS(id, clock().now() + 1s);
    clock().advance(1s);
  }
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(diary.lines(), (Lines{"charge", "text", "text", "text", "nothing"}));
  EXPECT_EQ(row(id).attempt, 3);
  EXPECT_EQ(admin().steps(id).size(), 3U);
  EXPECT_EQ(admin().steps(id)[0].value, "42");
  EXPECT_EQ(admin().steps(id)[2].value, "null");
}

TEST_P(Workflow, StepsInLoopsHaveNumbersAndMayBeReordered) {
  SQLQ_NEEDS(steps);
  Diary diary;
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const bool first = job.attempt() == 1;
                       for (int i = 0; i < 3; ++i) {
                         const int n = first ? i : 2 - i;
                         const int doubled = job.step("row", n, [&] {
                           diary.write("row " + std::to_string(n));
                           return 2 * n;
                         });
                         EXPECT_EQ(doubled, 2 * n);
                       }
                       if (first) throw std::runtime_error("again");
                     })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 1s);
  clock().advance(1s);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(diary.lines(), (Lines{"row 0", "row 1", "row 2"}));
}

TEST_P(Workflow, TwoStepsOfOneNameAreAMistake) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       job.step("twice", [] {});
                       EXPECT_EQ(code_of([&] {
                                   job.step("twice", [] {});
                                   return 0;
                                 }),
                                 "misuse");
                       job.step("twice", 1, [] {});
                     })};
  ASSERT_TRUE(reaches(enqueue(), JobState::success));
}

TEST_P(Workflow, SleepGivesTheSlotBackAndChargesNoAttempt) {
  SQLQ_NEEDS(steps);
  Diary diary;
  struct Destroyed {
    Diary& diary;
    ~Destroyed() { diary.write("destroyed"); }
  };
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const Destroyed guard{diary};
                       job.sleep("cool-off", 10h);
                       diary.write("awake");
                       job.sleep("none", Duration(0));
                       job.sleep("cool-off-2", 1h);
                     }),
                     {.concurrency = 1}};
  const JobId id = enqueue({.keepalive = 24h});  // time jumps, also while a claim is under way
  const TimePoint begin = clock().now();
  SQLQ_SLEEPS(id, begin + 10h);
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(diary.lines(), Lines{"destroyed"});
  clock().advance(10h);
  SQLQ_SLEEPS(id, begin + 11h);
  EXPECT_EQ(row(id).attempt, 0) << "given back";
  EXPECT_EQ(row(id).claims, 2);
  clock().advance(1h);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(diary.lines(), (Lines{"destroyed", "awake", "destroyed", "awake", "destroyed"}));
  EXPECT_EQ(row(id).attempt, 1);
  EXPECT_EQ(causes(id), (std::vector{Cause::snoozed, Cause::snoozed}));
  EXPECT_EQ(admin().history(id).at(0).message, "sleeps: 'cool-off'");
  EXPECT_EQ(admin().history(id).at(1).message, "sleeps: 'cool-off-2'");
}

TEST_P(Workflow, WaitForASignal) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const auto approval = job.wait<Approval>("approved", std::chrono::days(7));
                       job.set_result(codec<std::string>::encode(approval ? approval->by : "nobody"));
                     })};
  const JobId early = enqueue(), late = enqueue(), never = enqueue();
  const TimePoint end = clock().now() + std::chrono::days(7);
  for (const JobId id : {early, late, never}) SQLQ_SLEEPS(id, end);
  EXPECT_EQ(admin().history(early).at(0).message, "waits for the signal: 'approved'");
  EXPECT_EQ(client().signal(early, "approved", Approval{true, "ada"}), SignalStatus::stored);
  ASSERT_TRUE(reaches(early, JobState::success));
  EXPECT_EQ(row(early).result, "\"ada\"");
  clock().advance(std::chrono::days(7) - 1s);
  EXPECT_EQ(client().signal(late, "approved", Approval{true, "bob"}), SignalStatus::stored);
  ASSERT_TRUE(reaches(late, JobState::success));
  EXPECT_EQ(row(late).result, "\"bob\"");
  EXPECT_EQ(state(never), JobState::scheduled);
  clock().advance(1s);
  ASSERT_TRUE(reaches(never, JobState::success));
  EXPECT_EQ(row(never).result, "\"nobody\"");
}

TEST_P(Workflow, AWaitThatEndedStaysEndedThoughTheSignalComesLater) {
  SQLQ_NEEDS(steps);
  std::atomic<int> runs{0};
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       EXPECT_FALSE(job.wait<int>("go", 1h));
                       if (runs++ == 0) throw std::runtime_error("after it");
                     })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 1h);
  clock().advance(1h);
  SQLQ_SLEEPS(id, clock().now() + 1s);
  EXPECT_EQ(client().signal(id, "go", 7), SignalStatus::stored);
  clock().advance(1s);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(runs, 2);
}

TEST_P(Workflow, ASignalThatCameFirstDoesNotSuspend) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  ASSERT_EQ(client().signal(id, "go", 7), SignalStatus::stored);
  QuietWorker worker{db(), workflow([&](JobContext& job) { job.set_result(job.wait<int>("go", 1h).value()); })};
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "7");
  EXPECT_EQ(row(id).claims, 1);
}

TEST_P(Workflow, AHandlerThatSwallowsTheSuspensionIsTold) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       try {
                         job.sleep("nap", 1h);
                       } catch (...) {
                       }
                     })};
  const JobId id = enqueue({.max_attempts = 1});
  ASSERT_TRUE(reaches(id, JobState::errored));
  EXPECT_NE(admin().history(id).at(0).message.find("suspen"), std::string::npos) << admin().history(id)[0].message;
}

TEST_P(Workflow, ASleepingJobCanBeCancelled) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) { job.sleep("nap", 24h); })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 24h);
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
}

TEST_P(Workflow, ChildrenAreEnqueuedOnceAndAwaited) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(headers);
  std::atomic<int> parts{0};
  Handlers handlers = workflow([&](JobContext& job) {
    const std::vector<Job> ended = job.all("parts", std::vector<Part>{{1}, {2}, {3}});
    int sum = 0;
    for (const Job& part : ended) {
      EXPECT_EQ(part.kind, "part");
      sum += part.state == JobState::success ? result_of<int>(part) : 100;
    }
    job.set_result(sum);
  });
  handlers.on<Part>([&](const Part& part, JobContext& job) {
    ++parts;
    if (part.n == 2) throw Discard("no such part");
    job.set_result(10 * part.n);
  });
  QuietWorker worker{db(), handlers, {.concurrency = 1}};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success)) << "each child that ends wakes its parent";
  EXPECT_EQ(row(id).result, "140");
  EXPECT_EQ(admin().history(id).at(0).message, "waits for 3 children: 'parts'");
  EXPECT_EQ(parts, 3);
  EXPECT_EQ(admin().list({.kinds = {"part"}}).size(), 3U);
  EXPECT_EQ(row(id).attempt, 1);
}

TEST_P(Workflow, NoChildrenAreNoWait) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       EXPECT_TRUE(job.all("none", std::vector<NewJob>{}).empty());
                     })};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).claims, 1);
}

TEST_P(Workflow, SinceIsDecidedOncePerJob) {
  SQLQ_NEEDS(steps);
  std::atomic<bool> deployed{false};
  Diary diary;
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const bool asks = deployed;
                       job.step("before", [] {});
                       if (asks) diary.write(job.since("in-the-middle") ? "new" : "old");
                       job.sleep("nap", 1h);
                       if (asks) diary.write(job.since("at-the-end") ? "new" : "old");
                       if (job.attempt() == 1 && asks) throw std::runtime_error("once more");
                     })};
  const JobId under_way = enqueue();
  SQLQ_SLEEPS(under_way, clock().now() + 1h);
  deployed = true;
  clock().advance(1h);
  SQLQ_SLEEPS(under_way, clock().now() + 1s);
  clock().advance(1s);
  ASSERT_TRUE(reaches(under_way, JobState::success));
  EXPECT_EQ(diary.lines(), (Lines{"old", "new", "old", "new"})) << "it sleeps, and has not come to the end";
}

TEST_P(Workflow, SinceIsTrueForNewJobsAlsoAfterASleepOrAFailure) {
  SQLQ_NEEDS(steps);
  Diary diary;
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       job.step("a", [] {});
                       if (job.attempt() == 1 && job.job().claims == 1) throw std::runtime_error("once more");
                       diary.write(job.since("first") ? "new" : "old");
                       job.sleep("nap", 1h);
                       diary.write(job.since("second") ? "new" : "old");
                     })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 1s);
  clock().advance(1s);
  SQLQ_SLEEPS(id, clock().now() + 1h);
  clock().advance(1h);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(diary.lines(), (Lines{"new", "new", "new"}));
}

TEST_P(Workflow, AStepWithinAStepIsAMistake) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       const auto inner = [&](auto call) {
                         return code_of([&] {
                           job.step("outer", [&] { call(); });
                           return 0;
                         });
                       };
                       EXPECT_EQ(inner([&] { job.step("inner", [] {}); }), "misuse");
                       EXPECT_EQ(inner([&] { job.sleep("nap", 1h); }), "misuse");
                       EXPECT_EQ(inner([&] { static_cast<void>(job.wait<int>("go", 1h)); }), "misuse");
                       job.step("outer", [] {});
                       job.step("inner", [] {});
                     })};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(admin().steps(id).size(), 2U);
}

TEST_P(Workflow, AStepInNoTransactionHasNoEffect) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  const auto connection = user();
  std::atomic<int> ran{0};
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       EXPECT_EQ(code_of([&] {
                                   job.step(connection->tx(), "book", [&] { ++ran; });
                                   return 0;
                                 }),
                                 "misuse");
                     })};
  ASSERT_TRUE(reaches(enqueue(), JobState::success));
  EXPECT_EQ(ran, 0) << "it would have been done alone, and again at each attempt";
}

TEST_P(Workflow, TheNextCallFindsATransactionThatIsNotCommitted) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  const auto connection = user();
  connection->execute("CREATE TABLE user_rows (n INTEGER)");
  std::atomic<int> harmed{0};
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       connection->begin();
                       // Written first: where there is one writer, a transaction that has read may come too late.
                       connection->execute("INSERT INTO user_rows (n) VALUES (1)");
                       job.step(connection->tx(), "book", [] {});
                       EXPECT_EQ(code_of([&] { return job.step("next", [&] { return ++harmed; }); }), "misuse");
                       EXPECT_EQ(code_of([&] {
                                   job.sleep("nap", 1h);
                                   return 0;
                                 }),
                                 "misuse");
                       job.step(connection->tx(), "also", [] {});  // in the same one
                       connection->commit();
                       job.step("next", [] {});
                     })};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(harmed, 0);
  EXPECT_EQ(admin().steps(id).size(), 3U);
  connection->execute("DROP TABLE user_rows");
}

TEST_P(Workflow, ASwallowedSuspensionIsNoSuccessInTheUsersTransactionEither) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  const auto connection = user();
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       try {
                         job.sleep("nap", 1h);
                       } catch (...) {
                       }
                       connection->begin();
                       try {
                         static_cast<void>(job.complete_in(connection->tx()));
                       } catch (...) {
                         connection->rollback();
                         throw;
                       }
                       connection->commit();
                     })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 1h);
}

TEST_P(Workflow, SinceIsTrueFromTheFirstExecutionOn) {
  SQLQ_NEEDS(steps);
  std::atomic<int> news{0};
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       news += job.since("new-rule") ? 1 : 0;
                       job.step("a", [] {});
                       if (job.attempt() == 1) throw std::runtime_error("once more");
                     })};
  const JobId id = enqueue();
  SQLQ_SLEEPS(id, clock().now() + 1s);
  clock().advance(1s);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(news, 2);
}

TEST_P(Workflow, StepsGoAtSuccessWhenAskedAndSignalsWithThem) {
  SQLQ_NEEDS(steps);
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       EXPECT_EQ(job.client().signal(job.id(), "go", "1"), SignalStatus::stored);
                       job.step("a", [] {});
                       EXPECT_EQ(job.wait<int>("go", 1h), 1);
                     }, {.keep_steps = false})};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_TRUE(eventually([&] { return admin().steps(id).empty(); }));
}

TEST_P(Workflow, SignalsGoAtSuccessAlsoWhereNoStepWasCalled) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  ASSERT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
  QuietWorker worker{db(), workflow([](JobContext&) {}, {.keep_steps = false})};
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_TRUE(eventually([&] { return admin().steps(id).empty(); }));
}

TEST_P(Workflow, AWaitWithoutTimeIsRecordedAsAnyOther) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  ASSERT_EQ(client().signal(id, "early", "1"), SignalStatus::stored);
  QuietWorker worker{db(), workflow([](JobContext& job) {
                       EXPECT_EQ(job.wait<int>("early", Duration(0)), 1);
                       job.set_result(job.wait<int>("late", -1s).value_or(0));
                     })};
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "0");
  const auto waits = [&] {
    Lines names;
    for (const StepRecord& step : admin().steps(id)) {
      if (step.kind == StepKind::wait) names.push_back(step.name);
    }
    return names;
  };
  EXPECT_EQ(waits(), (Lines{"early", "late"}));
  // So a restart may begin with it, and it waits anew.
  ASSERT_EQ(admin().restart(id, "late"), RequeueStatus::requeued);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(waits(), (Lines{"early", "late"}));
}

TEST_P(Workflow, ALostLeaseEndsTheWorkflow) {
  SQLQ_NEEDS(steps);
  std::atomic<bool> other{false};
  Moment taken, told;
  QuietWorker worker{db(), workflow([&](JobContext& job) {
                       if (other) return;
                       taken.happen();
                       told.wait();
                       EXPECT_EQ(code_of([&] { return job.step("late", [] { return 1; }); }), "lease_lost");
                       throw std::runtime_error("gone");
                     })};
  const JobId id = enqueue();
  ASSERT_TRUE(taken.wait());
  other = true;
  ASSERT_EQ(admin().take_away(id), ActionStatus::done);
  told.happen();
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_TRUE(admin().steps(id).empty());
}

}  // namespace sqlq::conformance
