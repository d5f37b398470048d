#include "worker/context.hpp"

#include <algorithm>
#include <string>

#include <sqlq/client.hpp>
#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "core/checks.hpp"
#include "core/text.hpp"

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
sqlq::stop_token JobContext::stop_token() const noexcept { return impl_->lease->stop_token(); }
StopReason JobContext::stop_reason() const noexcept { return impl_->lease->stop_reason(); }
JobLogger& JobContext::log() noexcept { return impl_->log; }
Client JobContext::client() const { return {impl_->shared.db, impl_->shared.options.client}; }

void JobContext::set_result(std::string_view json) {
  const PayloadLimits& limits = impl_->shared.db.limits();
  const std::size_t most = std::min(limits.max_bytes, impl_->shared.db.dialect().capabilities().longest_result);
  if (json.size() > most) {
    throw worker::ResultRefused(Errc::invalid_argument,
                                "the result has " + std::to_string(json.size()) + " bytes; at most " +
                                    std::to_string(most) + " are allowed: store it elsewhere and set where it is");
  }
  check_json(json, limits, "the result");
  const core::MutexLock lock(impl_->mutex);
  if (impl_->completed) {
    throw Error(Errc::misuse, "set_result after complete_in, which has written the result: call it before");
  }
  impl_->result = json;
  impl_->interims.set_result(impl_->lease, impl_->result);
}

void JobContext::set_progress(std::int64_t done, std::int64_t total, std::string_view note) {
  static_cast<void>(impl_->shared.db.dialect());  // in a forked child it is misuse, as all that follows from it
  impl_->interims.set_progress(impl_->lease, {.done = done, .total = total, .note = core::note_text(note)});
}

bool JobContext::complete_in(Tx tx) {
  const core::MutexLock lock(impl_->mutex);
  if (impl_->steps) {
    impl_->steps->throw_on();
    impl_->steps->require_committed(&tx);
  }
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
  if (impl_->completed) impl_->interims.forget(lease);  // it is that transaction's now
  if (!impl_->completed) impl_->shared.lose(lease);
  return impl_->completed;
}

worker::ExecutionSteps& JobContext::Impl::its_steps() {
  static_cast<void>(shared.dialect());  // in a forked child it is misuse
  {
    const core::MutexLock lock(mutex);
    if (completed) throw Error(Errc::misuse, "a durable step after complete_in, which has ended the job");
  }
  if (!steps) steps = std::make_unique<worker::ExecutionSteps>(shared, lease);
  return *steps;
}

std::optional<std::string> JobContext::find_step(const Tx* tx, StepName name) {
  return impl_->its_steps().find_step(tx, name);
}

std::string JobContext::record_step(const Tx* tx, StepName name, std::string value) {
  return impl_->its_steps().record_step(tx, name, value);
}

void JobContext::in_body(bool runs) noexcept { impl_->steps->body(runs); }

void JobContext::sleep(StepName name, Duration time) { impl_->its_steps().sleep(name, time); }

std::optional<std::string> JobContext::await_signal(StepName name, Duration timeout) {
  return impl_->its_steps().await_signal(name, timeout);
}

std::vector<Job> JobContext::all(StepName name, std::span<const NewJob> children) {
  return impl_->its_steps().all(name, children);
}

bool JobContext::since(StepName change) { return impl_->its_steps().since(change); }

}  // namespace sqlq
