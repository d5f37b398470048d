// The service that fires schedules: one worker.

#include <set>

#include "support/fake_dialect.hpp"
#include "worker/tickers.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using worker::Ticker;

class TickerOfOne : public Tickers {
 protected:
  TickWorker& w = *workers[0];
  /// Ends the last job of the schedule, if it can be claimed.
  void work_off() {
    for (Job& claimed : Client(db).claim({}, {}, 100)) Client(db).success(claimed);
  }
};

TEST_F(TickerOfOne, FiresWhenATickIsDueAndSleepsUntilThen) {
  sync({schedule("a", "@every 1m")});
  run(59s);
  EXPECT_TRUE(fired("a").empty());
  run(1s);
  EXPECT_EQ(fired("a"), std::vector<TimePoint>{t0 + 1min}) << "at the tick, not a poll later";
  run(1h);
  EXPECT_EQ(fired("a").size(), 61u);
  const ScheduleState s = state("a");
  EXPECT_EQ(s.fired, 61u);
  EXPECT_EQ(s.next, t0 + 62min);
  EXPECT_EQ(s.last_tick, t0 + 61min);
  const Job last = job(s.last_job.value());
  EXPECT_EQ(tick_of(last).value().at, t0 + 61min);
  EXPECT_EQ(last.headers.at("sqlq-schedule"), "a");
  EXPECT_EQ(last.kind, "work");
  EXPECT_EQ(told(), 0u);
}

TEST_F(TickerOfOne, HasNothingToDoWhereThereAreNoSchedules) {
  run(1h);
  EXPECT_EQ(book.changes, 0u);
  EXPECT_LE(book.looks, 3600u / 14 + 1) << "where it is told of changes";
}

