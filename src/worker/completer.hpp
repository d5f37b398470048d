#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "worker/ending.hpp"
#include "worker/fetcher.hpp"
#include "worker/follow_ups.hpp"
#include "worker/gatekeeper.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Writes endings in fenced batches: what has gathered while the last batch was written makes the next one. A batch
/// that failed is kept and written again, which is safe because every write shows its lease token. An outcome that the
/// database refuses for good is looked for by halves; its job ends as errored and the others are written at once.
///
/// While the worker has places of a queue with a limit, successes go to the fetcher, which hands their places over to
/// other jobs in the same transaction (decision 0023).
///
/// Thread-safety: step from one thread; else as said.
class Completer final : public Service {
 public:
  static constexpr std::size_t most_per_batch = 1000;

  Completer(Shared& shared, LogSink& logs, Fetcher& fetcher, FollowUps& follow_ups, Gatekeeper& gatekeeper)
      : Service(shared.clock()),
        shared_(shared),
        logs_(logs),
        fetcher_(fetcher),
        follow_ups_(follow_ups),
        gatekeeper_(gatekeeper) {}

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "completer"; }
  [[nodiscard]] bool may_end() const override { return waiting() == 0; }

  /// From any thread. Never blocks; the fetcher bounds how many can be waiting. Of a job that was throttled, its gate
  /// is shut before the ending is written: the gatekeeper does that, and submits it again.
  void submit(Ending ending);
  void submit(std::vector<Ending> endings);
  /// Endings not yet written. Only while no step runs.
  [[nodiscard]] std::size_t waiting() const;

 private:
  /// Whether to wait for more: outcomes that are handed over together take a round trip less for each job.
  [[nodiscard]] bool gather();
  [[nodiscard]] bool all_have_ended() const SQLQ_REQUIRES(mutex_);
  /// Adds what was submitted to the batch, up to most_per_batch.
  void fill();
  void verify();
  void flush_logs();
  /// Says whether the fetcher has handed the places over to other jobs. Endings that could not be written stay in the
  /// batch.
  bool write();
  [[nodiscard]] bool hand_over(std::span<Ending> endings);
  void write_apart(std::span<Ending> endings);
  void write_all(std::span<Ending> endings);
  void take_note(std::span<Ending> endings, std::span<const FinishStatus> statuses);
  /// Counts and reports it.
  void settle(const Ending& ending, FinishStatus status);

  Shared& shared_;
  LogSink& logs_;
  Fetcher& fetcher_;
  FollowUps& follow_ups_;
  Gatekeeper& gatekeeper_;
  std::vector<Ending> batch_;
  mutable core::Mutex mutex_;
  std::deque<Ending> submitted_ SQLQ_GUARDED_BY(mutex_);
  bool gathering_ SQLQ_GUARDED_BY(mutex_) = false;
};

}  // namespace sqlq::worker
