#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <sqlq/error.hpp>

#include "core/sorted.hpp"
#include "platform/pause.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"
#include "sql/rounds.hpp"

namespace sqlq::mysql {
namespace {

using backend::Finish;
using backend::FinishKind;
using backend::LeaseRef;

bool is_plain_success(const Finish& item) { return item.kind == FinishKind::success && item.result.empty(); }

template <class Item>
std::vector<JobId> ids_of(std::span<const Item> items) {
  std::vector<JobId> ids;
  for (const Item& item : items) ids.push_back(item.id);
  return ids;
}

/// What a lease's end makes of the row and of its history.
struct Ending {
  Change change;
  std::optional<Cause> cause{};
  FinishStatus status = FinishStatus::applied;
};

/// Instead of a snooze, for it was told to.
bool goes_on(const Locked& row, const Finish& item) {
  return item.kind == FinishKind::snooze && row.told && row.state == JobState::running;
}

/// Back into the queue: at once or later.
void put_back(Change& change, const Finish& item, std::int64_t now) {
  const Duration delay = goes_on(*change.was, item) ? Duration(0) : std::max(item.delay, Duration(0));
  const bool later = item.kind != FinishKind::release && delay > Duration(0);
  change.state = later ? JobState::scheduled : JobState::pending;
  if (item.kind != FinishKind::release) {  // a released job keeps its place
    change.due = sql::us(saturating_add(sql::wall(now), delay));
  }
  if (item.kind != FinishKind::retry) --change.attempt;
  if (item.kind == FinishKind::snooze) change.crashes = 0;
  change.queued = now;
}

Ending end_of(const Locked& row, const Finish& item, std::int64_t now) {
  Ending ending{.change = Change(row)};
  Change& change = ending.change;
  const bool asked = row.state == JobState::cancelling;
  if (!item.result.empty()) change.result = item.result;
  change.ended = static_cast<std::int64_t>(item.kind);
  if (asked) {
    change.finish(JobState::cancelled, now, false);
    ending.cause = Cause::cancelled;
    ending.status = FinishStatus::cancelled;
    return ending;
  }
  switch (item.kind) {
    case FinishKind::success: change.finish(JobState::success, now, false); break;
    case FinishKind::fail:
      change.finish(JobState::errored, now, true);
      ending.cause = item.cause;
      break;
    case FinishKind::cancel:
      change.finish(JobState::cancelled, now, false);
      ending.cause = Cause::cancelled;
      break;
    case FinishKind::retry:
      put_back(change, item, now);
      ending.cause = item.cause;
      break;
    case FinishKind::snooze:
      put_back(change, item, now);
      ending.cause = Cause::snoozed;
      break;
    case FinishKind::release:
      put_back(change, item, now);
      ending.cause = Cause::released;
      break;
  }
  return ending;
}

/// Where the jobs' rows are, one for each item; empty when one of them may not be running under its token or has a
/// unique key to be freed.
std::vector<Whereabouts> running(const Context& c, std::span<const Finish> items) {
  std::vector<Whereabouts> rows;
  std::vector<JobId> unknown;
  for (const Finish& item : items) {
    const auto known = c.here.find(item.id, item.token);
    if (known && known->keyed) return {};
    if (!known) unknown.push_back(item.id);
    rows.push_back(known.value_or(Whereabouts{}));
  }
  if (unknown.empty()) return rows;
  const Places places(c, std::move(unknown));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (rows[i].seq != 0) continue;
    const Whereabouts* row = places.running(items[i].id, items[i].token);
    if (row == nullptr || row->keyed) return {};
    rows[i] = *row;
  }
  return rows;
}

/// Writes the success of jobs in ascending order of seq. Says how many it found as they should be.
std::size_t write_success(const Context& c, std::span<const Whereabouts> rows) {
  std::vector<std::span<const Whereabouts>> runs;  // of one claim each
  for (std::size_t i = 0, first = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && rows[i + 1].token == rows[first].token) continue;
    runs.push_back(rows.subspan(first, i + 1 - first));
    first = i + 1;
  }
  const auto seqs_of = [](std::span<const Whereabouts> some) {
    sql::List seqs;
    for (const Whereabouts& row : some) seqs.values.emplace_back(row.seq);
    return seqs;
  };
  // Jobs that finish together expire together (see the table of finished jobs), so all have the time of one statement.
  const bool several = runs.size() > 1 || rows.size() > most_rows;
  const auto now = several ? c.session.integer(c.q.clock, {{"now", c.work.wall()}}) : c.work.wall();
  std::size_t done = 0;
  constexpr std::size_t worthwhile = 8;  // rows for a statement of their own
  if (rows.size() >= worthwhile * runs.size() || runs.size() == 1) {
    for (const auto run : runs) {
      in_lists(run, [&](std::span<const Whereabouts> piece) {
        done += c.session.execute(
            c.q.succeed, {{"now", now}, {"seqs", seqs_of(piece)}, {"token", piece.front().token}});
      });
    }
    return done;
  }
  in_lists(rows, [&](std::span<const Whereabouts> piece) {
    sql::List leases{.width = 2};
    for (const Whereabouts& row : piece) leases.values.insert(leases.values.end(), {row.seq, row.token});
    done += c.session.execute(c.q.succeed_mixed,
                              {{"now", now}, {"seqs", seqs_of(piece)}, {"leases", leases}});
  });
  return done;
}

