// Schedules: a tick fires once, over all workers, and what a missed or overlapping one does is what its policy says.

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

NewJob template_of(const std::string& kind, EnqueueOptions options = {}) {
  return {.kind = kind, .params = R"({"p": 1})", .options = std::move(options)};
}

Handlers ends(const std::string& kind) {
  Handlers handlers;
  handlers.on(kind, Handlers::Function([](JobContext&) { return Outcome::done(); }));
  return handlers;
}

}  // namespace

TEST_P(Ticks, SyncAddsAndChangesAndNeverRemoves) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const Schedule nightly{.name = "nightly", .rule = "30 2 * * *", .zone = "Europe/Berlin", .job = template_of("a")};
  const Schedule poll{.name = "poll", .rule = "@every 90s", .job = template_of("b")};
  EXPECT_EQ(schedules.sync({nightly, poll}), (std::vector{SyncStatus::added, SyncStatus::added}));
  EXPECT_EQ(schedules.sync({nightly, poll}), (std::vector{SyncStatus::unchanged, SyncStatus::unchanged}));
  ASSERT_TRUE(schedules.pause("nightly"));
  Schedule changed = nightly;
  changed.rule = "0 3 * * *";
  EXPECT_EQ(schedules.sync({changed}), std::vector{SyncStatus::changed});
  ASSERT_EQ(schedules.list().size(), 2U);
  EXPECT_EQ(schedules.list()[0].schedule.name, "nightly");
  EXPECT_EQ(schedules.list("nightly").size(), 1U);
  const ScheduleState state = schedules.find("nightly").value();
  EXPECT_TRUE(state.paused) << "a redeploy resumes nothing";
  EXPECT_FALSE(state.next);
  EXPECT_EQ(state.schedule.rule, "0 3 * * *");
  EXPECT_EQ(state.schedule.zone, "Europe/Berlin");
  EXPECT_EQ(state.schedule.job.params, R"({"p": 1})");
  EXPECT_EQ(schedules.find("poll")->next, clock().now() + 90s);
  EXPECT_FALSE(schedules.find("none"));
  EXPECT_TRUE(schedules.remove("poll"));
  EXPECT_FALSE(schedules.remove("poll"));
  EXPECT_FALSE(schedules.pause("poll"));
  EXPECT_FALSE(schedules.resume("poll"));
  EXPECT_FALSE(schedules.run_now("poll"));
}

TEST_P(Ticks, MistakesAreToldBeforeAnythingIsChanged) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const Schedule good{.name = "good", .rule = "@daily", .job = template_of("a")};
  const auto bad = [&](auto change) {
    Schedule one = good;
    one.name = "bad";
    change(one);
    return code_of([&] { return schedules.sync({good, one}); });
  };
  EXPECT_EQ(bad([](Schedule& s) { s.rule = "61 * * * *"; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.rule = ""; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.rule = "0 0 30 2 *"; }), "invalid_argument") << "it never fires";
  EXPECT_EQ(bad([](Schedule& s) { s.zone = "Europe/Nowhere"; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.name = ""; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.name = "good"; }), "invalid_argument") << "a name twice";
  EXPECT_EQ(bad([](Schedule& s) { s.job.kind = ""; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.job.params = "no json"; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.job.options.delay = 1s; }), "invalid_argument");
  EXPECT_EQ(bad([&](Schedule& s) { s.job.options.run_at = clock().now(); }), "invalid_argument");
  EXPECT_EQ(bad([&](Schedule& s) { s.job.options.id = JobId::make(clock().now()); }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.most_missed = 0; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.jitter = 25h; }), "invalid_argument");
  EXPECT_EQ(bad([](Schedule& s) { s.jitter = -1s; }), "invalid_argument");
  EXPECT_TRUE(schedules.list().empty());
  EXPECT_EQ(code_of([&] { return schedules.next("none", 1); }), "invalid_argument");
}

