#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"
#include "survey.hpp"

namespace sqlq::mysql {
namespace {

/// Due jobs are ranked and moved again when all that were moved are suspects, of which a claim may take few.
constexpr int most_promotions = 10;
/// One claim looks at the due jobs of so many lanes; those of the others follow.
constexpr std::size_t most_due_lanes = 100;
constexpr std::int64_t most_levels = 100;  // priorities of due jobs in a lane

/// Due jobs on their way.
class Promotion {
 public:
  Promotion(const Context& c, std::vector<sql::Scheduled> due, std::int64_t now, std::int64_t limit)
      : c_(c), due_(std::move(due)), now_(now), limit_(limit) {}

  bool run() {
    bool any = false;
    for (int round = 0; round < most_promotions; ++round) {
      const auto places = first_due();
      const Moved moved = move(places);
      any = any || moved.all > 0;
      if (moved.no_suspects > 0) break;
      if (moved.all == 0 && !free_scheduled(places)) break;
    }
    return any;
  }

  struct Moved {
    std::size_t all = 0;
    std::size_t no_suspects = 0;
  };

  Moved move(const std::vector<sql::Place>& places) {
    std::vector<std::int64_t> seqs = sql::seqs_of(places);
    std::ranges::sort(seqs);
    Moved moved;
    std::vector<sql::Place> ready_places;
    in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
      std::vector<std::int64_t> mine;
      sql::List ready{.width = 4};
      std::vector<Appointment> kept;
      c_.session.execute(c_.q.due_lock, {{"seqs", list_of(piece)}, {"now", now_}}, [&](const sql::Row& row) {
        mine.push_back(row.integer(0));
        kept.push_back({row.integer(1), row.integer(4), row.integer(0)});
        ready_places.push_back({row.integer(2), row.integer(3), row.integer(4), row.integer(0)});
        ready.values.insert(ready.values.end(), {row.integer(2), row.integer(3), row.integer(4), row.integer(0)});
        ++moved.all;
        if (row.integer(2) > 0) ++moved.no_suspects;
      });
      if (mine.empty()) return;
      c_.session.execute(c_.q.promote, {{"seqs", list_of(mine)}});
      c_.session.execute(c_.q.ready_add, {{"rows", ready}});
      remove_scheduled(c_, kept);
    });
    std::erase_if(ready_places, [](const sql::Place& place) { return place.lane < 0; });  // they have no marks
    c_.marks.lowered(ready_places);
    return moved;
  }

 private:
  std::vector<sql::Place> first_due() const {
    std::vector<sql::Lane> lanes;
    for (const sql::Scheduled& s : due_) lanes.push_back(s.lane);
    return sql::first_due(
        lanes, sql::most_moved(limit_), [&](const sql::Lane& lane, std::int64_t n) { return due_by_time(lane.id, n); },
        [&](const sql::Lane& lane, std::int64_t n) { return due_by_rank(lane.id, n); });
  }

  [[nodiscard]] std::int64_t since(std::int64_t lane) const {
    return std::ranges::find(due_, lane, [](const sql::Scheduled& s) { return s.lane.id; })->first_due;
  }

  std::vector<sql::Place> due_by_time(std::int64_t lane, std::int64_t n) const {
    return sql::read_places(c_.session, c_.q.due_by_time, lane,
                            {{"lane", lane}, {"since", since(lane)}, {"now", now_}, {"n", n}});
  }

  /// Priority by priority, also over those of which no job is due.
  std::vector<sql::Place> due_by_rank(std::int64_t lane, std::int64_t n) const {
    std::vector<sql::Place> places;
    std::int64_t level = std::int64_t{std::numeric_limits<std::int32_t>::min()} - 1;
    for (std::int64_t i = 0; i < most_levels && static_cast<std::int64_t>(places.size()) < n; ++i) {
      const auto next = c_.session.integer(c_.q.next_level, {{"lane", lane}, {"after", level}});
      if (!next) break;
      level = *next;
      const auto its = sql::read_places(c_.session, c_.q.due_of_level, lane,
                                        {{"lane", lane},
                                         {"priority", level},
                                         {"since", since(lane)},
                                         {"now", now_},
                                         {"n", n - static_cast<std::int64_t>(places.size())}});
      places.insert(places.end(), its.begin(), its.end());
    }
    return places;
  }

