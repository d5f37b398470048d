#pragma once
/// \file
/// Many workers that fire schedules, without threads, on a manual clock and one storage in memory.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "core/headers.hpp"
#include "core/schedule_text.hpp"
#include "core/tick_text.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {

/// When the manual clock begins.
inline constexpr TimePoint t0 = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);

/// What became of each tick, over all workers.
struct TickBook {
  std::map<std::string, std::vector<TimePoint>> fired{};  ///< of each schedule, in the order of the commits
  std::size_t looks = 0;
  std::size_t changes = 0;
  std::size_t lost = 0;  ///< changes that another worker was sooner with
};

/// Keeps the book, and breaks what a test wants broken.
class TickDialect final : public backend::ForwardingDialect {
 public:
  TickDialect(std::unique_ptr<Dialect> inner, TickBook& book) : ForwardingDialect(std::move(inner)), book_(book) {}

  std::function<void()> before_change{};  ///< may throw: then nothing was changed
  std::function<void()> after_change{};   ///< may throw: then the change is there all the same
  std::function<bool(const backend::PeriodicChange&)> refuses{};
  std::vector<std::size_t> limits{};  ///< of periodic_due

  backend::PeriodicDue periodic_due(std::size_t limit, backend::Now now) override {
    ++book_.looks;
    limits.push_back(limit);
    return inner().periodic()->periodic_due(limit, now);
  }
  std::vector<backend::PeriodicOutcome> periodic_change(std::span<const backend::PeriodicChange> changes,
                                                        backend::Now now) override {
    if (before_change) before_change();
    for (const backend::PeriodicChange& change : changes) {
      if (refuses && refuses(change)) throw Error(Errc::refused, "a trigger raised an error");
    }
    std::vector<backend::PeriodicOutcome> outcomes = inner().periodic()->periodic_change(changes, now);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      ++book_.changes;
      if (!outcomes[i].applied) ++book_.lost;
      for (std::size_t j = 0; j < outcomes[i].jobs.size(); ++j) {
        if (outcomes[i].jobs[j].inserted()) note(changes[i].jobs[j]);
      }
    }
    if (after_change) after_change();
    return outcomes;
  }

 private:
  void note(const backend::EnqueueItem& job) {
    const Headers headers = core::read_headers(job.headers);
    book_.fired[headers.at("sqlq-schedule")].push_back(core::parse_tick(headers.at("sqlq-tick")).value());
  }

  TickBook& book_;
};

/// One worker.
struct TickWorker {
  TickWorker(const MemoryStorage& storage, const std::shared_ptr<ManualClock>& clock, TickBook& book)
      : TickWorker(std::make_unique<TickDialect>(storage.connect(clock), book), clock) {}

  TickDialect& dialect;
  std::vector<WorkerEvent> events{};
  Database db;
  worker::Runtime runtime;
  SteadyPoint next = SteadyPoint::min();
  bool dead = false;

  /// Exceptions cost it a second, as its loop would.
  void step(SteadyPoint now) {
    try {
      next = runtime.ticker.step();
    } catch (const Error&) {
      next = now + std::chrono::seconds(1);
    }
  }

 private:
  TickWorker(std::unique_ptr<TickDialect> made, const std::shared_ptr<ManualClock>& clock)
      : dialect(*made), db(std::move(made), {.clock = clock}), runtime(db, handlers(), options()) {}
  static Handlers handlers() {
    Handlers table;
    table.on("work", [](JobContext&) { return Outcome::done(); });
    return table;
  }
  WorkerOptions options() {
    return {.concurrency = 1, .on_event = [this](const WorkerEvent& event) { events.push_back(event); }};
  }
};

class Tickers : public ::testing::Test {
 protected:
  explicit Tickers(std::size_t n = 1) {
    db.migrate();
    for (std::size_t i = 0; i < n; ++i) add();
  }

  TickWorker& add() { return *workers.emplace_back(std::make_unique<TickWorker>(storage, clock, book)); }
  void sync(std::vector<Schedule> wanted) { schedules.sync(wanted); }
  /// Each worker steps when it wants to, until `time` has passed.
  void run(Duration time) { run_until(clock->steady() + time); }
  void run_until(SteadyPoint end) {
    const SteadyPoint soon = clock->steady() + std::chrono::seconds(15);
    for (const auto& w : workers) w->next = std::min(w->next, soon);
    for (;;) {
      if (leaves_out_idle_looks) leave_out_idle_looks(end);
      SteadyPoint next = SteadyPoint::max();
      for (const auto& w : workers) next = w->dead ? next : std::min(next, w->next);
      const bool over = next > end;
      const SteadyPoint now = std::min(next, end);
      if (now > clock->steady()) clock->advance(now - clock->steady());
      if (over) return;
      for (const auto& w : workers) {
        if (!w->dead && w->next <= now) w->step(now);
      }
    }
  }
  /// A worker that looks every few seconds knows when the next tick is due, and looks then.
  void leave_out_idle_looks(SteadyPoint end) {
    const backend::PeriodicDue due = db.ready().periodic()->periodic_due(1, clock->instant());
    if (!due.rows.empty()) return;
    const SteadyPoint at = due.next ? clock->steady() + (*due.next - due.now) : end + Duration(1);
    for (const auto& w : workers) w->next = std::max(w->next, at);
  }
  [[nodiscard]] ScheduleState state(const std::string& name) { return schedules.find(name).value(); }
  [[nodiscard]] const std::vector<TimePoint>& fired(const std::string& name) { return book.fired[name]; }
  [[nodiscard]] Job job(JobId id) { return Client(db).find(id).value(); }
  [[nodiscard]] std::size_t told(const std::string& part = {}) const {
    std::size_t n = 0;
    for (const auto& w : workers) {
      n += static_cast<std::size_t>(std::ranges::count_if(w->events, [&](const WorkerEvent& e) {
        return e.code == WorkerEvent::Code::schedule_failed && e.message.find(part) != std::string::npos;
      }));
    }
    return n;
  }
  /// Replaces texts of a row.
  void write_row(const std::string& name, const std::function<void(backend::PeriodicRow&)>& edit) {
    backend::Periodic& part = *db.ready().periodic();
    const auto there = part.periodic_get(std::span(&name, 1)).front();
    backend::PeriodicRow row = there.value_or(backend::PeriodicRow{.name = name, .next = clock->now()});
    edit(row);
    const backend::PeriodicChange change{.name = name,
                                         .expected = there ? there->version : 0,
                                         .next = row.next,
                                         .definition = row.definition,
                                         .state = row.state};
    ASSERT_TRUE(part.periodic_change(std::span(&change, 1), clock->instant()).front().applied);
  }

  bool leaves_out_idle_looks = false;  ///< for months of time
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage;
  TickBook book;
  Database db = storage.open({.clock = clock});
  Schedules schedules{db};
  std::vector<std::unique_ptr<TickWorker>> workers;
};

/// A schedule of "work" jobs.
inline Schedule schedule(std::string name, std::string rule, Overlap overlap = Overlap::allow) {
  return {.name = std::move(name), .rule = std::move(rule), .job = {"work", "null", {}}, .overlap = overlap};
}

}  // namespace sqlq::testing
