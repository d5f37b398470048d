#include "worker/context.hpp"

#include <sqlq/client.hpp>
#include <sqlq/error.hpp>

#include "core/checks.hpp"

namespace sqlq {

std::string_view to_string(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::none: return "none";
    case StopReason::cancel: return "cancel";
    case StopReason::timeout: return "timeout";
    case StopReason::shutdown: return "shutdown";
    case StopReason::lease_lost: return "lease_lost";
  }
  return "unknown";
}

const Job& JobContext::job() const noexcept { return impl_->lease->job(); }
std::stop_token JobContext::stop_token() const noexcept { return impl_->lease->stop_token(); }
StopReason JobContext::stop_reason() const noexcept { return impl_->lease->stop_reason(); }
JobLogger& JobContext::log() noexcept { return impl_->log; }
Client JobContext::client() const { return {impl_->shared.db, impl_->shared.options.client}; }

void JobContext::set_result(std::string_view json) {
  check_json(json, impl_->shared.db.limits(), "the result");
  const std::lock_guard lock(impl_->mutex);
  if (impl_->completed) {
    throw Error(Errc::misuse, "set_result after complete_in, which has written the result: call it before");
  }
  impl_->result = json;
}

bool JobContext::complete_in(Tx tx) {
  const std::lock_guard lock(impl_->mutex);
  const worker::HeldPtr& lease = impl_->lease;
  const backend::Finish success{.id = lease->job().id, .token = lease->job().lease_token, .result = impl_->result};
  // Set before the write: from its commit on a heartbeat finds the lease gone, and that is no loss.
  lease->set_completing(true);
  try {
    const auto statuses = impl_->shared.dialect().finish({&success, 1}, &tx, impl_->shared.now());
    core::expect_answers(statuses.size(), 1);
    impl_->completed = accepted(statuses.front());
  } catch (...) {
    lease->set_completing(false);
    throw;
  }
  if (!impl_->completed) impl_->shared.lose(lease);
  return impl_->completed;
}

}  // namespace sqlq
