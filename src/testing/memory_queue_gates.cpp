// Which jobs in memory their keys let in. Nothing here is late: a key's jobs are what their states say, and a start is
// counted when it happens.

#include <algorithm>
#include <utility>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {
namespace {

using backend::GateName;
using backend::GateRow;
using core::InsideJob;
using core::WaitingJob;

constexpr std::size_t most_shown = 10;

bool has_started(const Job& job) { return job.state == JobState::running || job.state == JobState::cancelling; }

void add_one(CappedCount& count, std::uint64_t cap) {
  if (count.value < cap) {
    ++count.value;
  } else {
    count.capped = true;
  }
}

void sooner(std::optional<TimePoint>& at, std::optional<TimePoint> other) {
  if (other && (!at || *other < *at)) at = other;
}

WaitingJob waiting_job(std::int64_t number, const Job& job) {
  return {.seq = number, .priority = job.priority, .due = job.run_at, .returned = job.claims > 0};
}

}  // namespace

/// It will be put back by the time alone.
bool MemoryQueue::comes_later(const Row& row, Instant now) {
  const JobState state = row.job.state;
  return state == JobState::scheduled ||
         (state == JobState::waiting && !row.key.empty() && row.job.run_at > now.wall);
}

// ------------------------------------------------------------------------------------------------- looking

backend::GatesLooked MemoryQueue::look_at_gates(std::span<const GateName> named, std::size_t limit, Instant now) {
  backend::GatesLooked looked{.now = now.wall};
  std::size_t others = 0;
  const auto with_jobs = gates_with_jobs();
  std::erase_if(gates_, [&](const auto& entry) {
    const auto& [settings, state] = entry.second;
    const bool remembers = !settings.empty() || state.next_start > now.wall || state.shut_until > now.wall;
    return !remembers && !with_jobs.contains(entry.first);
  });
  for (const auto& [name, jobs] : with_jobs) {
    const bool is_named = std::ranges::find(named, name) != named.end();
    const bool let_in = look_at(name, jobs, is_named || others < limit, now, looked) > 0;
    others += let_in && !is_named ? 1 : 0;
  }
  return looked;
}

std::size_t MemoryQueue::look_at(const GateName& name, const AtGate& jobs, bool may_let_in, Instant now,
                                 backend::GatesLooked& looked) {
  const KeyLimits limits = limits_of(name);
  std::vector<InsideJob> inside;
  std::vector<WaitingJob> line;
  for (const auto& [number, row] : jobs) {
    const Job& job = row->job;
    if (job.state != JobState::waiting) {
      inside.push_back({.seq = number, .state = job.state, .started = has_started(job) && !row->counted,
                        .started_at = job.started_at.value_or(TimePoint{})});
    } else if (const WaitingJob waits = waiting_job(number, job); core::in_line(limits, waits, now.wall)) {
      line.push_back(waits);
    } else {
      sooner(looked.next, job.run_at);
    }
  }
  core::Room room = core::measure(limits, gates_[name].state, inside, now.wall);
  for (const std::int64_t number : room.counted) find(jobs.at(number)->job.id)->counted = true;

  const std::vector<std::int64_t> chosen = core::choose(limits, line, room.room, now.wall);
  if (!chosen.empty() && may_let_in) room.state.let_in = now.wall;
  gates_[name].state = room.state;
  if (!chosen.empty() && !may_let_in) {
    looked.more = true;
    return 0;
  }
  for (const std::int64_t number : chosen) {
    find(jobs.at(number)->job.id)->job.state = JobState::pending;
    ++looked.let_in;
    news_ = true;
  }
  std::erase_if(line, [&](const WaitingJob& job) { return std::ranges::find(chosen, job.seq) != chosen.end(); });
  const auto head = std::ranges::min_element(line, {}, [&](const WaitingJob& job) {
    return std::pair(core::rank(limits, job), job.seq);
  });
  const auto head_due = head == line.end() ? std::nullopt : std::optional(head->due);
  const bool any_inside = !inside.empty() || !chosen.empty();
  const auto again = core::look_again(room, any_inside, !line.empty(), head_due, now.wall);
  looked.more = looked.more || (again && *again <= now.wall);
  sooner(looked.next, again);
  return chosen.size();
}

/// The limits that hold for a key.
KeyLimits MemoryQueue::limits_of(const GateName& name) const {
  for (const GateName& from : {name, GateName{name.queue, {}}}) {
    const auto at = gates_.find(from);
    if (at != gates_.end() && !at->second.settings.empty()) return core::read_key_limits(at->second.settings);
  }
  return {};
}

void MemoryQueue::count_start(Row& row, Instant now) {
  row.counted = false;
  if (row.key.empty()) return;
  const GateName name{row.job.queue, row.key};
  const KeyLimits limits = limits_of(name);
  if (!limits.rate) return;
  core::GateState& state = gates_[name].state;
  const InsideJob started{.state = JobState::running, .started = true, .started_at = now.wall};
  state = core::measure(limits, state, std::span(&started, 1), now.wall).state;
  row.counted = true;
}

