#include "worker/batch_context.hpp"

#include <string>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "platform/user_code.hpp"
#include "worker/events.hpp"

namespace sqlq {
namespace {

JobContext::Impl& at(const BatchContext::Impl& batch, std::size_t i) {
  if (i < batch.members.size()) return *batch.members[i]->context;
  throw Error(Errc::misuse, "there is no job " + std::to_string(i) + " in the batch: it has " +
                                std::to_string(batch.members.size()) + ", and the first is 0");
}

}  // namespace

std::size_t BatchContext::size() const noexcept { return impl_->members.size(); }
const Job& BatchContext::job(std::size_t i) const { return at(*impl_, i).lease->job(); }
sqlq::stop_token BatchContext::stop_token() const noexcept { return impl_->stop.get_token(); }
StopReason BatchContext::stop_reason(std::size_t i) const { return at(*impl_, i).lease->stop_reason(); }
JobLogger& BatchContext::log(std::size_t i) { return at(*impl_, i).log; }
void BatchContext::set_result(std::size_t i, std::string_view json) { JobContext(at(*impl_, i)).set_result(json); }

Client BatchContext::client() const {
  const worker::Shared& shared = impl_->members.front()->context->shared;
  return {shared.db, shared.options.client};
}

void detail::leave_out(BatchContext& batch, std::size_t i) {
  if (platform::in_forced_unwind()) throw;
  BatchContext::Impl& impl = *batch.impl_;
  const auto at = impl.members.begin() + static_cast<std::ptrdiff_t>(i);
  (*at)->left_out = worker::current_outcome();
  (*at)->stops(impl);
  impl.others.push_back(std::move(*at));
  impl.members.erase(at);
}

}  // namespace sqlq