TEST_P(Ticks, OfManyWorkersOneFiresEachTick) {
  SQLQ_NEEDS(periodic);
  SQLQ_NEEDS(headers);
  constexpr int rounds = 20;
  Schedules schedules{db()};
  schedules.sync({{.name = "often", .rule = "@every 1m", .job = template_of("tick", {.queue = "q", .priority = 3}),
                   .overlap = Overlap::allow}});
  std::vector<std::unique_ptr<QuietWorker>> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(std::make_unique<QuietWorker>(another(), ends("tick"), WorkerOptions{.concurrency = 1}));
  }
  const TimePoint begin = clock().now();
  for (int i = 1; i <= rounds; ++i) {
    clock().advance(1min);
    ASSERT_TRUE(eventually([&] { return schedules.find("often")->fired == static_cast<std::uint64_t>(i); })) << i;
  }
  std::set<TimePoint> ticks;
  const std::vector<Job> jobs = admin().list({.kinds = {"tick"}}, {.limit = 1000});
  for (const Job& job : jobs) {
    EXPECT_EQ(job.queue, "q");
    EXPECT_EQ(job.priority, 3);
    EXPECT_EQ(job.headers.at("sqlq-schedule"), "often");
    ticks.insert(tick_of(job).value());
  }
  EXPECT_EQ(jobs.size(), static_cast<std::size_t>(rounds));
  ASSERT_EQ(ticks.size(), static_cast<std::size_t>(rounds));
  EXPECT_EQ(*ticks.begin(), begin + 1min);
  EXPECT_EQ(*ticks.rbegin(), begin + rounds * 1min);
  EXPECT_FALSE(tick_of(row(enqueue())));
}

TEST_P(Ticks, WhatWasMissedIsUpToThePolicy) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const TimePoint begin = clock().now();
  const auto one = [](const char* name, Missed missed) {
    return Schedule{.name = name, .rule = "@every 1h", .job = template_of(name), .missed = missed, .most_missed = 4,
                    .overlap = Overlap::allow};
  };
  schedules.sync({one("one", Missed::one), one("skip", Missed::skip), one("all", Missed::all)});
  clock().advance(10h + 30min);
  QuietWorker worker{db(), ends("nothing")};
  const auto at = [&](const char* name) { return schedules.find(name)->next == begin + 11h; };
  ASSERT_TRUE(eventually([&] { return at("one") && at("skip") && at("all"); }));
  std::map<std::string, std::vector<TimePoint>> ticks;
  for (const char* name : {"one", "skip", "all"}) {
    for (const Job& job : admin().list({.kinds = {name}})) ticks[name].push_back(tick_of(job).value());
    std::ranges::sort(ticks[name]);
  }
  EXPECT_EQ(ticks["one"], std::vector{begin + 10h});
  EXPECT_TRUE(ticks["skip"].empty());
  EXPECT_EQ(ticks["all"], (std::vector{begin + 7h, begin + 8h, begin + 9h, begin + 10h}));
  EXPECT_EQ(schedules.find("one")->missed, 9U);
  EXPECT_EQ(schedules.find("skip")->missed, 10U);
  EXPECT_EQ(schedules.find("all")->missed, 6U);
  clock().advance(30min);
  ASSERT_TRUE(eventually([&] { return schedules.find("skip")->fired == 1; }));
}

