// The scenarios of the library this one reimplements, as its own tests and README tell them.

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Greet {
  static constexpr std::string_view kind = "greet";
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Greet, name)
};

}  // namespace

TEST_P(Original, TheReadmeExample) {
  Handlers handlers;
  handlers.on<Greet>([](const Greet& greet, JobContext& job) {
    job.log().info("greeting " + greet.name);
    job.set_result(codec<std::string>::encode("hello, " + greet.name));
  });
  QuietWorker worker{db(), handlers, {.queues = {"greetings"}, .concurrency = 2}};
  const JobId id = client().enqueue(Greet{"ada"}, {.queue = "greetings"}).id;
  ASSERT_TRUE(reaches(id, JobState::success));
  worker->stop();
  EXPECT_EQ(codec<std::string>::decode(row(id).result), "hello, ada");
  ASSERT_EQ(admin().logs(id).size(), 1u);
  EXPECT_EQ(admin().logs(id)[0].text, "greeting ada");
}

TEST_P(Original, TheReadmeExampleWithAResultThatIsText) {
  // A text is stored as the JSON it is, not encoded again.
  QuietWorker worker{db(), [] {
                       Handlers handlers;
                       handlers.on<Greet>([](const Greet&, JobContext& job) { job.set_result(R"({"said":"hello"})"); });
                       return handlers;
                     }()};
  const JobId id = client().enqueue(Greet{"ada"}).id;
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, R"({"said":"hello"})");
}

TEST_P(Original, StatesHaveTheirNames) {
  const std::vector<std::pair<JobState, std::string>> names = {
      {JobState::invalid, "invalid"},     {JobState::pending, "pending"},     {JobState::running, "running"},
      {JobState::success, "success"},     {JobState::errored, "errored"},     {JobState::cancelling, "cancelling"},
      {JobState::cancelled, "cancelled"}, {JobState::scheduled, "scheduled"},
  };
  for (const auto& [value, name] : names) {
    EXPECT_EQ(to_string(value), name);
    EXPECT_EQ(parse_job_state(name), value);
  }
  EXPECT_EQ(parse_job_state("nonsense"), JobState::invalid);
}

TEST_P(Original, PrioritiesWithConcurrencyOne) {
  admin().create_queue("q", {.concurrency = 1});
  std::vector<JobId> expected(3);
  for (const int priority : {3, 1, 2}) {
    expected[static_cast<std::size_t>(priority) - 1] = enqueue({.queue = "q", .priority = priority});
  }
  for (const JobId id : expected) {
    const Job job = take({"q"});
    EXPECT_EQ(job.id, id);
    EXPECT_TRUE(claim(1, {"q"}).empty());
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
}

TEST_P(Original, PrioritiesWithConcurrencyTwo) {
  admin().create_queue("q", {.concurrency = 2});
  std::vector<JobId> expected(4);
  for (const int priority : {4, 2, 1, 3}) {
    expected[static_cast<std::size_t>(priority) - 1] = enqueue({.queue = "q", .priority = priority});
  }
  const Job first = take({"q"});
  const Job second = take({"q"});
  EXPECT_EQ(first.id, expected[0]);
  EXPECT_EQ(second.id, expected[1]);
  EXPECT_TRUE(claim(1, {"q"}).empty());
  EXPECT_EQ(client().success(second), FinishStatus::applied);
  EXPECT_EQ(take({"q"}).id, expected[2]);
  EXPECT_TRUE(claim(1, {"q"}).empty());
  EXPECT_EQ(client().success(first), FinishStatus::applied);
  EXPECT_EQ(take({"q"}).id, expected[3]);
}

TEST_P(Original, FiveRacingClaimsOnALimitOfTwo) {
  use_system_clock();
  admin().create_queue("q", {.concurrency = 2});
  for (int i = 0; i < 5; ++i) enqueue({.queue = "q"});
  const std::vector<Database> handles = {db(), another(), another(), another(), another()};
  std::array<std::optional<Job>, 5> got;
  in_threads(5, [&](int t) {
    const auto i = static_cast<std::size_t>(t);
    got[i] = Client{handles[i]}.claim_one("q");
  });
  std::set<JobId> ids;
  for (const std::optional<Job>& job : got) {
    if (job) ids.insert(job->id);
  }
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_EQ(std::count_if(got.begin(), got.end(), [](const auto& job) { return job.has_value(); }), 2);
  EXPECT_EQ(held("q"), 2u);
}

TEST_P(Original, ARollbackLeavesNoJob) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.begin();
    const JobId id = client().enqueue(user.tx(), Greet{"ada"}).id;
    user.rollback();
    EXPECT_FALSE(client().find(id));
    EXPECT_TRUE(claim(1).empty());
  });
}

