#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/handlers.hpp>

#include "core/mutex.hpp"
#include "worker/channel.hpp"
#include "worker/in_flight.hpp"
#include "worker/slots.hpp"

namespace sqlq::worker {

/// Gathers the jobs of batch handlers on their way from the claim to the executors; batch.hpp has the rules. A batch
/// comes out of the channel as its last job, which leads the others.
///
/// Thread-safety: all members from any thread.
class Batches final {
 public:
  /// All of them must outlive it; the handlers are frozen. While `draining` the worker claims nothing.
  Batches(const Handlers& handlers, Clock& clock, const Slots& slots, const std::atomic<bool>& draining,
          Channel<HeldPtr>& ready)
      : handlers_(handlers), clock_(clock), slots_(slots), draining_(draining), ready_(ready) {}

  /// From now on a batch lingers until it is full or `run_all` is called. Before the first claim.
  void linger_for_ever() noexcept { for_ever_ = true; }
  /// Takes what a claim has brought, also the jobs of single handlers. Unless these may linger, the batches that they
  /// come into do not. Returns them when it is closed.
  [[nodiscard]] std::vector<HeldPtr> push(std::vector<HeldPtr> leases, bool may_linger);
  /// Runs the batches that have lingered long enough, and all when no other job can come. When the next one is due.
  SteadyPoint run_due();
  /// Runs a job that is to stop by itself, if it lingers: it is ended without its handler. After Held::mark.
  void take_out(const HeldPtr& lease);
  /// When one will have lingered long enough, as of now.
  [[nodiscard]] SteadyPoint due() const noexcept { return due_.load(); }
  /// Runs all of them; false: there was none.
  bool run_all();
  /// How many jobs linger.
  [[nodiscard]] std::size_t lingering() const noexcept { return lingering_.load(); }
  /// Closes the channel, too. Returns all jobs that no executor has taken.
  [[nodiscard]] std::vector<HeldPtr> close();

 private:
  /// A batch that is not full. Its jobs have the same handler and timeout.
  using Key = std::pair<const Handlers::Entry*, Duration>;
  struct Gathering {
    std::vector<HeldPtr> jobs{};
    SteadyPoint until{};
  };

  /// The latest moment for what lingers: now, or at once when the worker can get no other job as it stands.
  [[nodiscard]] SteadyPoint deadline() const;
  void add(HeldPtr lease, bool may_linger, std::vector<HeldPtr>& out) SQLQ_REQUIRES(mutex_);
  void move_if_due(SteadyPoint now, std::vector<HeldPtr>& out) SQLQ_REQUIRES(mutex_);
  void pass_on(std::vector<HeldPtr> out) SQLQ_REQUIRES(mutex_);

  const Handlers& handlers_;
  Clock& clock_;
  const Slots& slots_;
  const std::atomic<bool>& draining_;
  Channel<HeldPtr>& ready_;
  bool for_ever_ = false;
  core::Mutex mutex_;
  std::map<Key, Gathering> gathering_ SQLQ_GUARDED_BY(mutex_);
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
  std::atomic<SteadyPoint> due_{SteadyPoint::max()};
  std::atomic<std::size_t> lingering_{0};
};

}  // namespace sqlq::worker
