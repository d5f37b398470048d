// Schedules as programs have them: synced, listed, paused, run by hand, filled back, removed.

#include <atomic>
#include <sstream>
#include <string>
#include <utility>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/schedule.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using SyncStatuses = std::vector<SyncStatus>;

constexpr TimePoint new_year = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);

Schedule every(std::string name, std::string rule) {
  return {.name = std::move(name), .rule = std::move(rule), .job = {"work", "null", {}}, .overlap = Overlap::allow};
}

std::vector<TimePoint> times_of(const std::vector<Tick>& ticks) {
  return {ticks.begin(), ticks.end()};
}

std::vector<std::string> listed(const std::vector<ScheduleState>& states) {
  std::vector<std::string> names;
  for (const ScheduleState& s : states) names.push_back(s.schedule.name);
  return names;
}

}  // namespace

TEST_P(Ticks, WithoutThePartItIsAnErrorOfTheConfiguration) {
  SQLQ_NEEDS_NO(periodic);
  Schedules schedules{db()};
  EXPECT_EQ(code_of([&] { return schedules.sync({every("a", "@hourly")}); }), "configuration");
  EXPECT_EQ(code_of([&] { return schedules.find("a"); }), "configuration");
}

TEST_P(Ticks, ASyncAddsChangesAndLeavesAlone) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db(), {.queue = "mail", .max_attempts = 5}};
  Schedule full = every("n\xC3\xA4" "chtlich '\"\\; --", "30 2 * * *");
  full.job = {"clean up", R"({"a": "\u00e4\u20ac", "b": [1, 2.50]})", {}};
  full.job.options = {.priority = -7, .unique_key = "k", .keepalive = 40s, .retention = 5h, .timeout = 90s};
  full.missed = Missed::skip;
  full.most_missed = 9;
  full.grace = 3min;
  full.overlap = Overlap::queue_one;
  full.jitter = 250ms;
  full.start = new_year - 1h;
  full.end = new_year + 24h * 1000;
  EXPECT_EQ(schedules.sync({full, every("b", "@hourly")}), (SyncStatuses{SyncStatus::added, SyncStatus::added}));
  EXPECT_EQ(schedules.sync({every("b", "@hourly"), full}),
            (SyncStatuses{SyncStatus::unchanged, SyncStatus::unchanged}));
  Schedule b = every("b", "@hourly");
  b.jitter = 1s;
  EXPECT_EQ(schedules.sync({every("c", "@daily"), b, full}),
            (SyncStatuses{SyncStatus::added, SyncStatus::changed, SyncStatus::unchanged}));
  EXPECT_EQ(schedules.sync({}), SyncStatuses{});

  const ScheduleState s = schedules.find(full.name).value();
  EXPECT_EQ(s.schedule.rule, full.rule);
  EXPECT_EQ(s.schedule.zone, "UTC");
  EXPECT_EQ(s.schedule.job.kind, full.job.kind);
  EXPECT_EQ(s.schedule.job.params, full.job.params);
  EXPECT_EQ(s.schedule.job.options.queue, "mail") << "the client's";
  EXPECT_EQ(s.schedule.job.options.max_attempts, 5);
  EXPECT_EQ(s.schedule.job.options.priority, -7);
  EXPECT_EQ(s.schedule.job.options.unique_key, "k");
  EXPECT_EQ(s.schedule.job.options.keepalive, Duration(40s));
  EXPECT_EQ(s.schedule.job.options.retention, Duration(5h));
  EXPECT_EQ(s.schedule.job.options.timeout, Duration(90s));
  EXPECT_EQ(s.schedule.missed, Missed::skip);
  EXPECT_EQ(s.schedule.most_missed, 9u);
  EXPECT_EQ(s.schedule.grace, Duration(3min));
  EXPECT_EQ(s.schedule.overlap, Overlap::queue_one);
  EXPECT_EQ(s.schedule.jitter, Duration(250ms));
  EXPECT_EQ(*s.schedule.start, *full.start);
  EXPECT_EQ(*s.schedule.end, *full.end);
  EXPECT_FALSE(s.paused);
  EXPECT_EQ(s.next, new_year + 2h + 30min);
  EXPECT_FALSE(s.last_tick);
  EXPECT_FALSE(s.last_job);
  EXPECT_EQ(s.fired + s.skipped + s.missed, 0u);
  EXPECT_EQ(s.trouble, "");
  EXPECT_FALSE(schedules.find("nobody"));
}

