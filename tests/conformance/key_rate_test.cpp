// In no period of its length do more jobs of a key start than its rate says (promise I13).

#include <algorithm>
#include <map>
#include <random>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

/// The most of these starts that any period has, wherever it begins.
std::size_t most_within(std::vector<TimePoint> starts, Duration period) {
  std::ranges::sort(starts);
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; first < starts.size(); ++first) {
    while (end < starts.size() && starts[end] < starts[first] + period) ++end;
    most = std::max(most, end - first);
  }
  return most;
}

Duration spacing(const Rate& rate) { return rate.per / static_cast<int>(rate.count - rate.burst + 1); }

}  // namespace

TEST_P(KeyRate, ABurstStartsAtOnceAndThenOneAfterTheOther) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 5, .per = 4s, .burst = 2}});  // one a second
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(6));
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(q.look(), 0u) << "they have not started, and may at any moment";
  EXPECT_EQ(claim(10).size(), 2u);
  EXPECT_EQ(q.look(), 0u);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(q.last().next);
    EXPECT_LE(*q.last().next, clock().now() + 1s);
    clock().advance(1s - 1us);
    EXPECT_EQ(q.look(), 0u);
    clock().advance(1us);
    EXPECT_EQ(q.look_around(), 1u) << "it was known when to look again";
    EXPECT_EQ(claim(10).size(), 1u);
    EXPECT_EQ(q.look(), 0u);
  }
  EXPECT_EQ(q.status().inside, 5u) << "a rate limits starts, not those that run";
}

TEST_P(KeyRate, ABurstComesBackWhenNobodyStarts) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 6, .per = 4s, .burst = 3}});  // one a second
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(12));
  EXPECT_EQ(q.look(), 3u);
  EXPECT_EQ(claim(10).size(), 3u);
  clock().advance(2s);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(claim(10).size(), 2u);
  clock().advance(1h);
  EXPECT_EQ(q.look(), 3u) << "a burst, and no more for the hour";
}

TEST_P(KeyRate, TimeIsCountedFromTheStartAndNotFromTheLettingIn) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  clock().advance(1h);
  EXPECT_EQ(q.look(), 0u) << "the first may start now";
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  clock().advance(10s - 1us);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(1us);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{success, pending}));
}

TEST_P(KeyRate, RetriesAreStarts) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 2, .per = 10s}});  // one in 5 seconds
  KeyedQueue q(db(), clock());
  const JobId first = q.add({.priority = 1});
  const JobId second = q.add({.priority = 2});
  EXPECT_EQ(q.look(), 1u);
  const std::vector<std::function<void(const Job&)>> ways{
      [&](const Job& job) { client().error(job, "no", {.retry = RetryPolicy::constant(0s)}); },
      [&](const Job& job) { client().release(job); },
      [&](const Job& job) { client().snooze(job, 0s); },
      [&](const Job& job) { admin().take_away(job.id); },
      [&](const Job& job) {
        client().success(job);
        admin().requeue(job.id);
      }};
  for (const auto& go : ways) {
    const Job job = take();
    EXPECT_EQ(job.id, first);
    go(job);
    EXPECT_EQ(q.look(), 0u);
    clock().advance(5s - 1us);
    EXPECT_EQ(q.look(), 0u);
    clock().advance(1us);
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(q.states({first, second}), (States{pending, waiting}));
  }
}

TEST_P(KeyRate, AStartIsCountedThoughItsJobIsGone) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(2));
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(admin().erase(job.id), ActionStatus::done);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(9s);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(1s);
  EXPECT_EQ(q.look(), 1u);
}

TEST_P(KeyRate, AStartIsCountedThoughNobodyIsLeft) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add());
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(9s);
  EXPECT_EQ(q.look(), 0u);
  const JobId late = q.add();
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(state(late), waiting);
  clock().advance(1s);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(11s);
  q.look();
  EXPECT_TRUE(admin().keys("q").empty()) << "there is nothing to remember";
}

TEST_P(KeyRate, OneThatHasNotStartedIsNotCounted) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 1h}});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().cancel(ids[0]), CancelStatus::cancelled);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{cancelled, pending, waiting}));
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
}

TEST_P(KeyRate, ConcurrencyHoldsBesideIt) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 2, .rate = Rate{.count = 4, .per = 4s, .burst = 1}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(8));
  for (int second = 0; second < 2; ++second) {
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(claim(10).size(), 1u);
    clock().advance(1s);
  }
  clock().advance(20s);
  EXPECT_EQ(q.look(), 0u) << "two run";
  EXPECT_EQ(q.status().inside, 2u);
}

TEST_P(KeyRate, DueTimesAndPrioritiesAreKeptTo) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  const JobId late = q.add({.priority = 0, .delay = 15s});
  const JobId low = q.add({.priority = 9});
  const JobId high = q.add({.priority = 1});
  const auto next_is = [&](JobId id) {
    EXPECT_EQ(q.look(), 1u);
    const Job job = take();
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
    EXPECT_EQ(q.look(), 0u);
    clock().advance(10s);
  };
  next_is(high);
  next_is(low);
  next_is(late);
}

