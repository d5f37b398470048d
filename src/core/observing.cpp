#include "core/observing.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include <sqlq/error.hpp>

#include "platform/user_code.hpp"

namespace sqlq {

std::string_view to_string(JobEnd end) noexcept {
  switch (end) {
    case JobEnd::success: return "success";
    case JobEnd::retried: return "retried";
    case JobEnd::errored: return "errored";
    case JobEnd::discarded: return "discarded";
    case JobEnd::cancelled: return "cancelled";
    case JobEnd::snoozed: return "snoozed";
    case JobEnd::suspended: return "suspended";
    case JobEnd::released: return "released";
    case JobEnd::lost: return "lost";
  }
  return "unknown";
}

namespace core {

void check_observers(const Observers& observers, const char* option) {
  if (std::ranges::find(observers, nullptr) == observers.end()) return;
  throw Error(Errc::invalid_argument, std::string(option) + ": an observer is null; leave it out");
}

void tell(const Observers& observers, const Event& event) noexcept {
  for (const auto& observer : observers) {
    try {
      const platform::UserCode user("an observer");
      observer->observe(event);
    } catch (...) {  // what the user's code throws is his
      if (platform::in_forced_unwind()) std::terminate();
    }
  }
}

void tell_enqueued(const Observers& observers, std::span<const backend::EnqueueItem> items,
                   std::span<const Enqueued> answers, bool in_transaction) noexcept {
  if (observers.empty()) return;
  try {
    for (std::size_t i = 0; i < std::min(items.size(), answers.size()); ++i) {
      tell(observers, JobEnqueued{.id = answers[i].id,
                                  .queue = std::string(items[i].queue),
                                  .kind = std::string(items[i].kind),
                                  .status = answers[i].status,
                                  .in_transaction = in_transaction});
    }
  } catch (...) {  // no memory to tell of what is stored
  }
}

std::vector<NewJob> pass_hooks(std::span<const NewJob> jobs, std::span<const EnqueueHook> hooks) {
  std::vector<NewJob> passed(jobs.begin(), jobs.end());
  for (std::size_t i = 0; i < passed.size(); ++i) {
    for (const EnqueueHook& hook : hooks) passed[i] = hook(std::move(passed[i]));
    if (passed[i].options.id == jobs[i].options.id) continue;
    throw Error(Errc::misuse, "a hook around enqueue has changed a job's id, which belongs to the caller: let it leave "
                              "EnqueueOptions::id as it is");
  }
  return passed;
}

}  // namespace core
}  // namespace sqlq
