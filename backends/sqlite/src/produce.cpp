#include <algorithm>
#include <utility>

#include <sqlq/error.hpp>

#include "core/gate.hpp"
#include "lanes.hpp"
#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {
namespace {

/// The job that is in the way of an insert.
Enqueued holder(const Context& c, const backend::EnqueueItem& item, std::string_view id) {
  if (c.session.integer(c.q.id_taken, {{"id", id}})) return {.id = item.id, .status = EnqueueStatus::existing_id};
  std::optional<JobId> found;
  if (item.unique_key) {
    c.session.execute(c.q.key_holder, {{"unique_key", *item.unique_key}},
                      [&](const sql::Row& row) { found = JobId::parse(row.text(0)); });
  }
  if (found) return {.id = *found, .status = EnqueueStatus::existing_key};
  throw Error(Errc::refused, "a unique index that is not the library's refuses a job: change the index or the job",
              "sqlite", 0, c.q.job_insert.name);
}

JobState stored_state(const backend::EnqueueItem& item, bool later) {
  if (!item.key.empty()) return JobState::waiting;
  return later ? JobState::scheduled : JobState::pending;
}

/// `headers`: what the statement takes beyond the rest, or nothing.
template <class... Headers>
std::size_t insert_job(const Context& c, const sql::Statement& statement, const LaneRow& lane,
                   const backend::EnqueueItem& item, std::string_view id, const Headers&... headers) {
  const TimePoint wanted = item.run_at.value_or(saturating_add(c.now.wall, item.delay));
  // A time that has passed means now: else a run_at of long ago would overtake every job that waits.
  const TimePoint due = std::max(wanted, c.now.wall);
  const bool later = due > c.now.wall;
  std::optional<std::int64_t> retention;
  if (item.retention) retention = item.retention->count();
  return c.session.execute(
      statement,
      {{"id", id},
       {"lane", lane.id},
       {"queue", lane.queue_id},
       {"state", static_cast<int>(stored_state(item, later))},
       {"priority", item.priority},
       {"due", sql::us(due)},
       {"max_attempts", item.max_attempts},
       {"max_crashes", item.max_crashes},
       {"keepalive", item.keepalive.count()},
       {"timeout", item.timeout.count()},
       {"retention", retention},
       {"now", sql::us(c.now.wall)},
       {"unique_key", item.unique_key},
       {"params", item.params},
       headers...});
}

Enqueued enqueue_one(const Context& c, const LaneRow& lane, const backend::EnqueueItem& item) {
  const std::string id = item.id.to_string();
  const std::size_t inserted =
      item.headers.empty()
          ? insert_job(c, c.q.job_insert, lane, item, id)
          : insert_job(c, c.q.job_insert_headers, lane, item, id, sql::Arg("headers", item.headers),
                       sql::Arg("flags", item.key.empty() ? 0 : core::gated_flag));
  if (inserted == 1) return {.id = item.id};
  return holder(c, item, id);
}

CancelStatus cancel_one(const Context& c, JobId job) {
  const std::string id = job.to_string();
  std::optional<Attempt> waiting;
  c.session.execute(c.q.cancel_waiting, {{"now", sql::us(c.now.wall)}, {"id", id}}, [&](const sql::Row& row) {
    waiting = Attempt{.seq = row.integer(0), .claim = row.integer(2), .attempt = row.integer(1)};
  });
  if (waiting) {
    add_history(c, *waiting, Cause::cancelled, "cancelled before it ran");
    return CancelStatus::cancelled;
  }
  if (c.session.integer(c.q.cancel_running, {{"id", id}})) return CancelStatus::cancelling;
  CancelStatus status = CancelStatus::not_found;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    const auto state = static_cast<JobState>(row.integer(1));
    status = state == JobState::cancelling ? CancelStatus::cancelling : CancelStatus::finished;
  });
  return status;
}

RequeueStatus requeue_one(sql::Work& work, const Context& c, JobId job) {
  const std::string id = job.to_string();
  std::optional<Attempt> back;
  c.session.execute(c.q.requeue, {{"now", sql::us(c.now.wall)}, {"id", id}}, [&](const sql::Row& row) {
    back = Attempt{.seq = row.integer(0), .claim = row.integer(1)};
    if ((row.integer(2) & core::gated_flag) != 0) work.found_keyed();
  });
  if (back) {
    add_history(c, *back, Cause::requeued, "put back by an operator");
    return RequeueStatus::requeued;
  }
  RequeueStatus status = RequeueStatus::not_found;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    const bool finished = is_finished(static_cast<JobState>(row.integer(1)));
    status = finished ? RequeueStatus::duplicate : RequeueStatus::not_finished;
  });
  return status;
}

ActionStatus act_one(sql::Work& work, const Context& c, JobId job, backend::Action what) {
  using backend::Action;
  const std::string id = job.to_string();
  if (what == Action::run_now) {
    if (const auto flags = c.session.integer(c.q.run_now, {{"now", sql::us(c.now.wall)}, {"id", id}})) {
      if ((*flags & core::gated_flag) != 0) work.found_keyed();
      return ActionStatus::done;
    }
  } else if (what != Action::erase) {
    std::optional<Attempt> taken;
    JobState now{};
    c.session.execute(c.q.take_away,
                      {{"now", sql::us(c.now.wall)}, {"ends", what == Action::end ? 1 : 0}, {"id", id}},
                      [&](const sql::Row& row) {
                        sql::Fields f(row);
                        taken.emplace();
                        taken->seq = f.integer();
                        now = static_cast<JobState>(f.integer());
                        taken->attempt = f.integer() + (now == JobState::pending || now == JobState::waiting ? 1 : 0);
                        taken->claim = f.integer();
                        taken->worker = f.text();
                      });
    if (taken) {
      if (now == JobState::waiting) work.found_keyed();
      const Cause cause = now == JobState::cancelled ? Cause::cancelled : Cause::taken_away;
      add_history(c, *taken, cause, "taken away by an operator");
      return ActionStatus::done;
    }
  }
  ActionStatus status = ActionStatus::not_found;
  std::optional<std::int64_t> finished;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    status = ActionStatus::unchanged;
    if (is_finished(static_cast<JobState>(row.integer(1)))) finished = row.integer(0);
  });
  if (what != Action::erase || !finished) return status;
  purge_jobs(c, {&*finished, 1});
  return ActionStatus::done;
}

}  // namespace

std::vector<Enqueued> Operations::enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) {
  const Context c(work);
  Lanes lanes(c);
  return sql::each<Enqueued>(
      items, [&](const auto& item) { return enqueue_one(c, lanes.of(item.queue, item.kind), item); });
}

std::vector<CancelStatus> Operations::cancel(sql::Work& work, std::span<const JobId> ids) {
  const Context c(work);
  return sql::each<CancelStatus>(ids, [&](JobId id) { return cancel_one(c, id); });
}

std::vector<ActionStatus> Operations::act(sql::Work& work, std::span<const JobId> ids, backend::Action what) {
  const Context c(work);
  return sql::each<ActionStatus>(ids, [&](JobId id) { return act_one(work, c, id, what); });
}

std::vector<RequeueStatus> Operations::requeue(sql::Work& work, std::span<const JobId> ids) {
  const Context c(work);
  return sql::each<RequeueStatus>(ids, [&](JobId id) { return requeue_one(work, c, id); });
}

}  // namespace sqlq::sqlite
