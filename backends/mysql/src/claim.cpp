#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "platform/pause.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/apportion.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"
#include "survey.hpp"

namespace sqlq::mysql {
namespace {

constexpr int most_tries_for_lock = 5;
constexpr int most_tries_at_gone = 10;  // of taking, when nothing was met but rows of jobs that were deleted by hand

class Claim {
 public:
  Claim(const Context& c, const sql::Claim& claim)
      : c_(c),
        request_(claim.request),
        limited_(claim.limited),
        vacated_(claim.vacated()),
        limit_(static_cast<std::int64_t>(request_.limit)),
        suspects_(static_cast<std::int64_t>(request_.suspects)) {}

  backend::ClaimResult run() {
    look();
    const bool limited = !view_.limited.empty();
    if (!limited_) view_.limited.clear();
    // The locks of limited queues first: a claim that holds one of them waits for nothing else after it.
    const Rooms rooms = find_rooms();
    if (promote(rooms)) view_ = survey(c_, request_);
    make_room(rooms);
    backend::ClaimResult result = hints(limited);
    const std::int64_t could = sql::could_take(view_.lanes, limit_);
    if (!view_.lanes.empty()) result.jobs = take(divide());
    for (int round = 0; freed_ && result.jobs.empty() && round < most_tries_at_gone; ++round) {
      view_ = survey(c_, request_);
      make_room(rooms);
      if (!view_.lanes.empty()) result.jobs = take(divide());
    }
    if (static_cast<std::int64_t>(result.jobs.size()) < could) c_.marks.forget();
    result.of_limited = sql::of_limited(view_.lanes, result.jobs);
    if (!result.jobs.empty() && !vacated_) {
      for (const auto& [queue, room] : rooms) c_.session.execute(c_.q.queue_turn, {{"queue", queue}});
    }
    return result;
  }

  backend::ClaimResult run_some(const sql::Selection& selection) {
    c_.marks.forget();
    look();
    const bool limited = !view_.limited.empty();
    const Rooms rooms = find_rooms();
    spread_lanes();
    make_room(rooms);
    backend::ClaimResult result = hints(limited);
    std::vector<sql::Head> heads;
    for (const sql::Lane& lane : view_.lanes) {
      c_.session.execute(
          c_.q.lane_next, {{"lane", lane.id}, {"now", view_.now}, {"n", selection.depth(request_.limit)}},
          [&](const sql::Row& row) {
            heads.push_back({{row.integer(0), row.integer(1), row.integer(2), row.integer(3)}, id_of(row.text(4))});
          });
    }
    const std::vector<sql::Head> chosen = sql::choose(view_.lanes, heads, selection, request_);
    if (!selection.starts()) {
      result.jobs = sql::only_ids(chosen);
    } else if (!chosen.empty()) {
      c_.work.begin();
      promote_these(c_, chosen, view_.now);
      result.jobs = take_some(sql::seqs_of(chosen));
      result.of_limited = sql::of_limited(view_.lanes, result.jobs);
    }
    return result;
  }

 private:
  /// Knows the number of the worker's name afterwards, if there may be something to claim.
  void look() {
    view_ = survey(c_, request_);
    if (view_.worker || (view_.lanes.empty() && view_.due().empty())) return;
    // Outside of a transaction, unless this one has ended leases: nobody shall wait for it.
    if (!insert_unless_there(c_.session, c_.q.worker_make, {{"name", request_.worker}})) {
      c_.session.execute(c_.q.worker_wake, {{"name", request_.worker}});
    }
    view_ = survey(c_, request_);
  }

  /// What the view says of a claim, whatever it takes.
  backend::ClaimResult hints(bool limited) const {
    backend::ClaimResult result{.limited = limited, .suspects = view_.suspects};
    if (const auto next = sql::next_due(view_.scheduled, view_.now)) result.next_due = sql::wall(*next);
    return result;
  }

