#pragma once
/// \file
/// The tables of MySQL and MariaDB say some things twice, so that a claim reads little: what may never differ.

#include <string>
#include <vector>

namespace sqlq::testing {

struct Contradiction {
  std::string name{};
  std::string query{};  ///< how many there are
};

/// True at any moment between transactions. `prefix` is what the names of tables begin with.
inline std::vector<Contradiction> mysql_contradictions(const std::string& prefix) {
  const std::string jobs = prefix + "jobs";
  const std::string ready = prefix + "ready";
  const std::string scheduled = prefix + "scheduled";
  const std::string claims = prefix + "claims";
  const std::string keys = prefix + "keys";
  const std::string finished = prefix + "finished";
  return {
      {"ready without a pending job",
       "SELECT COUNT(*) FROM " + ready + " r LEFT JOIN " + jobs + " j ON j.seq = r.seq AND j.state = 1 AND r.lane_id = "
       "IF(j.crashes > 0 AND j.crashes + 1 >= j.max_crashes, -j.lane_id, j.lane_id) AND j.priority = r.priority AND "
       "j.due_us = r.due_us WHERE j.seq IS NULL"},
      {"pending and not ready",
       "SELECT COUNT(*) FROM " + jobs + " j LEFT JOIN " + ready + " r ON r.seq = j.seq WHERE j.state = 1 AND "
       "r.seq IS NULL"},
      {"an appointment without a scheduled job",
       "SELECT COUNT(*) FROM " + scheduled + " s LEFT JOIN " + jobs + " j ON j.seq = s.seq AND j.state = 7 AND "
       "j.lane_id = s.lane_id AND j.due_us = s.due_us AND j.priority = s.priority WHERE j.seq IS NULL"},
      {"scheduled and without an appointment",
       "SELECT COUNT(*) FROM " + jobs + " j LEFT JOIN " + scheduled + " s ON s.seq = j.seq WHERE j.state = 7 AND "
       "s.seq IS NULL"},
      {"a claim that holds another number of jobs",
       "SELECT COUNT(*) FROM " + claims + " c WHERE c.held <= 0 OR c.held <> (SELECT COUNT(*) FROM " + jobs +
       " j WHERE j.lease_token = c.token AND j.queue_id = c.queue_id AND j.state IN (2, 5) AND "
       "JSON_CONTAINS(c.jobs, CAST(j.seq AS CHAR)))"},
      {"held by no claim",
       "SELECT (SELECT COUNT(*) FROM " + jobs + " WHERE state IN (2, 5)) - "
       "(SELECT CAST(COALESCE(SUM(held), 0) AS SIGNED) FROM " + claims + ")"},
      {"a key of no live job",
       "SELECT COUNT(*) FROM " + keys + " k LEFT JOIN " + jobs + " j ON j.id = k.id AND j.unique_key = k.unique_key "
       "AND j.state IN (1, 2, 5, 7) WHERE j.seq IS NULL"},
      {"a live job without its key",
       "SELECT COUNT(*) FROM " + jobs + " j LEFT JOIN " + keys + " k ON k.id = j.id AND k.unique_key = j.unique_key "
       "WHERE j.state IN (1, 2, 5, 7) AND j.unique_key IS NOT NULL AND k.id IS NULL"},
      {"finished and never purged",
       "SELECT COUNT(*) FROM " + jobs + " j WHERE j.state IN (3, 4, 6) AND NOT EXISTS (SELECT 1 FROM " +
       finished + " f WHERE f.state = j.state AND f.lane_id = j.lane_id AND f.expires_us = j.expires_us "
       "AND JSON_CONTAINS(f.jobs, CAST(j.seq AS CHAR)))"},
  };
}

}  // namespace sqlq::testing