TEST_P(Original, OnlyTheTypesNamedAreDequeued) {
  enqueue_kind("a");
  const JobId b = enqueue_kind("b");
  EXPECT_EQ(client().claim_one("default", {.kinds = {"b"}})->id, b);
  EXPECT_FALSE(client().claim_one("default", {.kinds = {"b"}}));
}

TEST_P(Original, ReapSaysHowManyAndReturnsThem) {
  for (int i = 0; i < 3; ++i) enqueue({.keepalive = 5s});
  const std::vector<Job> jobs = claim(3);
  clock().advance(3s);
  EXPECT_EQ(client().ping(jobs[1]), LeaseStatus::renewed);
  clock().advance(3s);
  EXPECT_EQ(client().reap().total(), 2u);
  EXPECT_EQ(state(jobs[0].id), JobState::pending);
  EXPECT_EQ(state(jobs[1].id), JobState::running);
  EXPECT_EQ(admin().logs(jobs[0].id).size(), 1u);
}

TEST_P(Original, RetriesUntilTheAttemptsAreUsedUp) {
  const JobId id = enqueue({.max_attempts = 3});
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(take().attempt, attempt);
    client().error(row(id), "no", {.retry = RetryPolicy::constant(1s)});
    clock().advance(1s);
  }
  EXPECT_EQ(state(id), JobState::errored);
}

TEST_P(Original, ErrSkipRetryIsDiscard) {
  QuietWorker worker{db(), [] {
                       Handlers handlers;
                       handlers.on<Greet>([](const Greet&) { return discard("do not try again"); });
                       return handlers;
                     }()};
  const JobId id = client().enqueue(Greet{"ada"}).id;
  EXPECT_TRUE(reaches(id, JobState::errored));
  EXPECT_EQ(row(id).attempt, 1);
}

TEST_P(Original, TheResultOfAFailedJobStays) {
  QuietWorker worker{db(), [] {
                       Handlers handlers;
                       handlers.on<Greet>([](const Greet&, JobContext& job) {
                         job.set_result(1);
                         throw std::runtime_error("after the result");
                       });
                       return handlers;
                     }()};
  const JobId id = client().enqueue(Greet{"ada"}, {.max_attempts = 1}).id;
  EXPECT_TRUE(reaches(id, JobState::errored));
  EXPECT_EQ(row(id).result, "1");
}

TEST_P(Original, AThousandLinesFromOneHandler) {
  QuietWorker worker{db(), [] {
                       Handlers handlers;
                       handlers.on<Greet>([](const Greet&, JobContext& job) {
                         for (int i = 0; i < 1000; ++i) job.log().info("line " + std::to_string(i));
                       });
                       return handlers;
                     }()};
  const JobId id = client().enqueue(Greet{"ada"}).id;
  ASSERT_TRUE(reaches(id, JobState::success));
  worker->stop();
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 1000u);
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].text, "line " + std::to_string(i));
}

TEST_P(Original, CancellingARunningJobStopsItsHandler) {
  Moment started;
  QuietWorker worker{db(), [&] {
                       Handlers handlers;
                       handlers.on<Greet>([&](const Greet&, JobContext& job) {
                         started.happen();
                         EXPECT_TRUE(eventually([&] { return job.stop_token().stop_requested(); }));
                       });
                       return handlers;
                     }()};
  const JobId id = client().enqueue(Greet{"ada"}).id;
  ASSERT_TRUE(started.wait());
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  clock().advance(1s);  // a worker may gather hints for a while
  EXPECT_TRUE(reaches(id, JobState::cancelled));
}

TEST_P(Original, CancellingByHandInAnOwnLoop) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  EXPECT_TRUE(client().is_cancelled(id));
  EXPECT_TRUE(accepted(client().cancelled(job)));
  EXPECT_EQ(state(id), JobState::cancelled);
}

TEST_P(Original, ApplyAndTeardownOfTheSchema) {
  Migrator migrator{blank()};
  EXPECT_GE(migrator.up(), 1);
  migrator.teardown();
  EXPECT_EQ(migrator.status().current, 0);
  EXPECT_GE(migrator.up(), 1);
}

}  // namespace sqlq::conformance
