// What becomes of a schedule that is looked at: each policy, early and late, with clocks that are stepped.

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/firing.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);

/// A tick each minute; times are seconds after t0. It was synced at 0, and fired its last tick at 60.
struct Case {
  const char* what = "";
  Missed missed = Missed::one;
  Overlap overlap = Overlap::allow;
  Duration now{};
  bool last_lives = false;
  std::vector<Duration> ticks{};  ///< that fire
  std::optional<Duration> look{};
  std::uint64_t skipped = 0;
  std::uint64_t passed = 0;
  std::optional<Duration> owed{};
  std::function<void(Schedule&, Standing&)> change{};
};

Schedule minutely() {
  Schedule s{.name = "s", .rule = "@every 1m", .job = {"work", "null", {}}};
  return resolved(s, {});
}

const std::function<void(Schedule&, Standing&)> owes_60 = [](Schedule&, Standing& s) { s.owed = t0 + 60s; };

const std::vector<Case>& cases() {
  using enum Overlap;
  static const auto& all = *new std::vector<Case>{
      {"on time, one", Missed::one, allow, 120s, false, {120s}, 180s},
      {"on time, skip", Missed::skip, allow, 120s, false, {120s}, 180s},
      {"on time, all", Missed::all, allow, 120s, false, {120s}, 180s},
      {"a little late, skip", Missed::skip, allow, 125s, false, {120s}, 180s},
      {"too early", Missed::one, allow, 119s, false, {}, 120s},
      {"one is missed, one", Missed::one, allow, 185s, false, {180s}, 240s, 0, 1},
      {"one is missed, skip", Missed::skip, allow, 185s, false, {180s}, 240s, 0, 1},
      {"one is missed, all", Missed::all, allow, 185s, false, {120s, 180s}, 240s},
      {"many are missed, one", Missed::one, allow, 3605s, false, {3600s}, 3660s, 0, 58},
      {"many are missed, skip", Missed::skip, allow, 3605s, false, {3600s}, 3660s, 0, 58},
      {"many are missed, all: the latest ones", Missed::all, allow, 3605s, false, {3480s, 3540s, 3600s}, 3660s, 0, 56,
       {}, [](Schedule& s, Standing&) { s.most_missed = 3; }},
      {"the latest is too late, skip", Missed::skip, allow, 155s, false, {}, 180s, 0, 1, {},
       [](Schedule& s, Standing&) { s.grace = 30s; }},
      {"the latest is just not too late, skip", Missed::skip, allow, 150s, false, {120s}, 180s, 0, 0, {},
       [](Schedule& s, Standing&) { s.grace = 30s; }},
      {"paused", Missed::all, allow, 3605s, false, {}, {}, 0, 0, {}, [](Schedule&, Standing& s) { s.paused = true; }},
      {"ended", Missed::one, allow, 3605s, false, {180s}, {}, 0, 1, {},
       [](Schedule& s, Standing&) { s.end = t0 + 200s; }},
      {"the last tick is the end", Missed::one, allow, 125s, false, {120s}, 180s, 0, 0, {},
       [](Schedule& s, Standing&) { s.end = t0 + 180s; }},
      {"no tick is left", Missed::one, allow, 3605s, false, {}, {}, 0, 0, {},
       [](Schedule&, Standing& s) { s.next.reset(); }},
      {"the clock went back", Missed::all, allow, 30s, false, {}, 120s},
      {"the clock went back before all of it", Missed::one, allow, -10h, false, {}, 120s},
      {"the clock went forward by a year", Missed::one, allow, 86'400s * 365 + 1s, false, {86'400s * 365},
       86'400s * 365 + 60s, 0, 0},  // `passed` is looked at by a test of its own
      {"the last job lives, skip", Missed::one, skip, 120s, true, {}, 180s, 1},
      {"the last job lives, allow", Missed::one, allow, 120s, true, {120s}, 180s},
      {"the last job lives, queue_one", Missed::one, queue_one, 120s, true, {}, 125s, 0, 0, 120s},
      {"the last job lives, cancel_old", Missed::one, cancel_old, 120s, true, {}, 125s, 0, 0, 120s},
      {"the last job has ended, skip", Missed::one, skip, 120s, false, {120s}, 180s},
      {"the last job has ended, queue_one", Missed::one, queue_one, 120s, false, {120s}, 180s},
      {"the last job has ended, cancel_old", Missed::one, cancel_old, 120s, false, {120s}, 180s},
      {"owed and it lives", Missed::one, queue_one, 100s, true, {}, 105s, 0, 0, 60s, owes_60},
      {"owed and it lives, the next tick is sooner", Missed::one, queue_one, 117s, true, {}, 120s, 0, 0, 60s, owes_60},
      {"owed and it has ended", Missed::one, queue_one, 100s, false, {60s}, 120s, 0, 0, {}, owes_60},
      {"owed and it has ended when the next tick is due", Missed::one, queue_one, 120s, false, {60s}, 125s, 0, 0, 120s,
       owes_60},
      {"owed and another is due", Missed::one, queue_one, 120s, true, {}, 125s, 1, 0, 120s, owes_60},
      {"owed for longer than grace", Missed::skip, queue_one, 119s, false, {60s}, 120s, 0, 0, {},
       [](Schedule& s, Standing& standing) { s.grace = 1s; owes_60(s, standing); }},
      {"owed, now skip", Missed::one, skip, 100s, true, {}, 120s, 1, 0, {}, owes_60},
      {"owed, now allow", Missed::one, allow, 100s, true, {60s}, 120s, 0, 0, {}, owes_60},
      {"owed and the schedule has ended", Missed::one, queue_one, 300s, true, {}, 305s, 0, 0, 60s,
       [](Schedule& s, Standing& standing) { owes_60(s, standing); standing.next.reset(); }},
      {"all, skip: one at a time", Missed::all, skip, 245s, false, {120s}, 300s, 2},
      {"all, skip, and it lives", Missed::all, skip, 245s, true, {}, 300s, 3},
      {"all, queue_one: one and the latest", Missed::all, queue_one, 245s, false, {120s}, 250s, 1, 0, 240s},
      {"all, cancel_old: only the latest", Missed::all, cancel_old, 245s, false, {240s}, 300s, 2},
      {"all, cancel_old, and it lives", Missed::all, cancel_old, 245s, true, {}, 250s, 2, 0, 240s},
      {"ticks of an earlier rule are due, one", Missed::one, allow, 100s, false, {90s}, 120s, 0, 1, {},
       [](Schedule&, Standing& s) { s.due = {t0 + 80s, t0 + 90s}; }},
      {"ticks of an earlier rule are due, all", Missed::all, allow, 125s, false, {80s, 90s, 120s}, 180s, 0, 0, {},
       [](Schedule&, Standing& s) { s.due = {t0 + 80s, t0 + 90s}; }},
  };
  return all;
}

