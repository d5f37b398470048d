#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <sqlq/error.hpp>

#include "core/sorted.hpp"
#include "core/steps.hpp"
#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::mysql {

void tell(const Context& c, std::span<const std::int64_t> seqs, bool on) {
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.steps_tell, {{"told", on ? 1 : 0}, {"seqs", list_of(piece)}});
  });
}

std::optional<sql::LockedJob> MysqlServer::lock_job(sql::Work& work, JobId id) {
  const Context c = context(work);
  const Places places(c, {id});
  if (places.seqs().empty()) return std::nullopt;
  work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  const Locked* row = locked.find(id);
  if (row == nullptr) return std::nullopt;  // it was deleted meanwhile
  return sql::LockedJob{.now = locked.now, .seq = row->seq, .state = row->state, .claims = row->claims};
}

std::size_t MysqlServer::insert_step(sql::Work& work, const sql::Statement& statement,
                                     std::initializer_list<sql::Arg> args) {
  try {
    return work.session().execute(statement, args);
  } catch (const Error& e) {
    if (e.native_code() != duplicate_entry) throw;
    return 0;
  }
}

std::vector<std::optional<StepRecord>> MysqlServer::add_steps(sql::Work& work,
                                                              std::span<const backend::NewStep> steps) {
  struct Held {
    std::int64_t now, seq, token, claims, rows, last;
  };
  const Context c = context(work);
  std::vector<JobId> ids;
  for (const backend::NewStep& step : steps) ids.push_back(step.id);
  std::unordered_map<JobId, Held> jobs;
  c.session.execute(c.q.steps_jobs, {{"now", work.wall()}, {"ids", list_of(ids)}}, [&](const sql::Row& row) {
    jobs.insert_or_assign(id_of(row.text(1)), Held{row.integer(0), row.integer(2), row.integer(3), row.integer(4),
                                                   row.integer(5), row.integer(6)});
  });
  std::vector<std::optional<StepRecord>> added(steps.size());
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const backend::NewStep& step = steps[i];
    const auto at = jobs.find(step.id);
    if (at == jobs.end()) continue;
    const Held& job = at->second;
    if (step.token.value == 0 || job.token != step.token.value || job.rows >= core::most_steps) continue;
    const auto text = [](auto number) { return std::to_string(number); };
    rows.push_back(sql::json_array(std::array{text(job.seq), text(job.token), text(static_cast<int>(step.kind)),
                                              std::string(step.name), text(step.number), text(job.last + 1),
                                              text(job.claims), text(job.now), std::string(step.value)}));
    added[i] = sql::recorded_step(step, job.claims, job.now);
  }
  // When a lease has ended meanwhile, each looks for itself which steps are there.
  if (!rows.empty() && insert_step(work, c.q.steps_add, {{"rows", std::string_view(json_rows(rows))}}) == rows.size()) {
    return added;
  }
  return std::vector<std::optional<StepRecord>>(steps.size());
}

void MysqlServer::tell_job(sql::Work& work, JobId, std::int64_t seq, bool on) {
  tell(context(work), {&seq, 1}, on);
}

void MysqlServer::wake(sql::Work& work, std::span<const JobId> ids) {
  const Context c = context(work);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::vector<std::int64_t> parents;
  in_lists(std::span<const std::int64_t>(places.seqs()), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.steps_parents, {{"seqs", list_of(piece)}},
                      [&](const sql::Row& row) { parents.push_back(row.integer(0)); });
  });
  parents = core::sorted_once(std::move(parents));
  std::vector<Change> changes;
  std::vector<std::int64_t> held;
  for (const Locked& row : locked.rows) {
    if (row.held()) held.push_back(row.seq);
    const bool later = row.state == JobState::scheduled ||
                       (row.state == JobState::waiting && row.gated && row.due > locked.now);
    if (!later || !std::ranges::binary_search(parents, row.seq)) continue;
    Change& change = changes.emplace_back(row);
    change.state = JobState::pending;
    change.due = change.queued = locked.now;
  }
  write(c, changes);
  tell(c, held, true);
}

}  // namespace sqlq::mysql
