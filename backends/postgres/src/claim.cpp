#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "arrays.hpp"
#include "server.hpp"
#include "sql/apportion.hpp"
#include "sql/due.hpp"
#include "sql/job_row.hpp"

namespace sqlq::postgres {
namespace {

using sql::Marks;
using sql::Ready;

struct Survey {
  std::int64_t now = 0;
  std::vector<Ready> lanes{};              ///< those with pending jobs
  std::vector<sql::Scheduled> scheduled{};
  Duration took{};

  void read(const sql::Row& row) {
    sql::Fields f(row);
    now = f.integer();
    took = Duration(f.integer());
    if (row.null(2)) return;
    sql::Lane lane;
    lane.id = f.integer();
    lane.queue_id = f.integer();
    lane.queue = f.text();
    lane.kind = f.text();
    lane.queue_priority = f.integer();
    lane.concurrency = f.maybe_integer();
    const auto priority = f.maybe_integer();
    const auto due = f.maybe_integer();
    const auto seq = f.maybe_integer();
    const auto first_due = f.maybe_integer();
    if (first_due) scheduled.push_back({lane, *first_due});
    if (!seq) return;
    const sql::Place first{.lane = lane.id, .priority = *priority, .due = *due, .seq = *seq};
    lanes.push_back({std::move(lane), first});
  }

