#include "worker/executor.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "core/waiters.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {
namespace {

using backend::FinishKind;

// Returns the handler's outcome; an exception becomes one.
Outcome call(const Handlers& handlers, const Handlers::Entry& entry, JobContext::Impl& impl, JobContext& context) {
  Outcome outcome = Outcome::done();
  try {
    const platform::UserCode user("a handler");
    outcome = handlers.call(entry, context);
  } catch (const Suspension&) {
    if (impl.steps && impl.steps->suspended()) return impl.steps->rest();
    outcome = Outcome::error("the handler threw a Suspension that none of its durable steps has thrown");
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    outcome = current_outcome();
  }
  return impl.steps ? impl.steps->ended(std::move(outcome)) : outcome;
}

/// From when it was due and in the queue. The claim is by the clock of the database, what follows by ours.
Duration waited(const Held& lease, SteadyPoint now) {
  const Job& job = lease.job();
  const TimePoint ready = std::max(job.run_at, job.queued_at);
  const Duration to_claim = job.started_at ? std::max(*job.started_at - ready, Duration::zero()) : Duration::zero();
  return to_claim + std::max(now - lease.claimed_at(), Duration::zero());
}

Duration delay_of(const RetryPolicy& retry, int attempt, bool& trouble) {
  const platform::UserCode user("a retry policy");
  return retry.delay(attempt, &trouble);
}

}  // namespace

Ending Executor::failed(const HeldPtr& lease, std::string message, Cause cause, const RetryPolicy& retry) const {
  const Job& job = lease->job();
  if (job.attempt >= job.max_attempts) {
    return {.lease = lease, .kind = FinishKind::fail, .message = std::move(message), .cause = cause};
  }
  bool trouble = false;
  const Duration delay = delay_of(retry, job.attempt, trouble);
  if (trouble) {
    shared_.events.report(Events::Level::warning, "executor",
                          "the retry policy of kind '" + job.kind + "' threw: the default delay was taken", job.id);
  }
  return {.lease = lease, .kind = FinishKind::retry, .message = std::move(message), .cause = cause, .delay = delay};
}

Ending Executor::interrupted_by_stop(const HeldPtr& lease, const std::string& message,
                                     const HandlerOptions& options) const {
  if (options.on_stop == OnStop::release) {
    return {.lease = lease, .kind = FinishKind::release, .message = message, .cause = Cause::released};
  }
  return failed(lease, "interrupted by the stop of the worker: " + message, Cause::failed, options.retry);
}

Ending Executor::ended_badly(const HeldPtr& lease, const Outcome& outcome, const HandlerOptions& options) const {
  const StopReason reason = lease->stop_reason();
  if (outcome.kind() == Outcome::Kind::discard) {
    return {.lease = lease, .kind = FinishKind::fail, .message = outcome.message(), .cause = Cause::discarded};
  }
  if (reason == StopReason::timeout) {
    const std::string said = outcome.kind() == Outcome::Kind::error ? ": " + outcome.message() : std::string();
    return failed(lease, "the attempt ran longer than its timeout" + said, Cause::timed_out, options.retry);
  }
  const bool throttled = outcome.kind() == Outcome::Kind::throttled;
  if (throttled || outcome.kind() == Outcome::Kind::snooze) {
    return {.lease = lease,
            .kind = FinishKind::snooze,
            .message = throttled ? core::throttled_text(outcome.message()) : outcome.message(),
            .cause = Cause::snoozed,
            .delay = std::max(outcome.delay(), Duration(0)),
            .throttled = throttled && core::gate_of(lease->job())};
  }
  if (reason == StopReason::shutdown) return interrupted_by_stop(lease, outcome.message(), options);
  return failed(lease, outcome.message(), Cause::failed, options.retry);
}

Executor::Executor(Shared& shared, std::shared_ptr<LogSink> logs, Interims& interims, Completer& completer,
                   Fetcher& fetcher, Watchdog& watchdog)
    : shared_(shared),
      logs_(std::move(logs)),
      clock_(std::make_shared<Database>(shared.db), &shared.clock()),
      interims_(interims),
      completer_(completer),
      fetcher_(fetcher),
      watchdog_(watchdog) {}

Ending Executor::run(const HeldPtr& lease) {
  std::optional<Ending> instead;
  const Handlers::Entry* entry = begin(lease, instead);
  if (entry == nullptr) return *std::move(instead);
  JobContext::Impl impl = context_of(lease);
  JobContext context(impl);
  return conclude(impl, call(shared_.handlers, *entry, impl, context), entry->options);
}