  /// Makes each lane with work two, one for its suspects: due jobs may belong to either.
  void spread_lanes() {
    std::map<std::int64_t, sql::Lane> lanes;
    const auto add = [&](sql::Lane lane) {
      for (const std::int64_t id : {lane.id, -lane.id}) {
        lane.id = id;
        lanes.emplace(id, lane);
      }
    };
    for (const sql::Lane& lane : view_.lanes) add(lane);
    for (const sql::Scheduled& s : view_.due()) add(s.lane);
    view_.lanes.clear();
    for (auto& [id, lane] : lanes) view_.lanes.push_back(std::move(lane));
  }

  /// What the limits of queues leave that are not full; none: the limit was taken away.
  using Rooms = std::map<std::int64_t, std::optional<std::int64_t>>;

  /// Moves the first of the due jobs to the ready table, as many as a claim may take. Says whether there were any.
  bool promote(const Rooms& rooms) {
    auto due = view_.due();
    std::erase_if(due, [&](sql::Scheduled& s) {
      if (!s.lane.concurrency) return false;
      const auto at = rooms.find(s.lane.queue_id);
      s.lane.room = at == rooms.end() ? 0 : at->second.value_or(limit_);
      return s.lane.room == 0;
    });
    if (due.empty()) return false;
    c_.work.begin();
    return mysql::promote(c_, std::move(due), view_.now, limit_);
  }

  /// What the queue's limit leaves now; none: it has no limit any more.
  std::optional<std::int64_t> room(std::int64_t queue) {
    std::optional<std::int64_t> left;
    c_.session.execute(c_.q.room, {{"queue", queue}}, [&](const sql::Row& row) {
      if (!row.null(0)) left = std::max<std::int64_t>(row.integer(0) - row.integer(1), 0);
    });
    return left;
  }

  /// The holder of the lock lets it go after a moment, or was stopped. Then the queue is passed over: other queues go
  /// on, and claimed jobs have not used up their leases, which count from when the worker asked.
  bool lock_queue(std::int64_t queue) {
    const auto any = [&](const sql::Statement& statement) {
      return c_.session.execute(statement, {{"queue", queue}}, [](const sql::Row&) {}) != 0;
    };
    Duration pause = std::chrono::milliseconds(5);
    for (int tries = 1; !any(c_.q.queue_lock); ++tries, pause *= 2) {
      if (tries == 1 && !any(c_.q.queue_lock_there)) {
        c_.session.execute(c_.q.queue_lock_make, {{"queue", queue}});
        return true;
      }
      if (tries == most_tries_for_lock) return false;
      platform::pause_for(pause);
    }
    return true;
  }

  /// Of queues that are not full: nobody shall stand in line for the lock of one that is. Under their locks, so that it
  /// stays true until we commit; a claim that replaces leases takes none, for it takes no more jobs than it has ended.
  Rooms find_rooms() {
    Rooms rooms;
    for (const std::int64_t queue : view_.limited) {
      if (const auto left = room(queue); left != 0) rooms[queue] = left;
    }
    if (vacated_ || rooms.empty()) return rooms;
    c_.work.begin();
    std::erase_if(rooms, [&](const auto& its) { return !lock_queue(its.first); });
    for (auto& [queue, left] : rooms) left = room(queue);
    return rooms;
  }

  /// Leaves the lanes that may be taken from.
  void make_room(const Rooms& rooms) {
    for (sql::Lane& lane : view_.lanes) {
      if (!lane.concurrency) continue;
      const auto at = rooms.find(lane.queue_id);
      lane.room = at == rooms.end() ? 0 : at->second.value_or(0);
      if (at != rooms.end() && !at->second) lane.concurrency.reset();
      if (vacated_) lane.room = std::min(lane.room, vacated(lane.queue));
    }
    std::erase_if(view_.lanes, [](const sql::Lane& lane) { return lane.concurrency && lane.room == 0; });
    std::erase_if(view_.firsts, [&](const sql::Place& place) {
      return std::ranges::find(view_.lanes, place.lane, &sql::Lane::id) == view_.lanes.end();
    });
  }

