#include <map>
#include <optional>

#include <sqlq/error.hpp>

#include "core/gate.hpp"
#include "operations.hpp"
#include "processes.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"
#include "sql/steps.hpp"

namespace sqlq::sqlite {
namespace {

using backend::Finish;
using backend::FinishKind;

constexpr std::size_t worthwhile = 4;  // jobs of one claim for a statement of their own

/// A job as its row says before a lease on it ends.
struct Found {
  Attempt attempt{};
  JobState state = JobState::invalid;
  LeaseToken token{};
  std::int64_t ended = 0;
  bool told = false;  ///< to go on (sql/steps.hpp)
  bool keyed = false;
};

std::optional<Found> find(const Context& c, std::string_view id) {
  std::optional<Found> found;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    sql::Fields f(row);
    Found job;
    job.attempt.seq = f.integer();
    job.state = static_cast<JobState>(f.integer());
    job.token = LeaseToken{f.integer()};
    job.ended = f.integer();
    job.attempt.attempt = f.integer();
    job.attempt.claim = f.integer();
    job.attempt.worker = f.text();
    const std::int64_t flags = f.integer();
    job.told = (flags & sql::told_flag) != 0;
    job.keyed = (flags & core::gated_flag) != 0;
    found = std::move(job);
  });
  return found;
}

bool held(JobState state) { return state == JobState::running || state == JobState::cancelling; }

void end_for_good(const Context& c, const Finish& item, const Found& job, JobState state) {
  const Duration retention = state == JobState::errored ? std::chrono::days(7) : std::chrono::hours(24);
  c.session.execute(c.q.finish_end, {{"state", static_cast<int>(state)},
                                     {"ended", static_cast<int>(item.kind)},
                                     {"result", item.result},
                                     {"now", sql::us(c.now.wall)},
                                     {"retention", retention.count()},
                                     {"seq", job.attempt.seq},
                                     {"token", item.token.value}});
}

void put_back(const Context& c, const Finish& item, const Found& job) {
  const bool goes_on = item.kind == FinishKind::snooze && job.told;
  const Duration delay = goes_on ? Duration(0) : std::max(item.delay, Duration(0));
  const bool later = item.kind != FinishKind::release && delay > Duration(0);
  std::optional<std::int64_t> due;  // a released job keeps its place
  if (item.kind != FinishKind::release) due = sql::us(saturating_add(c.now.wall, delay));
  if (goes_on) c.session.execute(c.q.step_tell, {{"told", 0}, {"seq", job.attempt.seq}});
  c.session.execute(c.q.finish_back, {{"state", static_cast<int>(later ? JobState::scheduled : JobState::pending)},
                                      {"ended", static_cast<int>(item.kind)},
                                      {"result", item.result},
                                      {"due", due},
                                      {"uncharge", item.kind == FinishKind::retry ? 0 : 1},
                                      {"now", sql::us(c.now.wall)},
                                      {"seq", job.attempt.seq},
                                      {"token", item.token.value}});
}

/// What becomes of a job nobody asked to cancel, and what its history says of it.
void carry_out(const Context& c, const Finish& item, const Found& job) {
  switch (item.kind) {
    case FinishKind::success: return end_for_good(c, item, job, JobState::success);
    case FinishKind::fail:
      end_for_good(c, item, job, JobState::errored);
      return add_history(c, job.attempt, item.cause, item.message);
    case FinishKind::cancel:
      end_for_good(c, item, job, JobState::cancelled);
      return add_history(c, job.attempt, Cause::cancelled, item.message);
    case FinishKind::retry: put_back(c, item, job); return add_history(c, job.attempt, item.cause, item.message);
    case FinishKind::snooze: put_back(c, item, job); return add_history(c, job.attempt, Cause::snoozed, item.message);
    case FinishKind::release: put_back(c, item, job); return add_history(c, job.attempt, Cause::released, item.message);
  }
}

FinishStatus finish_one(sql::Work& work, const Context& c, const Finish& item) {
  const std::string id = item.id.to_string();
  if (item.kind == FinishKind::success &&
      c.session.execute(c.q.finish_success, {{"result", item.result},
                                             {"now", sql::us(c.now.wall)},
                                             {"id", std::string_view(id)},
                                             {"token", item.token.value}}) == 1) {
    return FinishStatus::applied;
  }
  // Nobody else writes until this transaction ends: what is read here is still so when it is written.
  const auto job = find(c, id);
  if (!job || item.token.value == 0 || job->token != item.token) return FinishStatus::stale;
  if (!held(job->state)) return sql::answer_to_replay(job->ended, item.kind);
  if (job->state == JobState::cancelling) {
    end_for_good(c, item, *job, JobState::cancelled);
    add_history(c, job->attempt, Cause::cancelled, item.message);
    return FinishStatus::cancelled;
  }
  carry_out(c, item, *job);
  if (job->keyed) work.found_keyed();  // it may have been put back
  return FinishStatus::applied;
}