class Decides : public ::testing::TestWithParam<Case> {};

TEST_P(Decides, AsItsPolicySays) {
  const Case& c = GetParam();
  SCOPED_TRACE(c.what);
  Schedule schedule = minutely();
  schedule.missed = c.missed;
  schedule.overlap = c.overlap;
  schedule.grace = 1min;
  Standing before{.anchor = t0, .next = t0 + 120s, .past = t0 + 60s, .last_tick = t0 + 60s, .fired = 1};
  if (c.change) c.change(schedule, before);
  const Rule rule = Rule::parse(schedule.rule, schedule.zone);
  const Decision d = decide(schedule, before, rule, t0 + c.now, c.last_lives, 1000);
  std::vector<TimePoint> ticks;
  for (const Duration tick : c.ticks) ticks.push_back(t0 + tick);
  EXPECT_EQ(d.ticks, ticks);
  const auto at = [](const std::optional<Duration>& time) { return time ? std::optional(t0 + *time) : std::nullopt; };
  EXPECT_EQ(next_look(d.after, t0 + c.now), at(c.look));
  EXPECT_EQ(d.after.owed, at(c.owed));
  EXPECT_EQ(d.after.fired, before.fired + ticks.size());
  EXPECT_EQ(d.after.skipped, c.skipped);
  if (c.now < 24h) {
    EXPECT_EQ(d.after.missed, c.passed);
  }
  EXPECT_EQ(d.cancel_last, c.overlap == Overlap::cancel_old && c.owed.has_value());
  if (d.after.next && d.after.past) {
    EXPECT_GT(*d.after.next, *d.after.past);
  }
  if (!ticks.empty() && c.skipped == 0) {
    EXPECT_EQ(d.after.last_tick, ticks.back());
  }
  // Decided once, it is decided: the same look again fires nothing, whatever the clock says.
  Standing then = d.after;
  for (const Duration step : {0s, -60s, -3600s}) {
    const Decision again = decide(schedule, then, rule, t0 + c.now + step, true, 1000);
    for (const TimePoint tick : again.ticks) EXPECT_FALSE(std::ranges::count(ticks, tick) > 0) << "fired twice";
    then = again.after;
  }
}

