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
  /// All of them must outlive it; the handlers are frozen.
  Batches(const Handlers& handlers, Clock& clock, const Slots& slots, Channel<HeldPtr>& ready)
      : handlers_(handlers), clock_(clock), slots_(slots), ready_(ready) {}

  /// Takes what a claim has brought, also the jobs of single handlers. Returns it when it is closed.
  [[nodiscard]] std::vector<HeldPtr> push(std::vector<HeldPtr> leases);
  /// Runs the batches that have lingered long enough. When the next one will have.
  SteadyPoint run_due();
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

  void add(HeldPtr lease, std::vector<HeldPtr>& out) SQLQ_REQUIRES(mutex_);
  void move_if_due(SteadyPoint now, std::vector<HeldPtr>& out) SQLQ_REQUIRES(mutex_);
  void pass_on(std::vector<HeldPtr> out) SQLQ_REQUIRES(mutex_);

  const Handlers& handlers_;
  Clock& clock_;
  const Slots& slots_;
  Channel<HeldPtr>& ready_;
  core::Mutex mutex_;
  std::map<Key, Gathering> gathering_ SQLQ_GUARDED_BY(mutex_);
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
  std::atomic<SteadyPoint> due_{SteadyPoint::max()};
  std::atomic<std::size_t> lingering_{0};
};

}  // namespace sqlq::worker