/// Jobs of one claim that succeed without a result.
void succeed(const Context& c, const std::vector<JobId>& ids, LeaseToken token) {
  const std::size_t done = c.session.execute(c.q.succeed, {{"now", sql::us(c.now.wall)},
                                                           {"ids", std::string_view(sql::json_array(ids))},
                                                           {"token", token.value}});
  if (done != ids.size()) throw Error(Errc::retry_transaction, "not all of the jobs were running", "sqlite");
}

struct Reaped {
  Attempt attempt{};
  JobId id{};
  JobState state = JobState::invalid;
  bool died = false;  ///< its process is known to have
};

/// Dead: a JSON array of processes that have died; their leases end with them.
std::vector<Reaped> take_back(const Context& c, const std::string& dead, const std::optional<std::string_view>& queue,
                              const std::optional<std::string_view>& only, std::size_t limit) {
  std::vector<Reaped> reaped;
  c.session.execute(c.q.reap,
                    {{"now", sql::us(c.now.wall)},
                     {"steady", sql::us(c.now.steady)},
                     {"ended_by", sql::us(c.ended_by)},
                     {"dead", std::string_view(dead)},
                     {"queue", queue},
                     {"only", only},
                     {"n", static_cast<std::int64_t>(limit)}},
                    [&](const sql::Row& row) {
                      sql::Fields f(row);
                      Reaped r;
                      r.attempt.seq = f.integer();
                      r.id = JobId::parse(f.text()).value_or(JobId{});
                      r.state = static_cast<JobState>(f.integer());
                      r.attempt.attempt = f.integer();
                      r.attempt.claim = f.integer();
                      r.attempt.worker = f.text();
                      r.died = f.integer() != 0;
                      reaped.push_back(std::move(r));
                    });
  return reaped;
}

void record(const Context& c, const Reaped& r, ReapReport& report) {
  std::string text = r.died ? "lease ended: the process of worker '" + r.attempt.worker + "' has died; the job "
                            : "lease ended: no heartbeat from worker '" + r.attempt.worker + "' in time; the job ";
  if (r.state == JobState::pending || r.state == JobState::waiting) {
    report.returned.push_back(r.id);
    text += r.state == JobState::pending ? "is pending again" : "waits for its key again";
  } else if (r.state == JobState::cancelled) {
    report.cancelled.push_back(r.id);
    text += "is cancelled, as was asked";
  } else {
    report.errored.push_back(r.id);
    text += "has used up its attempts or crashes and is errored";
  }
  add_history(c, r.attempt, Cause::lease_ended, text);
  c.session.execute(c.q.reap_log, {{"seq", r.attempt.seq},
                                   {"claim", r.attempt.claim},
                                   {"attempt", r.attempt.attempt},
                                   {"now", sql::us(c.now.wall)},
                                   {"text", text}});
}

bool take_back_crash(sql::Work& work, const Context& c, const backend::OutlivedClaim& claim) {
  const std::string id = claim.id.to_string();
  std::int64_t seq = 0, n = 0;
  bool outage = false, counts = false;
  c.session.execute(c.q.crash_line,
                    {{"id", std::string_view(id)}, {"claim", claim.claim}, {"worker", claim.worker}},
                    [&](const sql::Row& row) {
                      sql::Fields f(row);
                      seq = f.integer();
                      n = f.integer();
                      outage = static_cast<Cause>(f.integer()) == Cause::outage;
                      counts = f.integer() != 0;
                    });
  if (seq == 0 || outage) return outage;
  c.session.execute(c.q.crash_line_outage, {{"text", sql::outage_remark}, {"seq", seq}, {"n", n}});
  if (counts && c.session.execute(c.q.crash_take_back, {{"seq", seq}}) == 1) {
    const bool revived = c.session.execute(c.q.crash_revive, {{"now", sql::us(c.now.wall)},
                                                              {"seq", seq},
                                                              {"claim", claim.claim}}) == 1;
    if (revived) work.found_keyed();  // it may be one
  }
  return true;
}

/// But for those that the database refuses to change.
void end_all_leases(const Context& c) {
  const auto end = [&](std::optional<std::int64_t> seq) {
    try {
      c.session.execute(c.q.end_all_leases, {{"seq", seq}});
      return true;
    } catch (const Error& e) {
      if (e.code() != Errc::refused) throw;
      return false;
    }
  };
  if (end(std::nullopt)) return;
  std::vector<std::int64_t> seqs;
  c.session.execute(c.q.held_seqs, {}, [&](const sql::Row& row) { seqs.push_back(row.integer(0)); });
  for (const std::int64_t seq : seqs) static_cast<void>(end(seq));
}

}  // namespace

std::vector<bool> Operations::take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) {
  const Context c(work);
  return sql::each<bool>(claims, [&](const auto& claim) { return take_back_crash(work, c, claim); });
}

