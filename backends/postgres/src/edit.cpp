#include <set>
#include <utility>

#include "arrays.hpp"
#include "probe.hpp"
#include "server.hpp"

namespace sqlq::postgres {

// The lanes are made first, each statement by itself: nobody who makes the same ones waits for the jobs' locks. A job
// that begins to wait only then stays where it is.
std::vector<ActionStatus> PgServer::edit(sql::Work& work, std::span<const JobId> ids,
                                         const backend::JobChange& change) {
  Array list = array_of(Of::uuid, std::set<JobId>(ids.begin(), ids.end()));
  Array kinds(Of::text);
  if (change.queue) {
    Array waiting(Of::uuid);
    std::set<sql::LaneName> lanes;
    work.session().execute(q_.edit_kinds, {{"ids", list.view()}, {"queue", *change.queue}}, [&](const sql::Row& row) {
      waiting.add(JobId::parse(row.text(0)).value_or(JobId{}));
      kinds.add(row.text(1));
      if (row.integer(2) != 0) lanes.insert({.queue = std::string(*change.queue), .kind = std::string(row.text(1))});
    });
    if (!lanes.empty()) make_lanes(work, std::vector<sql::LaneName>(lanes.begin(), lanes.end()));
    list = std::move(waiting);
  }
  std::set<JobId> done;
  work.session().execute(q_.edit,
                         {{"ids", list.view()},
                          {"kinds", kinds.view()},
                          {"queue", change.queue},
                          {"priority", change.priority}},
                         [&](const sql::Row& row) { done.insert(JobId::parse(row.text(0)).value_or(JobId{})); });
  const auto others = probe_others(work, q_, ids, done);
  std::vector<ActionStatus> answers;
  answers.reserve(ids.size());
  std::set<JobId> seen;  // should an id come again, it finds what was done
  for (const JobId id : ids) {
    const bool there = others.contains(id) || done.contains(id);
    const bool mine = done.contains(id) && seen.insert(id).second;
    answers.push_back(mine ? ActionStatus::done : there ? ActionStatus::unchanged : ActionStatus::not_found);
  }
  return answers;
}

}  // namespace sqlq::postgres
