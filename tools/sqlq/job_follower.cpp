#include <algorithm>
#include <iterator>

#include "job_watch.hpp"

namespace sqlq::tool {

TimePoint time_of_state(const Job& job) {
  if (is_finished(job.state) && job.finished_at) return *job.finished_at;
  if (job.state == JobState::running && job.started_at) return *job.started_at;
  return job.queued_at;
}

void Follower::begin(const std::vector<Job>& newest, const std::vector<Job>& others, TimePoint now) {
  since_ = now;
  for (const Job& job : newest) {
    floor_ = floor_.nil() ? job.id : std::min(floor_, job.id);
    remember(job);
  }
  for (const Job& job : others) remember(job);
}

std::vector<Happening> Follower::see(const std::vector<Job>& jobs) {
  std::vector<Happening> happened;
  for (const Job& job : jobs) {
    const auto known = known_.find(job.id);
    const auto came_to_state = [&] { happened.push_back({to_string(job.state), time_of_state(job), job}); };
    if (known != known_.end()) {
      const Job& before = known->second;
      if (before.state == job.state && before.claims == job.claims && before.queued_at == job.queued_at) continue;
      came_to_state();
    } else if (job.id > floor_) {
      happened.push_back({"enqueued", job.created_at, job});
      if (job.claims > 0 || is_finished(job.state)) came_to_state();
    } else if (time_of_state(job) >= since_) {
      came_to_state();
    }
    remember(job);
  }
  std::stable_sort(happened.begin(), happened.end(),
                   [](const Happening& a, const Happening& b) { return a.at < b.at; });
  return happened;
}

std::vector<Happening> Follower::miss(const std::vector<JobId>& asked, const std::vector<Job>& found) {
  std::set<JobId> there;
  for (const Job& job : found) there.insert(job.id);
  std::vector<Happening> happened;
  for (const JobId id : asked) {
    const auto known = known_.find(id);
    if (there.contains(id) || known == known_.end()) continue;
    happened.push_back({"gone", time_of_state(known->second), known->second});
    live_.erase(id);
    known_.erase(known);
  }
  return happened;
}

std::vector<JobId> Follower::live(std::size_t most) const {
  std::vector<JobId> ids;
  for (auto id = live_.rbegin(); id != live_.rend() && ids.size() < most; ++id) ids.push_back(*id);
  return ids;
}

void Follower::remember(const Job& job) {
  known_.insert_or_assign(job.id, job);
  if (is_finished(job.state)) {
    live_.erase(job.id);
  } else {
    live_.insert(job.id);
  }
  while (known_.size() > most_) {
    const auto lowest = known_.begin();
    floor_ = std::max(floor_, lowest->first);
    live_.erase(lowest->first);
    known_.erase(lowest);
  }
}

}  // namespace sqlq::tool
