#include <functional>
#include <set>
#include <utility>

#include "arrays.hpp"
#include "core/log_bounds.hpp"
#include "core/sorted.hpp"
#include "server.hpp"
#include "probe.hpp"
#include "sql/job_row.hpp"

namespace sqlq::postgres {

std::vector<JobId> PgServer::ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) {
  std::vector<JobId> jobs;
  const Choice names("queues", queues);
  work.session().execute(q_.ended,
                         {names.arg(),
                          {"n", static_cast<std::int64_t>(limit)},
                          {"steady", work.steady()},
                          {"spared", work.spared()}},
                         [&](const sql::Row& row) { jobs.push_back(sql::read_id(row.text(0))); });
  return jobs;
}

ReapReport PgServer::reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                          std::span<const JobId> only) {
  ReapReport report;
  const Choice names("queues", queues);
  const Choice jobs("only", only, Of::uuid);
  work.session().execute(q_.reap,
                         {names.arg(),
                          jobs.arg(),
                          {"n", static_cast<std::int64_t>(limit)},
                          {"now", work.wall()},
                          {"steady", work.steady()},
                          {"spared", work.spared()}},
                         [&](const sql::Row& row) {
                           const auto id = JobId::parse(row.text(0)).value_or(JobId{});
                           const auto state = static_cast<JobState>(row.integer(1));
                           const bool returned = state == JobState::pending || state == JobState::waiting;
                           auto& list = returned                       ? report.returned
                                        : state == JobState::cancelled ? report.cancelled
                                                                       : report.errored;
                           list.push_back(id);
                         });
  return report;
}

std::vector<bool> PgServer::take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) {
  Array ids(Of::uuid), numbers(Of::bigint), workers(Of::text);
  for (const backend::OutlivedClaim& claim : claims) {
    ids.add(claim.id);
    numbers.add(claim.claim);
    workers.add(claim.worker);
  }
  std::vector<bool> answers(claims.size(), false);
  work.begin();
  work.session().execute(q_.jobs_lock, {{"ids", ids.view()}}, [](const sql::Row&) {});
  work.session().execute(
      q_.crashes_take_back,
      {{"ids", ids.view()}, {"claims", numbers.view()}, {"workers", workers.view()}, {"now", work.wall()}},
      [&](const sql::Row& row) { answers.at(static_cast<std::size_t>(row.integer(0)) - 1) = true; });
  return answers;
}

namespace {

/// Deletes the lines of the jobs whose seqs are the first column of what `of` answers, after it has. Returns how many
/// jobs; `each` sees the rows.
std::size_t purge_lines(const sql::Work& work, const Queries& q, const sql::Statement& of,
                        std::initializer_list<sql::Arg> args,
                        const std::function<void(const sql::Row&)>& each = [](const sql::Row&) {}) {
  Array seqs(Of::bigint);
  std::size_t jobs = 0;
  work.session().execute(of, args, [&](const sql::Row& row) {
    seqs.add(row.integer(0));
    ++jobs;
    each(row);
  });
  if (jobs > 0) work.session().execute(q.purge_lines, {{"seqs", seqs.view()}});
  return jobs;
}

}  // namespace

/// Once an hour, and not before the first is over: it reads through all jobs.
bool PgServer::time_to_sweep(const sql::Work& work) {
  constexpr std::int64_t hour = Duration(std::chrono::hours(1)).count();
  const std::int64_t now = work.steady().value_or(sql::us(system_clock()->steady()));
  const std::lock_guard lock(mutex_);
  if (!next_sweep_) next_sweep_ = now + hour;
  if (now < *next_sweep_) return false;
  next_sweep_ = now + hour;
  return true;
}

std::size_t PgServer::purge(sql::Work& work, std::size_t limit) {
  const auto n = static_cast<std::int64_t>(limit);
  work.begin();
  const std::size_t purged = purge_lines(work, q_, q_.purge, {{"n", n}, {"now", work.wall()}});
  // What jobs have left behind that somebody has deleted by hand.
  if (purged == 0 && time_to_sweep(work)) purge_lines(work, q_, q_.orphans, {{"n", n}});
  return purged;
}

std::vector<JobId> PgServer::expired(sql::Work& work, std::size_t limit) {
  std::vector<JobId> ids;
  work.session().execute(q_.expired, {{"n", static_cast<std::int64_t>(limit)}, {"now", work.wall()}},
                         [&](const sql::Row& row) { ids.push_back(JobId::parse(row.text(0)).value_or(JobId{})); });
  return ids;
}

