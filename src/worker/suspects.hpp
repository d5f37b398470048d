#pragma once
// How many suspects (is_suspect in sqlq/job.hpp) a worker holds at a time. Decision 0022.

#include <algorithm>
#include <cstddef>
#include <span>

#include "worker/in_flight.hpp"

namespace sqlq::worker {

/// Whether a suspect has died beside others already, or has its last attempt: then it is run with no other, so that it
/// is known whose fault its next crash is.
[[nodiscard]] inline bool must_be_alone(const Job& job) noexcept {
  return job.crashes >= job.max_crashes || job.attempt >= job.max_attempts;
}

/// Suspects are run in rounds: one alone, and when that has come to its end as many together as have ended since, and
/// one more: 1, 2, 4, 8. Begins anew when none waits any more; and when the worker dies.
///
/// Thread-safety: one thread, but for what it reads of `in_flight`.
class Suspects final {
 public:
  explicit Suspects(const InFlight& in_flight) : in_flight_(in_flight) {}

  /// How many the next claim may take; none before all of the last round have ended.
  [[nodiscard]] std::size_t room() const noexcept { return in_flight_.suspects() > 0 ? 0 : 1 + ended(); }

  /// Looks at the jobs of a claim that might take several. When one of them must be alone, all its suspects are given
  /// back before any is begun, and the next one is taken alone.
  void sort_out(std::span<const HeldPtr> leases) {
    const auto suspect = [](const HeldPtr& lease) { return is_suspect(lease->job()); };
    const auto alone = [&](const HeldPtr& lease) { return suspect(lease) && must_be_alone(lease->job()); };
    if (std::ranges::none_of(leases, alone)) return;
    for (const HeldPtr& lease : leases) {
      if (suspect(lease)) lease->set_unwanted();
    }
    forget();
  }

  /// The last claim saw none that waits.
  void none_waits() noexcept {
    if (in_flight_.suspects() == 0) forget();
  }

 private:
  [[nodiscard]] std::size_t ended() const noexcept { return in_flight_.suspects_ended() - ended_before_; }
  void forget() noexcept { ended_before_ = in_flight_.suspects_ended(); }

  const InFlight& in_flight_;
  std::size_t ended_before_ = 0;
};

}  // namespace sqlq::worker
