#include <sqlq/backend/capabilities.hpp>

#include <array>

namespace sqlq::backend {

std::span<const CapabilityRow> capability_table() noexcept {
  using C = Capabilities;
  static constexpr std::array<CapabilityRow, 17> table{{
      {"shared_storage", &C::shared_storage, "Several processes may open the same URL and share its jobs."},
      {"survives_reopen", &C::survives_reopen, "Jobs are still there after every handle was closed."},
      {"transactional_ddl", &C::transactional_ddl, "A migration step is applied whole or not at all."},
      {"borrowed_transactions", &C::borrowed_transactions,
       "Jobs can be enqueued and finished inside the user's own transaction."},
      {"cross_process_wakeup", &C::cross_process_wakeup,
       "Workers are woken by what other processes and connections commit, not only by polling."},
      {"database_clock", &C::database_clock, "Due times and leases are decided by the server's clock, not the host's."},
      {"hand_over", &C::hand_over,
       "Jobs are ended and others claimed in one transaction: places of a queue with a limit pass on without a wait."},
      {"outages", &C::outages, "A lease that ended while its worker lived counts as an outage, not as a crash."},
      {"workers", &C::workers, "The workers that run can be listed, and drained."},
      {"editing", &C::editing, "Waiting jobs can be moved to another queue and get another priority."},
      {"insight", &C::insight, "Admin::explain says how many jobs come first, and how far the clocks differ."},
      {"transfer", &C::transfer, "Jobs can be exported, imported and copied to and from other databases."},
      {"headers", &C::headers, "Jobs carry headers beside their params."},
      {"periodic", &C::periodic, "Schedules enqueue jobs at their ticks."},
      {"steps", &C::steps, "Handlers have durable steps, sleeps, waits, signals and children."},
      {"inbox", &C::inbox, "A plain INSERT into the table of the inbox enqueues a job, from any language."},
      {"limits", &C::limits, "Jobs can have a key, of which so many run at once, so often, and in order."},
  }};
  return table;
}

}  // namespace sqlq::backend