TEST_P(Ticks, EachMissedTickFiresOnlyWhereJobsMayOverlap) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  Schedule all = every("a", "@every 1h");
  all.missed = Missed::all;
  for (const Overlap overlap : {Overlap::skip, Overlap::queue_one, Overlap::cancel_old}) {
    all.overlap = overlap;
    EXPECT_EQ(code_of([&] { return schedules.sync({all}); }), "invalid_argument") << to_string(overlap);
    EXPECT_EQ(code_of([&] { return schedules.preview({all}); }), "invalid_argument") << to_string(overlap);
  }
  EXPECT_TRUE(schedules.list().empty());
  all.overlap = Overlap::allow;
  all.job.options.unique_key = "k";  // the others would find the job of the first
  EXPECT_EQ(code_of([&] { return schedules.sync({all}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return schedules.preview({all}); }), "invalid_argument");
  EXPECT_TRUE(schedules.list().empty());
  all.job.options.unique_key.reset();
  EXPECT_EQ(schedules.sync({all}), SyncStatuses{SyncStatus::added});
}

TEST_P(Ticks, ARuleWithoutATickBetweenStartAndEndIsRefused) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  Schedule yearly = every("a", "0 0 1 jul *");
  yearly.start = new_year + 24h;
  yearly.end = new_year + 24h * 100;
  std::string message;
  try {
    schedules.sync({yearly});
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid_argument);
    message = e.what();
  }
  for (const char* part : {"'0 0 1 jul *'", "2024-01-02 00:00:00 UTC", "2024-04-10 00:00:00 UTC", "can never fire",
                           "2024-07-01T00:00:00+00:00", "move the start or the end"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(code_of([&] { return schedules.preview({yearly}); }), "invalid_argument");
  EXPECT_FALSE(schedules.find("a"));
  yearly.end = new_year + 24h * 182;
  EXPECT_EQ(schedules.sync({yearly}), SyncStatuses{SyncStatus::added}) << "the end itself is a tick";
  EXPECT_EQ(schedules.find("a")->next, *yearly.end);
  Schedule interval = every("b", "@every 10h");
  interval.start = interval.end = OptionalTime(new_year + 1h);
  EXPECT_EQ(schedules.sync({interval}), SyncStatuses{SyncStatus::added}) << "the start is a tick";
}

TEST_P(Ticks, AnEndThatHasPassedStopsNoDeployment) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  Schedule a = every("a", "@hourly");
  a.end = new_year + 90min;
  EXPECT_EQ(schedules.sync({a}), SyncStatuses{SyncStatus::added});
  clock().advance(48h);
  EXPECT_EQ(schedules.sync({a}), SyncStatuses{SyncStatus::unchanged});
  a.jitter = 1s;
  EXPECT_EQ(schedules.sync({a}), SyncStatuses{SyncStatus::changed});
  schedules.remove("a");
  EXPECT_EQ(schedules.sync({a}), SyncStatuses{SyncStatus::added}) << "in a database that is new";
  EXPECT_FALSE(schedules.find("a")->next);
  EXPECT_TRUE(schedules.next("a", 1).empty());
}

TEST_P(Ticks, APreviewAnswersAsASyncAndChangesNothing) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("a", "@hourly"), every("b", "@hourly")});
  const auto wanted = {every("a", "@hourly"), every("b", "@daily"), every("c", "@daily")};
  const SyncStatuses statuses{SyncStatus::unchanged, SyncStatus::changed, SyncStatus::added};
  EXPECT_EQ(schedules.preview(wanted), statuses);
  EXPECT_EQ(listed(schedules.list()), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(schedules.find("b")->schedule.rule, "@hourly");
  EXPECT_EQ(schedules.sync(wanted), statuses);
  EXPECT_EQ(code_of([&] { return schedules.preview({every("d", "61 * * * *")}); }), "invalid_argument");
  EXPECT_EQ(schedules.preview({}), SyncStatuses{});
}

