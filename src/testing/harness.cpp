#include <sqlq/testing/harness.hpp>

#include <algorithm>
#include <utility>

#include "worker/batch_run.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {

struct Harness::Impl {
  Impl(Opened opened, Handlers handlers, WorkerOptions options)
      : clock(std::move(opened.clock)),
        db(std::move(opened.db)),
        runtime(db, handlers, recorded(slots_for(handlers), std::move(options))) {
    db.migrate();
    runtime.fetcher.stop_handing_over();  // a step claims what it runs, and no more
    runtime.shared.freeze_handlers();
    if (runtime.shared.batches) runtime.shared.batches->linger_for_ever();  // jobs are claimed one by one
  }

  /// One, and one for each job that may linger in a batch.
  static unsigned slots_for(const Handlers& handlers) {
    std::size_t slots = 1;
    for (const std::string& kind : handlers.kinds()) {
      if (const auto& batch = handlers.find(kind)->batch) slots += batch->options.size;
    }
    return static_cast<unsigned>(std::min<std::size_t>(slots, 4096));
  }
  WorkerOptions recorded(unsigned slots, WorkerOptions options) {
    options.concurrency = slots;
    options.on_event = [this, user = std::move(options.on_event)](const WorkerEvent& event) {
      events.push_back(event);
      if (user) user(event);
    };
    return options;
  }

  /// Claims one job, or none.
  bool claim() {
    worker::Slots& slots = runtime.shared.slots;
    const std::uint64_t before = runtime.shared.counters.claimed;
    const std::size_t spare = slots.free() - 1;
    slots.set_aside(spare);
    runtime.fetcher.step();
    slots.give_back(spare);
    return runtime.shared.counters.claimed > before;
  }
  /// The next one to be run, with the others of its batch; null when nothing is due. `most`: jobs that may be claimed.
  worker::HeldPtr next(std::size_t most) {
    worker::Batches* const batches = runtime.shared.batches.get();
    for (;;) {
      if (const auto lease = runtime.shared.ready.try_take()) return *lease;
      if (batches != nullptr && batches->lingering() >= most) {
        batches->run_all();
      } else if (!claim() && (batches == nullptr || !batches->run_all())) {
        return nullptr;
      }
    }
  }
  /// Runs it; says how many jobs those were.
  std::size_t run(const worker::HeldPtr& lease) {
    if (const auto batch = lease->take_led()) {
      batch->push_back(lease);
      runtime.executor.deliver(worker::run_batch(runtime.executor, *batch));
      return batch->size();
    }
    runtime.executor.deliver(lease, runtime.executor.run(lease));
    return 1;
  }
  /// Of a job that was throttled, the gate is shut first.
  void write_outcomes() {
    for (;;) {
      while (runtime.completer.step() != SteadyPoint::max()) {
      }
      if (runtime.completer.waiting() == 0) break;
      runtime.gatekeeper.step();
    }
    runtime.follow_ups.step();
    runtime.gatekeeper.step();
    runtime.log_shipper.step();
  }

  std::shared_ptr<ManualClock> clock;
  std::vector<WorkerEvent> events;
  Database db;
  worker::Runtime runtime;
};

Harness::Harness(Opened opened, Handlers handlers, WorkerOptions options)
    : impl_(std::make_unique<Impl>(std::move(opened), std::move(handlers), std::move(options))) {}
Harness::~Harness() = default;

Database& Harness::database() noexcept { return impl_->db; }
Client Harness::client() const { return Client(impl_->db); }
Admin Harness::admin() const { return Admin(impl_->db); }
ManualClock& Harness::clock() noexcept { return *impl_->clock; }
void Harness::advance(Duration by) { impl_->clock->advance(by); }

std::size_t Harness::work_due(std::size_t limit) {
  worker::Runtime& services = impl_->runtime;
  services.ticker.fire_due();
  services.intake.take_all();
  services.gatekeeper.let_in_all();
  for (std::size_t done = 0; done < limit;) {
    const worker::HeldPtr lease = impl_->next(limit - done);
    if (lease == nullptr) {
      if (services.gatekeeper.let_in_all() == 0) return done;
      continue;
    }
    done += impl_->run(lease);
    impl_->write_outcomes();
  }
  return limit;
}

std::optional<TimePoint> Harness::next_due() const {
  const TimePoint now = impl_->clock->now();
  std::optional<TimePoint> first;
  const auto consider = [&](TimePoint at) {
    if (at > now && (!first || at < *first)) first = at;
  };
  Page page{.limit = 1000, .payloads = false};
  do {
    JobPage step = admin().list_step({.states = {JobState::scheduled, JobState::waiting}}, page);
    for (const Job& job : step.jobs) consider(job.run_at);
    page.before = step.next;
  } while (page.before);
  if (backend::Periodic* const schedules = impl_->runtime.shared.dialect().periodic()) {
    const std::optional<TimePoint> tick = schedules->periodic_due(1, impl_->clock->instant()).next;
    if (tick) consider(*tick);
  }
  impl_->runtime.gatekeeper.let_in_all();
  if (const std::optional<TimePoint> look = impl_->runtime.gatekeeper.next_look()) consider(*look);
  return first;
}

std::size_t Harness::work_for(Duration time, std::size_t limit) {
  ManualClock& clock = *impl_->clock;
  const TimePoint end = saturating_add(clock.now(), time);
  std::size_t done = 0;
  while ((done += work_due(limit - done)) < limit) {
    const std::optional<TimePoint> due = next_due();
    const TimePoint next = due ? std::min(*due, end) : end;
    if (next > clock.now()) clock.advance(next - clock.now());
    if (!due || *due > end) return done;
  }
  return done;
}

void Harness::sweep() {
  impl_->runtime.reaper.step();
  impl_->runtime.follow_ups.step();
  impl_->runtime.gatekeeper.step();
  impl_->runtime.maintenance.step();
  impl_->runtime.retention.step();
}
WorkerStats Harness::stats() const { return impl_->runtime.shared.stats(); }
const std::vector<WorkerEvent>& Harness::events() const { return impl_->events; }

}  // namespace sqlq::testing