std::vector<FinishStatus> Operations::finish(sql::Work& work, std::span<const Finish> items) {
  const Context c(work);
  std::map<LeaseToken, std::vector<JobId>> plain;
  const auto is_plain = [&](const Finish& item) {
    return c.as_usual && item.kind == FinishKind::success && item.result.empty();
  };
  for (const Finish& item : items) {
    if (is_plain(item)) plain[item.token].push_back(item.id);
  }
  std::erase_if(plain, [](const auto& its) { return its.second.size() < worthwhile; });
  for (const auto& [token, ids] : plain) succeed(c, ids, token);

  return sql::each<FinishStatus>(items, [&](const Finish& item) {
    const bool done = is_plain(item) && plain.contains(item.token);
    return done ? FinishStatus::applied : finish_one(work, c, item);
  });
}

std::vector<LeaseStatus> Operations::heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) {
  const Context c(work);
  return sql::each<LeaseStatus>(leases, [&](const backend::LeaseRef& lease) {
    const std::string id = lease.id.to_string();
    const bool renewed = c.session.execute(c.q.heartbeat, {{"now", sql::us(c.now.wall)},
                                                           {"steady", sql::us(c.now.steady)},
                                                           {"id", std::string_view(id)},
                                                           {"token", lease.token.value}}) == 1;
    if (!renewed) return LeaseStatus::lost;
    return find(c, id)->state == JobState::cancelling ? LeaseStatus::cancel_requested : LeaseStatus::renewed;
  });
}

std::vector<bool> Operations::publish(sql::Work& work, std::span<const backend::Interim> items) {
  const Context c(work);
  std::vector<bool> answers;
  for (const backend::Interim& item : items) {
    const auto job = find(c, item.id.to_string());
    const bool mine = job && held(job->state) && item.token.value != 0 && job->token == item.token;
    answers.push_back(mine);
    if (!mine) continue;
    if (!item.result.empty()) {
      c.session.execute(c.q.publish_result, {{"result", item.result}, {"seq", job->attempt.seq}});
    }
    if (!item.progress) continue;
    c.session.execute(c.q.publish_progress, {{"seq", job->attempt.seq},
                                             {"claim", job->attempt.claim},
                                             {"done", item.progress->done},
                                             {"total", item.progress->total},
                                             {"now", sql::us(c.now.wall)},
                                             {"note", std::string_view(item.progress->note)}});
  }
  return answers;
}

ReapReport Operations::reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                            std::span<const JobId> only) {
  const Context c(work);
  ReapReport report;
  const std::string dead = dead_processes(c);
  std::optional<std::string> ids;
  if (!only.empty()) ids = sql::json_array(only);
  const auto sweep = [&](const std::optional<std::string_view>& queue) {
    for (const Reaped& r : take_back(c, dead, queue, ids, limit - report.total())) {
      record(c, r, report);
      if (r.state == JobState::waiting) work.found_keyed();
    }
  };
  if (queues.empty()) sweep(std::nullopt);
  for (const std::string& queue : queues) {
    if (report.total() < limit) sweep(queue);
  }
  if (dead != "[]") forget_processes(c, dead);
  return report;
}

std::vector<JobId> Operations::ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) {
  const Context c(work);
  std::vector<JobId> jobs;
  const std::string dead = dead_processes(c);
  const auto look = [&](const std::optional<std::string_view>& queue) {
    c.session.execute(
        c.q.ended,
        {{"steady", sql::us(c.now.steady)},
         {"ended_by", sql::us(c.ended_by)},
         {"dead", std::string_view(dead)},
         {"queue", queue},
         {"n", static_cast<std::int64_t>(limit - jobs.size())}},
        [&](const sql::Row& row) { jobs.push_back(sql::read_id(row.text(0))); });
  };
  if (queues.empty()) look(std::nullopt);
  for (const std::string& queue : queues) {
    if (jobs.size() < limit) look(queue);
  }
  return jobs;
}

bool Operations::give_up(sql::Work& work, JobId id, std::string_view message) {
  const Context c(work);
  std::optional<Attempt> attempt;
  c.session.execute(c.q.give_up,
                    {{"now", sql::us(c.now.wall)},
                     {"steady", sql::us(c.now.steady)},
                     {"ended_by", sql::us(c.ended_by)},
                     {"dead", std::string_view(dead_processes(c))},
                     {"id", std::string_view(id.to_string())}},
                    [&](const sql::Row& row) {
                      sql::Fields f(row);
                      attempt = Attempt{};
                      attempt->seq = f.integer();
                      attempt->attempt = f.integer();
                      attempt->claim = f.integer();
                      attempt->worker = f.text();
                    });
  if (attempt) add_history(c, *attempt, Cause::failed, message);
  return attempt.has_value();
}

void end_foreign_leases(const Context& c, const std::string& epoch) {
  std::string stored;
  c.session.execute(c.q.fact, {{"name", std::string_view("steady_epoch")}},
                    [&](const sql::Row& row) { stored = row.text(0); });
  if (stored == epoch) return;
  end_all_leases(c);
  c.session.execute(c.q.fact_set, {{"name", std::string_view("steady_epoch")}, {"value", std::string_view(epoch)}});
}

}  // namespace sqlq::sqlite
