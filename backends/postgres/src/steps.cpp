#include <set>

#include "arrays.hpp"
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
