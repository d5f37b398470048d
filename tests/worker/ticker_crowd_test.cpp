// Twenty workers fire the same schedules: each tick once, whatever dies or steps its clock (I11).

#include <initializer_list>
#include <random>
#include <string_view>

#include "core/cron.hpp"
#include "worker/tickers.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

std::vector<TimePoint> ticks_of(const Schedule& s, TimePoint end) {
  const core::Rule rule = core::Rule::parse(s.rule, s.zone);
  std::vector<TimePoint> ticks;
  for (auto tick = rule.next(t0, t0); tick && *tick <= end; tick = rule.next(*tick, t0)) ticks.push_back(*tick);
  return ticks;
}

class TwentyWorkers : public Tickers {
 protected:
  TwentyWorkers() : Tickers(20) {
    leaves_out_idle_looks = true;
    sync(wanted);
  }

  void expect_each_once(TimePoint end) {
    for (const Schedule& s : wanted) {
      EXPECT_EQ(fired(s.name), ticks_of(s, end)) << s.name;
      EXPECT_EQ(state(s.name).fired, fired(s.name).size()) << s.name;
    }
    EXPECT_EQ(told(), 0u);
  }
  void expect_none_twice() {
    for (const Schedule& s : wanted) {
      const std::vector<TimePoint>& all = fired(s.name);
      EXPECT_TRUE(std::ranges::is_sorted(all)) << s.name;
      EXPECT_EQ(std::ranges::adjacent_find(all), all.end()) << s.name << ": a tick fired twice";
    }
  }

  const std::vector<Schedule> wanted{schedule("quarters", "*/15 * * * *"), schedule("nightly", "30 2 * * *"),
                                     schedule("odd", "@every 7h13m"), schedule("weekly", "@weekly"),
                                     schedule("last", "0 12 L * *")};
  std::mt19937_64 dice{4711};
};

TEST_F(TwentyWorkers, FireEachTickOnceOverMonths) {
  run(24h * 180);
  expect_each_once(t0 + 24h * 180);
}

TEST_F(TwentyWorkers, ThatDieLoseNoTickAsLongAsOneIsThere) {
  std::uniform_int_distribution<std::size_t> any(0, 19);
  for (int day = 0; day < 15; ++day) {
    for (int i = 0; i < 10; ++i) workers[any(dice)]->dead = true;
    for (int i = 0; i < 9; ++i) {
      TickWorker& w = *workers[any(dice)];
      w.dead = false;
      w.next = clock->steady();
    }
    workers[any(dice)]->dead = false;
    run(24h);
  }
  expect_each_once(t0 + 24h * 15);
}

TEST_F(TwentyWorkers, WhoseConnectionsBreakBeforeAndAfterTheCommitFireNoTickTwiceAndLoseNone) {
  std::uniform_int_distribution<int> chance(0, 9);
  for (const auto& w : workers) {
    w->dialect.before_change = [&] {
      if (chance(dice) < 4) throw Error(Errc::connection, "the server is gone");
    };
    w->dialect.after_change = [&] {
      if (chance(dice) < 4) throw Error(Errc::outcome_unknown, "the connection broke during COMMIT");
    };
  }
  run(24h * 15 + 1min);
  expect_each_once(t0 + 24h * 15);
}

TEST_F(TwentyWorkers, WhoseClockIsSteppedFireNoTickTwice) {
  std::uniform_int_distribution<int> hours_ahead(-30, 30);
  for (int day = 0; day < 20; ++day) {
    run(10h);
    clock->step_wall(hours_ahead(dice) * 1h + 7s);
    run(14h);
  }
  expect_none_twice();
  const TimePoint now = clock->now();
  for (const Schedule& s : wanted) {
    const std::vector<TimePoint> all = ticks_of(s, now + 24h * 90);
    for (const TimePoint tick : fired(s.name)) EXPECT_TRUE(std::ranges::binary_search(all, tick)) << s.name;
  }
}