/// All succeed without a result and nothing speaks against it: no row is read under locks.
std::vector<FinishStatus> succeed_all(const Context& c, std::span<const Finish> items,
                                      std::vector<Whereabouts> rows) {
  c.work.begin();
  std::ranges::sort(rows, {}, &Whereabouts::seq);
  const std::size_t done = write_success(c, rows);
  for (const Finish& item : items) c.here.forget(item.id);
  if (done != items.size()) {
    throw Error(Errc::retry_transaction, "leases ended while their jobs were being finished", "mysql");
  }
  std::map<std::pair<std::int64_t, std::optional<std::int64_t>>, std::vector<std::int64_t>> alike;
  Leaving leaving;
  for (const Whereabouts& row : rows) {
    alike[{row.lane, row.retention}].push_back(row.seq);
    Leavers& leavers = leaving[{row.queue, row.token}];
    leavers.all = ++leavers.count == row.together;
  }
  add_finished(c, alike);
  leave_claims(c, leaving);
  return std::vector<FinishStatus>(items.size(), FinishStatus::applied);
}

std::vector<FinishStatus> finish_locked(const Context& c, std::span<const Finish> items) {
  std::vector<FinishStatus> answers(items.size(), FinishStatus::stale);
  std::vector<LeaseRef> leases;
  for (const Finish& item : items) leases.push_back({item.id, item.token});
  const std::vector<std::int64_t> seqs = Places(c, ids_of(items)).seqs_of(leases);
  if (seqs.empty()) return answers;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, seqs);
  std::vector<Change> changes;
  std::vector<Record> records;
  std::vector<std::int64_t> going_on;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Finish& item = items[i];
    const Locked* row = locked.find(item.id);
    if (row == nullptr || item.token.value == 0 || row->token != item.token.value) continue;
    if (!row->held()) {
      answers[i] = sql::answer_to_replay(row->ended, item.kind);
      continue;
    }
    const Ending ending = end_of(*row, item, locked.now);
    changes.push_back(ending.change);
    if (goes_on(*row, item)) going_on.push_back(row->seq);
    if (ending.cause) {
      records.push_back({.row = row, .attempt = row->attempt, .cause = *ending.cause,
                         .message = std::string(item.message)});
    }
    answers[i] = ending.status;
  }
  write(c, changes);
  add_history(c, locked.now, records);
  if (!going_on.empty()) {
    tell(c, going_on, false);
    c.marks.forget();
  }
  return answers;
}

/// A lease to be renewed.
struct Renewal {
  std::int64_t seq = 0;
  const LeaseRef* lease = nullptr;
  LeaseStatus* answer = nullptr;
};

