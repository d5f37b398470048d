// Many jobs in one call: all of them or none, answers in the order given.

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>

namespace sqlq::conformance {
namespace {

struct Numbered {
  static constexpr std::string_view kind = "number";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Numbered, n)
};

std::vector<NewJob> numbered(int count) {
  std::vector<NewJob> jobs;
  for (int i = 0; i < count; ++i) jobs.push_back({.kind = "number", .params = std::to_string(i)});
  return jobs;
}

}  // namespace

TEST_P(Batch, AThousandJobsInTheOrderGiven) {
  const std::vector<Enqueued> made = client().enqueue_many(numbered(1000));
  ASSERT_EQ(made.size(), 1000u);
  for (const Enqueued& e : made) EXPECT_TRUE(e.inserted());
  const std::vector<Job> jobs = claim(1000);
  ASSERT_EQ(jobs.size(), 1000u);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(jobs[i].id, made[i].id);
    EXPECT_EQ(jobs[i].params, std::to_string(i));
  }
}

TEST_P(Batch, OneWrongJobMeansNoJobAtAll) {
  std::vector<NewJob> jobs = numbered(20);
  jobs[13].params = "{";
  EXPECT_EQ(code_of([&] { return client().enqueue_many(jobs); }), "invalid_argument");
  EXPECT_TRUE(admin().list().empty());
  EXPECT_TRUE(admin().queues().empty());
}

TEST_P(Batch, LeasesOfOneClaimThatAreNotAsTheOthersAreAnsweredForThemselves) {
  client().enqueue_many(numbered(12));
  const std::vector<Job> jobs = claim(12);
  std::vector<backend::Finish> ends;
  for (const Job& job : jobs) ends.push_back({.id = job.id, .token = job.lease_token});
  std::vector<FinishStatus> expected(12, FinishStatus::applied);

  EXPECT_EQ(client().success(jobs[3]), FinishStatus::applied);
  expected[3] = FinishStatus::already_applied;
  client().cancel(jobs[5].id);
  expected[5] = FinishStatus::cancelled;
  ends[7].token = LeaseToken{jobs[7].lease_token.value ^ 1};
  expected[7] = FinishStatus::stale;
  ends[9].result = R"("some")";

  EXPECT_EQ(dialect().finish(ends, nullptr, clock().instant()), expected);
  EXPECT_EQ(state(jobs[0].id), JobState::success);
  EXPECT_EQ(state(jobs[5].id), JobState::cancelled);
  EXPECT_EQ(state(jobs[7].id), JobState::running);
  EXPECT_EQ(row(jobs[9].id).result, R"("some")");
}

// By the database's own clock, for that is where it differs.
TEST_P(Batch, JobsOfSeveralClaimsThatFinishTogetherAreCountedAndPurged) {
  use_system_clock();
  std::vector<NewJob> jobs = numbered(600);
  for (NewJob& job : jobs) job.options.retention = Duration(0);
  client().enqueue_many(jobs);
  std::vector<backend::Finish> ends;
  for (const std::size_t n : {1u, 20u, 30u, 549u}) {
    for (const Job& job : claim(n)) ends.push_back({.id = job.id, .token = job.lease_token});
  }
  dialect().finish(ends, nullptr, {});
  EXPECT_EQ(admin().counts().at(JobState::success).value, 600u);
  EXPECT_EQ(admin().purge().deleted, 600u);
  EXPECT_EQ(admin().counts().at(JobState::success).value, 0u);
}

TEST_P(Batch, NothingIsAnAllowedBatch) {
  EXPECT_TRUE(client().enqueue_many(std::span<const NewJob>{}).empty());
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(Batch, JobsOfOneBatchMayHaveDifferentQueuesAndOptions) {
  std::vector<NewJob> jobs = numbered(3);
  jobs[0].options.queue = "a";
  jobs[1].options = {.queue = "b", .priority = 3, .delay = std::chrono::hours(1)};
  jobs[2].options.queue = "a";
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  EXPECT_EQ(row(made[0].id).queue, "a");
  EXPECT_EQ(row(made[1].id).queue, "b");
  EXPECT_EQ(row(made[1].id).priority, 3);
  EXPECT_EQ(state(made[1].id), JobState::scheduled);
  EXPECT_EQ(state(made[2].id), JobState::pending);
}

TEST_P(Batch, CollisionsAreAnswersAndTheFirstWins) {
  std::vector<NewJob> jobs = numbered(4);
  const JobId id = JobId::make(clock().now());
  jobs[0].options.unique_key = "key";
  jobs[1].options.unique_key = "key";
  jobs[2].options.id = id;
  jobs[3].options.id = id;
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  ASSERT_EQ(made.size(), 4u);
  EXPECT_TRUE(made[0].inserted());
  EXPECT_FALSE(made[1].inserted());
  EXPECT_EQ(made[1].id, made[0].id);
  EXPECT_TRUE(made[2].inserted());
  EXPECT_FALSE(made[3].inserted());
  EXPECT_EQ(made[3].id, id);
  EXPECT_EQ(row(id).params, "2");
  EXPECT_EQ(admin().list().size(), 2u);
}

TEST_P(Batch, ReplayedWithItsIdsItAddsNothing) {
  std::vector<NewJob> jobs = numbered(50);
  for (NewJob& job : jobs) job.options.id = JobId::make(clock().now());
  for (const Enqueued& e : client().enqueue_many(jobs)) EXPECT_TRUE(e.inserted());
  for (const Enqueued& e : client().enqueue_many(jobs)) EXPECT_FALSE(e.inserted());
  EXPECT_EQ(admin().list().size(), 50u);
}

TEST_P(Batch, OfOneTypeWithTheSameOptions) {
  const std::vector<Numbered> numbers = {{1}, {2}, {3}};
  const std::vector<Enqueued> made =
      client().enqueue_many(std::span<const Numbered>(numbers), {.queue = "numbers", .priority = 2});
  ASSERT_EQ(made.size(), 3u);
  const std::vector<Job> jobs = claim(3, {"numbers"});
  ASSERT_EQ(jobs.size(), 3u);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(jobs[i].priority, 2);
    EXPECT_EQ(codec<Numbered>::decode(jobs[i].params).n, numbers[i].n);
  }
}

}  // namespace sqlq::conformance