const Handlers::Entry* Executor::begin(const HeldPtr& lease, std::optional<Ending>& instead) {
  fetcher_.look_again();  // it may have been the last one that waited
  const Job& job = lease->job();
  // A process that stood still: the watchdog may not have seen it yet.
  const SteadyPoint now = shared_.clock().steady();
  if (now >= lease->fence_at()) shared_.lose(lease);
  if (lease->unwanted() || lease->stop_reason() != StopReason::none) {
    instead = not_started(lease);
    return nullptr;
  }
  const Handlers::Entry* entry = shared_.handlers.find(job.kind);
  if (entry == nullptr) {  // only a backend that ignores the kinds it was asked for gets here
    instead = failed(lease, "the worker has no handler for this kind", Cause::failed, RetryPolicy());
    return nullptr;
  }
  lease->start(now, timeout_of(job, entry->options));
  watchdog_.wake_by(lease->timeout_at());
  if (shared_.observed()) shared_.tell(JobStarted{.job = job_of(lease), .waited = waited(*lease, now)});
  return entry;
}

JobContext::Impl Executor::context_of(const HeldPtr& lease) const {
  return {shared_, interims_, lease, JobLogger(lease->job(), logs_, clock_)};
}

Ending Executor::conclude(JobContext::Impl& impl, const Outcome& outcome, const HandlerOptions& options) {
  const HeldPtr& lease = impl.lease;
  if (impl.log.lines() > 0) lease->set_logged();
  const core::MutexLock lock(impl.mutex);
  const bool done = outcome.kind() == Outcome::Kind::done;
  const bool forget = done && !options.keep_steps;  // also where it has called no step: signals come from others
  if (impl.completed) {  // the result was of that transaction
    Ending ending = completed_by_handler(lease, outcome, options);
    ending.forget_steps = forget;
    return ending;
  }
  if (!done && lease->lost()) return {.lease = lease, .kind = FinishKind::release, .cause = Cause::released};
  Ending ending = done ? Ending{.lease = lease} : ended_badly(lease, outcome, options);
  ending.result = std::move(impl.result);
  ending.forget_steps = forget;
  ending.suspended = ending.kind == FinishKind::snooze && impl.steps && impl.steps->suspended();
  return ending;
}

// The completer looks whether the user's transaction was committed. If it was not, the attempt has failed.
Ending Executor::completed_by_handler(const HeldPtr& lease, const Outcome& outcome,
                                     const HandlerOptions& options) {
  const bool done = outcome.kind() == Outcome::Kind::done;
  if (!done) {
    shared_.events.report(Events::Level::info, "executor", "the handler failed after complete_in: " + outcome.message(),
                          lease->job().id);
  }
  Ending ending = done ? failed(lease, "the transaction given to complete_in was not committed", Cause::failed,
                                options.retry)
                       : ended_badly(lease, outcome, options);
  ending.verify = true;
  return ending;
}

Ending Executor::interrupted(const HeldPtr& lease, const std::string& message) const {
  const Handlers::Entry* entry = shared_.handlers.find(lease->job().kind);
  return interrupted_by_stop(lease, message, entry != nullptr ? entry->options : HandlerOptions{});
}

// Stopped while it waited for a thread: the handler never sees it. So it is given back also when its lease seems to be
// over, as after a claim that took longer than the lease: if nobody has taken it back yet, that costs it no crash.
Ending Executor::not_started(const HeldPtr& lease) {
  if (lease->stop_reason() == StopReason::cancel) {
    return Ending{.lease = lease, .kind = FinishKind::cancel, .cause = Cause::cancelled};
  }
  return Ending{.lease = lease, .kind = FinishKind::release, .cause = Cause::released};
}

SteadyPoint Executor::timeout_of(const Job& job, const HandlerOptions& options) const {
  const Duration timeout = job.timeout > Duration(0) ? job.timeout : options.timeout;
  return timeout > Duration(0) ? saturating_add(shared_.clock().steady(), timeout) : SteadyPoint::max();
}

void Executor::deliver(const HeldPtr& lease, Ending ending) {
  finish(lease, ending);
  completer_.submit(std::move(ending));
  free_slot();
}

// Their slots become free together, so that one claim fills them.
void Executor::deliver(std::vector<Ending> endings) {
  const std::size_t jobs = endings.size();
  for (Ending& ending : endings) finish(ending.lease, ending);
  completer_.submit(std::move(endings));
  free_slots(jobs);
}

void Executor::finish(const HeldPtr& lease, Ending& ending) {
  ending.message = core::clean_text(ending.message, core::max_message_bytes);
  if (shared_.observed() && lease->begun_at()) ending.ran = shared_.clock().steady() - *lease->begun_at();
  lease->finish();
  interims_.forget(lease);
}

void Executor::free_slots(std::size_t n) {
  shared_.slots.give(n);
  fetcher_.look_again();
}

}  // namespace sqlq::worker