/// Renews leases but for those whose rows somebody has locked. Says how many.
std::size_t try_to_renew(const Context& c, std::span<const Renewal> renewals) {
  sql::List seqs, tokens{.width = 2};
  for (const Renewal& r : renewals) {
    seqs.values.emplace_back(r.seq);
    tokens.values.insert(tokens.values.end(), {r.seq, r.lease->token.value});
  }
  return c.session.execute(c.q.heartbeat, {{"now", c.work.wall()},
                                           {"steady", c.work.steady()},
                                           {"seqs", seqs},
                                           {"leases", tokens},
                                           {"n", static_cast<std::int64_t>(renewals.size())}});
}

/// Answers what the leases are now. Says how many of their jobs are held.
std::size_t look_at(const Context& c, std::span<const Renewal> renewals) {
  sql::List seqs;
  for (const Renewal& r : renewals) seqs.values.emplace_back(r.seq);
  std::unordered_map<JobId, std::pair<JobState, std::int64_t>> found;
  c.session.execute(c.q.leases, {{"seqs", seqs}}, [&](const sql::Row& row) {
    found[id_of(row.text(0))] = {static_cast<JobState>(row.integer(1)), row.integer(2)};
  });
  std::set<std::int64_t> held;
  for (const Renewal& r : renewals) {
    const auto [state, token] = found[r.lease->id];
    *r.answer = LeaseStatus::lost;
    if (token != r.lease->token.value) continue;
    if (state == JobState::running) *r.answer = LeaseStatus::renewed;
    if (state == JobState::cancelling) *r.answer = LeaseStatus::cancel_requested;
    if (*r.answer != LeaseStatus::lost) held.insert(r.seq);
  }
  return held.size();
}

/// A transaction that has locked a row lets it go after a moment: it stores lines of the log, or the outcome. One that
/// keeps it for longer ends the lease, or was stopped. Nobody takes the job away meanwhile, so it counts as renewed.
void renew(const Context& c, std::span<const Renewal> renewals) {
  constexpr int most_tries = 4;
  Duration pause = std::chrono::milliseconds(10);
  std::size_t renewed = try_to_renew(c, renewals);
  sql::follow_up(c.work, [&] {
    for (int tries = 1; look_at(c, renewals) > renewed && tries < most_tries; ++tries, pause *= 3) {
      platform::pause_for(pause);
      renewed = try_to_renew(c, renewals);
    }
  });
}

/// Jobs whose lease has ended, by their claims (queue and token), as an unlocked look sees them.
using Ended = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>>;

Ended ended_leases(const Context& c, std::span<const std::string> queues, std::size_t limit) {
  Ended ended;
  std::size_t found = 0;
  const auto add = [&](const sql::Row& row) {
    if (found++ < limit) ended[{row.integer(0), row.integer(1)}].push_back(row.integer(2));
  };
  if (queues.empty()) {
    c.session.execute(c.q.ended,
                      {{"steady", c.work.steady()},
                       {"spared", c.work.spared()},
                       {"n", static_cast<std::int64_t>(limit)}},
                      add);
  }
  in_lists(queues, [&](std::span<const std::string> piece) {
    const auto left = static_cast<std::int64_t>(limit - std::min(limit, found));
    sql::List names;
    for (const std::string& name : piece) names.values.emplace_back(std::string_view(name));
    c.session.execute(
        c.q.ended_of,
        {{"queues", names}, {"steady", c.work.steady()}, {"spared", c.work.spared()}, {"n", left}}, add);
  });
  return ended;
}

/// Locks the claims and answers their jobs, ascending. A claim that somebody else has locked is passed over with all of
/// its jobs: he is ending a lease of it, and must not keep those of others waiting, or he takes them all back himself.
std::vector<std::int64_t> lock_claims(const Context& c, const Ended& ended) {
  std::vector<std::int64_t> seqs;
  for (const auto& [claim, its] : ended) {
    const std::size_t got = c.session.execute(
        c.q.claims_lock, {{"queue", claim.first}, {"token", claim.second}}, [](const sql::Row&) {});
    if (got != 0) seqs.insert(seqs.end(), its.begin(), its.end());
  }
  return core::sorted_once(std::move(seqs));
}