INSTANTIATE_TEST_SUITE_P(Firing, Decides, ::testing::ValuesIn(cases()), [](const auto& tested) {
  std::string name;
  for (const char* c = tested.param.what; *c != 0; ++c) name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
  return name;
});

/// Looks whenever it wants to be looked at, until `end`; each job has ended when the next tick comes.
std::vector<TimePoint> run(const Schedule& schedule, Standing standing, const Rule& rule, TimePoint end) {
  std::vector<TimePoint> fired;
  for (auto look = next_look(standing, end); look && *look < end; look = next_look(standing, *look)) {
    const Decision d = decide(schedule, standing, rule, *look, false, 1000);
    fired.insert(fired.end(), d.ticks.begin(), d.ticks.end());
    standing = d.after;
  }
  return fired;
}

TEST(Firing, OnTimeEachTickOfTheRuleFiresOnceAlsoThroughDaylightSaving) {
  struct {
    const char* rule;
    const char* zone;
  } rules[] = {{"30 2 * * *", "Europe/Berlin"},  {"*/20 * * * *", "Europe/Berlin"}, {"15 1,2 * * *", "Europe/London"},
               {"0 2 * * *", "Australia/Lord_Howe"}, {"@every 7h", "Europe/Berlin"}};
  for (const auto& [text, zone] : rules) {
    Schedule schedule = minutely();
    schedule.rule = text;
    schedule.zone = zone;
    const Rule rule = Rule::parse(text, zone);
    std::vector<TimePoint> wanted;
    const TimePoint end = t0 + 24h * 366;
    for (auto tick = rule.next(t0, t0); tick && *tick < end; tick = rule.next(*tick, t0)) wanted.push_back(*tick);
    EXPECT_GT(wanted.size(), 300u);
    EXPECT_EQ(run(schedule, begun(schedule, rule, t0), rule, end), wanted) << text << " " << zone;
  }
}