  /// Which lanes to take how many from.
  std::vector<sql::Portion> divide() {
    if (view_.lanes.size() == 1) return {{&view_.lanes.front(), view_.lanes.front().at_most(limit_, suspects_)}};
    const auto more = [this](const sql::Lane& lane, const sql::Place& last, std::int64_t n) {
      return sql::read_on(c_.session, c_.q.peek, lane.id, last, n);
    };
    const sql::Merging how{.limit = limit_, .suspects = suspects_, .more = more, .first_read = 16};
    return sql::apportion(view_.lanes, sql::merge(view_.lanes, view_.firsts, how));
  }

  [[nodiscard]] std::int64_t vacated(std::string_view queue) const {
    const auto at = vacated_->find(queue);
    return at == vacated_->end() ? 0 : at->second;
  }

  struct Taken {
    Job job{};
    const sql::Lane* lane = nullptr;
    sql::Place place{};
    [[nodiscard]] auto rank() const { return sql::rank(lane->queue_priority, place); }
  };

  /// Rows whose jobs were deleted by hand would be chosen again and again. Says whether there were any.
  bool free_ready(const std::vector<sql::Portion>& portions) {
    std::vector<sql::Place> gone;
    for (const sql::Portion& p : portions) {
      const sql::Place from = *std::ranges::find(view_.firsts, p.lane->id, &sql::Place::lane);
      const auto its = sql::read_on(c_.session, c_.q.ready_without_job, from.lane, from,
                                    std::max<std::int64_t>(p.count, 1000));
      gone.insert(gone.end(), its.begin(), its.end());
    }
    remove_ready(c_, gone);
    return !gone.empty();
  }

  std::vector<Job> take(const std::vector<sql::Portion>& portions) {
    c_.work.begin();
    freed_ = false;
    std::vector<Taken> taken;
    std::int64_t now = 0;
    for (const sql::Portion& p : portions) {
      const sql::Place first = *std::ranges::find(view_.firsts, p.lane->id, &sql::Place::lane);
      c_.session.execute(c_.q.take, {{"now", c_.work.wall()},
                                     {"lane", p.lane->id},
                                     {"priority", first.priority},
                                     {"due", first.due},
                                     {"seq", first.seq},
                                     {"n", p.count}},
                         [&](const sql::Row& row) {
                           sql::Fields f(row);
                           now = f.integer();
                           Taken t{.lane = p.lane};
                           t.place = {.lane = p.lane->id, .seq = f.integer()};
                           t.place.priority = f.integer();
                           t.place.due = f.integer();
                           t.job = sql::read_job(f);
                           taken.push_back(std::move(t));
                         });
    }
    const auto asked_for = std::accumulate(portions.begin(), portions.end(), std::int64_t{0},
                                           [](std::int64_t n, const sql::Portion& p) { return n + p.count; });
    if (static_cast<std::int64_t>(taken.size()) < asked_for) freed_ = free_ready(portions);
    return started(std::move(taken), now);
  }

  std::vector<Job> take_some(const std::vector<std::int64_t>& seqs) {
    std::vector<Taken> taken;
    std::int64_t now = 0;
    in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
      c_.session.execute(c_.q.take_some, {{"now", c_.work.wall()}, {"seqs", list_of(piece)}}, [&](const sql::Row& row) {
        sql::Fields f(row);
        now = f.integer();
        Taken t;
        t.place.seq = f.integer();
        t.place.priority = f.integer();
        t.place.due = f.integer();
        t.job = sql::read_job(f);
        t.place.lane = f.integer();
        t.lane = &*std::ranges::find(view_.lanes, t.place.lane, &sql::Lane::id);
        taken.push_back(std::move(t));
      });
    });
    return started(std::move(taken), now);
  }

  std::vector<Job> started(std::vector<Taken> taken, std::int64_t now) {
    if (taken.empty()) return {};
    mark(taken, now);
    return sql::in_claim_order(std::move(taken));
  }

