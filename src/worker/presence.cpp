#include "worker/presence.hpp"

#include <string>
#include <utility>

#include <sqlq/version.hpp>

#include "platform/host.hpp"
#include "platform/random.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_expired = 100;
constexpr Duration between_expiries = std::chrono::minutes(10);

}  // namespace

Presence::Presence(Shared& shared, Fetcher& fetcher)
    : Service(shared.clock()), shared_(shared), fetcher_(fetcher), jitter_(platform::random64()) {}

SteadyPoint Presence::step() {
  try {
    backend::Workers* const registry = shared_.dialect().workers();
    if (registry == nullptr) return SteadyPoint::max();
    announce(*registry);
    expire_others(*registry);
    if (std::exchange(failing_, false)) {
      shared_.events.report(Events::Level::info, name(), "the worker is listed again");
    }
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    failed(current_exception_text());
  }
  const Duration wait = failing_ ? interval_in_trouble : interval;
  return saturating_add(shared_.clock().steady(), jitter_.about(wait));
}

void Presence::announce(backend::Workers& registry) {
  const SteadyPoint now = shared_.clock().steady();
  if (!started_) {
    started_ = now;
    self_ = {.name = shared_.options.name,
             .id = platform::random_token().value,
             .host = platform::host_name(),
             .pid = platform::process_id(),
             .version = SQLQ_VERSION_STRING,
             .queues = shared_.options.queues,
             .kinds = shared_.kinds};
  }
  self_.concurrency = static_cast<std::uint32_t>(shared_.slots.capacity());
  self_.busy = static_cast<std::uint32_t>(shared_.slots.with_jobs());
  drain(registry.announce_worker(self_, now - *started_, shared_.now()));
}

// Rows of workers that have died are not listed any more; that they go has time.
void Presence::expire_others(backend::Workers& registry) {
  const SteadyPoint now = shared_.clock().steady();
  if (now < next_expiry_) return;
  next_expiry_ = saturating_add(now, between_expiries);
  registry.expire_workers(most_expired, shared_.now());
}

void Presence::drain(bool on) {
  if (self_.draining == on) return;
  self_.draining = on;
  shared_.draining = on;
  shared_.events.report(Events::Level::info, name(),
                        on ? "an operator drains this worker: it claims no more jobs, and ends those it has"
                           : "this worker drains no more: it claims jobs again");
  if (!on) {
    fetcher_.wake();
  } else if (shared_.batches) {
    shared_.batches->run_all();  // nothing comes that they could wait for
  }
}

void Presence::failed(const std::string& why) {
  if (std::exchange(failing_, true)) return;
  shared_.events.report(Events::Level::warning, name(),
                        "the worker works, but cannot be listed or drained (Admin::workers): " + why +
                            "; it tries again each minute",
                        {}, Events::Code::service_failed);
}

void Presence::end() {
  if (!started_ || failing_) return;
  try {
    if (backend::Workers* const registry = shared_.dialect().workers()) {
      registry->withdraw_worker(self_.name, self_.id);
    }
  } catch (...) {  // then the row expires
    if (platform::in_forced_unwind()) throw;
  }
}

}  // namespace sqlq::worker