TEST_F(TickerOfOne, LooksAsOftenAsASchedulesTicksComeButNotMore) {
  sync({schedule("a", "@every 1h")});
  run(24h);
  EXPECT_EQ(book.changes, 24u);
  EXPECT_LE(book.looks, 86'400u / 14 + 2 * 24 + 1);
}

TEST_F(TickerOfOne, ManyHintsAreOneLookASecond) {
  run(0s);
  const std::size_t before = book.looks;
  for (int i = 0; i < 10'000; ++i) {
    w.runtime.ticker.hint();
    w.next = std::min(w.next, w.runtime.ticker.step());
    clock->advance(1ms);
  }
  EXPECT_GE(book.looks - before, 9u);
  EXPECT_LE(book.looks - before, 11u);
}

TEST_F(TickerOfOne, SeesWhatItIsToldOfWithinASecond) {
  run(100ms);
  sync({schedule("a", "@every 1s")});
  w.runtime.ticker.hint();
  EXPECT_TRUE(w.runtime.ticker.wait_until(SteadyPoint::min())) << "it was woken";
  w.next = w.runtime.ticker.step();
  EXPECT_LE(w.next, clock->steady() + 1s);
  run(1s);
  EXPECT_EQ(fired("a").size(), 1u);
}

TEST_F(TickerOfOne, FiresMoreThanFitOneBatch) {
  std::vector<Schedule> wanted;
  for (int i = 0; i < 450; ++i) wanted.push_back(schedule("s" + std::to_string(i), "@every 1h"));
  sync(wanted);
  run(1h);
  for (const Schedule& s : wanted) ASSERT_EQ(fired(s.name), std::vector<TimePoint>{t0 + 1h}) << s.name;
  EXPECT_EQ(std::set<std::size_t>(w.dialect.limits.begin(), w.dialect.limits.end()), std::set<std::size_t>{100});
}

TEST_F(TickerOfOne, AWorkerThatIsTooLateForABatchLeavesTheNextOnesToOthersForASecond) {
  std::vector<Schedule> wanted;
  for (int i = 0; i < 450; ++i) wanted.push_back(schedule("s" + std::to_string(i), "@every 1h"));
  sync(wanted);
  TickWorker& sooner = add();
  sooner.next = SteadyPoint::max();
  clock->advance(1h);
  w.dialect.before_change = [&] {
    w.dialect.before_change = {};
    sooner.step(clock->steady());
  };
  w.step(clock->steady());
  EXPECT_EQ(book.lost, 100u);
  EXPECT_EQ(w.next, clock->steady() + 1s);
  run(1s);
  for (const Schedule& s : wanted) ASSERT_EQ(fired(s.name).size(), 1u) << s.name;
  EXPECT_EQ(book.lost, 100u);
}

TEST_F(TickerOfOne, CatchesUpAsItsPolicySays) {
  Schedule all = schedule("all", "@every 1m");
  all.missed = Missed::all;
  all.most_missed = 3000;
  Schedule skip = schedule("skip", "@every 1m");
  skip.missed = Missed::skip;
  sync({all, skip, schedule("one", "@every 1m")});
  clock->advance(24h * 3 + 30s);
  run(0s);
  ASSERT_EQ(fired("all").size(), 3000u);
  EXPECT_EQ(fired("all").front(), t0 + 24h * 3 - 2999min);
  EXPECT_TRUE(std::ranges::is_sorted(fired("all")));
  EXPECT_EQ(state("all").missed, 24u * 60 * 3 - 3000);
  EXPECT_EQ(fired("one"), std::vector<TimePoint>{t0 + 24h * 3});
  EXPECT_EQ(fired("skip"), std::vector<TimePoint>{t0 + 24h * 3}) << "the latest one is not too late";
  clock->advance(2min - 1s);
  run(0s);
  EXPECT_EQ(fired("skip").size(), 2u) << "29 s late";
}

TEST_F(TickerOfOne, ALargeJobsCatchUpIsWrittenInPieces) {
  Schedule s = schedule("large", "@every 1m");
  s.missed = Missed::all;
  s.job.params = "\"" + std::string(1 << 20, 'x') + "\"";
  s.job.params.resize((1 << 20) - 1);
  s.job.params += '"';
  sync({s});
  clock->advance(10min);
  const std::size_t before = book.changes;
  run(0s);
  EXPECT_EQ(fired("large").size(), 10u);
  EXPECT_GE(book.changes - before, 3u);
}

TEST_F(TickerOfOne, ALastJobThatLivesMakesATickSkip) {
  sync({schedule("a", "@every 1m", Overlap::skip)});
  run(1min);
  run(5min);
  EXPECT_EQ(fired("a").size(), 1u);
  EXPECT_EQ(state("a").skipped, 5u);
  EXPECT_EQ(state("a").last_tick, t0 + 6min);
  work_off();
  run(1min);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 1min, t0 + 7min}));
}

TEST_F(TickerOfOne, AnOwedTickFiresWithinFiveSecondsAfterThatJobHasFinished) {
  sync({schedule("a", "@every 1h", Overlap::queue_one)});
  run(3h + 10min);
  EXPECT_EQ(fired("a"), std::vector<TimePoint>{t0 + 1h});
  EXPECT_EQ(state("a").skipped, 1u) << "the latest is kept";
  EXPECT_EQ(state("a").next, t0 + 4h);
  work_off();
  run(5s);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 1h, t0 + 3h}));
  EXPECT_EQ(tick_of(job(*state("a").last_job)).value().at, t0 + 3h);
}

TEST_F(TickerOfOne, CancelOldCancelsAJobThatWaitsAndFiresAtOnce) {
  sync({schedule("a", "@every 1h", Overlap::cancel_old)});
  run(1h);
  const JobId old = *state("a").last_job;
  run(1h);
  EXPECT_EQ(job(old).state, JobState::cancelled);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 1h, t0 + 2h}));
  EXPECT_EQ(state("a").skipped, 0u);
}

TEST_F(TickerOfOne, CancelOldWaitsForARunningJob) {
  sync({schedule("a", "@every 1h", Overlap::cancel_old)});
  run(1h);
  const Job running = Client(db).claim_one("default").value();
  run(1h);
  EXPECT_EQ(job(running.id).state, JobState::cancelling);
  EXPECT_EQ(fired("a").size(), 1u);
  run(10min);
  EXPECT_EQ(fired("a").size(), 1u);
  Client(db).cancelled(running);
  run(5s);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 1h, t0 + 2h}));
}

