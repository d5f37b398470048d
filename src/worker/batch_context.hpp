#pragma once
// The state behind a BatchContext.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sqlq/batch.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/stop_token.hpp>

#include "worker/context.hpp"

namespace sqlq {

/// Its jobs are changed by the handler's thread only, before the handler sees them.
struct BatchContext::Impl {
  using Contexts = std::vector<std::unique_ptr<JobContext::Impl>>;

  struct Member {
    Member(Impl& batch, std::unique_ptr<JobContext::Impl> its)
        : context(std::move(its)), on_stop(context->lease->stop_token(), [this, &batch] { stops(batch); }) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    /// Its token was tripped, or it is left out. The last one trips the token of the batch.
    void stops(Impl& batch) noexcept {
      if (!stopped.exchange(true) && --batch.going_on == 0) batch.stop.request_stop();
    }

    std::unique_ptr<JobContext::Impl> context;
    std::optional<Outcome> left_out{};  // with this one
    std::atomic<bool> stopped{false};
    sqlq::stop_callback<std::function<void()>> on_stop;  // last: it uses the others
  };
  using Members = std::vector<std::unique_ptr<Member>>;

  explicit Impl(Contexts contexts) : going_on(contexts.size()) {
    for (auto& context : contexts) members.push_back(std::make_unique<Member>(*this, std::move(context)));
  }

  sqlq::stop_source stop{};
  std::atomic<std::size_t> going_on;  // whose tokens were not tripped
  Members members{};                  // that the handler sees
  Members others{};                   // that were left out
};

}  // namespace sqlq