TEST_P(Ticks, OverlapIsUpToThePolicy) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const auto one = [](const char* name, Overlap overlap) {
    return Schedule{.name = name, .rule = "@every 1h", .job = template_of(name, {.keepalive = 24h}),
                    .overlap = overlap};
  };
  schedules.sync({one("skip", Overlap::skip), one("allow", Overlap::allow), one("queue_one", Overlap::queue_one),
                  one("cancel_old", Overlap::cancel_old)});
  const auto jobs_of = [&](const char* kind) { return admin().list({.kinds = {kind}}); };
  QuietWorker worker{db(), ends("nothing")};  // it fires, and runs none of them
  clock().advance(1h);
  for (const char* name : {"skip", "allow", "queue_one", "cancel_old"}) {
    ASSERT_TRUE(eventually([&] { return jobs_of(name).size() == 1; })) << name;
  }
  const std::vector<Job> running = claim(10);  // the first ones run, for hours
  ASSERT_EQ(running.size(), 4U);
  for (int hour = 2; hour <= 3; ++hour) {
    clock().advance(1h);
    const auto n = static_cast<std::size_t>(hour);
    ASSERT_TRUE(eventually([&] { return jobs_of("allow").size() == n; }));
    ASSERT_TRUE(eventually([&] { return schedules.find("skip")->skipped == n - 1; }));
  }
  ASSERT_TRUE(eventually([&] {
    return state(schedules.find("cancel_old")->last_job.value()) == JobState::cancelling;
  }));
  for (const char* name : {"skip", "queue_one", "cancel_old"}) EXPECT_EQ(jobs_of(name).size(), 1U) << name;
  for (const Job& job : running) static_cast<void>(client().success(job));
  // They are looked at again within 5 s.
  for (const char* name : {"queue_one", "cancel_old"}) {
    ASSERT_TRUE(eventually([&] {
      clock().advance(1s);
      return jobs_of(name).size() == 2;
    })) << name;
    EXPECT_EQ(schedules.find(name)->fired, 2U);
  }
  EXPECT_EQ(jobs_of("skip").size(), 1U) << "the skipped ticks are gone";
}

TEST_P(Ticks, APauseSkipsAndRunNowDoesNotCare) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({{.name = "a", .rule = "0 * * * *", .job = template_of("a"), .missed = Missed::all,
                   .overlap = Overlap::allow}});
  QuietWorker worker{db(), ends("nothing")};
  ASSERT_TRUE(schedules.pause("a"));
  clock().advance(5h);
  const Enqueued now = schedules.run_now("a").value();
  EXPECT_TRUE(now.inserted());
  EXPECT_EQ(tick_of(row(now.id)).value().at, clock().now());
  ASSERT_TRUE(schedules.resume("a"));
  EXPECT_EQ(schedules.find("a")->last_job, now.id);
  EXPECT_EQ(schedules.find("a")->fired, 0U);
  const std::vector<Tick> next = schedules.next("a", 2);
  ASSERT_EQ(next.size(), 2U);
  EXPECT_EQ(schedules.find("a")->next, next[0].at);
  clock().advance(next[0].at - clock().now());
  ASSERT_TRUE(eventually([&] { return schedules.find("a")->fired == 1; }));
  EXPECT_EQ(admin().list({.kinds = {"a"}}).size(), 2U);
}

TEST_P(Ticks, AClockThatIsSetBackFiresNothingTwice) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({{.name = "a", .rule = "@every 1h", .job = template_of("a"), .overlap = Overlap::allow}});
  QuietWorker worker{db(), ends("nothing")};
  clock().advance(1h);
  ASSERT_TRUE(eventually([&] { return schedules.find("a")->fired == 1; }));
  clock().step_wall(-3h);
  for (int i = 0; i < 12; ++i) {
    clock().advance(15min);
    static_cast<void>(schedules.find("a"));
  }
  clock().advance(1h);
  ASSERT_TRUE(eventually([&] { return schedules.find("a")->fired == 2; }));
  std::set<TimePoint> ticks;
  for (const Job& job : admin().list({.kinds = {"a"}})) EXPECT_TRUE(ticks.insert(tick_of(job).value()).second);
  EXPECT_EQ(ticks.size(), 2U);
}

