// Handing over: what ends gives its places to what is claimed, in one transaction.

#include <atomic>
#include <map>
#include <utility>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

backend::Success success_of(const Job& job, std::string_view result = {}) {
  return {.id = job.id, .token = job.lease_token, .result = result, .queue = job.queue};
}

std::vector<backend::Success> successes_of(const std::vector<Job>& jobs) {
  std::vector<backend::Success> ends;
  for (const Job& job : jobs) ends.push_back(success_of(job));
  return ends;
}

struct Handed {
  std::vector<Job> jobs{};
  std::vector<FinishStatus> ended{};
};

/// Takes at most as many as it ends, unless told otherwise.
Handed hand_over(backend::Dialect& dialect, const std::vector<backend::Success>& ends, backend::Now now,
                 std::size_t limit = 0) {
  static std::atomic<std::int64_t> last_token{1'000'000};
  auto result = dialect.hand_over()->finish_and_claim({.claim = {.limit = limit == 0 ? ends.size() : limit,
                                                                 .token = LeaseToken{++last_token},
                                                                 .worker = "w",
                                                                 .now = now},
                                                       .ends = ends});
  return {std::move(result.claim.jobs), std::move(result.ended)};
}

using Statuses = std::vector<FinishStatus>;

}  // namespace

TEST_P(HandOver, IsThereWhenItIsDeclared) {
  EXPECT_EQ(dialect().hand_over() != nullptr, capabilities().hand_over);
}

TEST_P(HandOver, EndsAndTakes) {
  SQLQ_NEEDS(hand_over);
  for (int i = 0; i < 4; ++i) enqueue();
  const std::vector<Job> first = claim(2);
  const auto result = hand_over(dialect(), {success_of(first[0], R"({"n":1})")}, clock().instant());
  EXPECT_EQ(result.ended, Statuses{FinishStatus::applied});
  ASSERT_EQ(result.jobs.size(), 1u);
  EXPECT_EQ(row(first[0].id).state, JobState::success);
  EXPECT_EQ(row(first[0].id).result, R"({"n":1})");
  EXPECT_EQ(row(first[0].id).finished_at, clock().now());
  EXPECT_EQ(state(first[1].id), JobState::running);
  EXPECT_EQ(row(result.jobs[0].id).lease_token, result.jobs[0].lease_token);
  EXPECT_EQ(result.jobs[0].attempt, 1);
  EXPECT_EQ(held(), 2u);
}

TEST_P(HandOver, APlaceOfALimitedQueueGoesToTheNextJob) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 2});
  for (int i = 0; i < 5; ++i) enqueue({.queue = "q"});
  std::vector<Job> running = claim(5);
  ASSERT_EQ(running.size(), 2u);
  for (const std::size_t next : {2u, 1u, 0u}) {
    const auto result = hand_over(dialect(), successes_of(running), clock().instant());
    EXPECT_EQ(result.ended, Statuses(running.size(), FinishStatus::applied));
    EXPECT_EQ(result.jobs.size(), next);
    EXPECT_EQ(held("q"), next);
    running = result.jobs;
  }
}

TEST_P(HandOver, NeverMoreThanTheLimit) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 3});
  for (int i = 0; i < 9; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(3);
  const auto result = hand_over(dialect(), {success_of(running[0])}, clock().instant(), 9);
  EXPECT_EQ(result.jobs.size(), 1u);
  EXPECT_EQ(held("q"), 3u);
}

TEST_P(HandOver, ALoweredLimitTakesThePlaces) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 4});
  for (int i = 0; i < 9; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(4);
  admin().set_concurrency("q", 2);
  for (const auto& [end, taken] : {std::pair{0u, 0u}, std::pair{1u, 0u}, std::pair{2u, 1u}}) {
    EXPECT_EQ(hand_over(dialect(), {success_of(running[end])}, clock().instant()).jobs.size(), taken) << end;
  }
  EXPECT_EQ(held("q"), 2u);
}

