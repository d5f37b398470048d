// Which jobs of a key are let in, and when: settings, room, lines; and that no window has more starts than its rate
// allows, whatever happens between looks.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/error.hpp>

#include "core/gate.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);
constexpr TimePoint never = TimePoint::max();
using Seqs = std::vector<std::int64_t>;

KeyLimits of_rate(std::uint32_t count, Duration per, std::uint32_t burst = 1) {
  return {.rate = Rate{.count = count, .per = per, .burst = burst}};
}
KeyLimits strictly(AfterError after = AfterError::go_on) {
  return {.order = KeyOrder::strict, .after_error = after};
}
InsideJob pending(std::int64_t seq) { return {.seq = seq, .state = JobState::pending}; }
InsideJob running(std::int64_t seq, TimePoint since) {
  return {.seq = seq, .state = JobState::running, .started = true, .started_at = since};
}

// ------------------------------------------------------------------------------------------------- settings

TEST(GateSettings, AreWhatIsNotTheDefault) {
  EXPECT_EQ(key_limits_text({}), "{}");
  EXPECT_EQ(key_limits_text({.concurrency = 0}), R"({"concurrency":0})");
  EXPECT_EQ(key_limits_text({.concurrency = 2, .rate = Rate{100, 1min, 10}, .order = KeyOrder::strict,
                             .after_error = AfterError::hold}),
            R"({"after_error":2,"concurrency":2,"order":2,"rate":{"burst":10,"count":100,"per_us":60000000}})");
}

TEST(GateSettings, AreReadAsTheyWereWritten) {
  for (const KeyLimits& limits :
       {KeyLimits{}, KeyLimits{.concurrency = 0}, KeyLimits{.concurrency = std::numeric_limits<std::uint32_t>::max()},
        of_rate(1'000'000, 24h * 366, 1'000'000), of_rate(1, 1ms), strictly(), strictly(AfterError::hold)}) {
    EXPECT_EQ(read_key_limits(key_limits_text(limits)), limits) << key_limits_text(limits);
  }
  EXPECT_EQ(read_key_limits(""), KeyLimits{});
}

TEST(GateSettings, ThatCannotBeReadLetNobodyIn) {
  const KeyLimits closed{.concurrency = 0};
  for (const char* text :
       {"x", "[]", "null", "1", "{", R"({"concurrency":-1})", R"({"concurrency":1.5})", R"({"concurrency":4294967296})",
        R"({"concurrency":"1"})", R"({"concurrency":null})", R"({"weight":2})", R"({"concurrency":5,"weight":2})",
        R"({"rate":5})", R"({"rate":{}})", R"({"rate":{"count":1,"per_us":1000}})",
        R"({"rate":{"count":0,"per_us":1000,"burst":1}})", R"({"rate":{"count":1,"per_us":1000,"burst":2}})",
        R"({"rate":{"count":1,"per_us":999,"burst":1}})",
        R"({"rate":{"count":1,"per_us":18446744073709551615,"burst":1}})",
        R"({"rate":{"count":1,"per_us":1000,"burst":1,"weight":1}})", R"({"order":0})", R"({"order":3})",
        R"({"order":257})", R"({"after_error":2})", R"({"order":2,"after_error":3})"}) {
    EXPECT_EQ(read_key_limits(text), closed) << text;
  }
}

TEST(GateSettings, OutOfRangeAreRefused) {
  const auto refused = [](const KeyLimits& limits) {
    try {
      check_key_limits(limits);
      return false;
    } catch (const Error& e) {
      return e.code() == Errc::invalid_argument;
    }
  };
  for (const KeyLimits& limits :
       {KeyLimits{}, KeyLimits{.concurrency = 0}, of_rate(1, 1ms), of_rate(1'000'000, 24h * 366, 1'000'000),
        strictly(AfterError::hold)}) {
    EXPECT_FALSE(refused(limits)) << key_limits_text(limits);
  }
  for (const KeyLimits& limits :
       {of_rate(0, 1s), of_rate(1'000'001, 1s), of_rate(1, 999us), of_rate(1, 24h * 366 + 1us), of_rate(5, 1s, 0),
        of_rate(5, 1s, 6), of_rate(1, -1s), KeyLimits{.order = static_cast<KeyOrder>(3)},
        KeyLimits{.order = static_cast<KeyOrder>(0)}, strictly(static_cast<AfterError>(0)),
        KeyLimits{.after_error = AfterError::hold}}) {
    EXPECT_TRUE(refused(limits)) << key_limits_text(limits);
  }
}

