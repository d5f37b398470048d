#include "worker/shared.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/request_time.hpp"
#include "platform/host.hpp"

namespace sqlq::worker {
namespace {

constexpr unsigned most_executors = 4096;

void check_between(Duration value, Duration least, Duration most, const char* message) {
  if (value < least || value > most) throw Error(Errc::invalid_argument, message);
}

void check_client(const ClientOptions& options) {
  try {
    core::check_client_options(options);
  } catch (const Error& e) {
    throw Error(e.code(), std::string("WorkerOptions::client: ") + e.what());
  }
}

std::size_t largest_batch(const Handlers& handlers) {
  std::size_t largest = 0;
  for (const std::string& kind : handlers.kinds()) {
    if (const auto& batch = handlers.find(kind)->batch) largest = std::max(largest, batch->options.size);
  }
  return largest;
}

}  // namespace

WorkerStats Counters::snapshot() const noexcept {
  return {.claimed = claimed,
          .succeeded = succeeded,
          .failed = failed,
          .discarded = discarded,
          .snoozed = snoozed,
          .cancelled = cancelled,
          .released = released,
          .lost = lost,
          .abandoned = abandoned};
}

std::atomic<std::uint64_t>& Counters::of(JobEnd end) noexcept {
  switch (end) {
    case JobEnd::success: return succeeded;
    case JobEnd::retried:
    case JobEnd::errored: return failed;
    case JobEnd::discarded: return discarded;
    case JobEnd::cancelled: return cancelled;
    case JobEnd::snoozed:
    case JobEnd::suspended: return snoozed;
    case JobEnd::released: return released;
    case JobEnd::lost: break;
  }
  return lost;
}

WorkerOptions checked(WorkerOptions options, const Database& db, const Handlers& handlers) {
  using namespace std::chrono_literals;
  if (handlers.kinds().empty() && !handlers.any()) {
    throw Error(Errc::invalid_argument,
                "the worker has no handler: register at least one kind with Handlers::on, or all with on_any");
  }
  options.queues = core::check_names(options.queues, "a queue of the worker");
  const auto batch = static_cast<unsigned>(largest_batch(handlers));
  if (options.concurrency == 0) options.concurrency = std::max({1U, std::thread::hardware_concurrency(), batch});
  if (options.concurrency > most_executors) {
    throw Error(Errc::invalid_argument, "WorkerOptions::concurrency must be at most " + std::to_string(most_executors));
  }
  if (options.concurrency < batch) {
    throw Error(Errc::invalid_argument,
                "WorkerOptions::concurrency is " + std::to_string(options.concurrency) +
                    ", and a batch handler wants " + std::to_string(batch) +
                    " jobs at once, each of which needs a slot: raise it, or lower BatchOptions::size");
  }
  check_between(options.poll, 10ms, 1h, "WorkerOptions::poll must be 10 ms to 1 h");
  check_between(options.sweep, 100ms, 1h, "WorkerOptions::sweep must be 100 ms to 1 h");
  check_between(options.drain_timeout, 0ms, Duration::max(), "WorkerOptions::drain_timeout must not be negative");
  check_between(options.grace, 0ms, Duration::max(), "WorkerOptions::grace must not be negative");
  core::check_observers(options.observers, "WorkerOptions::observers");
  check_client(options.client);
  if (options.client.observers.empty()) options.client.observers = options.observers;
  if (options.name.empty()) options.name = platform::default_worker_name();
  core::check_name(options.name, "the worker's name");
  if (!options.log_sink) options.log_sink = database_log_sink(db);
  return options;
}

Shared::Shared(Database database, Handlers table, WorkerOptions wanted)
    : db(std::move(database)),
      handlers(std::move(table)),
      options(checked(std::move(wanted), db, handlers)),
      callbacks(std::make_shared<Callbacks>(std::shared_ptr<Clock>(std::make_shared<Database>(db), &db.clock()))),
      owned_events(std::make_shared<Events>(options.on_event, callbacks, options.observers)),
      slots(*progress, options.concurrency, options.max_jobs) {}

void Shared::freeze_handlers() {
  handlers.freeze();
  if (!handlers.any()) kinds = handlers.kinds();
  if (largest_batch(handlers) > 0) batches = std::make_unique<Batches>(handlers, clock(), slots, draining, ready);
}

backend::Now Shared::now() const { return core::request_time(clock()); }

WorkerStats Shared::stats() const noexcept {
  const std::uint64_t busy = slots.used();  // first: what a claim brings later is counted below
  WorkerStats all = counters.snapshot();
  all.draining = draining;
  all.busy = busy;
  return all;
}

void Shared::ended(const HeldPtr& lease, JobEnd end, std::optional<Cause> cause, std::optional<Duration> ran,
                   const std::string& message) noexcept {
  ++counters.of(end);
  if (!observed()) return;
  try {
    if (!ran && lease->begun_at()) ran = clock().steady() - *lease->begun_at();
    tell(JobEnded{.job = job_of(lease), .end = end, .cause = cause, .ran = ran, .message = message});
  } catch (...) {  // no memory to tell of anything
  }
}

void Shared::drop_lost(const HeldPtr& lease) {
  ended(lease, JobEnd::lost);
  outlived.add(lease, clock().steady());
  in_flight.remove({&lease, 1});
}

void Shared::trip(const HeldPtr& lease, StopReason reason) noexcept {
  if (!lease->mark(reason)) return;
  try {
    if (batches) batches->take_out(lease);
  } catch (...) {  // no memory: it ends with its batch
  }
  try {
    callbacks->post([lease] { lease->request_stop(); });
  } catch (...) {  // no memory to pass it on
    lease->request_stop();
  }
}

void Shared::trip_all(StopReason reason) {
  for (const HeldPtr& lease : in_flight.snapshot()) trip(lease, reason);
}

bool Shared::lose(const HeldPtr& lease) noexcept {
  const bool first = lease->set_lost();
  trip(lease, StopReason::lease_lost);
  return first;
}

void Shared::report_outages() {
  std::vector<HeldPtr> leases = outlived.waiting(clock().steady());
  for (HeldPtr& lease : in_flight.snapshot()) {  // their handlers have not ended yet
    if (lease->lost() && !lease->outage_known()) leases.push_back(std::move(lease));
  }
  backend::Outages* const outages = dialect().outages();
  if (leases.empty() || outages == nullptr) return;
  std::vector<backend::OutlivedClaim> claims;
  for (const HeldPtr& lease : leases) claims.push_back({lease->job().id, lease->job().claims, lease->job().worker});
  std::vector<bool> known(claims.size(), false);
  const std::span<const backend::OutlivedClaim> all(claims);
  const auto refused = core::isolate(all, [&](std::span<const backend::OutlivedClaim> some) {
    const std::vector<bool> answers = outages->take_back_crashes(some, now());
    core::expect_answers(answers.size(), some.size());
    std::copy(answers.begin(), answers.end(), known.begin() + (some.data() - all.data()));
  });
  for (const core::Offender& o : refused) {  // nothing will change that
    leases[o.index]->set_outage_known();
    outlived.remove(std::span(&leases[o.index], 1));
    events.report(Events::Level::error, "maintenance",
                  std::string("the database refused to take back a crash that was an outage: ") + o.error.what(),
                  claims[o.index].id, Events::Code::outcome_refused);
  }
  std::vector<HeldPtr> done;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (!known[i]) continue;
    leases[i]->set_outage_known();
    done.push_back(std::move(leases[i]));
  }
  outlived.remove(done);
  if (!done.empty()) {
    events.report(Events::Level::info, "maintenance",
                  std::to_string(done.size()) + " leases that were lost count as outages: this worker lives");
  }
}

}  // namespace sqlq::worker
