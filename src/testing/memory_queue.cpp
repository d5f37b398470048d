#include "testing/memory_queue.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/headers.hpp"
#include "core/places.hpp"

namespace sqlq::testing {
namespace {

using backend::Finish;
using backend::FinishKind;

constexpr std::size_t history_kept = 1000;

bool waits(JobState state) { return state == JobState::pending || state == JobState::scheduled; }
bool held(const Job& job) { return job.state == JobState::running || job.state == JobState::cancelling; }

bool meant(std::span<const std::string> names, const std::string& name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

void record(std::vector<AttemptRecord>& history, const Job& job, Cause cause, std::string message, Instant now) {
  history.push_back({.claim = job.claims, .attempt = job.attempt, .cause = cause, .at = now.wall,
                     .worker = job.worker, .message = std::move(message)});
  if (history.size() > history_kept) history.erase(history.begin());
}

}  // namespace

// ------------------------------------------------------------------------------------------------- producing

Enqueued MemoryQueue::enqueue(const backend::EnqueueItem& item, Instant now) {
  queue_made(item.queue, now);
  if (find(item.id) != nullptr) return {.id = item.id, .status = EnqueueStatus::existing_id};
  if (item.unique_key) {
    if (const Row* holder = live_with(*item.unique_key)) {
      return {.id = holder->job.id, .status = EnqueueStatus::existing_key};
    }
  }
  const TimePoint due = std::max(item.run_at.value_or(saturating_add(now.wall, item.delay)), now.wall);
  Row& row = rows_[item.id];
  row.number = ++inserted_;
  Job& job = row.job;
  job.id = item.id;
  job.queue = item.queue;
  job.kind = item.kind;
  job.state = due > now.wall ? JobState::scheduled : JobState::pending;
  job.priority = item.priority;
  job.params = item.params;
  job.unique_key = item.unique_key.value_or("");
  job.max_attempts = item.max_attempts;
  job.max_crashes = item.max_crashes;
  job.keepalive = item.keepalive;
  job.timeout = item.timeout;
  job.retention = item.retention;
  job.created_at = job.queued_at = now.wall;
  job.run_at = due;
  job.headers = core::read_headers(item.headers);
  row.key = item.key;
  if (!row.key.empty()) job.state = JobState::waiting;
  news_ = true;
  return {.id = item.id, .status = EnqueueStatus::inserted};
}

CancelStatus MemoryQueue::cancel(JobId id, Instant now) {
  Row* row = find(id);
  if (row == nullptr) return CancelStatus::not_found;
  Job& job = row->job;
  if (is_finished(job.state)) return CancelStatus::finished;
  if (held(job)) {
    news_ = news_ || job.state == JobState::running;
    job.state = JobState::cancelling;
    return CancelStatus::cancelling;
  }
  record(row->history, job, Cause::cancelled, "cancelled before it ran", now);
  end(*row, JobState::cancelled, now);
  return CancelStatus::cancelled;
}

// ------------------------------------------------------------------------------------------------- working

bool MemoryQueue::give_up(Row& row, const Refuses& refuses, Instant now) {
  if (refuses.change(row.job)) return false;
  record(row.history, row.job, Cause::failed, "the database refused the job", now);
  row.job.lease_token = {};
  end(row, JobState::errored, now);
  return true;
}

backend::HandOverResult MemoryQueue::finish_and_claim(const backend::HandOverRequest& wanted, Instant now,
                                                      const Refuses& refuses) {
  std::vector<FinishStatus> statuses;
  for (const Finish& item : core::as_finishes(wanted.ends)) statuses.push_back(finish(item, now));
  const backend::ClaimRequest& request = wanted.claim;
  backend::ClaimResult result;
  promote(now);
  using Place = std::tuple<decltype(Queue::priority), decltype(Job::priority), TimePoint, decltype(Row::number)>;
  struct Waiting {
    Place place{};
    Row* row = nullptr;
    std::optional<std::uint32_t> limit{};
  };
  std::vector<Waiting> waiting;
  for (auto& [id, row] : rows_) {
    const Job& job = row.job;
    if (!waits(job.state) || !meant(request.queues, job.queue)) continue;
    if (job.state == JobState::scheduled) {
      if (!result.next_due || job.run_at < *result.next_due) result.next_due = job.run_at;
    } else if (const auto& queue = queues_.at(job.queue); meant(request.kinds, job.kind) && !queue.paused) {
      if (queue.concurrency) result.limited = true;
      if (queue.concurrency && !wanted.limited) continue;
      waiting.push_back({{queue.priority, job.priority, job.run_at, row.number}, &row, queue.concurrency});
    }
  }
  std::ranges::sort(waiting, {}, &Waiting::place);

  result.suspects = std::ranges::any_of(waiting, [](const Waiting& next) { return is_suspect(next.row->job); });
  std::size_t suspects = request.suspects;  // that may still be taken
  std::vector<Row*> refused;
  std::map<std::string_view, std::uint64_t> held_now = held_by_queue();
  for (const Waiting& next : waiting) {
    if (result.jobs.size() == request.limit) break;
    std::uint64_t& running = held_now[next.row->job.queue];
    if (next.limit && running >= *next.limit) continue;
    if (is_suspect(next.row->job) && suspects == 0) continue;
    if (refuses.start && refuses.start(next.row->job)) {
      refused.push_back(next.row);
      continue;
    }
    if (is_suspect(next.row->job)) --suspects;
    ++running;
    if (next.limit) ++result.of_limited;
    take(*next.row, request, now);
    result.jobs.push_back(next.row->job);
  }
  const bool theirs = !result.jobs.empty() || refused.size() == 1;
  for (Row* row : refused) {
    SteadyPoint& until = passed_over_[row->job.id];
    if (until > now.steady) continue;
    const bool ended = theirs && give_up(*row, refuses, now);
    if (!ended) until = now.steady + std::chrono::minutes(1);
    result.refused.push_back({.id = row->job.id, .ended = ended, .why = "the storage in memory was told to refuse it"});
  }
  return {.claim = std::move(result), .ended = std::move(statuses)};
}

FinishStatus MemoryQueue::finish(const Finish& item, Instant now) {
  Row* row = find(item.id);
  if (row == nullptr || item.token == LeaseToken{} || row->job.lease_token != item.token) return FinishStatus::stale;
  Job& job = row->job;
  if (!held(job)) return row->ended == item.kind ? FinishStatus::already_applied : FinishStatus::ended_otherwise;
  row->ended = item.kind;

  if (!item.result.empty()) job.result = item.result;
  if (job.state == JobState::cancelling) {
    record(row->history, job, Cause::cancelled, std::string(item.message), now);
    end(*row, JobState::cancelled, now);
    return FinishStatus::cancelled;
  }
  if (item.kind == FinishKind::success) {
    end(*row, JobState::success, now);
    return FinishStatus::applied;
  }

  const Cause cause = item.kind == FinishKind::cancel    ? Cause::cancelled
                      : item.kind == FinishKind::snooze  ? Cause::snoozed
                      : item.kind == FinishKind::release ? Cause::released
                                                         : item.cause;
  record(row->history, job, cause, std::string(item.message), now);
  if (item.kind == FinishKind::fail) {
    end(*row, JobState::errored, now);
  } else if (item.kind == FinishKind::cancel) {
    end(*row, JobState::cancelled, now);
  } else {
    if (item.kind != FinishKind::retry) --job.attempt;
    if (item.kind == FinishKind::snooze) job.crashes = 0;
    const bool goes_on = item.kind == FinishKind::snooze && std::exchange(row->told, false);
    const Duration delay = goes_on ? Duration(0) : std::max(item.delay, Duration(0));
    if (item.kind != FinishKind::release) job.run_at = saturating_add(now.wall, delay);
    const bool later = item.kind != FinishKind::release && delay > Duration(0);
    put_back(*row, later ? JobState::scheduled : JobState::pending, now);
  }
  return FinishStatus::applied;
}

bool MemoryQueue::publish(const backend::Interim& item, Instant now) {
  Row* row = find(item.id);
  if (row == nullptr || !held(row->job) || row->job.lease_token != item.token) return false;
  if (!item.result.empty()) row->job.result = item.result;
  if (item.progress) {
    row->job.progress = item.progress;
    row->job.progress->at = now.wall;
  }
  return true;
}

LeaseStatus MemoryQueue::heartbeat(const backend::LeaseRef& lease, Instant now) {
  Row* row = find(lease.id);
  if (row == nullptr || !held(row->job) || row->job.lease_token != lease.token) return LeaseStatus::lost;
  row->lease_until = saturating_add(now.steady, row->job.keepalive);
  row->job.heartbeat_at = now.wall;
  return row->job.state == JobState::cancelling ? LeaseStatus::cancel_requested : LeaseStatus::renewed;
}

ReapReport MemoryQueue::reap(std::span<const std::string> queues, std::size_t limit, Instant now,
                             const Refuses& refuses) {
  ReapReport report;
  for (auto& [id, row] : rows_) {
    if (report.total() == limit) break;
    if (!held(row.job) || row.lease_until > now.steady || !meant(queues, row.job.queue)) continue;
    if (refuses.start(row.job)) {
      (give_up(row, refuses, now) ? report.errored : report.refused).push_back(id);
    } else {
      take_back(row, now, report);
    }
  }
  return report;
}

bool MemoryQueue::take_back_crash(const backend::OutlivedClaim& claim, Instant now) {
  Row* row = find(claim.id);
  if (row == nullptr) return false;
  const auto line = std::ranges::find_if(row->history, [&](const AttemptRecord& r) {
    return (r.cause == Cause::lease_ended || r.cause == Cause::outage) && r.claim == claim.claim &&
           r.worker == claim.worker;
  });
  if (line == row->history.end()) return false;
  if (line->cause == Cause::outage) return true;
  line->cause = Cause::outage;
  line->message += "; its worker lives, so this was an outage and no crash";
  const bool forgotten = std::any_of(line, row->history.end(), [](const AttemptRecord& r) {
    return r.cause == Cause::snoozed || r.cause == Cause::requeued || r.cause == Cause::taken_away;
  });
  if (forgotten) return true;
  Job& job = row->job;
  const bool ended_for_crashes = job.state == JobState::errored && job.lease_token == LeaseToken{} &&
                                 job.crashes >= job.max_crashes && job.attempt < job.max_attempts;
  --job.crashes;
  // Without the last crash the job would not have been ended; without an earlier one it would if too many are left.
  if (!ended_for_crashes || (job.crashes >= job.max_crashes && claim.claim != job.claims)) return true;
  if (!job.unique_key.empty() && live_with(job.unique_key) != nullptr) return true;
  job.finished_at.reset();
  row->expires.reset();
  put_back(*row, JobState::pending, now);
  return true;
}

void MemoryQueue::end_all_leases() {
  for (auto& [id, row] : rows_) row.lease_until = SteadyPoint::min();
}

// ------------------------------------------------------------------------------------------------- housekeeping

PurgeReport MemoryQueue::purge(std::size_t limit, Instant now) {
  PurgeReport report;
  std::erase_if(rows_, [&](const auto& entry) {
    const bool goes = report.deleted < limit && entry.second.expires && *entry.second.expires <= now.wall;
    report.deleted += goes ? 1 : 0;
    return goes;
  });
  return report;
}

RequeueStatus MemoryQueue::requeue(JobId id, Instant now) {
  Row* row = find(id);
  if (row == nullptr) return RequeueStatus::not_found;
  Job& job = row->job;
  if (!is_finished(job.state)) return RequeueStatus::not_finished;
  if (!job.unique_key.empty() && live_with(job.unique_key) != nullptr) return RequeueStatus::duplicate;
  job.attempt = 0;
  job.crashes = 0;
  job.lease_token = {};
  job.result.clear();
  job.finished_at.reset();
  job.run_at = now.wall;
  row->expires.reset();
  record(row->history, job, Cause::requeued, "put back by an operator", now);
  put_back(*row, JobState::pending, now);
  return RequeueStatus::requeued;
}

ActionStatus MemoryQueue::act(JobId id, backend::Action what, Instant now) {
  using backend::Action;
  Row* row = find(id);
  if (row == nullptr) return ActionStatus::not_found;
  Job& job = row->job;
  const bool fits = what == Action::run_now ? comes_later(*row, now)
                    : what == Action::erase ? is_finished(job.state)
                                            : held(job);
  if (!fits) return ActionStatus::unchanged;
  if (what == Action::erase) {
    rows_.erase(id);
    return ActionStatus::done;
  }
  if (what == Action::run_now) {
    go_on(*row, now);
    return ActionStatus::done;
  }
  const bool cancelling = job.state == JobState::cancelling;
  record(row->history, job, cancelling ? Cause::cancelled : Cause::taken_away, "taken away by an operator", now);
  job.lease_token = {};
  if (cancelling || what == Action::end) {
    end(*row, cancelling ? JobState::cancelled : JobState::errored, now);
  } else {
    --job.attempt;
    put_back(*row, JobState::pending, now);
  }
  news_ = true;
  return ActionStatus::done;
}

// ------------------------------------------------------------------------------------------------- queues

std::vector<Queue> MemoryQueue::queues(std::string_view after, std::size_t limit) const {
  std::vector<Queue> found;
  for (auto at = queues_.upper_bound(after); at != queues_.end() && found.size() < limit; ++at) {
    if (is_there(at->first)) found.push_back(at->second);
  }
  return found;
}

std::optional<Queue> MemoryQueue::queue(std::string_view name) const {
  if (!is_there(name)) return std::nullopt;
  return queues_.find(name)->second;
}

void MemoryQueue::queue_upsert(std::string_view name, const QueueOptions& options, Instant now) {
  Queue& queue = queue_made(name, now);
  deleted_.erase(std::string(name));
  queue.description = options.description;
  queue.concurrency = options.concurrency;
  queue.priority = options.priority;
  news_ = true;
}

bool MemoryQueue::queue_update(std::string_view name, const backend::QueueChange& change) {
  if (!is_there(name)) return false;
  deleted_.erase(std::string(name));
  Queue& queue = queues_.find(name)->second;
  if (change.description) queue.description = *change.description;
  if (change.concurrency) queue.concurrency = *change.concurrency;
  if (change.priority) queue.priority = *change.priority;
  if (change.paused) queue.paused = *change.paused;
  news_ = true;
  return true;
}

DeleteQueueStatus MemoryQueue::queue_delete(std::string_view name) {
  if (!is_there(name)) return DeleteQueueStatus::not_found;
  if (has_jobs(name)) return DeleteQueueStatus::not_empty;
  Queue& queue = queues_.find(name)->second;
  queue = {.name = queue.name, .created_at = queue.created_at};
  std::erase_if(gates_, [name](const auto& entry) { return entry.first.queue == name; });
  deleted_.emplace(name);
  return DeleteQueueStatus::deleted;
}

std::optional<QueueStats> MemoryQueue::queue_stats(std::string_view name, std::uint64_t cap, Instant now) const {
  const std::optional<Queue> found = queue(name);
  if (!found) return std::nullopt;
  QueueStats stats{.queue = *found, .counts = counts(name, cap)};
  for (const auto& [id, row] : rows_) {
    const bool is_due = row.job.state == JobState::scheduled && row.job.run_at <= now.wall;
    if (row.job.queue != name || (row.job.state != JobState::pending && !is_due)) continue;
    if (!stats.oldest_due || row.job.run_at < *stats.oldest_due) stats.oldest_due = row.job.run_at;
  }
  return stats;
}

// ------------------------------------------------------------------------------------------------- parts of the above

MemoryQueue::Row* MemoryQueue::find(JobId id) {
  const auto at = rows_.find(id);
  return at == rows_.end() ? nullptr : &at->second;
}

const MemoryQueue::Row* MemoryQueue::find(JobId id) const {
  const auto at = rows_.find(id);
  return at == rows_.end() ? nullptr : &at->second;
}

const MemoryQueue::Row* MemoryQueue::live_with(std::string_view key) const {
  const auto at = std::ranges::find_if(rows_, [key](const auto& entry) {
    return entry.second.job.unique_key == key && !is_finished(entry.second.job.state);
  });
  return at == rows_.end() ? nullptr : &at->second;
}

bool MemoryQueue::has_jobs(std::string_view queue) const {
  return std::ranges::any_of(rows_, [&](const auto& entry) { return entry.second.job.queue == queue; });
}

bool MemoryQueue::is_there(std::string_view queue) const {
  return queues_.contains(queue) && (!deleted_.contains(queue) || has_jobs(queue));
}

Queue& MemoryQueue::queue_made(std::string_view name, Instant now) {
  const auto at = queues_.find(name);
  if (at != queues_.end()) return at->second;
  Queue& queue = queues_[std::string(name)];
  queue.name = name;
  queue.created_at = now.wall;
  return queue;
}

std::map<std::string_view, std::uint64_t> MemoryQueue::held_by_queue() const {
  std::map<std::string_view, std::uint64_t> counts;
  for (const auto& [id, row] : rows_) {
    if (held(row.job)) ++counts[row.job.queue];
  }
  return counts;
}

// A job that has been due once stays due, also when the wall clock is stepped back.
void MemoryQueue::promote(Instant now) {
  for (auto& [id, row] : rows_) {
    if (row.job.state == JobState::scheduled && row.job.run_at <= now.wall) row.job.state = JobState::pending;
  }
}

void MemoryQueue::take(Row& row, const backend::ClaimRequest& request, Instant now) {
  Job& job = row.job;
  job.state = JobState::running;
  ++job.attempt;
  ++job.claims;
  job.lease_token = request.token;
  job.worker = request.worker;
  job.started_at = now.wall;
  job.heartbeat_at = now.wall;
  job.progress.reset();
  row.lease_until = saturating_add(now.steady, job.keepalive);
  count_start(row, now);
}

// A job with a key waits, due when it would have been.
void MemoryQueue::put_back(Row& row, JobState state, Instant now) {
  row.job.progress.reset();
  row.job.state = row.key.empty() ? state : JobState::waiting;
  row.job.queued_at = now.wall;
  news_ = true;
}

// The token stays, so that a replay is recognised.
void MemoryQueue::end(Row& row, JobState state, Instant now) {
  const Duration usual = state == JobState::errored ? std::chrono::days(7) : std::chrono::hours(24);
  row.job.progress.reset();
  row.job.state = state;
  row.job.finished_at = now.wall;
  row.expires = saturating_add(now.wall, row.job.retention.value_or(usual));
  if (state == JobState::errored) hold_after_error(row);
  if (queues_.at(row.job.queue).concurrency) news_ = true;  // there is room for another one
}

void MemoryQueue::take_back(Row& row, Instant now, ReapReport& report) {
  Job& job = row.job;
  const bool spared = job.lease_token < LeaseToken{} && is_suspect(job);  // claimed beside other suspects
  ++job.crashes;
  std::string text = "lease ended: no heartbeat from worker '" + job.worker + "' in time";
  record(row.history, job, Cause::lease_ended, text, now);
  const auto last = row.logs.lower_bound({job.claims + 1, 0});
  const bool has_lines = last != row.logs.begin() && std::prev(last)->first.first == job.claims;
  const std::int64_t number = has_lines ? std::prev(last)->first.second + 1 : 1;
  append_log({.job = job.id, .token = job.lease_token, .claim = job.claims, .attempt = job.attempt,
              .number = number, .at = now.wall, .level = LogLevel::warn, .text = std::move(text)});
  job.lease_token = {};
  if (job.state == JobState::cancelling) {
    report.cancelled.push_back(job.id);
    end(row, JobState::cancelled, now);
  } else if (job.attempt < job.max_attempts && (job.crashes < job.max_crashes || spared)) {
    report.returned.push_back(job.id);
    put_back(row, JobState::pending, now);
  } else {
    report.errored.push_back(job.id);
    end(row, JobState::errored, now);
  }
  news_ = true;
}

}  // namespace sqlq::testing
