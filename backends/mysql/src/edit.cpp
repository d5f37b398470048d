#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "rows.hpp"
#include "server.hpp"

namespace sqlq::mysql {
namespace {

/// Where a job of a lane is to go.
struct Target {
  std::int64_t lane = 0;
  std::int64_t queue = 0;
};
using Targets = std::map<std::int64_t, Target>;  // by lane

/// The lanes of jobs that wait in other queues, by number, with what the lane is called that each shall go to.
std::map<std::int64_t, sql::LaneName> lanes_to_leave(const Context& c, std::span<const JobId> ids,
                                                     std::string_view queue) {
  std::map<std::int64_t, sql::LaneName> lanes;
  in_lists(ids, [&](std::span<const JobId> piece) {
    c.session.execute(c.q.edit_lanes, {{"ids", list_of(piece)}}, [&](const sql::Row& row) {
      if (row.text(1) == queue) return;
      lanes.try_emplace(row.integer(0), sql::LaneName{std::string(queue), std::string(row.text(2))});
    });
  });
  return lanes;
}

Targets targets_of(const Context& c, const std::map<std::int64_t, sql::LaneName>& lanes, std::string_view queue) {
  std::vector<std::int64_t> numbers;
  for (const auto& [lane, name] : lanes) numbers.push_back(lane);
  Targets targets;
  in_lists(std::span<const std::int64_t>(numbers), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.edit_targets, {{"lanes", list_of(piece)}, {"queue", queue}}, [&](const sql::Row& row) {
      targets[row.integer(0)] = {.lane = row.integer(1), .queue = row.integer(2)};
    });
  });
  return targets;
}

/// A job that is locked, and what it becomes.
struct Edit {
  const Locked* was = nullptr;
  Target to{};
  std::int64_t priority = 0;
  [[nodiscard]] std::int64_t ready_lane() const {
    return was->lane_with(was->crashes) < 0 ? -to.lane : to.lane;
  }
  /// What a key of another queue has let in is let in by no other: it waits.
  [[nodiscard]] JobState becomes() const noexcept {
    return was->gated && to.queue != was->queue ? JobState::waiting : was->state;
  }
};

/// Nothing when it is in no state for it, and when it is so already. A job whose lane has no target stays: it has begun
/// to wait only just now.
std::optional<Edit> edit_of(const Locked& row, const Targets& targets, const backend::JobChange& change) {
  const bool waits = row.state == JobState::pending || row.state == JobState::scheduled ||
                     row.state == JobState::waiting;
  if (!waits) return std::nullopt;
  Edit edit{.was = &row,
            .to = {.lane = row.lane, .queue = row.queue},
            .priority = change.priority ? *change.priority : row.priority};
  if (const auto target = targets.find(row.lane); target != targets.end()) edit.to = target->second;
  if (edit.to.lane == row.lane && edit.priority == row.priority) return std::nullopt;
  return edit;
}

void add_rows(const Context& c, const sql::Statement& statement, const std::vector<std::array<std::int64_t, 4>>& all) {
  in_lists(std::span(all), [&](std::span<const std::array<std::int64_t, 4>> piece) {
    sql::List rows{.width = 4};
    for (const auto& row : piece) rows.values.insert(rows.values.end(), row.begin(), row.end());
    c.session.execute(statement, {{"rows", rows}});
  });
}

/// The jobs' rows, then those of the tables that say where jobs of a state are.
void write_edits(const Context& c, std::span<const Edit> edits) {
  std::map<std::tuple<JobState, std::int64_t, std::int64_t, std::int64_t>, std::vector<std::int64_t>> alike;
  std::vector<sql::Place> not_ready;
  std::vector<Appointment> not_scheduled;
  std::vector<std::array<std::int64_t, 4>> ready, scheduled;
  for (const Edit& edit : edits) {
    const Locked& was = *edit.was;
    const JobState state = edit.becomes();
    if (was.gated && state == JobState::waiting) c.work.found_keyed();
    alike[{state, edit.to.lane, edit.to.queue, edit.priority}].push_back(was.seq);
    if (was.state == JobState::pending) {
      not_ready.push_back({was.lane_with(was.crashes), was.priority, was.due, was.seq});
    } else if (was.state == JobState::scheduled) {
      not_scheduled.push_back({was.lane, was.due, was.seq});
    }
    if (state == JobState::pending) ready.push_back({edit.ready_lane(), edit.priority, was.due, was.seq});
    if (state == JobState::scheduled) scheduled.push_back({edit.to.lane, was.due, was.seq, edit.priority});
  }
  for (const auto& [to, seqs] : alike) {
    const auto& [state, lane, queue, priority] = to;
    for (std::size_t at = 0; at < seqs.size(); at += most_rows) {
      const auto piece = std::span(seqs).subspan(at, std::min(most_rows, seqs.size() - at));
      c.session.execute(c.q.jobs_edit, {{"state", static_cast<std::int64_t>(state)},
                                        {"lane", lane},
                                        {"queue", queue},
                                        {"priority", priority},
                                        {"seqs", list_of(piece)}});
    }
  }
  remove_ready(c, not_ready);
  remove_scheduled(c, not_scheduled);
  add_rows(c, c.q.ready_add, ready);
  add_rows(c, c.q.scheduled_add, scheduled);
}

}  // namespace

// The lanes are made first, each statement by itself: nobody who makes the same ones waits for the jobs' locks.
std::vector<ActionStatus> MysqlServer::edit(sql::Work& work, std::span<const JobId> ids,
                                            const backend::JobChange& change) {
  const Context c = context(work);
  std::vector<ActionStatus> answers(ids.size(), ActionStatus::not_found);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return answers;
  Targets targets;
  if (change.queue) {
    const auto leave = lanes_to_leave(c, ids, *change.queue);
    std::set<sql::LaneName> made;
    for (const auto& [lane, name] : leave) made.insert(name);
    if (!made.empty()) make_lanes(work, std::vector<sql::LaneName>(made.begin(), made.end()));
    targets = targets_of(c, leave, *change.queue);
  }
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::vector<Edit> edits;
  std::set<JobId> done;
  for (const Locked& row : locked.rows) {
    const auto edit = edit_of(row, targets, change);
    if (!edit) continue;
    edits.push_back(*edit);
    done.insert(row.id);
  }
  write_edits(c, edits);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (locked.find(ids[i]) == nullptr) continue;
    answers[i] = done.erase(ids[i]) > 0 ? ActionStatus::done : ActionStatus::unchanged;  // an id may come again
  }
  return answers;
}

}  // namespace sqlq::mysql