TEST_F(TickerOfOne, AUniqueKeyThatALiveJobHasMakesATickSkip) {
  Schedule s = schedule("a", "@every 1m");
  s.job.options.unique_key = "k";
  sync({s, schedule("b", "@every 1m")});
  run(3min);
  EXPECT_EQ(fired("a").size(), 1u);
  EXPECT_EQ(state("a").fired, 1u);
  EXPECT_EQ(state("a").skipped, 2u);
  EXPECT_EQ(tick_of(job(state("a").last_job.value())).value().at, t0 + 1min) << "a job that is there";
  EXPECT_EQ(state("b").fired, 3u);
  work_off();
  run(1min);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 1min, t0 + 4min}));
}

TEST_F(TickerOfOne, JitterDelaysTheJobAndNotTheTick) {
  Schedule s = schedule("a", "@every 1h");
  s.jitter = 10min;
  sync({s});
  std::set<Duration> delays;
  for (int i = 0; i < 20; ++i) {
    run(1h);
    const Job last = job(*state("a").last_job);
    delays.insert(last.run_at - tick_of(last).value().at);
  }
  EXPECT_GE(*delays.begin(), Duration(0));
  EXPECT_LE(*delays.rbegin(), Duration(10min));
  EXPECT_GE(delays.size(), 15u);
  EXPECT_EQ(fired("a").size(), 20u);
}

TEST_F(TickerOfOne, AJobThatTheDatabaseRefusesHoldsNoOtherScheduleBack) {
  std::vector<Schedule> wanted;
  for (int i = 0; i < 90; ++i) wanted.push_back(schedule("s" + std::to_string(i), "@every 1h"));
  sync(wanted);
  w.dialect.refuses = [](const backend::PeriodicChange& c) { return c.name == "s13" && !c.jobs.empty(); };
  run(3h);
  std::size_t harmed = 0;
  for (const Schedule& s : wanted) harmed += s.name != "s13" && fired(s.name).size() != 3 ? 1 : 0;
  EXPECT_EQ(harmed, 0u) << "innocents";
  EXPECT_TRUE(fired("s13").empty());
  const ScheduleState s = state("s13");
  EXPECT_NE(s.trouble.find("trigger"), std::string::npos) << s.trouble;
  EXPECT_EQ(s.next, t0 + 4h) << "it goes on";
  EXPECT_EQ(s.fired, 0u);
  EXPECT_FALSE(s.last_job);
  EXPECT_EQ(told("'s13'"), 1u) << "once, not at each tick";
  EXPECT_EQ(told(), 1u);
  w.dialect.refuses = {};
  run(1h);
  EXPECT_EQ(fired("s13"), std::vector<TimePoint>{t0 + 4h});
  EXPECT_EQ(state("s13").trouble, "");
}

TEST_F(TickerOfOne, ARowThatCannotEvenBeMovedOnIsLeftAloneForAMinute) {
  sync({schedule("bad", "@every 1h"), schedule("good", "@every 1m")});
  w.dialect.refuses = [](const backend::PeriodicChange& c) { return c.name == "bad"; };
  run(1h);
  const std::size_t before = book.looks;
  run(10min);
  EXPECT_LE(book.looks - before, 10u * 60 / 15 + 40) << "it is not asked for again and again";
  EXPECT_EQ(fired("good").size(), 70u);
  EXPECT_EQ(told("'bad'"), 1u);
  w.dialect.refuses = {};
  run(75s);
  EXPECT_EQ(fired("bad").size(), 1u);
}