  /// Those whose first job is due.
  [[nodiscard]] std::vector<sql::Lane> due_lanes() const {
    std::vector<sql::Lane> result;
    for (const sql::Scheduled& s : scheduled) {
      if (s.first_due <= now) result.push_back(s.lane);
    }
    return result;
  }
  [[nodiscard]] std::vector<sql::Lane> lanes_with_work() const {
    std::vector<sql::Lane> result = due_lanes();
    for (const Ready& r : lanes) result.push_back(r.lane);
    return result;
  }
  /// Where to look from the next time: scheduled jobs become ready anywhere in their lanes.
  [[nodiscard]] std::vector<Ready> marks() const {
    std::vector<Ready> result = lanes;
    for (const sql::Scheduled& s : scheduled) {
      const auto is_there = [&](const Ready& r) { return r.lane.id == s.lane.id; };
      if (std::ranges::none_of(lanes, is_there)) result.push_back({s.lane, sql::before_all(s.lane.id)});
    }
    return result;
  }
};

/// The places of lanes as a statement wants them.
struct Places {
  void add(const sql::Place& place) {
    lanes.add(place.lane);
    priorities.add(place.priority);
    dues.add(place.due);
    seqs.add(place.seq);
  }
  Array lanes{Of::integer}, priorities{Of::integer}, dues{Of::bigint}, seqs{Of::bigint};
};

Survey look_again(const sql::Work& work, const Queries& q, const std::vector<Ready>& marks) {
  Places from;
  for (const Ready& mark : marks) from.add(mark.first);
  Survey found;
  work.session().execute(q.lanes_again,
                         {{"now", work.wall()},
                          {"lanes", from.lanes.view()},
                          {"priorities", from.priorities.view()},
                          {"dues", from.dues.view()},
                          {"seqs", from.seqs.view()}},
                         [&](const sql::Row& row) { found.read(row); });
  return found;
}

Survey look_everywhere(const sql::Work& work, const Queries& q, const backend::ClaimRequest& request) {
  Survey found;
  const auto read = [&](const sql::Row& row) { found.read(row); };
  const Choice kinds("kinds", request.kinds);
  const Choice queues("queues", request.queues);
  if (request.queues.empty()) {
    work.session().execute(q.lanes_of_all, {{"now", work.wall()}, kinds.arg()}, read);
  } else {
    work.session().execute(q.lanes_of_queues, {{"now", work.wall()}, queues.arg(), kinds.arg()}, read);
  }
  return found;
}

Survey survey(const sql::Work& work, const Queries& q, const backend::ClaimRequest& request, Marks& marks) {
  if (const auto from = marks.find(request); !from.empty()) {
    Survey found = look_again(work, q, from);
    marks.moved(found.lanes);
    if (!found.lanes.empty()) return found;
  }
  Survey found = look_everywhere(work, q, request);
  marks.surveyed(request, found.marks(), found.took);
  return found;
}

/// What the limits of queues leave; not there: none. True until somebody else claims, unless their locks are held.
std::map<std::int64_t, std::int64_t> read_rooms(const sql::Work& work, const Queries& q,
                                                const std::map<std::int64_t, std::int64_t>& if_unlimited) {
  auto rooms = if_unlimited;
  Array queues(Of::integer);
  for (const auto& [id, room] : rooms) queues.add(id);
  work.session().execute(q.rooms, {{"queues", queues.view()}}, [&](const sql::Row& row) {
    if (!row.null(1)) rooms[row.integer(0)] = std::max<std::int64_t>(row.integer(1), 0);
  });
  return rooms;
}

/// The first due jobs of these lanes, as many as a claim moves.
std::vector<sql::Place> first_due(const sql::Work& work, const Queries& q, std::vector<sql::Lane>& lanes,
                                  std::int64_t n) {
  std::map<std::int64_t, std::int64_t> rooms;
  for (const sql::Lane& lane : lanes) {
    if (lane.concurrency) rooms[lane.queue_id] = n;
  }
  if (!rooms.empty()) rooms = read_rooms(work, q, rooms);
  Array ids(Of::integer), counts(Of::bigint);
  for (sql::Lane& lane : lanes) {
    if (lane.concurrency) lane.room = rooms[lane.queue_id];
    ids.add(lane.id);
    counts.add(sql::most_due(lane, n) + 1);
  }
  std::unordered_map<std::int64_t, std::vector<sql::Place>> by_time;
  work.session().execute(q.due_by_time, {{"now", work.wall()}, {"lanes", ids.view()}, {"counts", counts.view()}},
                         [&](const sql::Row& row) {
                           const std::int64_t lane = row.integer(0);
                           by_time[lane].push_back({lane, row.integer(1), row.integer(2), row.integer(3)});
                         });
  const auto by_rank = [&](const sql::Lane& lane, std::int64_t most) {
    return sql::read_places(work.session(), q.due_by_rank, lane.id,
                            {{"now", work.wall()}, {"lane", lane.id}, {"n", most}});
  };
  return sql::first_due(
      lanes, n, [&](const sql::Lane& lane, std::int64_t) { return std::move(by_time[lane.id]); }, by_rank);
}

/// Makes the first of the due jobs pending, as many as a claim may take.
void promote(const sql::Work& work, const Queries& q, std::size_t limit, std::vector<sql::Lane> lanes, Marks& marks) {
  const auto places = first_due(work, q, lanes, sql::most_moved(static_cast<std::int64_t>(limit)));
  if (places.empty()) return;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> levels;
  for (const sql::Place& place : places) ++levels[{place.lane, place.priority}];
  Array ids(Of::integer), priorities(Of::integer), counts(Of::bigint);
  for (const auto& [level, count] : levels) {
    ids.add(level.first);
    priorities.add(level.second);
    counts.add(count);
  }
  work.session().execute(q.promote, {{"now", work.wall()},
                                     {"lanes", ids.view()},
                                     {"priorities", priorities.view()},
                                     {"counts", counts.view()}});
  marks.lowered(places);
}

bool left_out(const sql::Claim& claim, const sql::Lane& lane) {
  return (claim.request.suspects == 0 && lane.suspects()) || (!claim.limited && lane.concurrency);
}

Survey survey_and_promote(const sql::Work& work, const Queries& q, const sql::Claim& claim, Marks& marks) {
  const backend::ClaimRequest& request = claim.request;
  Survey found = survey(work, q, request, marks);
  std::vector<sql::Lane> due = found.due_lanes();
  std::erase_if(due, [&](const sql::Lane& lane) { return left_out(claim, lane); });
  if (due.empty()) return found;
  promote(work, q, request.limit, std::move(due), marks);
  return survey(work, q, request, marks);
}

/// Takes the locks of the limited queues, then counts: nobody else starts jobs of them until we commit. Without their
/// locks where leases have ended: then there is room for as many and no more, unless the limit was lowered.
void find_rooms(sql::Work& work, const Queries& q, const sql::Claim& claim, std::vector<Ready>& lanes) {
  const std::optional<sql::Vacated> vacated = claim.vacated();
  if (vacated) {
    std::erase_if(lanes, [&](const Ready& r) { return r.lane.concurrency && !vacated->contains(r.lane.queue); });
  }
  const auto limit = static_cast<std::int64_t>(claim.request.limit);
  std::map<std::int64_t, std::int64_t> rooms;
  for (const Ready& r : lanes) {
    if (r.lane.concurrency) rooms[r.lane.queue_id] = limit;
  }
  if (rooms.empty()) return;
  if (!vacated) {
    Array queues(Of::integer);
    for (const auto& [id, room] : rooms) queues.add(id);
    work.begin();
    work.session().execute(q.queue_lock, {{"queues", queues.view()}}, [](const sql::Row&) {});
  }
  rooms = read_rooms(work, q, rooms);
  for (Ready& r : lanes) {
    if (!r.lane.concurrency) continue;
    r.lane.room = rooms[r.lane.queue_id];
    if (vacated) r.lane.room = std::min(r.lane.room, vacated->at(r.lane.queue));
  }
  std::erase_if(lanes, [](const Ready& r) { return r.lane.concurrency && r.lane.room == 0; });
}

/// The place of each lane's first job: no statement needs to look before it.
using Firsts = std::unordered_map<std::int64_t, sql::Place>;

/// Whether a lane's first job may have to wait although it comes first.
bool bounded(const sql::Lane& lane) { return lane.concurrency || lane.suspects(); }

/// How many jobs of each lane to take. Lanes come in the order of their first jobs.
std::vector<sql::Portion> divide(const sql::Work& work, const Queries& q, const std::vector<sql::Lane>& lanes,
                                 const Firsts& firsts, std::int64_t limit, std::int64_t suspects) {
  if (lanes.size() == 1) return {{.lane = &lanes.front(), .count = lanes.front().at_most(limit, suspects)}};
  if (limit == 1) return {{.lane = &lanes.front(), .count = 1}};
  Places from;
  Array counts(Of::bigint);
  std::int64_t left = limit;  // the first jobs of the unbounded lanes before come before all of this lane's
  for (const sql::Lane& lane : lanes) {
    from.add(firsts.at(lane.id));
    counts.add(lane.at_most(left, suspects));
    if (!bounded(lane)) --left;
  }
  std::vector<sql::Place> places;
  work.session().execute(
      q.peek,
      {{"lanes", from.lanes.view()},
       {"priorities", from.priorities.view()},
       {"dues", from.dues.view()},
       {"seqs", from.seqs.view()},
       {"counts", counts.view()}},
      [&](const sql::Row& row) {
        sql::Fields f(row);
        places.push_back({.lane = f.integer(), .priority = f.integer(), .due = f.integer(), .seq = f.integer()});
      });
  return sql::apportion(lanes, sql::merge(lanes, std::move(places), {.limit = limit, .suspects = suspects}));
}

/// A job and its place in the claim order.
struct Taken {
  std::int64_t queue_priority = 0;
  std::int64_t seq = 0;
  Job job{};
  [[nodiscard]] auto rank() const { return std::tuple(queue_priority, job.priority, job.run_at, seq); }
};

/// A row of a statement that claims, of one of these lanes.
Taken read_taken(const sql::Row& row, const std::unordered_map<std::int64_t, const sql::Lane*>& lanes) {
  sql::Fields f(row);
  const sql::Lane& lane = *lanes.at(f.integer());
  Taken t{.queue_priority = lane.queue_priority, .seq = f.integer(), .job = {}};
  t.job = sql::read_job(f);
  t.job.queue = lane.queue;
  t.job.kind = lane.kind;
  return t;
}

std::vector<Job> take(const sql::Work& work, const Queries& q, const backend::ClaimRequest& request,
                      const std::vector<sql::Portion>& portions, const Firsts& firsts, std::int64_t limit) {
  Places from;
  Array counts(Of::bigint);
  std::unordered_map<std::int64_t, const sql::Lane*> lanes;
  for (const sql::Portion& p : portions) {
    from.add(firsts.at(p.lane->id));
    counts.add(p.count);
    lanes[p.lane->id] = p.lane;
  }
  std::vector<Taken> taken;
  work.session().execute(q.claim,
                         {{"lanes", from.lanes.view()},
                          {"priorities", from.priorities.view()},
                          {"dues", from.dues.view()},
                          {"seqs", from.seqs.view()},
                          {"counts", counts.view()},
                          {"n", limit},
                          {"token", request.token.value},
                          {"worker", request.worker},
                          {"now", work.wall()},
                          {"steady", work.steady()}},
                         [&](const sql::Row& row) { taken.push_back(read_taken(row, lanes)); });
  if (taken.size() > request.limit) {
    throw Error(Errc::internal, "more jobs were taken than were asked for", "postgres", 0, q.claim.name);
  }
  return sql::in_claim_order(std::move(taken));
}

/// What a survey says of a claim, whatever it takes.
backend::ClaimResult hints(const Survey& found) {
  backend::ClaimResult result;
  if (const auto due = sql::next_due(found.scheduled, found.now)) result.next_due = sql::wall(*due);
  for (const sql::Lane& lane : found.lanes_with_work()) {
    result.limited = result.limited || lane.concurrency;
    result.suspects = result.suspects || lane.suspects();
  }
  return result;
}

}  // namespace

backend::ClaimResult PgServer::claim(sql::Work& work, const sql::Claim& claim) {
  const backend::ClaimRequest& request = claim.request;
  const auto limit = static_cast<std::int64_t>(request.limit);
  Survey found = survey_and_promote(work, q_, claim, marks_);
  backend::ClaimResult result = hints(found);
  std::erase_if(found.lanes, [&](const Ready& r) { return left_out(claim, r.lane); });
  find_rooms(work, q_, claim, found.lanes);
  if (found.lanes.empty()) return result;
  std::ranges::sort(found.lanes, {}, &Ready::rank);
  std::vector<sql::Lane> lanes;
  Firsts firsts;
  std::int64_t unbounded = 0;  // as many are enough: each of their first jobs comes before all lanes after them
  for (Ready& r : found.lanes) {
    if (unbounded == limit) break;
    if (!bounded(r.lane)) ++unbounded;
    firsts.emplace(r.lane.id, r.first);
    lanes.push_back(std::move(r.lane));
  }
  const auto portions = divide(work, q_, lanes, firsts, limit, static_cast<std::int64_t>(request.suspects));
  if (!portions.empty()) result.jobs = take(work, q_, request, portions, firsts, limit);
  result.of_limited = sql::of_limited(lanes, result.jobs);
  if (static_cast<std::int64_t>(result.jobs.size()) < sql::could_take(lanes, limit)) marks_.forget();
  return result;
}

backend::ClaimResult PgServer::claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                          const sql::Selection& selection) {
  const Survey found = look_everywhere(work, q_, request);
  backend::ClaimResult result = hints(found);
  std::vector<Ready> with_work = found.marks();
  const sql::Claim claim{.request = request};
  std::erase_if(with_work, [&](const Ready& r) { return left_out(claim, r.lane); });
  find_rooms(work, q_, claim, with_work);
  std::vector<sql::Lane> lanes;
  Array ids(Of::integer);
  for (Ready& r : with_work) {
    ids.add(r.lane.id);
    lanes.push_back(std::move(r.lane));
  }
  std::vector<sql::Head> heads;
  work.session().execute(
      q_.lane_next, {{"now", work.wall()}, {"lanes", ids.view()}, {"n", selection.depth(request.limit)}},
      [&](const sql::Row& row) {
        heads.push_back({{row.integer(0), row.integer(1), row.integer(2), row.integer(3)}, sql::read_id(row.text(4))});
      });
  const std::vector<sql::Head> chosen = sql::choose(lanes, heads, selection, request);
  if (!selection.starts()) {
    result.jobs = sql::only_ids(chosen);
    return result;
  }
  std::unordered_map<std::int64_t, const sql::Lane*> by_id;
  for (const sql::Lane& lane : lanes) by_id[lane.id] = &lane;
  Array jobs(Of::uuid);
  for (const sql::Head& head : chosen) jobs.add(head.id);
  std::vector<Taken> taken;
  work.session().execute(q_.claim_some,
                         {{"ids", jobs.view()},
                          {"token", request.token.value},
                          {"worker", request.worker},
                          {"now", work.wall()},
                          {"steady", work.steady()}},
                         [&](const sql::Row& row) { taken.push_back(read_taken(row, by_id)); });
  result.jobs = sql::in_claim_order(std::move(taken));
  result.of_limited = sql::of_limited(lanes, result.jobs);
  return result;
}

bool PgServer::give_up(sql::Work& work, JobId id, std::string_view message) {
  bool found = false;
  work.session().execute(q_.give_up,
                         {{"id", std::string_view(id.to_string())},
                          {"message", message},
                          {"now", work.wall()},
                          {"steady", work.steady()}},
                         [&](const sql::Row&) { found = true; });
  return found;
}

std::vector<Job> PgServer::claimed(sql::Work& work, const backend::ClaimRequest& request) {
  std::vector<Taken> taken;
  work.session().execute(q_.claimed, {{"token", request.token.value}}, [&](const sql::Row& row) {
    sql::Fields f(row);
    Taken t;
    std::string queue(f.text());
    std::string kind(f.text());
    t.queue_priority = f.integer();
    t.seq = f.integer();
    t.job = sql::read_job(f);
    t.job.queue = std::move(queue);
    t.job.kind = std::move(kind);
    taken.push_back(std::move(t));
  });
  return sql::in_claim_order(std::move(taken));
}

}  // namespace sqlq::postgres
