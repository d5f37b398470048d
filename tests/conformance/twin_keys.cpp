// Jobs with keys wait, and are let in.

#include <algorithm>
#include <set>

#include "twin_values.hpp"

namespace sqlq::conformance {

/// What becomes of one that would go to this state.
JobState Twin::back(const Known& job, JobState state) { return job.gate.empty() ? state : JobState::waiting; }

/// How many of its key are let in.
std::size_t Twin::inside(const Known& like) const {
  return static_cast<std::size_t>(std::ranges::count_if(jobs_, [&](const Entry& entry) {
    const Known& job = entry.second;
    return job.queue == like.queue && job.gate == like.gate && !job.is_over() && job.state != JobState::waiting;
  }));
}

/// Whoever looks may let jobs in at any time; those that are let in now must have room.
void Twin::let_in() {
  const auto waits = [](const Entry& job) { return job.second.state == JobState::waiting; };
  if (!capabilities_.limits || std::ranges::none_of(jobs_, waits)) return;
  std::vector<const Known*> fresh;
  for (const Job& job : admin_.list({.states = {JobState::pending, JobState::running}}, {.limit = 1000})) {
    const auto found = jobs_.find(job.id);
    if (found == jobs_.end() || !waits(*found)) continue;
    done("  let in: " + name(job.id));
    require(found->second.run_at <= clock_.now(), name(job.id) + " is let in and is not due");
    found->second.state = JobState::pending;
    fresh.push_back(&found->second);
  }
  for (const Known* job : fresh) {
    const std::optional<std::uint32_t> limit = lanes_.at(job->queue).per_key;
    require(!limit || inside(*job) <= *limit,
            twin::text(inside(*job)) + " jobs of key " + job->gate + " are let in of queue " + job->queue);
  }
}

void Twin::look() {
  if (!capabilities_.limits) return;
  backend::Gates& gates = *client().database().ready().gates();
  std::vector<backend::GateName> all;
  for (const std::string& queue : twin::queues) {
    for (const char* key : {"m", "n"}) all.push_back({queue, key});
  }
  int rounds = 0;
  while (gates.gates_look(all, 10, clock_.instant()).more) require(++rounds < 100, "there is always more to look at");
  done("look at all keys");
  let_in();
  for (const auto& [id, job] : jobs_) {
    if (job.state != JobState::waiting || job.run_at > clock_.now()) continue;
    const std::optional<std::uint32_t> limit = lanes_.at(job.queue).per_key;
    require(limit && inside(job) >= *limit, name(id) + " has room and was left");
  }
}

void Twin::limit_keys() {
  if (!capabilities_.limits) return;
  const std::string& queue = twin::queues[index(twin::queues.size())];
  const int limit = number(0, 3);
  Lane& lane = lanes_.at(queue);
  lane.per_key = limit == 3 ? std::nullopt : std::optional<std::uint32_t>(limit);
  admin_.set_key_limits(queue, {.concurrency = lane.per_key});
  done("limit of each key of queue " + queue + ": " + (limit == 3 ? "none" : twin::text(limit)));
}

}  // namespace sqlq::conformance
