#include <sqlq/error.hpp>

#include "errors.hpp"
#include "operations.hpp"
#include "rows.hpp"

namespace sqlq::mysql {
namespace {

bool waits(JobState state) { return state == JobState::pending || state == JobState::scheduled; }

RequeueStatus requeue_one(const Context& c, const Locked& row, std::int64_t now) {
  if (!is_finished(row.state)) return RequeueStatus::not_finished;
  Change change(row);
  change.state = JobState::pending;
  change.attempt = change.crashes = change.token = 0;
  change.due = change.queued = now;
  change.result = "";
  try {
    write(c, {&change, 1});
  } catch (const Error& e) {
    if (e.native_code() == duplicate_entry) return RequeueStatus::duplicate;  // a live job holds its unique key
    throw;
  }
  const Record record{.row = &row, .attempt = 0, .cause = Cause::requeued, .message = "put back by an operator"};
  add_history(c, now, {&record, 1});
  return RequeueStatus::requeued;
}

}  // namespace

std::vector<CancelStatus> cancel(const Context& c, std::span<const JobId> ids) {
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

std::vector<RequeueStatus> requeue(const Context& c, std::span<const JobId> ids) {
  std::vector<RequeueStatus> answers(ids.size(), RequeueStatus::not_found);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::unordered_map<JobId, RequeueStatus> done;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Locked* row = locked.find(ids[i]);
    if (row == nullptr) continue;
    const auto [at, isnew] = done.try_emplace(ids[i], RequeueStatus::not_finished);
    if (isnew) {
      at->second = answers[i] = requeue_one(c, *row, locked.now);
    } else {  // asked for twice: the second finds it waiting
      answers[i] = at->second == RequeueStatus::requeued ? RequeueStatus::not_finished : at->second;
    }
  }
  return answers;
}

}  // namespace sqlq::mysql