// ------------------------------------------------------------------------------------------------- slots

TEST(GateRoom, WithoutLimitsIsForEverybodyInSteps) {
  const Room room = measure({}, {}, {}, t0);
  EXPECT_EQ(room.room, 10'000u);
  EXPECT_EQ(room.opens, t0) << "those above the cap come at once";
}

TEST(GateRoom, IsWhatTheStatesOfTheJobsLeave) {
  const KeyLimits limits{.concurrency = 5};
  const std::vector<InsideJob> inside{
      {.seq = 1, .state = JobState::pending},   {.seq = 2, .state = JobState::running},
      {.seq = 3, .state = JobState::success},   {.seq = 4, .state = JobState::errored},
      {.seq = 5, .state = JobState::cancelling}, {.seq = 6, .state = JobState::cancelled},
      {.seq = 7, .state = JobState::scheduled}, {.seq = 8, .state = JobState::waiting},
      {.seq = 9, .state = JobState::invalid}};
  const Room room = measure(limits, {}, inside, t0);
  EXPECT_EQ(room.room, 1u);
  EXPECT_EQ(room.ended, (Seqs{3, 4, 6, 9}));
  EXPECT_EQ(room.returned, Seqs{8});
  EXPECT_EQ(room.counted, Seqs{}) << "nobody asks for starts without a rate";
  EXPECT_EQ(room.opens, std::nullopt) << "time alone frees no slot";
}

TEST(GateRoom, IsNoneAboveALoweredLimit) {
  const std::vector<InsideJob> inside{pending(1), pending(2), pending(3)};
  for (const std::uint32_t most : {0u, 1u, 3u}) {
    const Room room = measure({.concurrency = most}, {}, inside, t0);
    EXPECT_EQ(room.room, 0u) << most;
    EXPECT_EQ(room.opens, std::nullopt) << most;
  }
  EXPECT_EQ(measure({.concurrency = 4}, {}, inside, t0).room, 1u);
}

TEST(GateRoom, OfAStrictKeyIsForOne) {
  KeyLimits limits = strictly();
  EXPECT_EQ(measure(limits, {}, {}, t0).room, 1u);
  limits.concurrency = 5;
  EXPECT_EQ(measure(limits, {}, {}, t0).room, 1u);
  EXPECT_EQ(measure(limits, {}, std::vector{pending(1)}, t0).room, 0u);
  limits.concurrency = 0;
  EXPECT_EQ(measure(limits, {}, {}, t0).room, 0u);
}

TEST(GateRoom, IsShutUntilItsTime) {
  Room room = measure({}, {.shut_until = t0 + 1s}, {}, t0);
  EXPECT_EQ(room.room, 0u);
  EXPECT_EQ(room.opens, t0 + 1s);
  EXPECT_EQ(measure({}, {.shut_until = t0 + 1s}, {}, t0 + 1s).room, 10'000u);
  room = measure({}, {.shut_until = never}, {}, t0);
  EXPECT_EQ(room.room, 0u);
  EXPECT_EQ(room.opens, std::nullopt);
  room = measure({.concurrency = 0}, {.shut_until = t0 + 1s}, {}, t0);
  EXPECT_EQ(room.opens, std::nullopt) << "then there is no room either";
  room = measure(of_rate(1, 10s), {.next_start = t0 + 5s, .shut_until = t0 + 1s}, {}, t0);
  EXPECT_EQ(room.opens, t0 + 5s) << "the later one";
  room = measure(of_rate(1, 10s), {.next_start = t0 + 5s, .shut_until = t0 + 7s}, {}, t0);
  EXPECT_EQ(room.opens, t0 + 7s);
}

TEST(GateRoom, HoldsAfterAnErrorIfToldTo) {
  const std::vector<InsideJob> failed{{.seq = 1, .state = JobState::errored}};
  const std::vector<InsideJob> others{{.seq = 1, .state = JobState::cancelled},
                                      {.seq = 2, .state = JobState::success},
                                      {.seq = 3, .state = JobState::waiting},
                                      {.seq = 4, .state = JobState::invalid}};
  const Room held = measure(strictly(AfterError::hold), {.shut_until = t0 + 1s}, failed, t0);
  EXPECT_EQ(held.room, 0u);
  EXPECT_EQ(held.state.shut_until, never);
  EXPECT_EQ(held.opens, std::nullopt);
  EXPECT_EQ(measure(strictly(), {}, failed, t0).room, 1u);
  const KeyLimits by_priority{.concurrency = 1, .after_error = AfterError::hold};
  EXPECT_EQ(measure(by_priority, {}, failed, t0).room, 1u) << "only with an order";
  EXPECT_EQ(measure(strictly(AfterError::hold), {}, others, t0).room, 1u);
}

// ------------------------------------------------------------------------------------------------- rates

TEST(GateRate, LetsABurstInAndThenOneEachInterval) {
  const KeyLimits limits = of_rate(12, 10s, 3);  // an interval of 1 s
  Room room = measure(limits, {}, {}, t0);
  EXPECT_EQ(room.room, 3u);
  EXPECT_EQ(room.opens, t0 + 1s);
  const std::vector<InsideJob> started{running(1, t0), running(2, t0), running(3, t0)};
  room = measure(limits, {}, started, t0);
  EXPECT_EQ(room.room, 0u);
  EXPECT_EQ(room.counted, (Seqs{1, 2, 3}));
  EXPECT_EQ(room.state.next_start, t0 + 3s);
  EXPECT_EQ(room.opens, t0 + 1s);
  const GateState after = room.state;
  EXPECT_EQ(measure(limits, after, {}, t0 + 1s - 1us).room, 0u);
  EXPECT_EQ(measure(limits, after, {}, t0 + 1s).room, 1u);
  EXPECT_EQ(measure(limits, after, {}, t0 + 2s).room, 2u);
  EXPECT_EQ(measure(limits, after, {}, t0 + 1h).room, 3u);
}

TEST(GateRate, CountsWhoHasNotStartedAsStartingNow) {
  const KeyLimits limits = of_rate(12, 10s, 3);
  const std::vector<InsideJob> inside{pending(1), pending(2)};
  const Room room = measure(limits, {}, inside, t0);
  EXPECT_EQ(room.room, 1u);
  EXPECT_EQ(room.counted, Seqs{});
  EXPECT_EQ(room.state.next_start, TimePoint{}) << "it has not happened";
  EXPECT_EQ(room.opens, t0 + 1s);
  const std::vector<InsideJob> more{pending(1), pending(2), pending(3), {.seq = 4, .state = JobState::scheduled}};
  EXPECT_EQ(measure(limits, {}, more, t0 + 24h).room, 0u) << "they may all start now, however long they have not";
  EXPECT_EQ(measure(limits, {}, more, t0).opens, t0 + 2s);
}

TEST(GateRate, CountsEachStartOnceAndAtItsTime) {
  const KeyLimits limits = of_rate(12, 10s, 3);
  const std::vector<InsideJob> inside{running(2, t0 + 500ms),
                                      {.seq = 1, .state = JobState::success, .started = true, .started_at = t0},
                                      {.seq = 3, .state = JobState::running},  // counted before
                                      {.seq = 4, .state = JobState::cancelled},
                                      {.seq = 5, .state = JobState::waiting, .started = true, .started_at = t0 + 4s}};
  const Room room = measure(limits, {}, inside, t0 + 4s);
  EXPECT_EQ(room.state.next_start, t0 + 5s);
  EXPECT_EQ(room.counted, (Seqs{2, 1, 5}));
  EXPECT_EQ(room.room, 2u);
}

TEST(GateRate, CountsWhoIsGoneAsStartingNow) {
  const KeyLimits limits = of_rate(12, 10s, 3);
  EXPECT_EQ(measure(limits, {}, std::vector{InsideJob{.seq = -5}}, t0).state.next_start, t0 + 1s);
  EXPECT_EQ(measure(limits, {}, std::vector{InsideJob{.seq = -5, .counted = true}}, t0).state.next_start, TimePoint{});
}

TEST(GateRate, OfOneStartedAndPendingAgainCountsBoth) {  // a program that knows no keys has put it back
  const KeyLimits limits = of_rate(12, 10s, 3);
  const std::vector<InsideJob> inside{{.seq = 1, .state = JobState::pending, .started = true, .started_at = t0}};
  EXPECT_EQ(measure(limits, {}, inside, t0).room, 1u);
}

TEST(GateRate, IsRoundedToTheSafeSide) {  // 1 ms / 3 has no whole number of microseconds
  const Room room = measure(of_rate(3, 1ms), {}, std::vector{running(1, t0)}, t0);
  EXPECT_EQ(room.state.next_start, t0 + 334us);
}

TEST(GateRate, SurvivesAClockThatWasSetBack) {
  const KeyLimits limits = of_rate(12, 10s, 3);
  Room room = measure(limits, {.next_start = t0 + 24h}, {}, t0);
  EXPECT_EQ(room.state.next_start, t0 + 3s);
  EXPECT_EQ(room.opens, t0 + 1s);
  room = measure(limits, {}, std::vector{running(1, t0 + 24h)}, t0);
  EXPECT_EQ(room.state.next_start, t0 + 3s);
  EXPECT_EQ(measure(limits, {.next_start = never}, {}, t0).opens, t0 + 1s);
}

TEST(GateRate, WithExtremeNumbersStillLimits) {
  const KeyLimits limits = of_rate(1'000'000, 24h * 366, 1'000'000);  // an interval of 366 days
  GateState state;
  EXPECT_EQ(measure(limits, state, {}, t0).room, 10'000u);
  for (int look = 0; look < 10; ++look) {
    std::vector<InsideJob> inside;
    for (int i = 0; i < 10'000; ++i) inside.push_back(running(i, t0));
    const Room room = measure(limits, state, inside, t0);
    EXPECT_GE(room.state.next_start, state.next_start);
    state = room.state;
  }
  EXPECT_EQ(measure(limits, state, {}, t0).room, 0u);
  const std::vector<InsideJob> many(100'000, pending(1));
  EXPECT_EQ(measure(limits, {}, many, t0).room, 0u);
  EXPECT_EQ(measure(limits, {}, {}, never).room, 10'000u);
}

TEST(GateRate, AndConcurrencyHoldBoth) {
  KeyLimits limits = of_rate(12, 10s, 3);
  limits.concurrency = 2;
  Room room = measure(limits, {}, {}, t0);
  EXPECT_EQ(room.room, 2u);
  EXPECT_EQ(room.opens, std::nullopt) << "the slots are used up first";
  limits.concurrency = 100;
  room = measure(limits, {}, {}, t0);
  EXPECT_EQ(room.room, 3u);
  EXPECT_EQ(room.opens, t0 + 1s);
}

// ------------------------------------------------------------------------------------------------- lines

TEST(GateLine, IsByPriorityDueAndAge) {
  const KeyLimits limits;
  const std::vector<WaitingJob> line{{4, 10, t0}, {3, 10, t0}, {2, 10, t0 - 1s}, {5, 1, t0}, {1, 20, t0 - 1h},
                                     {6, -5, t0 + 1s}};
  EXPECT_EQ(choose(limits, line, 10, t0), (Seqs{5, 2, 3, 4, 1})) << "none before it is due";
  EXPECT_EQ(choose(limits, line, 2, t0), (Seqs{5, 2}));
  EXPECT_EQ(choose(limits, line, 0, t0), Seqs{});
  EXPECT_EQ(choose(limits, {}, 5, t0), Seqs{});
}

TEST(GateLine, IsByAgeIfStrict) {
  const std::vector<WaitingJob> line{{4, 1, t0}, {3, 10, t0}, {5, 0, t0 - 1h}};
  EXPECT_EQ(choose(strictly(), line, 1, t0), Seqs{3});
}

TEST(GateLine, OfAStrictKeyHasTheJobThatReturnedFirst) {
  const WaitingJob older{3, 10, t0};
  const WaitingJob back{5, 10, t0 + 10s, true};
  const std::vector<WaitingJob> line{older, back};
  EXPECT_EQ(choose(strictly(), line, 1, t0), Seqs{}) << "nobody passes it";
  EXPECT_EQ(choose(strictly(), line, 1, t0 + 10s), Seqs{5});
  EXPECT_LT(rank(strictly(), back), rank(strictly(), older));
  EXPECT_EQ(choose({}, line, 1, t0), Seqs{3}) << "by priority they do";
}

TEST(GateLine, IsForJobsThatAreDue) {
  const KeyLimits by_priority;
  EXPECT_TRUE(in_line(by_priority, {1, 10, t0}, t0));
  EXPECT_FALSE(in_line(by_priority, {1, 10, t0 + 1us}, t0));
  EXPECT_FALSE(in_line(by_priority, {1, 10, t0 + 1us, true}, t0));
  EXPECT_FALSE(in_line(strictly(), {1, 10, t0 + 1us}, t0));
  EXPECT_TRUE(in_line(strictly(), {1, 10, t0 + 1us, true}, t0));
}

// ------------------------------------------------------------------------------------------------- the next look

TEST(GateLook, IsRepeatedSoonAfterAJobWasLetInAndThenMoreAndMoreSeldom) {
  Room room;
  const auto next = [&](Duration since, bool in_line) {
    room.state.let_in = t0 - since;
    return *look_again(room, true, in_line, in_line ? std::optional(t0) : std::nullopt, t0) - t0;
  };
  for (const bool in_line : {true, false}) {
    EXPECT_EQ(next(0s, in_line), 1s);
    EXPECT_EQ(next(1s, in_line), 1s);
    EXPECT_EQ(next(2s, in_line), 2s);
    EXPECT_EQ(next(40s, in_line), 40s);
    EXPECT_EQ(next(-1h, in_line), 1s) << "the clock was set back";
  }
  EXPECT_EQ(next(61s, true), 60s);
  EXPECT_EQ(next(61s, false), 61s);
  EXPECT_EQ(next(11min, false), 10min);
}

TEST(GateLook, IsRepeatedWhenSomebodyWaits) {
  Room room;
  EXPECT_EQ(look_again(room, true, true, t0, t0), t0 + 60s);
  EXPECT_EQ(look_again(room, false, true, t0, t0), t0 + 60s);
  room.opens = t0 + 5s;
  EXPECT_EQ(look_again(room, true, true, t0, t0), t0 + 5s);
  room.opens = t0 - 5s;
  EXPECT_EQ(look_again(room, true, true, t0, t0), t0);
  room.opens = t0 + 1h;
  EXPECT_EQ(look_again(room, false, true, t0, t0), t0 + 1h) << "nothing can happen before";
  EXPECT_EQ(look_again(room, true, true, t0, t0), t0 + 60s) << "what is inside and has not started may be cancelled";
  room.state.shut_until = never;
  room.opens.reset();
  EXPECT_EQ(look_again(room, false, true, t0, t0), t0 + 60s);
}

TEST(GateLook, IsRepeatedWhenTheHeadIsDue) {
  Room room;
  EXPECT_EQ(look_again(room, false, true, t0 + 5s, t0), t0 + 5s);
  EXPECT_EQ(look_again(room, false, true, t0 + 1h, t0), t0 + 60s) << "it may be cancelled, and block nobody";
  room.opens = t0 + 7s;
  EXPECT_EQ(look_again(room, false, true, t0 + 5s, t0), t0 + 7s);
}

TEST(GateLook, IsRareWhenNobodyWaits) {
  Room room;
  EXPECT_EQ(look_again(room, true, false, {}, t0), t0 + 10min);
  EXPECT_EQ(look_again(room, false, false, {}, t0), std::nullopt);
  room.state.next_start = t0 + 1s;
  EXPECT_EQ(look_again(room, false, false, {}, t0), t0 + 1s) << "to forget it";
  room.state.shut_until = t0 + 2s;
  EXPECT_EQ(look_again(room, false, false, {}, t0), t0 + 2s);
  room.state.shut_until = never;
  EXPECT_EQ(look_again(room, false, false, {}, t0), std::nullopt);
  room.state = {.next_start = t0, .shut_until = t0};
  EXPECT_EQ(look_again(room, false, false, {}, t0), std::nullopt);
}

// ------------------------------------------------------------------------------------------------- a key that lives

/// A key with jobs that are let in, start, end and come back at random, as a backend keeps them.
class Key {
 public:
  Key(const KeyLimits& limits, unsigned seed) : limits_(limits), random_(seed) {}

  std::vector<TimePoint> starts{};
  std::size_t most_inside = 0;

  /// Time passes, and something happens to the jobs.
  void pass(Duration longest) {
    now_ += Duration(below(static_cast<std::uint64_t>(longest.count()) + 1));
    for (int events = static_cast<int>(below(4)); events > 0; --events) something();
  }
  void look() {
    std::vector<InsideJob> inside;
    for (const auto& [seq, job] : jobs_) {
      if (!job.inside) continue;
      const bool gone = job.state == JobState::invalid;
      inside.push_back({.seq = seq, .state = job.state, .started = !gone && job.starts > job.counted,
                        .started_at = gone ? TimePoint{} : job.started_at, .counted = job.counted > 0});
    }
    const Room room = measure(limits_, state_, inside, now_);
    state_ = room.state;
    for (const std::int64_t seq : room.counted) jobs_[seq].counted = jobs_[seq].starts;
    for (const std::int64_t seq : room.ended) jobs_.erase(seq);
    for (const std::int64_t seq : room.returned) jobs_[seq].inside = false;
    for (std::size_t n = room.room; n > 0; --n) let_in();
    std::size_t n = 0;
    for (const auto& [seq, job] : jobs_) n += job.inside ? 1 : 0;
    most_inside = std::max(most_inside, n);
  }
  /// Everybody who is inside starts and ends at once.
  void work() {
    for (auto& [seq, job] : jobs_) {
      if (!job.inside || job.state != JobState::pending) continue;
      start(job);
      job.state = JobState::success;
    }
  }
  void go_to(TimePoint at) { now_ = std::max(now_, at); }
  [[nodiscard]] TimePoint now() const { return now_; }

 private:
  struct Held {
    JobState state = JobState::waiting;
    bool inside = false;
    int starts = 0;  // since it was let in
    int counted = 0;
    TimePoint started_at{};
  };

  std::uint64_t below(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_); }
  void start(Held& job) {
    job.state = JobState::running;
    job.started_at = now_;
    ++job.starts;
    starts.push_back(now_);
  }
  void something() {
    if (jobs_.empty()) return;
    Held& job = std::next(jobs_.begin(), static_cast<std::ptrdiff_t>(below(jobs_.size())))->second;
    if (job.state == JobState::pending && below(10) == 0) {
      job.state = JobState::cancelled;
    } else if (job.state == JobState::pending) {
      start(job);
    } else if (job.state == JobState::running) {
      constexpr JobState ends[]{JobState::success, JobState::errored, JobState::waiting, JobState::invalid};
      job.state = ends[below(4)];
    }
  }
  void let_in() {
    const auto back = std::ranges::find_if(jobs_, [](const auto& entry) { return !entry.second.inside; });
    Held& job = back == jobs_.end() || below(2) == 0 ? jobs_[++last_] : back->second;
    job = {.state = JobState::pending, .inside = true};
  }

  KeyLimits limits_;
  std::mt19937 random_;
  TimePoint now_ = t0;
  GateState state_{};
  std::map<std::int64_t, Held> jobs_{};
  std::int64_t last_ = 0;
};

/// The most starts in [t, t + per), wherever it begins; the starts are in order.
std::size_t most_within(const std::vector<TimePoint>& starts, Duration per) {
  std::size_t most = 0;
  std::size_t first = 0;
  for (std::size_t last = 0; last < starts.size(); ++last) {
    while (starts[last] - starts[first] >= per) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

TEST(GateLife, NoWindowEverHasMoreStartsThanTheRate) {
  std::mt19937 random(19);
  const auto within = [&](std::uint32_t least, std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(least, most)(random);
  };
  std::size_t full = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const std::uint32_t count = within(1, 12);
    const Duration per(within(1000, 5'000'000));
    KeyLimits limits = of_rate(count, per, within(1, count));
    if (within(0, 3) == 0) limits.concurrency = within(1, 6);
    Key key(limits, seed);
    const Duration step = per / within(1, 40);
    for (int i = 0; i < 1000; ++i) {
      key.pass(step);
      if (within(0, 2) > 0) key.look();
    }
    const std::size_t most = most_within(key.starts, per);
    const auto most_inside = static_cast<std::uint32_t>(key.most_inside);
    ASSERT_LE(most, count) << key_limits_text(limits) << " seed " << seed;
    ASSERT_GT(key.starts.size(), 2u) << key_limits_text(limits) << " seed " << seed;
    ASSERT_LE(most_inside, limits.concurrency.value_or(most_inside)) << "seed " << seed;
    full += most == count ? 1 : 0;
  }
  EXPECT_GT(full, 30u) << "the simulation must come near the limit";
}

TEST(GateLife, SteadySpeedIsWhatTheHeaderSays) {
  for (const auto& [count, burst, per] : std::vector<std::tuple<std::uint32_t, std::uint32_t, Duration>>{
           {100, 10, 1min}, {100, 1, 1min}, {1, 1, 1s}, {5, 5, 1s}, {7, 3, 1ms}}) {
    Key key(of_rate(count, per, burst), 1);
    for (TimePoint at = t0; at < t0 + 20 * per; at += per / 1000) {
      key.go_to(at);
      key.look();
      key.work();
    }
    const double expected = 20.0 * (count - burst + 1);
    EXPECT_GE(static_cast<double>(key.starts.size()), expected * 0.98) << count << ' ' << burst;
    EXPECT_LE(static_cast<double>(key.starts.size()), expected + burst) << count << ' ' << burst;
    EXPECT_LE(most_within(key.starts, per), count);
  }
}

}  // namespace
}  // namespace sqlq::core
