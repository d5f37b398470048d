#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "arrays.hpp"
#include "operations.hpp"
#include "sql/apportion.hpp"
#include "sql/job_row.hpp"

namespace sqlq::postgres {
namespace {

/// Due jobs are promoted in bounded steps, until all are or another claim may go on with them.
constexpr std::size_t promoted_at_once = 1000;
constexpr int most_promotions = 10;

Ready read_ready(sql::Fields& f) {
  Ready r;
  r.lane.id = f.integer();
  r.lane.queue_id = f.integer();
  r.lane.queue = f.text();
  r.lane.kind = f.text();
  r.lane.queue_priority = f.integer();
  r.lane.concurrency = f.maybe_integer();
  r.first = {.lane = r.lane.id, .priority = f.integer(), .due = f.integer(), .seq = f.integer()};
  return r;
}

struct Survey {
  std::vector<Ready> lanes{};
  std::optional<TimePoint> next_due{};
  bool due = false;  ///< the next scheduled job is due
  Duration took{};

  void read(const sql::Row& row) {
    sql::Fields f(row);
    if (const auto us = f.maybe_integer()) next_due = sql::wall(*us);
    due = f.integer() != 0;
    took = Duration(f.integer());
    if (!row.null(3)) lanes.push_back(read_ready(f));
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

Survey look_again(const sql::Work& work, const Queries& q, const std::vector<sql::Place>& marks) {
  Places from;
  for (const sql::Place& mark : marks) from.add(mark);
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
  if (const auto places = marks.find(request); !places.empty()) {
    Survey found = look_again(work, q, places);
    marks.moved(found.lanes);
    if (!found.lanes.empty()) return found;
  }
  Survey found = look_everywhere(work, q, request);
  marks.surveyed(request, found.lanes, found.took);
  return found;
}

Survey survey_and_promote(const sql::Work& work, const Queries& q, const backend::ClaimRequest& request,
                          Marks& marks) {
  Survey found = survey(work, q, request, marks);
  if (!found.due) return found;
  for (int i = 0; i < most_promotions; ++i) {
    if (work.session().execute(q.promote, {{"now", work.wall()}}) < promoted_at_once) break;
  }
  return survey(work, q, request, marks);
}

/// Takes the locks of the limited queues, then counts: nobody else starts jobs of them until we commit. Without their
/// locks where leases have ended: then there is room for as many and no more, unless the limit was lowered.
void find_rooms(sql::Work& work, const Queries& q, const backend::ClaimRequest& request, const sql::Vacated& vacated,
                std::vector<Ready>& lanes) {
  const bool replacing = !request.ends.empty();
  if (replacing) {
    std::erase_if(lanes, [&](const Ready& r) { return r.lane.concurrency && !vacated.contains(r.lane.queue); });
  }
  const auto limit = static_cast<std::int64_t>(request.limit);
  std::map<std::int64_t, std::int64_t> rooms;
  for (const Ready& r : lanes) {
    if (r.lane.concurrency) rooms[r.lane.queue_id] = 0;
  }
  if (rooms.empty()) return;
  Array queues(Of::integer);
  for (const auto& [id, room] : rooms) queues.add(id);
  if (!replacing) {
    work.begin();
    work.session().execute(q.queue_lock, {{"queues", queues.view()}}, [](const sql::Row&) {});
  }
  work.session().execute(q.rooms, {{"queues", queues.view()}}, [&](const sql::Row& row) {
    rooms[row.integer(0)] = row.null(1) ? limit : std::max<std::int64_t>(row.integer(1), 0);
  });
  for (Ready& r : lanes) {
    if (!r.lane.concurrency) continue;
    r.lane.room = rooms[r.lane.queue_id];
    if (replacing) r.lane.room = std::min(r.lane.room, vacated.at(r.lane.queue));
  }
  std::erase_if(lanes, [](const Ready& r) { return r.lane.concurrency && r.lane.room == 0; });
}

/// The place of each lane's first job: no statement needs to look before it.
using Firsts = std::unordered_map<std::int64_t, sql::Place>;

/// Whether a lane's first job may have to wait although it comes first.
bool bounded(const sql::Lane& lane) { return lane.concurrency || lane.suspects(); }

/// How many jobs of each lane to take. Lanes come in the order of their first jobs.
std::vector<sql::Portion> divide(const sql::Work& work, const Queries& q, const std::vector<sql::Lane>& lanes,
                                 const Firsts& firsts, std::int64_t limit) {
  if (lanes.size() == 1) return {{.lane = &lanes.front(), .count = lanes.front().at_most(limit)}};
  if (limit == 1) return {{.lane = &lanes.front(), .count = 1}};
  Places from;
  Array counts(Of::bigint);
  std::int64_t left = limit;  // the first jobs of the unbounded lanes before come before all of this lane's
  for (const sql::Lane& lane : lanes) {
    from.add(firsts.at(lane.id));
    counts.add(lane.at_most(left));
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
  return sql::apportion(lanes, std::move(places), limit);
}

/// A job and its place in the claim order.
struct Taken {
  std::int64_t queue_priority = 0;
  std::int64_t seq = 0;
  Job job{};
  [[nodiscard]] auto rank() const { return std::tuple(queue_priority, job.priority, job.run_at, seq); }
};

std::vector<Job> in_order(std::vector<Taken> taken) {
  std::ranges::sort(taken, {}, &Taken::rank);
  std::vector<Job> jobs;
  jobs.reserve(taken.size());
  for (Taken& t : taken) jobs.push_back(std::move(t.job));
  return jobs;
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
                         [&](const sql::Row& row) {
                           sql::Fields f(row);
                           const sql::Lane& lane = *lanes.at(f.integer());
                           Taken t{.queue_priority = lane.queue_priority, .seq = f.integer(), .job = {}};
                           t.job = sql::read_job(f);
                           t.job.queue = lane.queue;
                           t.job.kind = lane.kind;
                           taken.push_back(std::move(t));
                         });
  if (taken.size() > request.limit) {
    throw Error(Errc::internal, "more jobs were taken than were asked for", "postgres", 0, q.claim.name);
  }
  return in_order(std::move(taken));
}

/// Each claim passes over what the others have locked: the more there are at once, the more each of them looks at.
bool only_one_beside(sql::Work& work, const Queries& q) {
  work.begin();
  return work.session().integer(q.beside_lock) == 1;
}

}  // namespace

backend::ClaimResult claim(sql::Work& work, const Queries& q, const backend::ClaimRequest& request,
                           const sql::Vacated& vacated, Marks& marks) {
  if (request.beside && !only_one_beside(work, q)) return {};
  const auto limit = static_cast<std::int64_t>(request.limit);
  Survey found = survey_and_promote(work, q, request, marks);
  backend::ClaimResult result{.jobs = {}, .next_due = found.next_due};
  result.limited = std::ranges::any_of(found.lanes, [](const Ready& r) { return r.lane.concurrency.has_value(); });
  result.suspects = std::ranges::any_of(found.lanes, [](const Ready& r) { return r.lane.suspects(); });
  if (!request.suspects) std::erase_if(found.lanes, [](const Ready& r) { return r.lane.suspects(); });
  if (!request.limited) std::erase_if(found.lanes, [](const Ready& r) { return r.lane.concurrency.has_value(); });
  find_rooms(work, q, request, vacated, found.lanes);
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
  const auto portions = divide(work, q, lanes, firsts, limit);
  if (!portions.empty()) result.jobs = take(work, q, request, portions, firsts, limit);
  result.of_limited = sql::of_limited(lanes, result.jobs);
  if (result.jobs.size() < request.limit) marks.forget();
  return result;
}

std::vector<Job> claimed(const sql::Work& work, const Queries& q, LeaseToken token) {
  std::vector<Taken> taken;
  work.session().execute(q.claimed, {{"token", token.value}}, [&](const sql::Row& row) {
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
  return in_order(std::move(taken));
}

}  // namespace sqlq::postgres
