#include <optional>

#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {
namespace {

using backend::Finish;
using backend::FinishKind;

struct Ended {
  Attempt attempt{};
  JobState state = JobState::invalid;
};

std::optional<Ended> read_ended(sql::Session& session, const sql::Statement& statement,
                                std::initializer_list<sql::Arg> args) {
  std::optional<Ended> ended;
  session.execute(statement, args, [&](const sql::Row& row) {
    sql::Fields f(row);
    Ended e;
    e.attempt.seq = f.integer();
    e.state = static_cast<JobState>(f.integer());
    e.attempt.attempt = f.integer();
    e.attempt.claim = f.integer();
    e.attempt.worker = f.text();
    ended = e;
  });
  return ended;
}

std::optional<Ended> end_for_good(const Context& c, const Finish& item, std::string_view id) {
  const JobState state = item.kind == FinishKind::success ? JobState::success
                         : item.kind == FinishKind::fail  ? JobState::errored
                                                          : JobState::cancelled;
  return read_ended(c.session, c.q.finish_end,
                    {{"state", static_cast<int>(state)},
                     {"result", item.result},
                     {"now", sql::us(c.now.wall)},
                     {"id", id},
                     {"token", item.token.value}});
}

std::optional<Ended> put_back(const Context& c, const Finish& item, std::string_view id) {
  const bool later = item.kind != FinishKind::release && item.delay > Duration(0);
  std::optional<std::int64_t> due;  // a released job keeps its place
  if (item.kind != FinishKind::release) due = sql::us(saturating_add(c.now.wall, std::max(item.delay, Duration(0))));
  return read_ended(c.session, c.q.finish_back,
                    {{"state", static_cast<int>(later ? JobState::scheduled : JobState::pending)},
                     {"due", due},
                     {"uncharge", item.kind == FinishKind::retry ? 0 : 1},
                     {"now", sql::us(c.now.wall)},
                     {"id", id},
                     {"token", item.token.value}});
}

bool is_cancelling(const Context& c, std::string_view id) {
  bool cancelling = false;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    cancelling = static_cast<JobState>(row.integer(1)) == JobState::cancelling;
  });
  return cancelling;
}

/// Why nothing was changed.
FinishStatus refused(const Context& c, const Finish& item, std::string_view id) {
  FinishStatus status = FinishStatus::stale;
  c.session.execute(c.q.probe, {{"id", id}}, [&](const sql::Row& row) {
    const bool mine = item.token.value != 0 && row.integer(2) == item.token.value;
    if (mine) status = FinishStatus::already_applied;
  });
  return status;
}

FinishStatus finish_one(const Context& c, const Finish& item) {
  const std::string id = item.id.to_string();
  const bool back =
      item.kind == FinishKind::retry || item.kind == FinishKind::snooze || item.kind == FinishKind::release;
  const bool asked = item.kind == FinishKind::cancel && is_cancelling(c, id);  // the row does not tell afterwards
  const auto ended = back ? put_back(c, item, id) : end_for_good(c, item, id);
  if (!ended) return refused(c, item, id);
  const bool by_cancel = ended->state == JobState::cancelled && (item.kind != FinishKind::cancel || asked);
  switch (item.kind) {
    case FinishKind::success:
      if (by_cancel) add_history(c, ended->attempt, Cause::cancelled, item.message);
      break;
    case FinishKind::retry:
    case FinishKind::fail:
      add_history(c, ended->attempt, by_cancel ? Cause::cancelled : item.cause, item.message);
      break;
    case FinishKind::cancel: add_history(c, ended->attempt, Cause::cancelled, item.message); break;
    case FinishKind::snooze:
      add_history(c, ended->attempt, by_cancel ? Cause::cancelled : Cause::snoozed, item.message);
      break;
    case FinishKind::release:
      add_history(c, ended->attempt, by_cancel ? Cause::cancelled : Cause::released, item.message);
      break;
  }
  return by_cancel ? FinishStatus::cancelled : FinishStatus::applied;
}

struct Reaped {
  Attempt attempt{};
  JobId id{};
  JobState state = JobState::invalid;
};

std::vector<Reaped> take_back(const Context& c, const std::optional<std::string_view>& queue, std::size_t limit) {
  std::vector<Reaped> reaped;
  c.session.execute(c.q.reap,
                    {{"now", sql::us(c.now.wall)},
                     {"steady", sql::us(c.now.steady)},
                     {"queue", queue},
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
                      reaped.push_back(std::move(r));
                    });
  return reaped;
}

void record(const Context& c, const Reaped& r, ReapReport& report) {
  std::string text = "lease ended: no heartbeat from worker '" + r.attempt.worker + "' in time; the job ";
  if (r.state == JobState::pending) {
    report.returned.push_back(r.id);
    text += "is pending again";
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

}  // namespace

std::vector<FinishStatus> finish(const Context& c, std::span<const Finish> items) {
  std::vector<FinishStatus> answers;
  answers.reserve(items.size());
  for (const Finish& item : items) answers.push_back(finish_one(c, item));
  return answers;
}

std::vector<LeaseStatus> heartbeat(const Context& c, std::span<const backend::LeaseRef> leases) {
  std::vector<LeaseStatus> answers;
  answers.reserve(leases.size());
  for (const auto& lease : leases) {
    const auto state = c.session.integer(c.q.heartbeat, {{"now", sql::us(c.now.wall)},
                                                         {"steady", sql::us(c.now.steady)},
                                                         {"id", std::string_view(lease.id.to_string())},
                                                         {"token", lease.token.value}});
    answers.push_back(!state                                                           ? LeaseStatus::lost
                      : static_cast<JobState>(*state) == JobState::cancelling ? LeaseStatus::cancel_requested
                                                                                       : LeaseStatus::renewed);
  }
  return answers;
}

ReapReport reap(const Context& c, std::span<const std::string> queues, std::size_t limit) {
  ReapReport report;
  const auto sweep = [&](const std::optional<std::string_view>& queue) {
    for (const Reaped& r : take_back(c, queue, limit - report.total())) record(c, r, report);
  };
  if (queues.empty()) sweep(std::nullopt);
  for (const std::string& queue : queues) {
    if (report.total() < limit) sweep(queue);
  }
  return report;
}

void end_foreign_leases(const Context& c, const std::string& epoch) {
  std::string stored;
  c.session.execute(c.q.fact, {{"name", std::string_view("steady_epoch")}},
                    [&](const sql::Row& row) { stored = row.text(0); });
  if (stored == epoch) return;
  c.session.execute(c.q.end_all_leases);
  c.session.execute(c.q.fact_set, {{"name", std::string_view("steady_epoch")}, {"value", std::string_view(epoch)}});
}

}  // namespace sqlq::sqlite