Change reaped(const Locked& row, std::int64_t now) {
  Change change(row);
  const bool spared = row.token < 0 && row.crashes > 0;  // a suspect beside others is not ended by its crash
  ++change.crashes;
  change.token = 0;
  if (row.state == JobState::cancelling) {
    change.finish(JobState::cancelled, now, false);
  } else if (row.attempt < row.max_attempts && (change.crashes < row.max_crashes || spared)) {
    change.state = JobState::pending;
  } else {
    change.finish(JobState::errored, now, true);
  }
  change.queued = now;
  return change;
}

/// Answers and says in words what became of it.
std::string report_on(const Change& change, ReapReport& report) {
  const std::string text = "lease ended: no heartbeat from worker '" + change.was->worker + "' in time; the job ";
  if (change.state == JobState::pending) {
    report.returned.push_back(change.was->id);
    return text + "is pending again";
  }
  if (change.state == JobState::cancelled) {
    report.cancelled.push_back(change.was->id);
    return text + "is cancelled, as was asked";
  }
  report.errored.push_back(change.was->id);
  return text + "has used up its attempts or crashes and is errored";
}

void log_reaped(const Context& c, std::int64_t now, std::span<const Record> records) {
  constexpr int warn = 3;
  in_lists(records, [&](std::span<const Record> piece) {
    std::vector<std::int64_t> seqs;
    sql::List claims{.width = 2};
    for (const Record& r : piece) {
      seqs.push_back(r.row->seq);
      claims.values.insert(claims.values.end(), {r.row->seq, r.row->claims});
    }
    std::unordered_map<std::int64_t, std::int64_t> last;
    c.session.execute(c.q.log_last, {{"seqs", list_of(seqs)}, {"claims", claims}},
                      [&](const sql::Row& row) { last[row.integer(0)] = row.integer(1); });
    sql::List rows{.width = 7};
    for (const Record& r : piece) {
      rows.values.insert(rows.values.end(), {r.row->seq, r.row->claims, last[r.row->seq] + 1, r.attempt, now,
                                             std::int64_t{warn}, std::string_view(r.message)});
    }
    c.session.execute(c.q.log_add, {{"rows", rows}});
  });
}

/// No lease is there twice.
std::vector<FinishStatus> finish_once(const Context& c, std::span<const Finish> items) {
  // Not in a borrowed transaction, which is not ours to begin again should a lease end between the look and the write.
  if (!items.empty() && !c.work.borrowed() && std::ranges::all_of(items, is_plain_success)) {
    if (auto rows = running(c, items); !rows.empty()) return succeed_all(c, items, std::move(rows));
  }
  for (const Finish& item : items) c.here.forget(item.id);
  return finish_locked(c, items);
}

}  // namespace

std::vector<FinishStatus> MysqlServer::finish(sql::Work& work, std::span<const Finish> items) {
  const Context c = context(work);
  return sql::in_rounds(work, items, [&](std::span<const Finish> some) { return finish_once(c, some); });
}

std::vector<LeaseStatus> MysqlServer::heartbeat(sql::Work& work, std::span<const LeaseRef> leases) {
  const Context c = context(work);
  std::vector<LeaseStatus> answers(leases.size(), LeaseStatus::lost);
  const Places places(c, ids_of(leases));
  std::vector<Renewal> renewals;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const LeaseRef& lease = leases[i];
    if (places.may_have(lease.id, lease.token)) renewals.push_back({places.of(lease.id), &lease, &answers[i]});
  }
  // No transaction for a short list: a lease that is held by this token afterwards was held when it was renewed.
  if (renewals.size() > most_rows) c.work.begin();
  in_lists(std::span<const Renewal>(renewals), [&](std::span<const Renewal> piece) { renew(c, piece); });
  return answers;
}

