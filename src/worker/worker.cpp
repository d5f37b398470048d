#include <sqlq/worker.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>

#include <sqlq/error.hpp>

#include "platform/random.hpp"
#include "worker/runtime.hpp"
#include "worker/service_loop.hpp"

namespace sqlq {

using worker::Events;
using worker::HeldPtr;
using worker::Runtime;
using worker::Service;
using worker::ServiceLoop;
using worker::Shared;
using worker::Turns;

struct Worker::Impl {
  enum class Stage { fresh, running, stopped };

  Impl(Database db, Handlers handlers, WorkerOptions options)
      : runtime(std::make_shared<Runtime>(std::move(db), std::move(handlers), std::move(options))) {}

  void start();
  void start_threads();
  void shut_down(Duration drain);
  void stop_claiming();
  void drain_executors(Duration drain);
  void write_outcomes();
  void write_logs();

  [[nodiscard]] ServiceLoop loop_for(Service& service) {
    return ServiceLoop(service, shared.clock(), shared.events, platform::random64());
  }

  const std::shared_ptr<Runtime> runtime;
  Shared& shared = runtime->shared;
  const std::unique_ptr<Signal> ended = shared.clock().make_signal();
  std::mutex lifecycle;  // held during the whole of start and stop
  std::atomic<Stage> stage{Stage::fresh};
  std::unique_ptr<backend::Subscription> subscription;
  ServiceLoop fetching = loop_for(runtime->fetcher);
  ServiceLoop fetching_beside = loop_for(runtime->fetcher.beside());
  ServiceLoop completing = loop_for(runtime->completer);
  ServiceLoop completing_beside = loop_for(runtime->completer.beside());
  ServiceLoop beating = loop_for(runtime->heartbeat);
  ServiceLoop watching = loop_for(runtime->watchdog);
  ServiceLoop maintaining = loop_for(runtime->maintenance);
  ServiceLoop shipping = loop_for(runtime->log_shipper);
};

void Worker::Impl::start() {
  if (stage == Stage::running) throw Error(Errc::misuse, "the worker was started before; start it once");
  if (stage == Stage::stopped) throw Error(Errc::misuse, "the worker was stopped; make a new one to start again");
  backend::Dialect& dialect = shared.dialect();
  shared.freeze_handlers();
  Runtime* const services = runtime.get();  // outlives subscription and hint: both end in shut_down
  subscription = dialect.subscribe([services] {
    services->heartbeat.hint();  // first: the claim that follows must not take it for one about its jobs
    services->fetcher.wake();
  });
  shared.options.log_sink->set_flush_hint([services] { services->log_shipper.wake(); });
  stage = Stage::running;
  try {
    start_threads();
  } catch (const std::system_error& e) {
    stage = Stage::stopped;
    shut_down(Duration(0));
    throw Error(Errc::busy, std::string("the system refused a thread for the worker: ") + e.what());
  }
}

void Worker::Impl::start_threads() {
  shared.callbacks->start(shared.options.concurrency + 1);  // one for each job's stop callbacks, one for on_event
  runtime->pool.start(shared.options.concurrency, runtime);
  for (ServiceLoop* loop : {&completing, &beating, &watching, &shipping, &fetching, &maintaining}) loop->start();
  if (shared.two_in_flight) {
    for (ServiceLoop* loop : {&fetching_beside, &completing_beside}) loop->start();
  }
}

void Worker::Impl::shut_down(Duration drain) {
  stop_claiming();
  drain_executors(drain);
  completing_beside.stop();
  completing.stop();
  write_outcomes();
  beating.stop();
  watching.stop();
  shipping.stop();
  write_logs();
  shared.options.log_sink->set_flush_hint({});
  subscription.reset();
  shared.events.close(SteadyPoint::max());
}

// What no thread has begun goes back first, so that other workers get it while this one drains.
void Worker::Impl::stop_claiming() {
  fetching.stop();
  fetching_beside.stop();
  runtime->fetcher.stop_replacing();
  maintaining.stop();
  const std::vector<HeldPtr> unstarted = shared.ready.close();
  runtime->release(unstarted);
  shared.slots.give(unstarted.size());
}

void Worker::Impl::drain_executors(Duration drain) {
  const auto in = [this](Duration time) { return saturating_add(shared.clock().steady(), time); };
  if (!shared.slots.wait_used_at_most(0, in(drain))) {
    shared.trip_all(StopReason::shutdown);
    shared.slots.wait_used_at_most(0, in(shared.options.grace));
  }
  const std::vector<HeldPtr> abandoned = runtime->pool.abandon();
  shared.counters.abandoned += abandoned.size();
  for (const HeldPtr& lease : abandoned) {
    shared.events.report(Events::Level::warning, "worker", "the handler ignored its stop token; its job is released",
                         lease->job().id);
  }
  runtime->release(abandoned);
  runtime->pool.join();  // the others are not in a handler; what they still have to say is written
}

void Worker::Impl::write_outcomes() {
  const SteadyPoint deadline = saturating_add(shared.clock().steady(), shared.options.grace);
  Turns turns(runtime->completer, shared.clock(), shared.events, platform::random64());
  while (const std::size_t waiting = runtime->completer.waiting()) {
    const auto [at, backing_off] = turns.take();
    if (!backing_off) continue;
    if (shared.clock().steady() >= deadline) {
      shared.events.report(Events::Level::error, "worker",
                           "stopped without writing " + std::to_string(waiting) +
                               " outcomes; their jobs come back when their leases end");
      return;
    }
    while (shared.clock().steady() < std::min(at, deadline)) runtime->completer.wait_until(std::min(at, deadline));
  }
}

void Worker::Impl::write_logs() {
  try {
    runtime->logs->flush();
  } catch (...) {
    shared.events.report(Events::Level::error, "worker",
                         "stopped without writing all log lines: " + worker::current_exception_text());
  }
}

Worker::Worker(Database db, Handlers handlers, WorkerOptions options)
    : impl_(std::make_unique<Impl>(std::move(db), std::move(handlers), std::move(options))) {}

Worker::~Worker() {
  try {
    stop();
  } catch (...) {  // out of memory while stopping: the leases end by themselves
  }
}

void Worker::start() {
  const std::lock_guard lock(impl_->lifecycle);
  impl_->start();
}

WorkerStats Worker::stop(Duration drain) {
  const std::lock_guard lock(impl_->lifecycle);
  const bool running = impl_->stage.exchange(Impl::Stage::stopped) == Impl::Stage::running;
  impl_->ended->notify();
  if (running) impl_->shut_down(std::max(drain, Duration(0)));
  return stats();
}

WorkerStats Worker::stop() { return stop(impl_->shared.options.drain_timeout); }

WorkerStats Worker::run(std::stop_token until) {
  start();
  {
    const std::stop_callback on_stop(until, [this] { impl_->ended->notify(); });
    while (!until.stop_requested() && impl_->stage != Impl::Stage::stopped) {
      impl_->ended->wait_until(SteadyPoint::max());
    }
  }
  return stop();
}

void Worker::wake() noexcept { impl_->runtime->fetcher.wake(); }

WorkerStats Worker::stats() const { return impl_->shared.counters.snapshot(); }

}  // namespace sqlq
