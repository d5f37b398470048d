#include <algorithm>
#include <map>

#include <sqlq/error.hpp>

#include "core/sorted.hpp"
#include "operations.hpp"
#include "processes.hpp"
#include "sql/apportion.hpp"
#include "sql/due.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::sqlite {
namespace {

/// The lanes that have work.
struct View {
  std::vector<sql::Lane> lanes{};
  std::vector<sql::Scheduled> scheduled{};
  bool limited = false;   ///< some of a queue with a limit
  bool suspects = false;  ///< some of suspects

  [[nodiscard]] bool any_due(std::int64_t now) const {
    return std::ranges::any_of(scheduled, [&](const sql::Scheduled& s) { return s.first_due <= now; });
  }
};

void read_lane(View& view, const sql::Claim& wanted, std::int64_t now, const sql::Row& row) {
  const backend::ClaimRequest& request = wanted.request;
  sql::Fields f(row);
  sql::Lane lane;
  lane.id = f.integer();
  lane.queue_id = f.integer();
  lane.queue = f.text();
  lane.kind = f.text();
  lane.queue_priority = f.integer();
  lane.concurrency = f.maybe_integer();
  const bool ready = f.integer() != 0;
  const auto first_due = f.maybe_integer();
  if (!request.kinds.empty() && std::ranges::find(request.kinds, lane.kind) == request.kinds.end()) return;
  if (ready || (first_due && *first_due <= now)) {
    view.limited = view.limited || lane.concurrency;
    view.suspects = view.suspects || lane.suspects();
  }
  if ((lane.suspects() && request.suspects == 0) || (lane.concurrency && !wanted.limited)) return;
  if (first_due) view.scheduled.push_back({lane, *first_due});
  if (ready) view.lanes.push_back(std::move(lane));
}

View look(const Context& c, const sql::Claim& wanted) {
  const backend::ClaimRequest& request = wanted.request;
  View view;
  const auto add = [&](const sql::Row& row) { read_lane(view, wanted, sql::us(c.now.wall), row); };
  if (request.queues.empty()) c.session.execute(c.q.lanes_of_all, {}, add);
  const std::vector<std::string_view> names(request.queues.begin(), request.queues.end());
  for (const auto name : core::sorted_once(names)) c.session.execute(c.q.lanes_of_queue, {{"queue", name}}, add);
  return view;
}

/// The room that the limit of the lane's queue leaves; true until we commit, for we hold the write lock.
std::int64_t room(const Context& c, const sql::Lane& lane) {
  return lane.concurrency.value_or(0) - c.session.integer(c.q.held, {{"queue", lane.queue_id}}).value_or(0);
}

void move(const Context& c, const std::vector<std::int64_t>& seqs) {
  const std::string list = sql::json_array(seqs);
  if (!seqs.empty()) c.session.execute(c.q.promote, {{"seqs", std::string_view(list)}});
}

/// Makes the first of the due jobs pending, as many as a claim may take.
void promote(const Context& c, const backend::ClaimRequest& request, const std::vector<sql::Scheduled>& scheduled) {
  const std::int64_t now = sql::us(c.now.wall);
  std::vector<sql::Lane> lanes;
  for (const sql::Scheduled& s : scheduled) {
    if (s.first_due > now) continue;
    sql::Lane& lane = lanes.emplace_back(s.lane);
    if (lane.concurrency) lane.room = room(c, lane);
  }
  const auto read = [&](const sql::Statement& statement) {
    return [&c, &statement, now](const sql::Lane& lane, std::int64_t n) {
      return sql::read_places(c.session, statement, lane.id, {{"lane", lane.id}, {"now", now}, {"n", n}});
    };
  };
  const std::int64_t n = sql::most_moved(static_cast<std::int64_t>(request.limit));
  move(c, sql::seqs_of(sql::first_due(lanes, n, read(c.q.due_by_time), read(c.q.due_by_rank))));
}

/// What to take; points to the lanes.
std::vector<sql::Pick> pick(const Context& c, const std::vector<sql::Lane>& lanes,
                            const backend::ClaimRequest& request) {
  const auto more = [&c](const sql::Lane& lane, const sql::Place& last, std::int64_t n) {
    return sql::read_on(c.session, c.q.peek, lane.id, last, n);
  };
  return sql::merge(lanes, {}, {.limit = static_cast<std::int64_t>(request.limit),
                                .suspects = static_cast<std::int64_t>(request.suspects),
                                .more = more,
                                .room = [&c](const sql::Lane& lane) { return room(c, lane); }});
}

/// Marks the jobs running and reads them.
std::vector<Job> take(const Context& c, const backend::ClaimRequest& request, const std::vector<sql::Pick>& picks) {
  std::vector<Job> jobs;
  if (picks.empty()) return jobs;
  std::vector<std::int64_t> seqs;
  for (const sql::Pick& pick : picks) seqs.push_back(pick.place.seq);
  const std::string list = sql::json_array(seqs);
  const std::size_t taken = c.session.execute(c.q.claim, {{"token", request.token.value},
                                                          {"worker", request.worker},
                                                          {"process", process_number()},
                                                          {"now", sql::us(c.now.wall)},
                                                          {"steady", sql::us(c.now.steady)},
                                                          {"seqs", std::string_view(list)}});
  if (taken != picks.size()) throw Error(Errc::internal, "a job picked under the write lock was not pending", "sqlite");
  jobs.reserve(picks.size());
  c.session.execute(c.q.claimed, {{"seqs", std::string_view(list)}}, [&](const sql::Row& row) {
    sql::Fields f(row);
    const sql::Lane& lane = *picks[static_cast<std::size_t>(f.integer())].lane;
    Job& job = jobs.emplace_back(sql::read_job(f));
    job.queue = lane.queue;
    job.kind = lane.kind;
  });
  return jobs;
}

/// What the view says of a claim, whatever it takes.
backend::ClaimResult hints(const View& view, std::int64_t now) {
  backend::ClaimResult result;
  if (const auto due = sql::next_due(view.scheduled, now)) result.next_due = sql::wall(*due);
  result.limited = view.limited;
  result.suspects = view.suspects;
  return result;
}

std::size_t of_limited(const std::vector<sql::Pick>& picks) {
  const auto limited = [](const sql::Pick& pick) { return pick.lane->concurrency.has_value(); };
  return static_cast<std::size_t>(std::ranges::count_if(picks, limited));
}

}  // namespace

