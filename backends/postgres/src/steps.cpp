#include <set>

#include "arrays.hpp"
#include "core/steps.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"

namespace sqlq::postgres {

std::optional<sql::LockedJob> PgServer::lock_job(sql::Work& work, JobId id) {
  work.begin();
  std::optional<sql::LockedJob> job;
  work.session().execute(q_.step_lock, {{"now", work.wall()}, {"id", std::string_view(id.to_string())}},
                         [&](const sql::Row& row) {
                           job = sql::LockedJob{.now = row.integer(0), .seq = row.integer(1),
                                                .state = static_cast<JobState>(row.integer(2)),
                                                .claims = row.integer(3)};
                         });
  return job;
}

std::vector<std::optional<StepRecord>> PgServer::add_steps(sql::Work& work, std::span<const backend::NewStep> steps) {
  Array ids(Of::uuid), tokens(Of::bigint), kinds(Of::smallint), names(Of::text), numbers(Of::bigint), jsons(Of::text);
  for (const backend::NewStep& step : steps) {
    ids.add(step.id);
    tokens.add(step.token.value);
    kinds.add(static_cast<std::int64_t>(step.kind));
    names.add(step.name);
    numbers.add(step.number);
    jsons.add(step.value);
  }
  std::vector<std::optional<StepRecord>> added(steps.size());
  work.session().execute(q_.steps_add,
                         {{"ids", ids.view()},
                          {"tokens", tokens.view()},
                          {"kinds", kinds.view()},
                          {"names", names.view()},
                          {"numbers", numbers.view()},
                          {"jsons", jsons.view()},
                          {"most", core::most_steps},
                          {"now", work.wall()}},
                         [&](const sql::Row& row) {
                           const auto which = static_cast<std::size_t>(row.integer(0)) - 1;
                           added.at(which) = sql::recorded_step(steps[which], row.integer(1), row.integer(2));
                         });
  return added;
}

// No index leads to a job by its seq.
void PgServer::tell_job(sql::Work& work, JobId id, std::int64_t, bool on) {
  work.session().execute(q_.step_tell, {{"told", on ? 1 : 0}, {"id", std::string_view(id.to_string())}});
}

void PgServer::wake(sql::Work& work, std::span<const JobId> ids) {
  const Array list = array_of(Of::uuid, std::set<JobId>(ids.begin(), ids.end()));
  work.begin();
  work.session().execute(q_.jobs_lock, {{"ids", list.view()}}, [](const sql::Row&) {});
  work.session().execute(q_.steps_wake, {{"ids", list.view()}, {"now", work.wall()}});
}

}  // namespace sqlq::postgres
