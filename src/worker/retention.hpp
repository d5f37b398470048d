#pragma once

#include <string_view>

#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Deletes finished jobs past their retention, with their logs, histories and steps. Every worker does it; the database
/// keeps them apart. A service of its own, for it may have to wait for somebody's lock on any of these: nothing else of
/// the worker waits for it, nor does a stop (decision 0051).
class Retention final : public Service {
 public:
  explicit Retention(Shared& shared);

  /// Deletes once, whenever it did last.
  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "retention"; }
  /// Retentions are hours: a lock that is held for long costs a call a minute.
  [[nodiscard]] Retry retry() const noexcept override { return {std::chrono::seconds(1), std::chrono::minutes(1)}; }

 private:
  Shared& shared_;
  Jitter jitter_;
};

}  // namespace sqlq::worker