  /// Makes them running, in the tables and in the answer.
  void mark(std::vector<Taken>& taken, std::int64_t now) {
    const std::int64_t steady = c_.work.steady().value_or(now);
    in_lists(std::span<const Taken>(taken), [&](std::span<const Taken> piece) {
      std::vector<std::int64_t> seqs;
      std::vector<sql::Place> places;
      for (const Taken& t : piece) {
        seqs.push_back(t.place.seq);
        places.push_back(t.place);
      }
      remove_ready(c_, places);
      const std::size_t marked = c_.session.execute(c_.q.claim, {{"token", request_.token.value},
                                                                 {"worker", *view_.worker},
                                                                 {"now", now},
                                                                 {"steady", steady},
                                                                 {"seqs", list_of(seqs)}});
      if (marked == 0) {
        throw Error(Errc::retry_transaction, "the name of the worker was put to sleep since it was looked up", "mysql");
      }
      if (marked != piece.size()) throw Error(Errc::internal, "jobs that were locked as pending were not", "mysql");
    });
    const std::map<std::int64_t, std::int64_t> together = add_claims(taken, steady);
    for (Taken& t : taken) {
      c_.here.add(t.job.id, {.seq = t.place.seq, .token = request_.token.value, .queue = t.lane->queue_id,
                             .lane = std::abs(t.lane->id), .together = together.at(t.lane->queue_id),
                             .retention = t.job.retention ? std::optional(t.job.retention->count()) : std::nullopt,
                             .keyed = !t.job.unique_key.empty()});
      t.job.queue = t.lane->queue;
      t.job.kind = t.lane->kind;
      t.job.state = JobState::running;
      ++t.job.attempt;
      ++t.job.claims;
      t.job.lease_token = request_.token;
      t.job.worker = request_.worker;
      t.job.started_at = t.job.heartbeat_at = sql::wall(now);
    }
  }

  /// Where the reaper and the limits will look for them. Answers how many are of each queue.
  std::map<std::int64_t, std::int64_t> add_claims(const std::vector<Taken>& taken, std::int64_t steady) {
    struct OfQueue {
      std::vector<std::int64_t> seqs{};
      Duration keepalive = Duration::max();
    };
    std::map<std::int64_t, OfQueue> queues;
    for (const Taken& t : taken) {
      OfQueue& its = queues[t.lane->queue_id];
      its.seqs.push_back(t.place.seq);
      its.keepalive = std::min(its.keepalive, t.job.keepalive);
    }
    std::map<std::int64_t, std::int64_t> together;
    for (const auto& [queue, its] : queues) {
      together[queue] = static_cast<std::int64_t>(its.seqs.size());
      const std::string jobs = sql::json_array(its.seqs);
      const sql::List row{.width = 5, .values = {queue, request_.token.value,
                                                 together[queue],
                                                 steady + its.keepalive.count(), std::string_view(jobs)}};
      try {
        c_.session.execute(c_.q.claims_add, {{"rows", row}});
      } catch (const Error& e) {
        if (e.native_code() != duplicate_entry) throw;
        throw Error(Errc::retry_transaction, "an earlier try of this claim was applied after all", "mysql");
      }
    }
    return together;
  }

  const Context c_;
  const backend::ClaimRequest& request_;
  const bool limited_;
  const std::optional<sql::Vacated> vacated_;  // of a hand-over
  const std::int64_t limit_;
  const std::int64_t suspects_;
  View view_{};
  bool freed_ = false;  // the last look for jobs met rows of jobs that were deleted by hand
};

}  // namespace

backend::ClaimResult MysqlServer::claim(sql::Work& work, const sql::Claim& claim) {
  return Claim(context(work), claim).run();
}

backend::ClaimResult MysqlServer::claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                             const sql::Selection& selection) {
  return Claim(context(work), {.request = request}).run_some(selection);
}

std::vector<Job> MysqlServer::claimed(sql::Work& work, const backend::ClaimRequest& request) {
  const Context c = context(work);
  std::vector<Job> jobs;
  c.session.execute(c.q.claimed, {{"token", request.token.value}}, [&](const sql::Row& row) {
    sql::Fields f(row);
    std::string queue(f.text());
    std::string kind(f.text());
    Job job = sql::read_job(f);
    job.queue = std::move(queue);
    job.kind = std::move(kind);
    jobs.push_back(std::move(job));
  });
  return jobs;
}

}  // namespace sqlq::mysql
