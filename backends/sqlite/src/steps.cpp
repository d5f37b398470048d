#include <string>

#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {

// Nobody else writes until the transaction ends.
std::optional<sql::LockedJob> Operations::lock_job(sql::Work& work, JobId id) {
  const Context c(work);
  std::optional<sql::LockedJob> job;
  c.session.execute(c.q.step_job, {{"now", sql::us(c.now.wall)}, {"id", std::string_view(id.to_string())}},
                    [&](const sql::Row& row) {
                      job = sql::LockedJob{.now = row.integer(0), .seq = row.integer(1),
                                           .state = static_cast<JobState>(row.integer(2)), .claims = row.integer(4)};
                    });
  return job;
}

void Operations::tell_job(sql::Work& work, JobId, std::int64_t seq, bool on) {
  const Context c(work);
  c.session.execute(c.q.step_tell, {{"told", on ? 1 : 0}, {"seq", seq}});
}

void Operations::wake(sql::Work& work, std::span<const JobId> ids) {
  const Context c(work);
  for (const JobId job : ids) {
    const std::string id = job.to_string();
    if (c.session.execute(c.q.step_wake, {{"now", sql::us(c.now.wall)}, {"id", std::string_view(id)}}) == 1) continue;
    if (c.session.execute(c.q.step_wake_waiting, {{"now", sql::us(c.now.wall)}, {"id", std::string_view(id)}}) == 1) {
      work.found_keyed();
    }
  }
}

}  // namespace sqlq::sqlite