TEST(Firing, AYearOfMissedTicksIsDecidedOnInASecondOrTwo) {
  Schedule schedule = minutely();
  schedule.rule = "@every 1s";
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  const TimePoint now = t0 + 24h * 365 + 500ms;
  const Standing before = begun(schedule, rule, t0);
  Decision d = decide(schedule, before, rule, now, false, 1000);
  EXPECT_EQ(d.ticks, std::vector<TimePoint>{now - 500ms});
  EXPECT_EQ(d.after.next, now + 500ms);
  EXPECT_GE(d.after.missed, 100'000u);
  schedule.missed = Missed::all;
  schedule.overlap = Overlap::allow;
  schedule.most_missed = 10'000;
  d = decide(schedule, before, rule, now, false, 10'000);
  ASSERT_EQ(d.ticks.size(), 10'000u);
  EXPECT_EQ(d.ticks.front(), now - 500ms - 9'999s);
  EXPECT_EQ(d.ticks.back(), now - 500ms);
}

TEST(Firing, TicksInBurstsAreFoundFromTheirEnd) {
  Schedule schedule = minutely();
  schedule.rule = "* * 2 1 * *";  // each second of an hour a month
  schedule.missed = Missed::all;
  schedule.overlap = Overlap::allow;
  schedule.most_missed = 5;
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  const TimePoint last = std::chrono::sys_days(std::chrono::year(2034) / 1 / 1) + 3h - 1s;
  const Decision d = decide(schedule, begun(schedule, rule, t0), rule, last + 24h * 20, false, 1000);
  EXPECT_EQ(d.ticks, (std::vector<TimePoint>{last - 4s, last - 3s, last - 2s, last - 1s, last}));
}

TEST(Firing, TimesAtTheEndsOfTimeAreBorne) {
  for (const char* text : {"@every 1s", "* * * * *", "0 0 29 2 *"}) {
    for (const Missed missed : {Missed::one, Missed::skip, Missed::all}) {
      Schedule schedule = minutely();
      schedule.rule = text;
      schedule.missed = missed;
      schedule.overlap = Overlap::allow;
      const Rule rule = Rule::parse(schedule.rule, "UTC");
      Standing standing = begun(schedule, rule, t0);
      standing.next = TimePoint::min();
      const Decision d = decide(schedule, standing, rule, t0 + 1h, false, 1000);
      EXPECT_GT(d.after.next, t0 + 1h) << text;
      EXPECT_GT(d.after.missed, 100u) << text;
      standing.next = TimePoint::max();
      EXPECT_TRUE(decide(schedule, standing, rule, t0 + 1h, false, 1000).ticks.empty()) << text;
      standing.anchor = TimePoint::max();
      EXPECT_LE(resumed(schedule, paused(standing), rule, t0).next, Ticks(schedule, rule, t0).after(t0)) << text;
    }
  }
}

TEST(Firing, MoreTicksThanFitOneCallStayDue) {
  Schedule schedule = minutely();
  schedule.missed = Missed::all;
  schedule.overlap = Overlap::allow;
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  Standing standing = begun(schedule, rule, t0);
  const TimePoint now = t0 + 10min;
  std::vector<TimePoint> fired;
  for (int rounds = 0; rounds < 4; ++rounds) {
    EXPECT_LE(next_look(standing, now), now);
    const Decision d = decide(schedule, standing, rule, now, true, 3);
    EXPECT_EQ(d.ticks.size(), rounds < 3 ? 3u : 1u);
    fired.insert(fired.end(), d.ticks.begin(), d.ticks.end());
    standing = read_state("s", state_of(d.after));
  }
  for (std::size_t i = 0; i < fired.size(); ++i) EXPECT_EQ(fired[i], t0 + 1min * (i + 1));
  EXPECT_EQ(next_look(standing, now), now + 1min);
  EXPECT_EQ(standing.missed, 0u);
}

TEST(Firing, EveryCountsFromStartOrTheFirstSync) {
  Schedule schedule = minutely();
  const Rule rule = Rule::parse("@every 10m", "UTC");
  EXPECT_EQ(begun(schedule, rule, t0 + 3s).next, t0 + 10min + 3s);
  schedule.start = t0 + 1s;
  EXPECT_EQ(begun(schedule, rule, t0 + 3s).next, t0 + 10min + 1s);
  schedule.start = t0 + 1h;
  EXPECT_EQ(begun(schedule, rule, t0 + 3s).next, t0 + 1h) << "its start is a tick";
  schedule.start = t0 - 25min;
  schedule.end = t0 + 4min;
  EXPECT_EQ(begun(schedule, rule, t0).next, std::nullopt);
}

TEST(Firing, AChangedRuleCountsFromNowOnAndWhatWasDueStaysDue) {
  Schedule old = minutely();
  Schedule wanted = old;
  wanted.rule = "@hourly";
  const Rule rule = Rule::parse(old.rule, "UTC");
  const Rule wanted_rule = Rule::parse(wanted.rule, "UTC");
  const Standing before = begun(old, rule, t0);
  const TimePoint now = t0 + 3min + 10s;
  Standing after = changed(old, &rule, before, wanted, wanted_rule, now);
  EXPECT_EQ(after.due, std::vector<TimePoint>{t0 + 3min});
  EXPECT_EQ(after.missed, 2u);
  EXPECT_EQ(after.next, t0 + 1h);
  EXPECT_EQ(after.anchor, t0);
  EXPECT_EQ(decide(wanted, after, wanted_rule, now, false, 1000).ticks, std::vector<TimePoint>{t0 + 3min});

  after = changed(old, nullptr, before, wanted, wanted_rule, now);
  EXPECT_EQ(after.due, std::vector<TimePoint>{t0 + 1min}) << "all that is known when its zone is gone";

  wanted = old;
  wanted.overlap = Overlap::allow;
  wanted.job.params = "1";
  EXPECT_EQ(changed(old, &rule, before, wanted, rule, now), before) << "its ticks are the same";
}

TEST(Firing, AChangedRuleNeverRepeatsATickWhateverTheClockSays) {
  const Schedule schedule = minutely();
  Schedule wanted = schedule;
  wanted.rule = "@every 90s";
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  const Rule wanted_rule = Rule::parse(wanted.rule, "UTC");
  const Standing far{.anchor = t0, .next = t0 + 61min, .past = t0 + 1h, .last_tick = t0 + 1h};
  EXPECT_EQ(changed(schedule, &rule, far, wanted, wanted_rule, t0 + 5min).next, t0 + 60min + 90s);
  const Standing again = resumed(schedule, paused(far), rule, t0 + 5min);
  EXPECT_EQ(again.next, t0 + 61min);
}

TEST(Firing, APauseDropsWhatIsDueAndOwedAndOutlivesASync) {
  const Schedule schedule = minutely();
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  Standing standing = begun(schedule, rule, t0);
  standing.owed = t0;
  standing.due = {t0};
  const Standing stopped = paused(standing);
  EXPECT_EQ(stopped.skipped, 1u);
  EXPECT_EQ(stopped.last_tick, t0) << "it was the last one that was skipped";
  EXPECT_EQ(next_look(stopped, t0), std::nullopt);
  EXPECT_EQ(next_tick(stopped), std::nullopt);
  Schedule wanted = schedule;
  wanted.rule = "@hourly";
  EXPECT_TRUE(changed(schedule, &rule, stopped, wanted, Rule::parse(wanted.rule, "UTC"), t0 + 10h).paused);
  const Standing on = resumed(schedule, stopped, rule, t0 + 10h + 1s);
  EXPECT_EQ(next_look(on, t0 + 10h + 1s), t0 + 10h + 1min);
  EXPECT_EQ(on.missed, 0u);
  EXPECT_EQ(on.fired, 0u);
}

TEST(Firing, TroubleGoesWhenATickFires) {
  const Schedule schedule = minutely();
  const Rule rule = Rule::parse(schedule.rule, "UTC");
  Standing standing = begun(schedule, rule, t0);
  standing.trouble = "refused";
  EXPECT_EQ(decide(schedule, standing, rule, t0, false, 1000).after.trouble, "refused");
  EXPECT_EQ(decide(schedule, standing, rule, t0 + 1min, false, 1000).after.trouble, "");
}

TEST(Firing, JitterIsWithinItsRange) {
  Schedule schedule = minutely();
  EXPECT_EQ(draw_jitter(schedule), Duration(0));
  schedule.jitter = 3us;
  std::set<Duration> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(draw_jitter(schedule));
  EXPECT_EQ(drawn, (std::set<Duration>{0us, 1us, 2us, 3us}));
}

TEST(Firing, TheIdsOfABackfillAreThoseOfNameAndTick) {
  const JobId id = backfill_id("nightly", t0);
  EXPECT_EQ(id, backfill_id("nightly", t0));
  EXPECT_EQ(id.to_string(), "018cc251-f400-8d95-9b8c-1f09ef0a5a57") << "stored jobs have it: it never changes";
  EXPECT_EQ(id.to_string()[14], '8');
  std::set<JobId> ids;
  for (const char* name : {"a", "b", "ab", "ba", ""}) {
    for (int i = 0; i < 1000; ++i) ids.insert(backfill_id(name, t0 + Duration(i)));
  }
  EXPECT_EQ(ids.size(), 5000u);
  EXPECT_LT(backfill_id("x", t0), backfill_id("a", t0 + 1ms)) << "in the order of the ticks";
}

TEST(Firing, AnItemIsTheTemplate) {
  Schedule schedule = minutely();
  schedule.job.options.unique_key = "k";
  schedule.job.options.priority = 3;
  schedule.job.options.timeout = 5s;
  const JobId id = backfill_id("s", t0);
  const backend::EnqueueItem item = item_of(schedule, id, "{}");
  EXPECT_EQ(item.id, id);
  EXPECT_EQ(item.queue, "default");
  EXPECT_EQ(item.kind, "work");
  EXPECT_EQ(item.params, "null");
  EXPECT_EQ(item.unique_key, "k");
  EXPECT_EQ(item.priority, 3);
  EXPECT_EQ(item.max_attempts, 25);
  EXPECT_EQ(item.max_crashes, 3);
  EXPECT_EQ(item.keepalive, Duration(30s));
  EXPECT_EQ(item.timeout, Duration(5s));
  EXPECT_EQ(item.headers, "{}");
  EXPECT_FALSE(item.run_at);
}

}  // namespace
}  // namespace sqlq::core
