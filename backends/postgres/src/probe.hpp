#pragma once
/// \file
/// Why a batch did not change some of its jobs.

#include <span>
#include <unordered_map>

#include "arrays.hpp"
#include "queries.hpp"
#include "sql/work.hpp"

namespace sqlq::postgres {

struct Probe {
  JobState state = JobState::invalid;
  LeaseToken token{};
  std::int64_t ended = 0;
};

/// The jobs of `ids` that are not among the keys of `done`; nothing is asked when there are none.
template <class Done>
[[nodiscard]] std::unordered_map<JobId, Probe> probe_others(const sql::Work& work, const Queries& q,
                                                            std::span<const JobId> ids, const Done& done) {
  Array list(Of::uuid);
  for (const JobId id : ids) {
    if (!done.contains(id)) list.add(id);
  }
  std::unordered_map<JobId, Probe> found;
  if (list.empty()) return found;
  sql::follow_up(work, [&] {
    return work.session().execute(q.probe, {{"ids", list.view()}}, [&](const sql::Row& row) {
      found.insert_or_assign(JobId::parse(row.text(0)).value_or(JobId{}),
                             Probe{static_cast<JobState>(row.integer(1)), LeaseToken{row.integer(2)},
                                   row.integer(3)});
    });
  });
  return found;
}

}  // namespace sqlq::postgres