TEST_F(TwentyWorkers, ThatAllStoppedCatchUpOnce) {
  run(24h);
  for (const auto& w : workers) w->dead = true;
  clock->advance(24h * 10);
  for (const auto& w : workers) {
    w->dead = false;
    w->next = clock->steady();
  }
  run(24h);
  expect_none_twice();
  EXPECT_EQ(fired("quarters").size(), 96u * 2 + 1);
  EXPECT_EQ(state("quarters").missed, 96u * 10 - 1);
  EXPECT_EQ(fired("nightly"), (std::vector<TimePoint>{t0 + 150min, t0 + 24h * 10 + 150min, t0 + 24h * 11 + 150min}));
}

TEST_F(TwentyWorkers, WithRedeploysPausesAndRunsBetweenFireNoTickTwice) {
  std::uniform_int_distribution<int> what(0, 9);
  for (int hour = 0; hour < 24 * 15; ++hour) {
    run(1h + 1s);
    Schedule s = wanted[static_cast<std::size_t>(what(dice)) % wanted.size()];
    switch (what(dice)) {
      case 0: s.rule = "*/7 * * * *"; sync({s}); break;
      case 1: sync(wanted); break;
      case 2: schedules.pause(s.name); break;
      case 3: schedules.resume(s.name); break;
      case 4: s.missed = Missed::all; s.overlap = Overlap::allow; sync({s}); break;
      default: break;
    }
  }
  expect_none_twice();
}

/// Counts calls.
struct Counting final : backend::ForwardingDialect {
  Counting(std::unique_ptr<Dialect> dialect, bool wakes) : ForwardingDialect(std::move(dialect)) {
    able_ = inner().capabilities();
    able_.cross_process_wakeup = wakes;
  }
  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able_; }
  Dialect& target(const char*) override {
    ++calls;
    return inner();
  }
  std::size_t calls = 0;

 private:
  backend::Capabilities able_;
};

TEST(QueriesOfAnIdleWorker, AreOneASecondWithAllItsServices) {
  for (const bool told : {true, false}) {
    auto clock = std::make_shared<ManualClock>();
    const MemoryStorage storage;
    auto made = std::make_unique<Counting>(storage.connect(clock), told);
    Counting& counting = *made;
    Database db(std::move(made), {.clock = clock});
    db.migrate();
    std::vector<Schedule> many;
    for (int i = 0; i < 1000; ++i) many.push_back(schedule("s" + std::to_string(i), "@yearly"));
    Schedules(db).sync(many);
    Handlers table;
    table.on("work", [](JobContext&) { return Outcome::done(); });
    worker::Runtime runtime(db, table, {.concurrency = 1, .on_event = [](const WorkerEvent&) {}});
    runtime.shared.freeze_handlers();
    std::vector<std::pair<worker::Service*, SteadyPoint>> services;
    for (worker::Service* s : std::initializer_list<worker::Service*>{
             &runtime.fetcher, &runtime.completer, &runtime.heartbeat, &runtime.watchdog, &runtime.reaper,
             &runtime.retention, &runtime.maintenance, &runtime.follow_ups, &runtime.presence, &runtime.log_shipper,
             &runtime.ticker, &runtime.intake, &runtime.gatekeeper}) {
      services.emplace_back(s, SteadyPoint::min());
    }
    counting.calls = 0;
    const SteadyPoint end = clock->steady() + 1h;
    while (clock->steady() < end) {
      SteadyPoint next = end;
      for (auto& [service, at] : services) {
        if (at <= clock->steady()) at = service->step();
        next = std::min(next, at);
      }
      if (next > clock->steady()) clock->advance(next - clock->steady());
    }
    EXPECT_LE(counting.calls, 3600u) << (told ? "told of changes" : "not told of changes");
  }
}

}  // namespace
}  // namespace sqlq::testing