  /// Rows whose jobs were deleted by hand would be chosen again and again. Says whether there were any.
  bool free_scheduled(const std::vector<sql::Place>& places) {
    std::vector<std::int64_t> seqs = sql::seqs_of(places);
    std::ranges::sort(seqs);
    std::set<std::int64_t> there;
    in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
      c_.session.execute(c_.q.finished_left, {{"seqs", list_of(piece)}},
                         [&](const sql::Row& row) {
                           if (row.integer(1) == static_cast<int>(JobState::scheduled)) there.insert(row.integer(0));
                         });
    });
    std::vector<Appointment> gone;
    for (const sql::Place& place : places) {
      if (!there.contains(place.seq)) gone.push_back({place.lane, place.due, place.seq});
    }
    remove_scheduled(c_, gone);
    return !gone.empty();
  }

  const Context& c_;
  const std::vector<sql::Scheduled> due_;
  const std::int64_t now_;
  const std::int64_t limit_;
};

}  // namespace

bool promote(const Context& c, std::vector<sql::Scheduled> due, std::int64_t now, std::int64_t limit) {
  if (due.size() > most_due_lanes) {
    std::ranges::sort(due, {}, [](const auto& s) { return std::tuple(s.lane.queue_priority, s.first_due); });
    due.resize(most_due_lanes);
  }
  return Promotion(c, std::move(due), now, limit).run();
}

void promote_these(const Context& c, std::span<const sql::Head> heads, std::int64_t now) {
  std::vector<sql::Place> places;
  for (const sql::Head& head : heads) places.push_back(head.place);
  Promotion(c, {}, now, 0).move(places);
}

void MysqlServer::line_in(sql::Work& work, std::span<const JobId> ids) {
  if (!work.borrowed()) return Operations::line_in(work, ids);
  const Context c = context(work);
  std::vector<std::int64_t> seqs;
  in_lists(ids, [&](std::span<const JobId> piece) {
    c.session.execute(c.q.find, {{"ids", list_of(piece)}},
                      [&](const sql::Row& row) { seqs.push_back(row.integer(0)); });
  });
  c.session.execute(c.q.gate_in_seqs, {{"seqs", std::string_view(sql::json_array(seqs))}});
}

std::vector<std::int64_t> MysqlServer::let_in(sql::Work& work, std::span<const std::int64_t> seqs) {
  const Context c = context(work);
  std::vector<std::int64_t> sorted(seqs.begin(), seqs.end());
  std::ranges::sort(sorted);
  std::set<std::int64_t> done;
  in_lists(std::span<const std::int64_t>(sorted), [&](std::span<const std::int64_t> piece) {
    std::vector<std::int64_t> mine;
    sql::List ready{.width = 4};
    c.session.execute(c.q.let_in_lock, {{"seqs", list_of(piece)}}, [&](const sql::Row& row) {
      mine.push_back(row.integer(0));
      ready.values.insert(ready.values.end(), {row.integer(1), row.integer(2), row.integer(3), row.integer(0)});
    });
    if (mine.empty()) return;
    c.session.execute(c.q.let_in, {{"seqs", list_of(mine)}});
    c.session.execute(c.q.ready_add, {{"rows", ready}});
    done.insert(mine.begin(), mine.end());
  });
  std::vector<std::int64_t> answer;
  std::ranges::copy_if(seqs, std::back_inserter(answer), [&](std::int64_t seq) { return done.contains(seq); });
  return answer;
}

}  // namespace sqlq::mysql