backend::ClaimResult Operations::claim(sql::Work& work, const sql::Claim& wanted) {
  const Context c(work);
  const backend::ClaimRequest& request = wanted.request;
  const std::int64_t now = sql::us(c.now.wall);
  View view = look(c, wanted);
  if (view.any_due(now)) {
    promote(c, request, view.scheduled);
    view = look(c, wanted);
  }
  backend::ClaimResult result = hints(view, now);
  const std::vector<sql::Pick> picks = pick(c, view.lanes, request);
  result.of_limited = of_limited(picks);
  result.jobs = take(c, request, picks);
  return result;
}

backend::ClaimResult Operations::claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                            const sql::Selection& selection) {
  const Context c(work);
  const View view = look(c, {.request = request});
  backend::ClaimResult result = hints(view, sql::us(c.now.wall));
  std::map<std::int64_t, sql::Lane> by_id;
  for (const sql::Lane& lane : view.lanes) by_id.emplace(lane.id, lane);
  for (const sql::Scheduled& s : view.scheduled) by_id.emplace(s.lane.id, s.lane);
  std::vector<sql::Lane> lanes;
  std::vector<sql::Head> heads;
  for (auto& entry : by_id) {
    const std::int64_t id = entry.first;
    sql::Lane& lane = entry.second;
    if (lane.concurrency) lane.room = room(c, lane);
    lanes.push_back(lane);
    c.session.execute(
        c.q.lane_next,
        {{"lane", id}, {"now", sql::us(c.now.wall)}, {"n", selection.depth(request.limit)}},
        [&](const sql::Row& row) {
          heads.push_back({{id, row.integer(0), row.integer(1), row.integer(2)}, sql::read_id(row.text(3))});
        });
  }
  const std::vector<sql::Head> chosen = sql::choose(lanes, heads, selection, request);
  if (!selection.starts()) {
    result.jobs = sql::only_ids(chosen);
    return result;
  }
  std::vector<sql::Pick> picks;
  for (const sql::Head& head : chosen) picks.push_back({&by_id.at(head.place.lane), head.place});
  result.of_limited = of_limited(picks);
  move(c, sql::seqs_of(chosen));
  result.jobs = take(c, request, picks);
  return result;
}

}  // namespace sqlq::sqlite
