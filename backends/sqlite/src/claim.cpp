#include <algorithm>
#include <compare>
#include <deque>
#include <limits>
#include <map>
#include <tuple>

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

/// A job's place in its lane.
struct Place {
  std::int64_t priority = std::numeric_limits<std::int64_t>::min();
  std::int64_t due = std::numeric_limits<std::int64_t>::min();
  std::int64_t seq = std::numeric_limits<std::int64_t>::min();
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// A lane with work, read piece by piece in claim order.
struct Lane : sql::Lane {
  std::deque<Place> next{};
  Place last{};
  std::size_t step = 1;  // how many to read next; doubles
};

/// The lanes that have work.
struct View {
  std::vector<Lane> lanes{};
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
  Lane lane;
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

std::int64_t held(const Context& c, std::int64_t queue) {
  return c.session.integer(c.q.held, {{"queue", queue}}).value_or(0);
}

std::vector<sql::Place> read_due(const Context& c, const sql::Statement& statement, std::int64_t lane, std::int64_t n) {
  std::vector<sql::Place> places;
  c.session.execute(statement, {{"lane", lane}, {"now", sql::us(c.now.wall)}, {"n", n}}, [&](const sql::Row& row) {
    places.push_back({lane, row.integer(0), row.integer(1), row.integer(2)});
  });
  return places;
}

/// Of due suspects one becomes pending with each claim.
constexpr std::int64_t most_suspects_moved = 1;

void move(const Context& c, const std::vector<std::int64_t>& seqs) {
  const std::string list = sql::json_array(seqs);
  if (!seqs.empty()) c.session.execute(c.q.promote, {{"seqs", std::string_view(list)}});
}

/// Makes the first of the due jobs pending, as many as a claim may take.
void promote(const Context& c, const backend::ClaimRequest& request, const std::vector<sql::Scheduled>& scheduled) {
  const std::int64_t n = sql::most_moved(static_cast<std::int64_t>(request.limit));
  std::vector<sql::Lane> lanes;
  std::vector<sql::Place> places;
  for (const sql::Scheduled& s : scheduled) {
    if (s.first_due > sql::us(c.now.wall)) continue;
    sql::Lane& lane = lanes.emplace_back(s.lane);
    if (lane.concurrency) lane.room = *lane.concurrency - held(c, lane.queue_id);
    const std::int64_t most = std::max<std::int64_t>(lane.at_most(n, most_suspects_moved), 0);
    const auto its = sql::first_due(read_due(c, c.q.due_by_time, lane.id, most + 1), most, [&](std::int64_t limit) {
      return read_due(c, c.q.due_by_rank, lane.id, limit);
    });
    places.insert(places.end(), its.begin(), its.end());
  }
  std::vector<std::int64_t> seqs;
  for (const sql::Place& place : sql::best(lanes, std::move(places), n, most_suspects_moved)) seqs.push_back(place.seq);
  move(c, seqs);
}

/// A job that is to be taken.
struct Pick {
  std::int64_t seq = 0;
  const sql::Lane* lane = nullptr;
};

/// How many jobs each limited queue may still take, and how many suspects. The write lock makes the counts true until
/// we commit.
class Room {
 public:
  Room(const Context& c, std::size_t suspects) : c_(c), suspects_(suspects) {}
  bool has(const Lane& lane) {
    if (lane.suspects() && suspects_ == 0) return false;
    if (!lane.concurrency) return true;
    const auto [at, isnew] = left_.try_emplace(lane.queue_id, 0);
    if (isnew) at->second = *lane.concurrency - held(c_, lane.queue_id);
    return at->second > 0;
  }
  void take(const Lane& lane) {
    if (lane.concurrency) --left_[lane.queue_id];
    if (lane.suspects()) --suspects_;
  }

 private:
  const Context& c_;
  std::map<std::int64_t, std::int64_t> left_;
  std::size_t suspects_;
};

/// Picks the best jobs of all lanes: a merge of lanes that are each in order.
class Merge {
 public:
  Merge(const Context& c, std::vector<Lane> lanes, const backend::ClaimRequest& request)
      : c_(c), lanes_(std::move(lanes)), limit_(request.limit), suspects_(request.suspects) {
    for (Lane& lane : lanes_) {
      if (lanes_.size() == 1 && !lane.suspects()) lane.step = limit_;
      if (refill(lane)) heap_.push_back(&lane);
    }
    std::ranges::make_heap(heap_, later);
  }

  /// In claim order; the lanes pointed to live as long as this.
  std::vector<Pick> pick() {
    Room room(c_, suspects_);
    std::vector<Pick> picks;
    while (!heap_.empty() && picks.size() < limit_) {
      std::ranges::pop_heap(heap_, later);
      Lane& lane = *heap_.back();
      if (!room.has(lane)) {
        heap_.pop_back();
        continue;
      }
      room.take(lane);
      picks.push_back({lane.next.front().seq, &lane});
      lane.next.pop_front();
      if (!lane.next.empty() || refill(lane)) {
        std::ranges::push_heap(heap_, later);
      } else {
        heap_.pop_back();
      }
    }
    return picks;
  }

 private:
  static bool later(const Lane* a, const Lane* b) {
    return std::tie(a->queue_priority, a->next.front()) > std::tie(b->queue_priority, b->next.front());
  }

  bool refill(Lane& lane) {
    c_.session.execute(c_.q.peek,
                       {{"lane", lane.id},
                        {"priority", lane.last.priority},
                        {"due", lane.last.due},
                        {"seq", lane.last.seq},
                        {"n", static_cast<std::int64_t>(lane.step)}},
                       [&](const sql::Row& row) {
                         lane.next.push_back({row.integer(0), row.integer(1), row.integer(2)});
                       });
    if (lane.next.empty()) return false;
    lane.last = lane.next.back();
    lane.step = std::min(lane.step * 2, limit_);
    return true;
  }

  const Context& c_;
  std::vector<Lane> lanes_;
  std::size_t limit_;
  std::size_t suspects_;
  std::vector<Lane*> heap_{};
};

/// Marks the jobs running and reads them.
std::vector<Job> take(const Context& c, const backend::ClaimRequest& request, const std::vector<Pick>& picks) {
  std::vector<Job> jobs;
  if (picks.empty()) return jobs;
  std::vector<std::int64_t> seqs;
  for (const Pick& pick : picks) seqs.push_back(pick.seq);
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

std::size_t of_limited(const std::vector<Pick>& picks) {
  const auto limited = [](const Pick& pick) { return pick.lane->concurrency.has_value(); };
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
  Merge merge(c, std::move(view.lanes), request);
  const std::vector<Pick> picks = merge.pick();
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
  for (const Lane& lane : view.lanes) by_id.emplace(lane.id, lane);
  for (const sql::Scheduled& s : view.scheduled) by_id.emplace(s.lane.id, s.lane);
  std::vector<sql::Lane> lanes;
  std::vector<sql::Head> heads;
  for (auto& entry : by_id) {
    const std::int64_t id = entry.first;
    sql::Lane& lane = entry.second;
    if (lane.concurrency) lane.room = *lane.concurrency - held(c, lane.queue_id);
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
  std::vector<Pick> picks;
  for (const sql::Head& head : chosen) picks.push_back({head.place.seq, &by_id.at(head.place.lane)});
  result.of_limited = of_limited(picks);
  move(c, sql::seqs_of(chosen));
  result.jobs = take(c, request, picks);
  return result;
}

}  // namespace sqlq::sqlite
