#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>

#include <sqlq/error.hpp>

#include "core/mutex.hpp"
#include "platform/forks.hpp"
#include "platform/random.hpp"
#include "worker/runtime.hpp"
#include "worker/service_loop.hpp"
#include "worker/stop_schedule.hpp"

namespace sqlq {

namespace worker {

/// The services and their threads. Threads that a stop has left behind keep it alive.
struct Engine {
  Engine(Database db, Handlers handlers, WorkerOptions options)
      : runtime(std::move(db), std::move(handlers), std::move(options)) {
    runtime.watchdog.also([this] {
      bool all = true;
      for (ServiceLoop* loop : loops) all = loop->fill() && all;
      return all;
    });
  }

  [[nodiscard]] ServiceLoop loop_for(Service& service) {
    return ServiceLoop(service, runtime.shared.clock(), runtime.shared.events, platform::random64());
  }

  Runtime runtime;
  ServiceLoop fetching = loop_for(runtime.fetcher);
  ServiceLoop completing = loop_for(runtime.completer);
  ServiceLoop beating = loop_for(runtime.heartbeat);
  ServiceLoop watching = loop_for(runtime.watchdog);
  ServiceLoop reaping = loop_for(runtime.reaper);
  ServiceLoop purging = loop_for(runtime.retention);
  ServiceLoop maintaining = loop_for(runtime.maintenance);
  ServiceLoop shipping = loop_for(runtime.log_shipper);
  ServiceLoop announcing = loop_for(runtime.presence);
  ServiceLoop ticking = loop_for(runtime.ticker);
  ServiceLoop taking_in = loop_for(runtime.intake);
  ServiceLoop letting_in = loop_for(runtime.gatekeeper);
  ServiceLoop following = loop_for(runtime.follow_ups);

  /// The watchdog ends last: it gets the others the threads that the system has refused.
  const std::array<ServiceLoop*, 13> loops{&completing, &beating,     &shipping,   &fetching, &reaping,
                                           &purging,    &maintaining, &announcing, &ticking,  &taking_in,
                                           &letting_in, &following,   &watching};
  /// What these do is not worth waiting for somebody's lock.
  const std::array<ServiceLoop*, 7> optional{&reaping,    &purging,   &maintaining, &announcing,
                                             &taking_in, &letting_in, &following};
  /// These begin nothing once the worker is to stop.
  const std::array<ServiceLoop*, 6> beginning{&fetching, &reaping, &purging, &maintaining, &ticking, &taking_in};
};

}  // namespace worker

using worker::Engine;
using worker::Events;
using worker::HeldPtr;
using worker::Phase;
using worker::Presence;
using worker::Runtime;
using worker::Service;
using worker::ServiceLoop;
using worker::Shared;
using worker::StopSchedule;

struct SQLQ_LOCAL Worker::Impl {
  enum class Stage { fresh, running, stopped };

  Impl(Database db, Handlers handlers, WorkerOptions options)
      : engine(std::make_shared<Engine>(std::move(db), std::move(handlers), std::move(options))) {}
  ~Impl() { leave_behind(); }  // after a stop there is nothing to be left
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start();
  void start_threads();
  void shut_down();
  void stop_claiming();
  void drain_executors();
  void write_what_is_left();
  void leave_behind() noexcept;

  /// Waits until `done` or the moment that `deadline` says, which a second stop may bring nearer. Says whether done.
  template <class Deadline, class Done>
  bool wait(Deadline deadline, Done done) {
    while (!done()) {
      const SteadyPoint at = deadline();
      if (shared.clock().steady() >= at) return done();
      shared.progress->wait_until(at);
    }
    return true;
  }

  void refuse_in_child() const {
    if (!maker.is_parent()) return;
    throw Error(Errc::misuse, "this worker was made before fork() by the parent process, which has its threads: make "
                              "another one in the child");
  }

