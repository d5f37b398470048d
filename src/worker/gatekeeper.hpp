#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "core/waiters.hpp"
#include "worker/ending.hpp"
#include "worker/pace.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Lets in the jobs that wait for their keys (limits.hpp). Every worker does it, whatever its queues; the database
/// keeps them apart. A service of its own: no plain job waits for it, nor does an outcome.
///
/// It looks at the gates of the jobs that this worker has ended or put back as soon as that is written, many in one
/// look; at all that are due after a hint and when the last look has said; and now and then in any case, for what
/// others have lost.
///
/// The gate of a job that was throttled is shut before its outcome is written: the job holds its slot until then, and
/// its lease, so that no other job of the key is let in between. Where the database refuses to shut the gate, that is
/// told, and the job is only snoozed.
class Gatekeeper final : public Service {
 public:
  struct Hooks {
    std::function<void()> let_in{};      ///< jobs were, which may be claimed now
    std::function<void(Ending)> shut{};  ///< the gate is: the ending can be written
  };

  explicit Gatekeeper(Shared& shared);
  /// Before the first step.
  void connect(Hooks hooks) { hooks_ = std::move(hooks); }

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "gates"; }
  [[nodiscard]] bool may_end() const override;

  /// A gate may have something to do. Any thread; cheap, however often.
  void hint() noexcept {
    if (pace_.hint()) wake();
  }
  /// A job that came through this gate has ended or gone back. Any thread; look_soon comes after the last one.
  void note(backend::GateName gate);
  /// At those that were noted. Any thread.
  void look_soon();
  /// Any thread.
  void shut_first(Ending ending);
  /// Endings that were not passed on yet. Any thread.
  [[nodiscard]] std::size_t shutting() const;

  /// Lets in all that may be, whenever it has looked last; says how many.
  std::size_t let_in_all();
  /// When there is more to let in, as the last look has said, by the clock that decides.
  [[nodiscard]] std::optional<TimePoint> next_look() const noexcept { return next_look_; }

 private:
  void shut_gates(backend::Gates* part);
  void shut_gate(backend::Gates& part, const backend::GateName& gate, Duration pause);
  [[nodiscard]] core::GateNames take_noted();
  backend::GatesLooked look(backend::Gates& part, core::GateNames names);
  void plan(const backend::GatesLooked& looked, core::GateNames names);
  void failed(const std::string& why);

  Shared& shared_;
  Hooks hooks_{};
  Pace pace_;
  core::GateNames again_{};                    // that the last look has not done with
  SteadyPoint again_at_ = SteadyPoint::max();  // in any case
  Duration pause_{0};
  std::optional<TimePoint> next_look_;
  bool failing_ = false;
  mutable core::Mutex mutex_;
  core::GateNames noted_ SQLQ_GUARDED_BY(mutex_){};
  std::vector<Ending> throttled_ SQLQ_GUARDED_BY(mutex_){};
  std::size_t shutting_ SQLQ_GUARDED_BY(mutex_) = 0;  // throttled_, and those that a step has taken out
};

}  // namespace sqlq::worker