void MemoryQueue::hold_after_error(const Row& row) {
  if (row.key.empty()) return;
  const GateName name{row.job.queue, row.key};
  const KeyLimits limits = limits_of(name);
  const bool holds = limits.order == KeyOrder::strict && limits.after_error == AfterError::hold;
  if (holds) gates_[name].state.shut_until = TimePoint::max();
}

std::map<GateName, MemoryQueue::AtGate> MemoryQueue::gates_with_jobs() const {
  std::map<GateName, AtGate> found;
  for (const auto& [id, row] : rows_) {
    if (row.key.empty() || is_finished(row.job.state)) continue;
    found[{row.job.queue, row.key}].emplace(static_cast<std::int64_t>(row.number), &row);
  }
  return found;
}

MemoryQueue::AtGate MemoryQueue::at_gate(const GateName& name) const {
  AtGate found;
  for (const auto& [id, row] : rows_) {
    const bool there = row.key == name.key && row.job.queue == name.queue && !is_finished(row.job.state);
    if (there) found.emplace(static_cast<std::int64_t>(row.number), &row);
  }
  return found;
}

// ------------------------------------------------------------------------------------------------- settings

void MemoryQueue::set_gate(const GateName& gate, std::string_view settings, Instant now) {
  queue_made(gate.queue, now);
  deleted_.erase(gate.queue);
  gates_[gate].settings = settings;
  news_ = true;
}

void MemoryQueue::shut_gate(const GateName& gate, Duration pause, Instant now) {
  if (!queues_.contains(gate.queue)) return;
  TimePoint& until = gates_[gate].state.shut_until;
  until = pause <= Duration(0)       ? TimePoint{}
          : pause == Duration::max() ? TimePoint::max()
                                     : std::max(until, saturating_add(now.wall, pause));
  news_ = true;
}

// ------------------------------------------------------------------------------------------------- reading

std::string MemoryQueue::gate_settings(std::string_view queue) const {
  const auto at = gates_.find({std::string(queue), {}});
  return at == gates_.end() ? std::string{} : at->second.settings;
}

std::optional<GateRow> MemoryQueue::gate_row(const GateName& name, const AtGate& jobs, std::uint64_t cap,
                                             Instant now) const {
  GateRow found{.key = name.key};
  for (const auto& [number, row] : jobs) {
    const bool waits = row->job.state == JobState::waiting;
    add_one(waits ? found.waiting : found.inside, cap);
    if (!waits && found.jobs.size() < most_shown) found.jobs.push_back(row->job.id);
  }
  if (const auto at = gates_.find(name); at != gates_.end()) {
    const auto& [settings, state] = at->second;
    found.settings = settings;
    if (state.next_start > now.wall) found.next_start = state.next_start;
    found.held = state.shut_until == TimePoint::max();
    if (state.shut_until > now.wall && !found.held) found.shut_until = state.shut_until;
  }
  const bool state = found.next_start || found.shut_until || found.held;
  return jobs.empty() && found.settings.empty() && !state ? std::nullopt : std::optional(std::move(found));
}

std::vector<GateRow> MemoryQueue::list_gates(std::string_view queue, std::string_view after, std::size_t limit,
                                             std::uint64_t cap, Instant now) const {
  std::map<GateName, AtGate> gates = gates_with_jobs();
  for (const auto& [name, remembered] : gates_) gates[name];
  std::vector<GateRow> found;
  for (const auto& [name, jobs] : gates) {
    if (name.queue != queue || name.key.empty() || name.key <= after || found.size() == limit) continue;
    if (auto row = gate_row(name, jobs, cap, now)) found.push_back(std::move(*row));
  }
  return found;
}

std::optional<GateRow> MemoryQueue::gate(const GateName& name, std::uint64_t cap, Instant now) const {
  return gate_row(name, at_gate(name), cap, now);
}

CappedCount MemoryQueue::before_in_line(JobId id, std::uint64_t cap, Instant now) const {
  CappedCount before;
  const Row* mine = find(id);
  if (mine == nullptr || mine->job.state != JobState::waiting || mine->key.empty()) return before;
  const GateName name{mine->job.queue, mine->key};
  const KeyLimits limits = limits_of(name);
  const auto place = [&](const WaitingJob& job) { return std::pair(core::rank(limits, job), job.seq); };
  const WaitingJob me = waiting_job(static_cast<std::int64_t>(mine->number), mine->job);
  const bool stands = core::in_line(limits, me, now.wall);
  for (const auto& [number, row] : at_gate(name)) {
    const WaitingJob other = waiting_job(number, row->job);
    const bool waits = row != mine && row->job.state == JobState::waiting && core::in_line(limits, other, now.wall);
    if (waits && (!stands || place(other) < place(me))) add_one(before, cap);
  }
  return before;
}

}  // namespace sqlq::testing
