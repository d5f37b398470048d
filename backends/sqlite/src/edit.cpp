#include "core/gate.hpp"
#include "lanes.hpp"
#include "operations.hpp"

namespace sqlq::sqlite {
namespace {

ActionStatus edit_one(sql::Work& work, const Context& c, JobId job, const backend::JobChange& change) {
  struct Found {
    std::int64_t seq = 0;
    bool waits = false;
    std::string queue{};
    std::string kind{};
    std::int64_t priority = 0;
    bool keyed = false;
  };
  std::optional<Found> found;
  c.session.execute(c.q.edit_look, {{"id", std::string_view(job.to_string())}}, [&](const sql::Row& row) {
    found = Found{row.integer(0), row.integer(1) != 0, std::string(row.text(2)), std::string(row.text(3)),
                  row.integer(4), (row.integer(5) & core::gated_flag) != 0};
  });
  if (!found) return ActionStatus::not_found;
  const std::string_view queue = change.queue.value_or(found->queue);
  const std::int64_t priority = change.priority ? *change.priority : found->priority;
  if (!found->waits || (queue == found->queue && priority == found->priority)) return ActionStatus::unchanged;
  const LaneRow lane = Lanes(c).of(queue, found->kind);
  c.session.execute(c.q.edit, {{"lane", lane.id}, {"queue", lane.queue_id}, {"priority", priority},
                               {"seq", found->seq}});
  if (found->keyed) work.found_keyed();
  return ActionStatus::done;
}

}  // namespace

std::vector<ActionStatus> Operations::edit(sql::Work& work, std::span<const JobId> ids,
                                           const backend::JobChange& change) {
  const Context c(work);
  return sql::each<ActionStatus>(ids, [&](JobId id) { return edit_one(work, c, id, change); });
}

}  // namespace sqlq::sqlite
