#pragma once
// One process's connection to the storage, and what goes wrong with it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/error.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "simulation/dice.hpp"
#include "simulation/ledger.hpp"

namespace sqlq::simulation {

/// How often what goes wrong, in calls of a thousand.
struct Weather {
  int refused = 0;   ///< not done: no connection
  int busy = 0;      ///< not done: overloaded
  int conflict = 0;  ///< not done: the transaction was undone
  int unknown = 0;   ///< done, but the caller is told that nobody knows
  int killed = 0;    ///< the process dies, before or after it was done
  int slow = 0;      ///< time passes before or after it is done
  int deaf = 0;      ///< wake-ups that are lost (of a thousand wake-ups)
};

/// What is true of a process's connection at a moment. Belongs to the process; outlives the dialect.
struct Line {
  std::string process{};
  Weather weather{};
  SteadyPoint cut_until{};  ///< until then nothing comes through
  bool killed = false;      ///< the process is dead, though the code above it may still be running
};

/// Passes operations on to the storage and tells the ledger what they have done, before the caller is told anything
/// else. What the ledger keeps no book of is passed on as it is, when the connection stands.
class FaultyDialect final : public backend::ForwardingDialect {
 public:
  FaultyDialect(std::unique_ptr<backend::Dialect> inner, Line& line, Ledger& ledger, testing::ManualClock& clock,
                Dice& dice)
      : ForwardingDialect(std::move(inner)), line_(line), ledger_(ledger), clock_(clock), dice_(dice) {}

  [[nodiscard]] MigrationStatus migration_status() override { return inner().migration_status(); }

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* within,
                                backend::Now now) override;
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* within, backend::Now now) override;
  backend::ClaimResult claim(const backend::ClaimRequest& request) override;
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& request) override;
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* within,
                                   backend::Now now) override;
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, backend::Now now) override;
  std::vector<bool> publish(std::span<const backend::Interim> items, backend::Now now) override;
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, backend::Now now) override;
  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, backend::Now now) override;
  PurgeReport purge(std::size_t limit, backend::Now now) override;
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, backend::Now now) override;
  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) override;
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit, backend::Now now) override;
  bool queue_update(std::string_view name, const backend::QueueChange& change) override;
  std::vector<bool> append_logs(std::span<const LogLine> lines) override;
  std::vector<backend::PeriodicOutcome> periodic_change(std::span<const backend::PeriodicChange> changes,
                                                        backend::Now now) override;
  [[nodiscard]] std::vector<StepRecord> read_steps(JobId id, const Tx* within) override;
  backend::RecordAnswer record_step(const backend::NewStep& step, const Tx* within, backend::Now now) override;
  SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode, const Tx* within,
                      backend::Now now) override;
  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint) override;

  /// When a claim last came through; for asking how soon a worker recovers.
  [[nodiscard]] std::optional<SteadyPoint> last_claim() const noexcept { return last_claim_; }

 protected:
  backend::Dialect& target(const char* operation) override {
    before(operation);
    return inner();
  }

 private:
  enum class Sort { read, write };

  template <class Operation, class Tell>
  auto call(const char* name, Sort sort, Operation operation, Tell tell);
  void before(const char* name);
  void after(const char* name, Sort sort);
  void maybe_slow();
  [[nodiscard]] backend::Now at(const backend::Now& asked) const;

  Line& line_;
  Ledger& ledger_;
  testing::ManualClock& clock_;
  Dice& dice_;
  std::optional<SteadyPoint> last_claim_;
};

}  // namespace sqlq::simulation