TEST_P(Ticks, BackfillEnqueuesEachTickOnce) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({{.name = "a", .rule = "0 0 * * *", .zone = "Europe/Berlin", .job = template_of("a")}});
  const TimePoint from = std::chrono::sys_days(std::chrono::year(2026) / 3 / 27);
  const std::vector<Enqueued> first = schedules.backfill("a", from, from + days(5));
  EXPECT_EQ(first.size(), 5U);
  for (const Enqueued& e : first) EXPECT_TRUE(e.inserted());
  const std::vector<Enqueued> again = schedules.backfill("a", from, from + days(6));
  ASSERT_EQ(again.size(), 6U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(again[i].id, first[i].id);
    EXPECT_EQ(again[i].status, EnqueueStatus::existing_id);
  }
  EXPECT_EQ(tick_of(row(first[0].id)).value().at, from + 23h);
  EXPECT_EQ(tick_of(row(first[4].id)).value().at, from + days(4) + 22h) << "after the hour went forward";
  EXPECT_EQ(code_of([&] { return schedules.backfill("a", from, from + days(40000)); }), "invalid_argument");
}

TEST_P(Ticks, StartEndAndJitter) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const TimePoint begin = clock().now();
  schedules.sync({{.name = "a", .rule = "@every 1h", .job = template_of("a"), .overlap = Overlap::allow,
                   .jitter = 10min, .start = begin + 2h, .end = begin + 4h}});
  EXPECT_EQ(schedules.find("a")->next, begin + 2h) << "the anchor itself is the first tick";
  QuietWorker worker{db(), ends("nothing")};
  for (std::uint64_t n = 1; n <= 3; ++n) {
    clock().advance(n == 1 ? 2h : 1h);
    ASSERT_TRUE(eventually([&] { return schedules.find("a")->fired == n; }));
  }
  EXPECT_FALSE(schedules.find("a")->next) << "it has ended";
  for (const Job& job : admin().list({.kinds = {"a"}})) {
    EXPECT_GE(job.run_at, tick_of(job).value().at);
    EXPECT_LE(job.run_at, tick_of(job).value().at + 10min);
  }
}

TEST_P(Ticks, TheTickOfAJobIsInTheZoneOfItsSchedule) {
  SQLQ_NEEDS(periodic);
  SQLQ_NEEDS(headers);
  const auto shown = [](const Tick& tick) {
    std::ostringstream out;
    out << tick;
    return out.str();
  };
  clock().advance(std::chrono::sys_days(std::chrono::year(2026) / 3 / 28) - clock().now());
  Schedules schedules{db()};
  schedules.sync({{.name = "night", .rule = "30 2 * * *", .zone = "Europe/Berlin", .job = template_of("night"),
                   .missed = Missed::all, .overlap = Overlap::allow}});
  const Tick by_hand = tick_of(row(schedules.run_now("night").value().id)).value();
  EXPECT_EQ(shown(by_hand), "2026-03-28T01:00:00+01:00");
  EXPECT_EQ(by_hand, (Tick{clock().now(), 1h}));
  clock().advance(48h);
  QuietWorker worker{db(), ends("nothing")};
  ASSERT_TRUE(eventually([&] { return schedules.find("night")->fired == 2; }));
  std::set<std::string> ticks;
  for (const Job& job : admin().list({.kinds = {"night"}})) ticks.insert(shown(tick_of(job).value()));
  EXPECT_EQ(ticks, (std::set<std::string>{"2026-03-28T01:00:00+01:00", "2026-03-28T02:30:00+01:00",
                                          "2026-03-29T03:00:00+02:00"}));
  const TimePoint autumn = std::chrono::sys_days(std::chrono::year(2025) / 10 / 26);
  const Tick past = tick_of(row(schedules.backfill("night", autumn, autumn + days(1)).at(0).id)).value();
  EXPECT_EQ(shown(past), "2025-10-26T02:30:00+02:00") << "the first time";
  EXPECT_EQ(std::chrono::floor<days>(past.local()).time_since_epoch(), autumn.time_since_epoch());
}

TEST_P(Ticks, ATickIsPrintedInItsZone) {
  std::ostringstream out;
  for (const Tick& tick : ticks_after("30 2 * * *", "Europe/Berlin",
                                      std::chrono::sys_days(std::chrono::year(2026) / 3 / 28), 3)) {
    out << tick << ' ';
  }
  EXPECT_EQ(out.str(), "2026-03-28T02:30:00+01:00 2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00 ");
}

}  // namespace sqlq::conformance
