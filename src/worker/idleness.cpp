#include "worker/idleness.hpp"

#include <algorithm>
#include <utility>

#include "core/lists.hpp"
#include "core/text.hpp"

namespace sqlq::worker {
namespace {

using Why = IdleReason::Why;

constexpr Duration between_looks = std::chrono::minutes(1);
constexpr std::size_t most_kinds = 1000;
constexpr std::size_t most_names = 1000;  // queues among which a name is looked for
constexpr std::size_t most_reasons = 10;

std::string seconds_of(Duration time) { return std::to_string(time / std::chrono::seconds(1)) + " s"; }

std::string in_words(const IdleReason& r, TimePoint now) {
  switch (r.why) {
    case Why::paused: return "jobs wait in queue '" + r.queue + "', which is paused";
    case Why::no_handler:
      return "jobs of kind '" + r.kind + "' wait in queue '" + r.queue + "', and this worker has no handler for them";
    case Why::draining:
      return "an operator drains this worker; Admin::drain(name, false) or `sqlq worker drain --undo NAME` lets it go "
             "on";
    case Why::no_thread: return "the system refuses new threads for those that handlers have ended";
    case Why::due_later: return "all jobs are due later, the first in " + seconds_of(*r.at - now);
    case Why::other_case: return "there is no queue '" + r.queue + "', but one named '" + r.other + "'";
    case Why::limit_used: {
      const std::string limit = "jobs wait in queue '" + r.queue + "', whose limit of " + std::to_string(r.limit) + " ";
      if (r.worker.empty()) return limit + "lets none run";
      return limit + "is used up; worker '" + r.worker + "' holds one" +
             (r.at ? " since " + seconds_of(now - *r.at) : std::string());
    }
  }
  return {};
}

}  // namespace

void Idleness::look() {
  const bool idle = this->idle();
  const bool before = std::exchange(was_idle_, idle);
  const bool drains = shared_.draining;
  const bool newly = (idle && !before) || (drains && !was_draining_);
  was_draining_ = drains;
  const SteadyPoint now = shared_.clock().steady();
  if (now < next_event_ || (now < next_look_ && !newly)) return;
  next_look_ = saturating_add(now, between_looks);
  reasons_.clear();
  if (drains) {
    reasons_.push_back({.why = Why::draining});
  } else {
    add_reasons(idle);
  }
  if (reasons_.empty()) return;
  next_event_ = next_look_;
  report();
}

void Idleness::add_reasons(bool idle) {
  const std::vector<WaitingKind> waiting = shared_.dialect().waiting_kinds(most_kinds, shared_.now());
  add_unknown_kinds(waiting);
  if (shared_.slots.capacity() == 0) {
    reasons_.push_back({.why = Why::no_thread});
  } else if (idle) {
    add_shut_queues(waiting);
    add_wrong_names();
    add_due_later(waiting);
  }
}

bool Idleness::idle() {
  const std::uint64_t claimed = shared_.counters.claimed;
  const bool none = std::exchange(claimed_, claimed) == claimed && shared_.slots.used() == 0;
  return std::exchange(seen_, true) && none;
}

bool Idleness::ours(const std::string& queue) const {
  const auto& queues = shared_.options.queues;
  return queues.empty() || std::ranges::find(queues, queue) != queues.end();
}

void Idleness::add_unknown_kinds(const std::vector<WaitingKind>& waiting) {
  for (const WaitingKind& w : waiting) {
    if (reasons_.size() == most_reasons) return;
    if (!ours(w.queue) || shared_.handlers.find(w.kind) != nullptr) continue;
    reasons_.push_back({.why = Why::no_handler, .queue = w.queue, .kind = w.kind});
  }
}

// Queues with jobs for which there is a handler.
void Idleness::add_shut_queues(const std::vector<WaitingKind>& waiting) {
  std::vector<std::string> names;
  for (const WaitingKind& w : waiting) {
    if (ours(w.queue) && shared_.handlers.find(w.kind) != nullptr) names.push_back(w.queue);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  names.resize(std::min(names.size(), most_reasons));
  for (const std::string& name : names) {
    if (reasons_.size() == most_reasons) return;
    const std::optional<Queue> queue = shared_.dialect().queue(name);
    if (!queue) continue;
    if (queue->paused) {
      reasons_.push_back({.why = Why::paused, .queue = name});
    } else if (queue->concurrency) {
      add_limit(*queue);
    }
  }
}

void Idleness::add_limit(const Queue& queue) {
  IdleReason reason{.why = Why::limit_used, .queue = queue.name, .limit = *queue.concurrency};
  if (reason.limit > 0) {
    const JobFilter held{.queues = {queue.name}, .states = {JobState::running, JobState::cancelling}};
    const JobCounts counts = shared_.dialect().counts(queue.name, std::uint64_t{reason.limit} + 1);
    const auto count = [&](JobState state) {
      const auto at = counts.find(state);
      return at == counts.end() ? 0 : at->second.value;
    };
    if (count(JobState::running) + count(JobState::cancelling) < reason.limit) return;
    const std::vector<Job> jobs = core::whole_page(shared_.dialect(), held, {.limit = 1});
    if (jobs.empty()) return;
    reason.worker = jobs[0].worker;
    reason.at = jobs[0].started_at;
  }
  reasons_.push_back(std::move(reason));
}

void Idleness::add_wrong_names() {
  if (shared_.options.queues.empty()) return;
  const std::vector<Queue> there = shared_.dialect().queues({}, most_names);
  for (const std::string& name : shared_.options.queues) {
    if (reasons_.size() == most_reasons) return;
    if (std::ranges::find(there, name, &Queue::name) != there.end()) continue;
    const auto alike = [&](const Queue& q) { return core::same_but_for_case(q.name, name); };
    const auto other = std::ranges::find_if(there, alike);
    if (other != there.end()) {
      reasons_.push_back({.why = Why::other_case, .queue = name, .other = other->name});
    }
  }
}

void Idleness::add_due_later(const std::vector<WaitingKind>& waiting) {
  if (!reasons_.empty() || std::ranges::any_of(waiting, [&](const WaitingKind& w) { return ours(w.queue); })) return;
  const std::optional<TimePoint> due = fetcher_.next_due();
  if (!due || *due < shared_.clock().now() + between_looks) return;
  reasons_.push_back({.why = Why::due_later, .at = due});
}

void Idleness::report() {
  std::string text;
  for (const IdleReason& reason : reasons_) {
    text += (text.empty() ? "" : "; ") + in_words(reason, shared_.clock().now());
  }
  const bool later = reasons_.front().why == Why::due_later;
  shared_.events.report({.level = later ? WorkerEvent::Level::info : WorkerEvent::Level::warning,
                         .code = WorkerEvent::Code::idle,
                         .service = "maintenance",
                         .message = std::move(text),
                         .idle = std::move(reasons_)});
  reasons_ = {};
}

}  // namespace sqlq::worker