TEST_P(HandOver, ALimitThatWasTakenAwayBindsNobody) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 1});
  for (int i = 0; i < 3; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(1);
  admin().set_concurrency("q", std::nullopt);
  EXPECT_EQ(hand_over(dialect(), successes_of(running), clock().instant(), 5).jobs.size(), 2u);
}

TEST_P(HandOver, APausedQueueGivesNothing) {
  SQLQ_NEEDS(hand_over);
  for (int i = 0; i < 3; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(1);
  admin().pause("q");
  const auto result = hand_over(dialect(), successes_of(running), clock().instant());
  EXPECT_EQ(result.ended, Statuses{FinishStatus::applied});
  EXPECT_TRUE(result.jobs.empty());
}

TEST_P(HandOver, WhatDidNotEndMakesNoRoom) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 2});
  for (int i = 0; i < 6; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(2);
  backend::Success forged = success_of(running[0]);
  forged.token = LeaseToken{12345};
  const auto refused = hand_over(dialect(), {forged}, clock().instant());
  EXPECT_EQ(refused.ended, Statuses{FinishStatus::stale});
  EXPECT_TRUE(refused.jobs.empty());
  EXPECT_EQ(state(running[0].id), JobState::running);

  EXPECT_EQ(client().success(running[1]), FinishStatus::applied);
  EXPECT_EQ(claim(5).size(), 1u) << "its place is taken";
  const auto again = hand_over(dialect(), {success_of(running[1])}, clock().instant());
  EXPECT_EQ(again.ended, Statuses{FinishStatus::already_applied});
  EXPECT_TRUE(again.jobs.empty());
  EXPECT_EQ(held("q"), 2u);
}

TEST_P(HandOver, ALostLeaseIsRefusedAndItsPlaceIsAnothers) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 1});
  for (int i = 0; i < 3; ++i) enqueue({.queue = "q"});
  const Job lost = take();
  clock().advance(lost.keepalive + 1s);
  EXPECT_EQ(client().reap().total(), 1u);
  const Job now = take();
  const auto result = hand_over(dialect(), {success_of(lost)}, clock().instant());
  EXPECT_EQ(result.ended, Statuses{FinishStatus::stale});
  EXPECT_TRUE(result.jobs.empty());
  EXPECT_EQ(state(now.id), JobState::running);
}

TEST_P(HandOver, ACancellingJobEndsAsCancelledAndMakesRoom) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 1});
  for (int i = 0; i < 2; ++i) enqueue({.queue = "q"});
  const Job job = take();
  EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
  const auto result = hand_over(dialect(), {success_of(job)}, clock().instant());
  EXPECT_EQ(result.ended, Statuses{FinishStatus::cancelled});
  EXPECT_EQ(result.jobs.size(), 1u);
  EXPECT_EQ(state(job.id), JobState::cancelled);
}

TEST_P(HandOver, UniqueKeysAreFree) {
  SQLQ_NEEDS(hand_over);
  enqueue({.unique_key = "key"});
  const Job job = take();
  enqueue();
  EXPECT_EQ(hand_over(dialect(), {success_of(job)}, clock().instant()).jobs.size(), 1u);
  EXPECT_NE(enqueue({.unique_key = "key"}), job.id);
}

TEST_P(HandOver, AnotherLimitedQueueKeepsItsLimit) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("a", {.concurrency = 1});
  admin().create_queue("b", {.concurrency = 1});
  for (int i = 0; i < 3; ++i) {
    enqueue({.queue = "a"});
    enqueue({.queue = "b"});
  }
  const Job job = take({"a"});
  const auto result = hand_over(dialect(), {success_of(job)}, clock().instant(), 10);
  EXPECT_EQ(held("a"), 1u);
  EXPECT_EQ(result.jobs.size(), 1u + held("b")) << "whether it takes from the other queue is left to the backend";
  EXPECT_LE(held("b"), 1u);
  static_cast<void>(claim(10));
  EXPECT_EQ(held("b"), 1u);
}

