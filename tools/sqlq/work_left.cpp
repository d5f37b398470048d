#include "work_left.hpp"

#include <algorithm>
#include <array>
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
  return any || is_let_in_soon();
}

// Workers let in jobs with a key, ours too. Of those that wait the oldest hundred are looked at, one of each key.
bool WorkLeft::is_let_in_soon() {
  using Code = Reason::Code;
  static constexpr std::array reasons{Code::key_used,     Code::key_rate,   Code::key_shut, Code::key_line,
                                      Code::queue_paused, Code::limit_used, Code::due_later, Code::not_found,
                                      Code::finished};
  constexpr std::chrono::seconds patience(30);  // a worker may have no right to let in
  const auto in_the_way = [](const Reason& reason) { return std::ranges::find(reasons, reason.code) != reasons.end(); };
  const auto has_room = [&](const Job& job) {
    const std::vector<Reason> why = admin_.explain(job.id);
    return job.state == JobState::waiting && std::ranges::none_of(why, in_the_way);
  };
  std::set<std::pair<std::string, std::string>> seen;
  const JobFilter waiting{.queues = queues_, .kinds = kinds_, .states = {JobState::waiting}};
  const bool any = std::ranges::any_of(admin_.list(waiting, {.limit = 100, .payloads = false}), [&](const Job& job) {
    const std::string key(key_of(job));
    return !key.empty() && seen.emplace(job.queue, key).second && has_room(job);
  });
  const auto now = std::chrono::steady_clock::now();
  if (!any) {
    room_since_.reset();
  } else if (!room_since_) {
    room_since_ = now;
  }
  return any && now - *room_since_ < patience;
}

// A job that changes from one to the other between two looks is seen by the third.
bool WorkLeft::due_or_running() { return due() || running() || due(); }

bool WorkLeft::running() const {
  const JobFilter held{.queues = queues_, .kinds = kinds_, .states = {JobState::running, JobState::cancelling}};
  return !admin_.list(held, {.limit = 1, .payloads = false}).empty();
}

}  // namespace sqlq::tool
