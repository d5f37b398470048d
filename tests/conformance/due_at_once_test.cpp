// Many jobs become due in one instant: the order holds, and who is not meant holds up nobody.

#include <algorithm>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t one_instant = 10'000;

NewJob later(std::string kind, EnqueueOptions options) {
  options.delay = 1h;
  return {.kind = std::move(kind), .options = std::move(options)};
}

std::vector<JobId> store(Client client, std::size_t n, const NewJob& job) {
  std::vector<JobId> ids;
  while (ids.size() < n) {
    const std::vector<NewJob> some(std::min(n - ids.size(), one_instant), job);
    for (const Enqueued& made : client.enqueue_many(some)) ids.push_back(made.id);
  }
  return ids;
}

}  // namespace

TEST_P(PriorityOrder, ManyDueAtOnceComeBehindAQueueOfHigherPriority) {
  admin().create_queue("mail", {.priority = 0});
  const auto bulk = store(client(), 2 * one_instant, later("work", {.queue = "bulk"}));
  const auto mails = store(client(), 5, later("work", {.queue = "mail"}));
  clock().advance(1h);
  EXPECT_EQ(ids_of(claim(5)), mails);
  EXPECT_EQ(ids_of(claim(20)), std::vector<JobId>(bulk.begin(), bulk.begin() + 20));
}

TEST_P(PriorityOrder, ManyDueAtOnceComeBehindJobsOfHigherPriority) {
  const auto bulk = store(client(), 2 * one_instant, later("work", {.queue = "q", .priority = 7}));
  store(client(), 5, later("work", {.queue = "q", .priority = 8}));
  const auto mails = store(client(), 5, later("mail", {.queue = "q", .priority = 6}));
  const auto firsts = store(client(), 5, later("work", {.queue = "q", .priority = -1}));
  clock().advance(1h);
  EXPECT_EQ(ids_of(claim(5, {}, {"work", "mail"})), firsts);
  EXPECT_EQ(ids_of(claim(3, {}, {"work", "mail"})), std::vector<JobId>(mails.begin(), mails.begin() + 3));
  std::vector<JobId> next(mails.begin() + 3, mails.end());
  next.insert(next.end(), bulk.begin(), bulk.begin() + 300);
  EXPECT_EQ(ids_of(claim(302, {}, {"work", "mail"})), next);
}

TEST_P(PriorityOrder, DueJobsComeInTheOrderOfTheirDueTimesHoweverManyThereAre) {
  std::vector<JobId> late;
  for (int i = 0; i < 300; ++i) late.push_back(enqueue({.delay = 2h}));
  std::vector<JobId> expected;
  for (int i = 0; i < 300; ++i) expected.insert(expected.begin(), enqueue({.delay = 1h - 1s * i}));
  expected.insert(expected.end(), late.begin(), late.end());
  clock().advance(2h);
  std::vector<JobId> got;
  while (got.size() < expected.size()) {
    const std::vector<Job> jobs = claim(70);
    ASSERT_FALSE(jobs.empty());
    for (const Job& job : jobs) got.push_back(job.id);
  }
  EXPECT_EQ(got, expected);
}

TEST_P(PriorityOrder, DueJobsThatNobodyMeansHoldUpNobody) {
  admin().create_queue("paused", {.priority = -1});
  admin().create_queue("full", {.concurrency = 1, .priority = -1});
  admin().create_queue("others", {.priority = -1});
  const JobId running = enqueue({.queue = "full"});
  ASSERT_EQ(take().id, running);
  store(client(), one_instant, later("work", {.queue = "paused"}));
  store(client(), one_instant, later("work", {.queue = "others"}));
  store(client(), one_instant / 2, later("work", {.queue = "full"}));
  store(client(), one_instant / 2, later("unknown", {.queue = "mail", .priority = -1}));
  const auto mails = store(client(), 5, later("work", {.queue = "mail"}));
  admin().pause("paused");
  clock().advance(1h);
  EXPECT_EQ(ids_of(claim(10, {"paused", "full", "mail"}, {"work"})), mails);
  EXPECT_TRUE(claim(10, {"paused", "full", "mail"}, {"work"}).empty());
}

TEST_P(PriorityOrder, AQueueWithALimitTakesItsRoomOfManyDueAndLeavesTheRest) {
  admin().create_queue("few", {.concurrency = 2, .priority = 0});
  const auto few = store(client(), 500, later("work", {.queue = "few"}));
  const auto mails = store(client(), 5, later("work", {.queue = "mail"}));
  clock().advance(1h);
  std::vector<JobId> expected(few.begin(), few.begin() + 2);
  expected.insert(expected.end(), mails.begin(), mails.end());
  EXPECT_EQ(ids_of(claim(10)), expected);
}

}  // namespace sqlq::conformance