namespace {

/// A claim that counts jobs which were deleted by hand would take places of its queue for ever.
void shrink_claims(const Context& c) {
  std::vector<Leaving::key_type> claims;
  c.session.execute(c.q.claims_too_large, {{"steady", c.work.steady()}},
                    [&](const sql::Row& row) { claims.emplace_back(row.integer(0), row.integer(1)); });
  if (claims.empty()) return;
  c.work.begin();
  std::ranges::sort(claims);
  for (const auto& [queue, token] : claims) {
    const auto held = c.session.integer(c.q.claims_lock, {{"queue", queue}, {"token", token}});
    if (!held) continue;
    const auto left = c.session.integer(c.q.claims_held, {{"queue", queue}, {"token", token}}).value_or(0);
    if (left < *held) leave_claims(c, {{{queue, token}, {.count = *held - left}}});
  }
}

}  // namespace

std::vector<JobId> MysqlServer::ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) {
  const Context c = context(work);
  std::vector<std::int64_t> seqs;
  for (const auto& [claim, its] : ended_leases(c, queues, limit)) seqs.insert(seqs.end(), its.begin(), its.end());
  std::vector<JobId> jobs;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.ids, {{"seqs", list_of(piece)}},
                      [&](const sql::Row& row) { jobs.push_back(id_of(row.text(0))); });
  });
  return jobs;
}

/// At once, then once a minute: people delete jobs by hand rarely, and an idle worker asks little.
bool MysqlServer::time_to_shrink(const sql::Work& work) {
  constexpr std::int64_t minute = Duration(std::chrono::minutes(1)).count();
  const std::int64_t now = work.steady().value_or(sql::us(system_clock()->steady()));
  const std::lock_guard lock(mutex_);
  if (next_shrink_ && now < *next_shrink_) return false;
  next_shrink_ = now + minute;
  return true;
}

ReapReport MysqlServer::reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                             std::span<const JobId> only) {
  const Context c = context(work);
  ReapReport report;
  if (time_to_shrink(work)) shrink_claims(c);
  Ended ended = ended_leases(c, queues, limit);
  if (!only.empty()) {
    const std::vector<std::int64_t> wanted = Places(c, {only.begin(), only.end()}).seqs();
    for (auto& [claim, its] : ended) {
      std::erase_if(its, [&](std::int64_t seq) { return !std::ranges::binary_search(wanted, seq); });
    }
    std::erase_if(ended, [](const auto& claim) { return claim.second.empty(); });
  }
  if (ended.empty()) return report;
  c.work.begin();
  const std::vector<std::int64_t> seqs = lock_claims(c, ended);
  if (seqs.empty()) return report;
  const LockedRows locked = lock_ended(c, seqs);
  if (locked.rows.empty()) return report;
  std::vector<Change> changes;
  std::vector<Record> records;
  for (const Locked& row : locked.rows) {
    changes.push_back(reaped(row, locked.now));
    records.push_back({.row = &row, .attempt = row.attempt, .cause = Cause::lease_ended,
                       .message = report_on(changes.back(), report)});
  }
  write(c, changes);
  add_history(c, locked.now, records);
  log_reaped(c, locked.now, records);
  return report;
}

bool MysqlServer::give_up(sql::Work& work, JobId id, std::string_view message) {
  const Context c = context(work);
  const Places places(c, {id});
  if (places.seqs().empty()) return false;
  c.work.begin();
  LockedRows locked = lock_ended(c, places.seqs());
  if (locked.rows.empty()) {
    locked = lock_free(c, places.seqs());
    std::erase_if(locked.rows, [](const Locked& row) { return row.held() || is_finished(row.state); });
  }
  if (locked.rows.empty()) return false;
  const Locked& row = locked.rows.front();
  Change change(row);
  change.token = 0;
  change.finish(JobState::errored, locked.now, true);
  write(c, {&change, 1});
  const Record record{.row = &row, .attempt = row.attempt, .cause = Cause::failed, .message = std::string(message)};
  add_history(c, locked.now, {&record, 1});
  c.here.forget(id);
  return true;
}

}  // namespace sqlq::mysql