  const platform::Maker maker{};
  const std::shared_ptr<Engine> engine;
  Runtime& runtime = engine->runtime;
  Shared& shared = runtime.shared;
  const std::unique_ptr<Signal> ended = shared.clock().make_signal();
  core::Mutex lifecycle;  // held during the whole of start and stop
  std::atomic<Stage> stage{Stage::fresh};
  StopSchedule schedule;
  std::shared_ptr<backend::Subscription> subscription;
};

void Worker::Impl::start() {
  if (stage == Stage::running) throw Error(Errc::misuse, "the worker was started before; start it once");
  if (stage == Stage::stopped) throw Error(Errc::misuse, "the worker was stopped; make a new one to start again");
  backend::Dialect& dialect = shared.dialect();
  shared.freeze_handlers();
  subscription = dialect.subscribe([services = engine] {
    services->runtime.heartbeat.hint();  // first: the claim that follows must not take it for one about its jobs
    services->runtime.fetcher.wake();
    services->runtime.ticker.hint();
    services->runtime.intake.hint();
    services->runtime.gatekeeper.hint();
  });
  runtime.logs->set_flush_hint([services = engine] { services->runtime.log_shipper.wake(); });
  runtime.logs->report_refused(true);
  stage = Stage::running;
  try {
    start_threads();
  } catch (const std::system_error& e) {
    stage = Stage::stopped;
    schedule.hasten({.limit = Duration(0)}, shared.options.grace, shared.clock().steady());
    shut_down();
    throw Error(Errc::busy, std::string("the system refused a thread for the worker: ") + e.what() +
                                "; choose a lower concurrency, or raise the limits of the process (ulimit -u; a "
                                "32-bit one has room for more when their stacks are smaller: ulimit -s)");
  }
}

void Worker::Impl::start_threads() {
  shared.callbacks->start(shared.options.concurrency + 1);  // one for each job's stop callbacks, one for on_event
  runtime.pool.start(shared.options.concurrency, engine);
  for (ServiceLoop* loop : engine->loops) {
    loop->start(engine, *shared.progress, [watchdog = &runtime.watchdog] { watchdog->wake(); });
  }
}

void Worker::Impl::shut_down() {
  shared.slots.watch();
  stop_claiming();
  drain_executors();
  write_what_is_left();
  leave_behind();
  runtime.logs->set_flush_hint({});
  runtime.logs->report_refused(false);
  shared.callbacks->post([ending = std::exchange(subscription, {})] {});  // that may have to wait for the network, too
  shared.events.close(schedule.end_at());
}

// Jobs that no thread has begun, those of batches that linger among them, go back first, so that other workers get them
// while this one drains. Jobs of a claim that is under way go back when it returns.
void Worker::Impl::stop_claiming() {
  for (ServiceLoop* loop : engine->beginning) loop->request_stop();
  runtime.fetcher.stop_handing_over();
  const std::vector<HeldPtr> unstarted = shared.batches ? shared.batches->close() : shared.ready.close();
  runtime.release(unstarted);
  shared.slots.give(unstarted.size());
}

void Worker::Impl::drain_executors() {
  const auto idle = [this] { return shared.slots.with_jobs() == 0; };
  if (!wait([this] { return schedule.trip_at(); }, idle)) {
    shared.trip_all(StopReason::shutdown);
    wait([this] { return schedule.leave_at(); }, idle);
  }
  std::vector<worker::Ending> endings;
  for (const HeldPtr& lease : runtime.pool.abandon()) {
    ++shared.counters.abandoned;
    shared.events.report(Events::Level::warning, "worker", "the handler ignored its stop token and is left behind",
                         lease->job().id);
    endings.push_back(runtime.executor.interrupted(lease, "the handler did not return in time"));
    lease->finish();
  }
  runtime.completer.submit(std::move(endings));
  runtime.pool.join();  // the others are not in a handler; what they still have to say is written
}

// Most of the time is for outcomes; leases are renewed until those are written.
void Worker::Impl::write_what_is_left() {
  const SteadyPoint now = shared.clock().steady();
  const SteadyPoint longest = saturating_add(now, std::max<Duration>(shared.options.grace, std::chrono::seconds(1)));
  const auto end = [&] { return std::min(schedule.write_until(), longest); };
  const auto most = [&] { return end() <= now ? now : now + (end() - now) / 4 * 3; };
  const auto finish = [&](ServiceLoop& loop, const auto& deadline) {
    loop.request_stop();
    return wait(deadline, [&] { return loop.ended(); });
  };
  if (!finish(engine->completing, most)) {
    const auto unwritten = std::ranges::count_if(
        shared.in_flight.snapshot(), [](const HeldPtr& lease) { return lease->phase() == Phase::finishing; });
    shared.events.report(Events::Level::error, "worker",
                         "stopped without writing " + std::to_string(unwritten) +
                             " outcomes; their jobs come back when their leases end");
  }
  const std::span others(engine->loops.begin(), engine->loops.end() - 1);
  for (ServiceLoop* loop : others) loop->request_stop();
  // Somebody's lock on the table of workers delays no stop: the row expires. So does none on steps and histories.
  const SteadyPoint asked_at = shared.clock().steady();
  const auto farewell = [&] { return std::min(end(), saturating_add(asked_at, Presence::longest_farewell)); };
  wait(end, [&] {
    return std::ranges::all_of(others, [this](ServiceLoop* loop) {
      return loop->ended() || std::ranges::find(engine->optional, loop) != engine->optional.end();
    });
  });
  wait(farewell, [this] { return std::ranges::all_of(engine->optional, &ServiceLoop::ended); });
  finish(engine->watching, end);
}

void Worker::Impl::leave_behind() noexcept {
  for (ServiceLoop* loop : engine->loops) loop->request_stop();
  for (ServiceLoop* loop : engine->loops) loop->finish();
}

Worker::Worker(Database db, Handlers handlers, WorkerOptions options)
    : impl_(std::make_unique<Impl>(std::move(db), std::move(handlers), std::move(options))) {}

Worker::~Worker() {
  if (impl_->maker.is_parent()) {  // its threads are not here, and its locks may be held for ever
    platform::keep_for_ever(impl_.release());
    return;
  }
  try {
    stop();
  } catch (...) {  // out of memory while stopping: the leases end by themselves
  }
}

void Worker::start() {
  impl_->refuse_in_child();
  const core::MutexLock lock(impl_->lifecycle);
  impl_->start();
}

WorkerStats Worker::stop(StopOptions options) {
  impl_->refuse_in_child();
  if (options.limit < Duration(0) || options.drain.value_or(Duration(0)) < Duration(0)) {
    throw Error(Errc::invalid_argument, "StopOptions::limit and drain must not be negative");
  }
  impl_->schedule.hasten(options, impl_->shared.options.grace, impl_->shared.clock().steady());
  impl_->shared.progress->notify();  // for the stop that is under way
  const core::MutexLock lock(impl_->lifecycle);
  const bool running = impl_->stage.exchange(Impl::Stage::stopped) == Impl::Stage::running;
  impl_->ended->notify();
  if (running) impl_->shut_down();
  return stats();
}

WorkerStats Worker::stop(Duration limit) { return stop(StopOptions{.limit = limit}); }

WorkerStats Worker::stop() {
  const WorkerOptions& options = impl_->shared.options;
  const bool endless = options.drain_timeout > Duration::max() - options.grace;
  return stop(StopOptions{.limit = endless ? Duration::max() : options.drain_timeout + options.grace,
                          .drain = options.drain_timeout});
}

WorkerStats Worker::run(sqlq::stop_token until) {
  start();
  {
    const sqlq::stop_callback on_stop(until, [this] { impl_->ended->notify(); });
    while (!until.stop_requested() && impl_->stage != Impl::Stage::stopped) {
      impl_->ended->wait_until(SteadyPoint::max());
    }
  }
  return stop();
}

void Worker::wake() noexcept {
  if (impl_->maker.is_parent()) return;
  impl_->runtime.fetcher.wake();
  impl_->runtime.gatekeeper.hint();
}

WorkerStats Worker::stats() const { return impl_->shared.stats(); }

}  // namespace sqlq
