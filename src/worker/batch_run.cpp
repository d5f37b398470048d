#include "worker/batch_run.hpp"

#include <optional>
#include <string>
#include <utility>

#include "platform/user_code.hpp"
#include "worker/batch_context.hpp"

namespace sqlq::worker {
namespace {

using Outcomes = std::vector<Outcome>;

/// A failure that says nothing of single jobs ends none of several: each is tried alone.
Outcomes all_failed(std::size_t jobs, const Outcome& failure) {
  if (jobs == 1) return {failure};
  return {jobs, Outcome::error("in a batch of " + std::to_string(jobs) + " jobs: " + failure.message())};
}

/// One for each job that the handler has seen.
Outcomes call(const Handlers::Entry& entry, BatchContext::Impl& impl) {
  BatchContext context(impl);
  try {
    const platform::UserCode user("a handler");
    detail::BatchOutcomes said = entry.batch->run(context);
    if (!said) return {impl.members.size(), Outcome::done()};
    if (said->size() == impl.members.size()) return *std::move(said);
    return all_failed(impl.members.size(),
                      Outcome::error("the batch handler returned " + std::to_string(said->size()) + " outcomes for " +
                                     std::to_string(impl.members.size()) +
                                     " jobs: it must return one for each, in their order, or nothing"));
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    return all_failed(impl.members.size(), current_outcome());
  }
}

}  // namespace

std::vector<Ending> run_batch(Executor& executor, std::span<const HeldPtr> leases) {
  std::vector<Ending> endings;
  endings.reserve(leases.size());
  BatchContext::Impl::Contexts contexts;
  const Handlers::Entry* entry = nullptr;
  for (const HeldPtr& lease : leases) {
    std::optional<Ending> instead;
    if (const Handlers::Entry* const its = executor.begin(lease, instead)) {
      entry = its;
      contexts.push_back(std::unique_ptr<JobContext::Impl>(new JobContext::Impl(executor.context_of(lease))));
    } else {
      endings.push_back(*std::move(instead));
    }
  }
  if (entry == nullptr) return endings;

  BatchContext::Impl impl(std::move(contexts));
  const Outcomes outcomes = call(*entry, impl);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    endings.push_back(executor.conclude(*impl.members[i]->context, outcomes[i], entry->options));
  }
  for (const auto& other : impl.others) {
    endings.push_back(executor.conclude(*other->context, *other->left_out, entry->options));
  }
  return endings;
}

}  // namespace sqlq::worker