TEST_P(KeyRate, IsChangedAtRunTime) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 24h}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(8));
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(claim(10).size(), 1u);
  EXPECT_EQ(q.look(), 0u);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  static_cast<void>(q.look());
  clock().advance(20s);
  EXPECT_EQ(q.look(), 1u) << "a time that the new rate cannot reach binds it no more";
  EXPECT_EQ(claim(10).size(), 1u);
  admin().set_key_limits("q", {});
  EXPECT_EQ(q.look_around(), 6u);
}

TEST_P(KeyRate, AClockThatIsSetBackDoesNotShutItForLong) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add());
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  clock().step_wall(-24h);
  static_cast<void>(q.add());
  static_cast<void>(q.look());
  clock().advance(10s);
  static_cast<void>(q.look());
  clock().advance(1us);
  static_cast<void>(q.look());
  EXPECT_EQ(q.status().inside, 1u);
}

TEST_P(KeyRate, EachKeyHasItsOwn) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  admin().set_key_limits("q", "fast", KeyLimits{.rate = Rate{.count = 3, .per = 1s, .burst = 3}});
  KeyedQueue q(db(), clock());
  for (const char* key : {"a", "b", "fast"}) static_cast<void>(q.add_many(4, {.key = key}));
  EXPECT_EQ(q.look(), 5u);
  EXPECT_EQ(claim(10).size(), 5u);
  clock().advance(1s);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.status("fast").inside, 4u);
  EXPECT_EQ(q.status("a").inside, 1u);
}

TEST_P(KeyRate, IsSaidByTheStatusOfTheKey) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  admin().set_key_limits("q", "burst", KeyLimits{.rate = Rate{.count = 3, .per = 10s, .burst = 2}});
  KeyedQueue q(db(), clock());
  const TimePoint start = clock().now();
  static_cast<void>(q.add_many(2));
  static_cast<void>(q.add_of("burst"));
  EXPECT_EQ(q.look(), 2u);
  for (const Job& job : claim(10)) EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.status().opens_at, start + 10s);
  EXPECT_FALSE(q.status().held);
  EXPECT_LE(q.status("burst").opens_at.value_or(start), start) << "one more may start at once";
  clock().advance(10s);
  EXPECT_LE(q.status().opens_at.value_or(start), clock().now());
}

TEST_P(KeyRate, ABusyKeyKeepsItsSpeed) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 10, .per = 9s, .burst = 2}});  // one a second
  KeyedQueue q(db(), clock());
  std::vector<NewJob> jobs(60, NewJob{.kind = "work", .options = {.queue = "q", .key = "k"}});
  client().enqueue_many(jobs);
  std::vector<TimePoint> starts;
  for (int i = 0; i < 60; ++i) {  // half a minute
    q.look_at({{"q", "k"}});
    for (const Job& job : claim(10)) {
      starts.push_back(job.started_at.value());
      EXPECT_EQ(client().success(job), FinishStatus::applied);
    }
    clock().advance(500ms);
  }
  EXPECT_LE(most_within(starts, 9s), 10u);
  EXPECT_GE(starts.size(), 30u);
}

TEST_P(KeyRate, NoPeriodIsEverOver) {
  SQLQ_NEEDS(limits);
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto number = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  const std::map<std::string, Rate> rates{{"slow", {.count = 1, .per = 3s}},
                                          {"even", {.count = 4, .per = 4s, .burst = 1}},
                                          {"burst", {.count = 5, .per = 5s, .burst = 5}},
                                          {"odd", {.count = 7, .per = 2s, .burst = 3}}};
  KeyedQueue q(db(), clock());
  for (const auto& [key, rate] : rates) {
    admin().set_key_limits("q", key, KeyLimits{.rate = rate});
    static_cast<void>(q.add_many(12, {.max_attempts = 1000, .max_crashes = 1000, .key = key}));
  }
  std::map<std::string, std::vector<TimePoint>> starts;
  std::vector<Job> held;
  for (int step = 0; step < 120; ++step) {
    clock().advance(std::chrono::milliseconds(number(0, 3) == 0 ? number(0, 2000) : number(0, 200)));
    if (number(0, 3) > 0) q.look();
    for (Job& job : claim(static_cast<std::size_t>(number(1, 5)))) {
      starts[std::string(key_of(job))].push_back(job.started_at.value());
      held.push_back(std::move(job));
    }
    std::vector<Ending> endings;
    std::erase_if(held, [&](const Job& job) {
      const int way = number(0, 5);
      if (way == 0) return false;
      endings.push_back(way == 1   ? Ending::success(job)
                        : way == 2 ? Ending::snooze(job, std::chrono::milliseconds(number(0, 500)))
                        : way == 3 ? Ending::release(job)
                                   : Ending::error(job, "no", {.retry = RetryPolicy::constant(0s)}));
      return true;
    });
    if (!endings.empty()) client().finish(endings);
  }
  for (const auto& [key, rate] : rates) {
    EXPECT_LE(most_within(starts[key], rate.per), rate.count) << key;
    EXPECT_GE(starts[key].size(), 3u) << key << ": the test says nothing";
    EXPECT_LE(most_within(starts[key], spacing(rate)), rate.burst + 1) << key;
  }
}

}  // namespace sqlq::conformance