void PgServer::postpone(sql::Work& work, JobId id) {
  work.session().execute(q_.postpone, {{"id", std::string_view(id.to_string())}, {"now", work.wall()}});
}

std::vector<ActionStatus> PgServer::act(sql::Work& work, std::span<const JobId> ids, backend::Action what) {
  const Array list = array_of(Of::uuid, std::set<JobId>(ids.begin(), ids.end()));
  std::set<JobId> done;
  const auto note_in = [&](std::size_t column) {
    return [&done, column](const sql::Row& row) { done.insert(JobId::parse(row.text(column)).value_or(JobId{})); };
  };
  const auto note = note_in(0);
  if (what == backend::Action::erase) {
    work.begin();
    purge_lines(work, q_, q_.erase, {{"ids", list.view()}}, note_in(1));
  } else if (what == backend::Action::run_now) {
    work.session().execute(q_.run_now, {{"ids", list.view()}, {"now", work.wall()}}, note);
  } else {
    const int ends = what == backend::Action::end ? 1 : 0;
    work.session().execute(q_.take_away, {{"ids", list.view()}, {"ends", ends}, {"now", work.wall()}}, note);
  }
  const auto others = probe_others(work, q_, ids, done);
  std::vector<ActionStatus> answers;
  answers.reserve(ids.size());
  std::set<JobId> seen;  // should an id come again, it finds what was done
  for (const JobId id : ids) {
    const bool there = others.contains(id) || (done.contains(id) && what != backend::Action::erase);
    const bool mine = done.contains(id) && seen.insert(id).second;
    answers.push_back(mine ? ActionStatus::done : there ? ActionStatus::unchanged : ActionStatus::not_found);
  }
  return answers;
}

std::vector<bool> PgServer::append_logs(sql::Work& work, std::span<const LogLine> lines) {
  Array ids(Of::uuid), tokens(Of::bigint), claims(Of::bigint), numbers(Of::bigint), attempts(Of::integer),
      ats(Of::bigint), levels(Of::smallint), texts(Of::text);
  for (const LogLine& line : lines) {
    ids.add(line.job);
    tokens.add(line.token.value);
    claims.add(line.claim);
    numbers.add(line.number);
    attempts.add(std::int64_t{line.attempt});
    ats.add(sql::us(line.at));
    levels.add(static_cast<std::int64_t>(line.level));
    texts.add(std::string_view(line.text));
  }
  std::vector<bool> answers(lines.size(), false);
  work.session().execute(q_.log_add,
                         {{"ids", ids.view()},
                          {"tokens", tokens.view()},
                          {"claims", claims.view()},
                          {"numbers", numbers.view()},
                          {"attempts", attempts.view()},
                          {"ats", ats.view()},
                          {"levels", levels.view()},
                          {"texts", texts.view()}},
                         [&](const sql::Row& row) { answers.at(static_cast<std::size_t>(row.integer(0)) - 1) = true; });
  std::vector<JobId> long_logs;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (answers[i] && core::worth_a_look(lines[i])) long_logs.push_back(lines[i].job);
  }
  for (const JobId& job : core::sorted_once(std::move(long_logs))) {
    const std::string id = job.to_string();
    work.session().execute(
        q_.log_trim,
        {{"id", std::string_view(id)}, {"lines", core::log_lines_kept}, {"bytes", core::log_bytes_kept}});
  }
  return answers;
}

std::vector<bool> PgServer::publish(sql::Work& work, std::span<const backend::Interim> items) {
  Array ids(Of::uuid), tokens(Of::bigint), results(Of::text), told(Of::smallint), dones(Of::bigint),
      totals(Of::bigint), notes(Of::text);
  for (const backend::Interim& item : items) {
    const Progress progress = item.progress.value_or(Progress{});
    ids.add(item.id);
    tokens.add(item.token.value);
    results.add(item.result);
    told.add(std::int64_t{item.progress ? 1 : 0});
    dones.add(progress.done);
    totals.add(progress.total);
    notes.add(std::string_view(progress.note));
  }
  std::vector<bool> answers(items.size(), false);
  work.session().execute(q_.publish,
                         {{"ids", ids.view()},
                          {"tokens", tokens.view()},
                          {"results", results.view()},
                          {"told", told.view()},
                          {"dones", dones.view()},
                          {"totals", totals.view()},
                          {"notes", notes.view()},
                          {"now", work.wall()}},
                         [&](const sql::Row& row) { answers.at(static_cast<std::size_t>(row.integer(0)) - 1) = true; });
  return answers;
}

}  // namespace sqlq::postgres