TEST_P(Ticks, ListsAreInOrderOfTheNameAndInPages) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("b", "@hourly"), every("\xC3\xA4", "@hourly"), every("B", "@hourly"), every("a b", "@hourly")});
  EXPECT_EQ(listed(schedules.list()), (std::vector<std::string>{"B", "a b", "b", "\xC3\xA4"}));
  EXPECT_EQ(listed(schedules.list("a b", 1)), std::vector<std::string>{"b"});
  EXPECT_EQ(listed(schedules.list("b")), std::vector<std::string>{"\xC3\xA4"});
  EXPECT_EQ(code_of([&] { return schedules.list({}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return schedules.list({}, 1001); }), "invalid_argument");
}

TEST_P(Ticks, ThousandsAreSyncedAtATime) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  std::vector<Schedule> many;
  for (int i = 0; i < 2500; ++i) many.push_back(every("s" + std::to_string(10'000 + i), "@every 1h"));
  EXPECT_EQ(schedules.sync(many), SyncStatuses(many.size(), SyncStatus::added));
  EXPECT_EQ(schedules.sync(many), SyncStatuses(many.size(), SyncStatus::unchanged));
  EXPECT_EQ(schedules.list("s12000").size(), 499u);
  many.resize(10'001, many.front());
  EXPECT_EQ(code_of([&] { return schedules.sync(many); }), "invalid_argument");
}

TEST_P(Ticks, NextIsByTheRuleAlone) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  Schedule berlin = every("berlin", "30 2 * * *");
  berlin.zone = "Europe/Berlin";
  Schedule ends = every("ends", "@every 1h");
  ends.end = new_year + 150min;
  schedules.sync({berlin, ends});
  schedules.pause("ends");
  clock().advance(5min);
  const std::vector<Tick> ticks = schedules.next("berlin", 3);
  const TimePoint first = new_year + 90min;
  EXPECT_EQ(times_of(ticks), (std::vector<TimePoint>{first, first + 24h, first + 48h}));
  std::ostringstream text;
  text << ticks.front();
  EXPECT_EQ(text.str(), "2024-01-01T02:30:00+01:00");
  EXPECT_EQ(times_of(schedules.next("ends", 9)), (std::vector<TimePoint>{new_year + 1h, new_year + 2h}))
      << "paused or not";
  EXPECT_EQ(code_of([&] { return schedules.next("nobody", 1); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return schedules.next("ends", 0); }), "invalid_argument");
}

TEST_P(Ticks, APauseOutlivesASyncAndAResumeMissesNothing) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("a", "@every 1h")});
  EXPECT_TRUE(schedules.pause("a"));
  EXPECT_TRUE(schedules.pause("a"));
  EXPECT_TRUE(schedules.find("a")->paused);
  EXPECT_FALSE(schedules.find("a")->next);
  EXPECT_EQ(schedules.sync({every("a", "@every 2h")}), SyncStatuses{SyncStatus::changed});
  EXPECT_TRUE(schedules.find("a")->paused);
  clock().advance(5h);
  EXPECT_TRUE(schedules.resume("a"));
  EXPECT_TRUE(schedules.resume("a"));
  EXPECT_EQ(schedules.find("a")->next, new_year + 6h);
  EXPECT_EQ(schedules.find("a")->missed, 0u);
  EXPECT_FALSE(schedules.pause("nobody"));
  EXPECT_FALSE(schedules.resume("nobody"));
}