TEST_F(TickerOfOne, RowsThatCannotBeReadAreToldOnceAndHoldNobodyBack) {
  for (int i = 0; i < 250; ++i) {
    write_row("broken" + std::to_string(i), [&](backend::PeriodicRow& row) {
      row.next = t0 - 1h;
      row.definition = i % 2 == 0 ? "not JSON" : "{\"v\":3}";
      row.state = "{}";
    });
  }
  sync({schedule("good", "@every 1m")});
  run(50min);
  EXPECT_EQ(fired("good").size(), 50u);
  EXPECT_EQ(told(), 250u);
  EXPECT_LE(book.looks, 3600u / 15 + 60 * 2 + 10);
  const ScheduleState broken = state("broken7");
  EXPECT_NE(broken.trouble.find("newer"), std::string::npos) << broken.trouble;
  sync({schedule("broken0", "@every 1m")});
  run(75s);
  EXPECT_GE(fired("broken0").size(), 1u) << "synced again it is well";
}

TEST_F(TickerOfOne, AZoneThatThisHostLacksIsToldAndLeftToOthers) {
  sync({schedule("a", "@every 1m"), schedule("b", "@every 1m")});
  write_row("a", [&](backend::PeriodicRow& row) {
    const auto at = row.definition.find("\"UTC\"");
    row.definition.replace(at, 5, "\"Nowhere/Atlantis\"");
  });
  run(10min);
  EXPECT_TRUE(fired("a").empty());
  EXPECT_EQ(fired("b").size(), 10u);
  EXPECT_EQ(told("Nowhere/Atlantis"), 1u);
  EXPECT_EQ(state("a").fired, 0u);
}

TEST_F(TickerOfOne, FieldsOfANewerProgramOutliveAFiring) {
  sync({schedule("a", "@every 1m")});
  write_row("a", [](backend::PeriodicRow& row) { row.state.insert(1, "\"later\":[1,2],"); });
  run(2min);
  EXPECT_EQ(fired("a").size(), 2u);
  const std::string name = "a";
  EXPECT_NE(db.ready().periodic()->periodic_get(std::span(&name, 1)).front()->state.find("\"later\":[1,2]"),
            std::string::npos);
}

TEST_F(TickerOfOne, AnOutcomeThatIsUnknownFiresNothingTwice) {
  sync({schedule("a", "@every 1m")});
  int n = 0;
  w.dialect.after_change = [&] {
    if (++n % 2 == 0) throw Error(Errc::outcome_unknown, "the connection is gone");
  };
  w.dialect.before_change = [&] {
    if (++n % 3 == 0) throw Error(Errc::busy, "locked");
  };
  run(1h + 10s);
  EXPECT_EQ(fired("a").size(), 60u);
  EXPECT_EQ(std::set<TimePoint>(fired("a").begin(), fired("a").end()).size(), 60u);
}

TEST_F(TickerOfOne, TheWallClockOfAWorkerDoesNotSayWhatIsDue) {
  sync({schedule("a", "@every 10m")});
  run(1min);
  clock->step_wall(-3h);
  run(2h);
  EXPECT_TRUE(fired("a").empty());
  clock->step_wall(3h);
  run(10min);
  EXPECT_EQ(fired("a"), (std::vector<TimePoint>{t0 + 2h, t0 + 130min}));
}

TEST_F(TickerOfOne, PausedSchedulesRest) {
  sync({schedule("a", "@every 1m")});
  EXPECT_TRUE(schedules.pause("a"));
  run(1h);
  EXPECT_TRUE(fired("a").empty());
  sync({schedule("a", "@every 2m")});
  run(1h);
  EXPECT_TRUE(fired("a").empty()) << "through a redeploy";
  EXPECT_TRUE(schedules.resume("a"));
  run(15s);
  run(2min);
  EXPECT_EQ(fired("a"), std::vector<TimePoint>{t0 + 2h + 2min});
  EXPECT_EQ(state("a").missed, 0u);
}

TEST(Ticker, WithoutThePartThereIsNothingToDo) {
  FakeDatabase<FakeDialect> base{};
  Handlers table;
  table.on("work", [](JobContext&) { return Outcome::done(); });
  worker::Runtime runtime(base.db, table, {.concurrency = 1});
  runtime.ticker.hint();
  EXPECT_EQ(runtime.ticker.step(), SteadyPoint::max());
  runtime.ticker.fire_due();
}

}  // namespace
}  // namespace sqlq::testing