TEST_P(HandOver, APlaceThatGoesToAnotherQueuesJobIsOfferedToOthers) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 1});
  for (int i = 0; i < 2; ++i) enqueue({.queue = "q"});
  const Job job = take({"q"});
  enqueue({.queue = "first", .priority = 0});
  std::atomic<int> hints{0};
  const auto subscription = dialect().subscribe([&] { ++hints; });
  const int before = hints;
  const auto result = hand_over(dialect(), {success_of(job)}, clock().instant());
  ASSERT_EQ(result.jobs.size(), 1u);
  EXPECT_EQ(result.jobs[0].queue, "first");
  EXPECT_GT(hints, before);
}

TEST_P(HandOver, AClaimSaysHowManyAreOfLimitedQueuesAndMayWantNone) {
  SQLQ_NEEDS(hand_over);
  admin().create_queue("q", {.concurrency = 2});
  for (int i = 0; i < 3; ++i) {
    enqueue({.queue = "q"});
    enqueue({.queue = "free", .priority = 20});
  }
  const auto without =
      dialect()
          .hand_over()
          ->finish_and_claim({.claim = {.limit = 1, .token = LeaseToken{1}, .worker = "w", .now = clock().instant()},
                              .limited = false})
          .claim;
  ASSERT_EQ(without.jobs.size(), 1u);
  EXPECT_EQ(without.jobs[0].queue, "free");
  EXPECT_TRUE(without.limited);
  EXPECT_EQ(without.of_limited, 0u);
  const auto with = dialect().claim({.limit = 10, .token = LeaseToken{2}, .worker = "w", .now = clock().instant()});
  EXPECT_EQ(with.jobs.size(), 4u);
  EXPECT_EQ(with.of_limited, 2u);
}

TEST_P(HandOver, ManyAtOnceShareNoJobAndExceedNoLimit) {
  SQLQ_NEEDS(hand_over);
  use_system_clock();
  constexpr int jobs = 300;
  constexpr std::uint32_t limit = 5;
  admin().create_queue("q", {.concurrency = limit});
  std::map<JobId, std::atomic<int>> done;
  const std::vector<NewJob> new_jobs(jobs, {.kind = "work", .options = {.queue = "q"}});
  for (const Enqueued& e : client().enqueue_many(new_jobs)) done[e.id] = 0;
  const std::vector<Database> handles = {db(), another()};
  std::atomic<int> finished{0};
  std::atomic<int> passed{0};
  constexpr int workers = 8;
  in_threads(workers + 1, [&](int t) {
    if (t == workers) {  // the observer
      Admin eye{handles[1]};
      while (finished < jobs) {
        EXPECT_LE(eye.counts("q").at(JobState::running).value, limit);
      }
      return;
    }
    Database handle = handles[static_cast<std::size_t>(t) % handles.size()];
    while (finished < jobs) {
      std::vector<Job> running = Client{handle}.claim({}, {}, 3);
      for (int turn = 0; !running.empty(); ++turn) {
        if (turn == 5) {  // leaves its places to the others
          for (const Job& job : running) EXPECT_EQ(Client{handle}.success(job), FinishStatus::applied);
        }
        auto next = turn == 5 ? Handed{.ended = Statuses(running.size(), FinishStatus::applied)}
                              : hand_over(handle.ready(), successes_of(running), {});
        EXPECT_EQ(next.ended, Statuses(running.size(), FinishStatus::applied));
        for (const Job& job : running) {
          EXPECT_EQ(++done.at(job.id), 1);
          ++finished;
        }
        passed += static_cast<int>(next.jobs.size());
        running = std::move(next.jobs);
      }
    }
  });
  EXPECT_EQ(finished, jobs);
  EXPECT_GT(passed, 0);
  EXPECT_EQ(held("q"), 0u);
}

}  // namespace sqlq::conformance