TEST_P(Ticks, OneThatCannotBeReadStaysPausedAlsoWhenItIsMadeAnew) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const auto damage = [&](const std::string& name, auto edit) {
    backend::Periodic& part = *dialect().periodic();
    backend::PeriodicRow row = part.periodic_get(std::vector<std::string>{name}).at(0).value();
    edit(row);
    const backend::PeriodicChange wanted{.name = name, .expected = row.version, .next = row.next,
                                         .definition = row.definition, .state = row.state};
    ASSERT_TRUE(part.periodic_change({&wanted, 1}, clock().instant()).at(0).applied) << name;
  };
  const auto definition = [](backend::PeriodicRow& row) { row.definition = "[]"; };
  const auto state = [](backend::PeriodicRow& row) {
    const auto at = row.state.find("\"missed\":");
    ASSERT_NE(at, std::string::npos) << row.state;
    row.state.replace(at, 9, "\"missed\":[],\"later\":");
  };
  const std::vector<Schedule> all{every("definition", "@every 1h"), every("later", "@every 1h"),
                                  every("runs", "@every 1h"), every("state", "@every 1h")};
  const TimePoint begin = clock().now();
  schedules.sync(all);
  clock().advance(20min);
  for (const char* name : {"definition", "state"}) ASSERT_TRUE(schedules.pause(name)) << name;
  damage("definition", definition);
  damage("later", definition);
  damage("runs", definition);
  damage("state", state);
  for (const char* name : {"definition", "state"}) {
    EXPECT_TRUE(schedules.find(name)->paused) << name;
    EXPECT_NE(schedules.find(name)->trouble, "") << name;
  }
  EXPECT_FALSE(schedules.find("runs")->paused);
  EXPECT_TRUE(schedules.pause("later"));
  EXPECT_TRUE(schedules.find("later")->paused) << "what it answered is so";

  EXPECT_EQ(schedules.sync(all), SyncStatuses(4, SyncStatus::changed));
  for (const char* name : {"definition", "later", "state"}) {
    const ScheduleState s = schedules.find(name).value();
    EXPECT_TRUE(s.paused) << name;
    EXPECT_EQ(s.trouble, "") << name;
    EXPECT_FALSE(s.next) << name;
    ASSERT_TRUE(schedules.resume(name)) << name;
  }
  for (const Schedule& s : all) EXPECT_EQ(schedules.find(s.name)->next, begin + 1h) << s.name << ": counted as before";
}

TEST_P(Ticks, WhatCanNeverFireIsInTroubleAndDoesNotGoOn) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const auto change = [&](const std::string& name, auto edit) {
    backend::Periodic& part = *dialect().periodic();
    backend::PeriodicRow row = part.periodic_get(std::vector<std::string>{name}).at(0).value();
    edit(row);
    const backend::PeriodicChange wanted{.name = name, .expected = row.version, .next = row.next,
                                         .definition = row.definition, .state = row.state};
    ASSERT_TRUE(part.periodic_change({&wanted, 1}, clock().instant()).at(0).applied) << name;
  };
  const auto replace = [](std::string& text, const std::string& what, const std::string& with) {
    ASSERT_NE(text.find(what), std::string::npos) << text;
    text.replace(text.find(what), what.size(), with);
  };
  schedules.sync({every("far", "@daily"), every("good", "@daily"), every("never", "@daily"), every("rule", "@daily"),
                  every("zone", "@daily")});
  change("far", [](backend::PeriodicRow& row) { row.next = TimePoint::max(); });
  change("never", [](backend::PeriodicRow& row) { row.next.reset(); });
  change("rule", [&](backend::PeriodicRow& row) { replace(row.definition, "@daily", "@dayly"); });
  change("zone", [&](backend::PeriodicRow& row) { replace(row.definition, "\"UTC\"", "\"Europe/Nowhere\""); });
  for (const ScheduleState& s : schedules.list()) {
    EXPECT_EQ(s.trouble.empty(), s.schedule.name == "good") << s.schedule.name;
    EXPECT_EQ(s.next.has_value(), s.schedule.name == "good") << s.schedule.name;
  }
  for (const std::string name : {"rule", "zone"}) {
    const auto named = [&](const auto& call) {
      try {
        call();
      } catch (const Error& e) {
        return e.code() == Errc::invalid_argument && std::string(e.what()).find("'" + name + "'") != std::string::npos;
      }
      return false;
    };
    EXPECT_TRUE(named([&] { schedules.resume(name); })) << name;
    EXPECT_TRUE(named([&] { static_cast<void>(schedules.next(name, 1)); })) << name;
    EXPECT_TRUE(named([&] { schedules.run_now(name); })) << name;
  }
  for (const char* name : {"far", "never"}) {
    ASSERT_TRUE(schedules.pause(name));
    ASSERT_TRUE(schedules.resume(name));
    EXPECT_EQ(schedules.find(name)->trouble, "") << "its advice helps";
  }
}

