#include <algorithm>
#include <optional>
#include <set>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"

namespace sqlq::mysql {
namespace {

bool waits(JobState state) {
  return state == JobState::pending || state == JobState::scheduled || state == JobState::waiting;
}

Change put_back(const Locked& row, std::int64_t now) {
  Change change(row);
  change.state = JobState::pending;
  change.attempt = change.crashes = change.token = 0;
  change.due = change.queued = now;
  change.result = "";
  return change;
}

Record record_of_requeue(const Locked& row) {
  return {.row = &row, .attempt = 0, .cause = Cause::requeued, .message = "put back by an operator"};
}

/// Finished jobs without unique keys: nothing can be in their way.
void requeue_all(const Context& c, std::span<const Locked* const> rows, std::int64_t now) {
  std::vector<Change> changes;
  std::vector<Record> records;
  for (const Locked* row : rows) {
    changes.push_back(put_back(*row, now));
    records.push_back(record_of_requeue(*row));
  }
  write(c, changes);
  add_history(c, now, records);
}

/// A finished job with a unique key.
RequeueStatus requeue_one(const Context& c, const Locked& row, std::int64_t now) {
  const Change change = put_back(row, now);
  try {
    write(c, {&change, 1});
  } catch (const Error& e) {
    if (e.native_code() != duplicate_entry) throw;
    const std::string kept = row.unique_key.value_or("");
    const std::string_view key = kept;
    if (!key_holders(c, {&key, 1}).empty()) return RequeueStatus::duplicate;  // a live job has its unique key
    write(c, {&change, 1});
  }
  const Record record = record_of_requeue(row);
  add_history(c, now, {&record, 1});
  return RequeueStatus::requeued;
}

/// What becomes of the row; empty: it is in no state for it.
std::optional<Change> change_of(const Locked& row, backend::Action what, std::int64_t now) {
  Change change(row);
  if (what == backend::Action::run_now) {
    const bool later = row.state == JobState::waiting && row.gated && row.due > now;
    if (row.state != JobState::scheduled && !later) return std::nullopt;
    change.state = JobState::pending;
    change.due = change.queued = now;
    return change;
  }
  if (!row.held()) return std::nullopt;
  change.token = 0;
  if (row.state == JobState::cancelling) {
    change.finish(JobState::cancelled, now, false);
  } else if (what == backend::Action::end) {
    change.finish(JobState::errored, now, true);
  } else {
    change.state = JobState::pending;
    change.queued = now;
    --change.attempt;
  }
  return change;
}

std::vector<std::int64_t> erase(const Context& c, const LockedRows& locked) {
  std::vector<std::int64_t> seqs;
  for (const Locked& row : locked.rows) {
    if (is_finished(row.state)) seqs.push_back(row.seq);
  }
  if (!seqs.empty()) purge_jobs(c, seqs);
  return seqs;
}

std::vector<std::int64_t> carry_out(const Context& c, const LockedRows& locked, backend::Action what) {
  std::vector<std::int64_t> seqs;
  std::vector<Change> changes;
  std::vector<Record> records;
  for (const Locked& row : locked.rows) {
    const std::optional<Change> change = change_of(row, what, locked.now);
    if (!change) continue;
    changes.push_back(*change);
    seqs.push_back(row.seq);
    if (!row.held()) continue;
    const Cause cause = row.state == JobState::cancelling ? Cause::cancelled : Cause::taken_away;
    records.push_back({.row = &row, .attempt = row.attempt, .cause = cause, .message = "taken away by an operator"});
    c.here.forget(row.id);
  }
  write(c, changes);
  add_history(c, locked.now, records);
  return seqs;
}

}  // namespace

std::vector<ActionStatus> MysqlServer::act(sql::Work& work, std::span<const JobId> ids, backend::Action what) {
  const Context c = context(work);
  std::vector<ActionStatus> answers(ids.size(), ActionStatus::not_found);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  const bool erases = what == backend::Action::erase;
  const std::vector<std::int64_t> done = erases ? erase(c, locked) : carry_out(c, locked, what);
  std::set<JobId> seen;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Locked* row = locked.find(ids[i]);
    if (row == nullptr) continue;
    const bool mine = std::ranges::find(done, row->seq) != done.end();
    const bool first = seen.insert(ids[i]).second;
    answers[i] = mine && first    ? ActionStatus::done
                 : mine && erases ? ActionStatus::not_found
                                  : ActionStatus::unchanged;
  }
  return answers;
}

std::vector<CancelStatus> MysqlServer::cancel(sql::Work& work, std::span<const JobId> ids) {
  const Context c = context(work);
  std::vector<CancelStatus> answers(ids.size(), CancelStatus::not_found);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::vector<Change> changes;
  std::vector<Record> records;
  for (const Locked& row : locked.rows) {
    Change change(row);
    if (row.state == JobState::running) {
      change.state = JobState::cancelling;
    } else if (waits(row.state)) {
      change.finish(JobState::cancelled, locked.now, false);
      records.push_back({.row = &row, .attempt = row.attempt, .cause = Cause::cancelled,
                         .message = "cancelled before it ran"});
    } else {
      continue;
    }
    changes.push_back(change);
  }
  write(c, changes);
  add_history(c, locked.now, records);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Locked* row = locked.find(ids[i]);
    if (row == nullptr) continue;
    const bool repeated = std::ranges::find(ids.first(i), ids[i]) != ids.begin() + static_cast<std::ptrdiff_t>(i);
    answers[i] = row->held() ? CancelStatus::cancelling
                 : waits(row->state) && !repeated ? CancelStatus::cancelled : CancelStatus::finished;
  }
  return answers;
}

std::vector<RequeueStatus> MysqlServer::requeue(sql::Work& work, std::span<const JobId> ids) {
  const Context c = context(work);
  std::vector<RequeueStatus> answers(ids.size(), RequeueStatus::not_found);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::unordered_map<JobId, RequeueStatus> done;
  std::vector<const Locked*> plain;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Locked* row = locked.find(ids[i]);
    if (row == nullptr) continue;
    const auto [at, isnew] = done.try_emplace(ids[i], RequeueStatus::not_finished);
    if (isnew && is_finished(row->state)) {
      if (!row->unique_key) plain.push_back(row);
      at->second = row->unique_key ? requeue_one(c, *row, locked.now) : RequeueStatus::requeued;
      answers[i] = at->second;
    } else if (isnew) {
      answers[i] = RequeueStatus::not_finished;
    } else {  // asked for twice: the second finds it waiting
      answers[i] = at->second == RequeueStatus::requeued ? RequeueStatus::not_finished : at->second;
    }
  }
  requeue_all(c, plain, locked.now);
  return answers;
}

}  // namespace sqlq::mysql
