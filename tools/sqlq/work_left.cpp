#include "work_left.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace sqlq::tool {
namespace {

bool meant(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

WorkLeft::WorkLeft(Admin admin, std::vector<std::string> queues, std::vector<std::string> kinds)
    : admin_(std::move(admin)), queues_(std::move(queues)), kinds_(std::move(kinds)) {}

bool WorkLeft::due() {
  std::set<std::string> with_jobs;
  for (const WaitingKind& waiting : admin_.waiting_kinds()) {
    if (meant(queues_, waiting.queue) && meant(kinds_, waiting.kind)) with_jobs.insert(waiting.queue);
  }
  shut_.clear();
  bool any = false;
  for (const std::string& name : with_jobs) {
    const auto queue = admin_.queue(name);
    const bool paused = queue && queue->paused;
    if (paused) shut_.push_back("jobs wait in queue '" + name + "', which is paused");
    const bool closed = queue && queue->concurrency == 0U;
    if (closed && !paused) shut_.push_back("jobs wait in queue '" + name + "', whose limit of 0 lets none run");
    any = any || (!paused && !closed);
  }
  return any;
}

// A job that changes from one to the other between two looks is seen by the third.
bool WorkLeft::due_or_running() { return due() || running() || due(); }

bool WorkLeft::running() const {
  const JobFilter held{.queues = queues_, .kinds = kinds_, .states = {JobState::running, JobState::cancelling}};
  return !admin_.list(held, {.limit = 1, .payloads = false}).empty();
}

}  // namespace sqlq::tool