TEST_P(Ticks, ARunNowIsAJobOfItsOwn) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("a", "@every 1h")});
  schedules.pause("a");
  clock().advance(90s);
  const Enqueued ran = schedules.run_now("a").value();
  EXPECT_TRUE(ran.inserted());
  EXPECT_EQ(row(ran.id).kind, "work");
  if (has(&backend::Capabilities::headers)) {
    EXPECT_EQ(tick_of(row(ran.id)).value().at, new_year + 90s);
    EXPECT_EQ(row(ran.id).headers.at("sqlq-schedule"), "a");
  }
  const ScheduleState s = schedules.find("a").value();
  EXPECT_EQ(s.last_job, ran.id);
  EXPECT_EQ(s.fired, 0u);
  EXPECT_TRUE(s.paused);
  EXPECT_NE(schedules.run_now("a")->id, ran.id) << "whatever the last job does";
  EXPECT_FALSE(schedules.run_now("nobody"));
  EXPECT_FALSE(tick_of(row(enqueue())));
}

TEST_P(Ticks, ARunNowWithAUniqueKeyThatIsHeldAnswersThatJob) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  Schedule s = every("a", "@every 1h");
  s.job.options.unique_key = "k";
  schedules.sync({s});
  const Enqueued first = schedules.run_now("a").value();
  const Enqueued second = schedules.run_now("a").value();
  EXPECT_EQ(second.status, EnqueueStatus::existing_key);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(schedules.find("a")->last_job, first.id);
}

TEST_P(Ticks, ABackfillStoresEachTickOnce) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("a", "*/10 * * * *"), every("b", "*/10 * * * *")});
  const std::vector<Enqueued> some = schedules.backfill("a", new_year - 1h, new_year);
  ASSERT_EQ(some.size(), 6u) << "from, and not to";
  for (std::size_t i = 0; i < some.size(); ++i) {
    EXPECT_TRUE(some[i].inserted());
    if (has(&backend::Capabilities::headers)) {
      EXPECT_EQ(tick_of(row(some[i].id)).value().at, new_year - 1h + 10min * i) << "oldest first";
    }
  }
  const std::vector<Enqueued> more = schedules.backfill("a", new_year - 2h, new_year);
  ASSERT_EQ(more.size(), 12u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(more[i].inserted());
    EXPECT_EQ(more[i + 6].id, some[i].id);
    EXPECT_EQ(more[i + 6].status, EnqueueStatus::existing_id);
  }
  EXPECT_TRUE(schedules.backfill("b", new_year - 1h, new_year).front().inserted()) << "another name, other jobs";
  EXPECT_TRUE(schedules.backfill("a", new_year, new_year).empty());
  EXPECT_TRUE(schedules.backfill("a", new_year, new_year - 1h).empty());
  EXPECT_EQ(code_of([&] { return schedules.backfill("a", new_year - 24h * 365, new_year); }), "invalid_argument")
      << "too many";
  EXPECT_EQ(code_of([&] { return schedules.backfill("nobody", new_year, new_year); }), "invalid_argument");
  EXPECT_EQ(schedules.find("a")->fired, 0u);
}

TEST_P(Ticks, OneThatIsRemovedIsForgottenAndItsJobsStay) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  schedules.sync({every("a", "@every 1h")});
  const JobId job = schedules.run_now("a")->id;
  EXPECT_TRUE(schedules.remove("a"));
  EXPECT_FALSE(schedules.remove("a"));
  EXPECT_FALSE(schedules.find("a"));
  EXPECT_EQ(state(job), JobState::pending);
  clock().advance(10min);
  EXPECT_EQ(schedules.sync({every("a", "@every 1h")}), SyncStatuses{SyncStatus::added});
  EXPECT_EQ(schedules.find("a")->next, new_year + 70min) << "it begins anew";
  EXPECT_FALSE(schedules.find("a")->last_job);
}

TEST_P(Ticks, SyncsAtOnceAddEachOnce) {
  SQLQ_NEEDS(periodic);
  std::vector<Schedule> wanted;
  for (int i = 0; i < 20; ++i) wanted.push_back(every("s" + std::to_string(i), "@hourly"));
  std::atomic<std::size_t> added{0};
  std::atomic<std::size_t> others{0};
  const Database shared = db();
  in_threads(4, [&](int) {
    for (const SyncStatus status : Schedules(shared).sync(wanted)) {
      ++(status == SyncStatus::added ? added : status == SyncStatus::unchanged ? others : added);
    }
  });
  EXPECT_EQ(added, 20u);
  EXPECT_EQ(others, 60u);
  EXPECT_EQ(Schedules(shared).list().size(), 20u);
}

}  // namespace sqlq::conformance
