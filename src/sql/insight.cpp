#include "sql/insight.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "sql/job_row.hpp"

namespace sqlq::sql {
namespace {

using backend::Now;

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
/// Priorities among the due jobs of a queue that are looked at, over all its lanes: two short statements each.
constexpr int most_levels = 1000;

/// A lane of the queue; suspects have one of their own.
struct LaneWork {
  std::int64_t lane = 0;
  bool ready = false;                       ///< it has pending jobs
  std::optional<std::int64_t> first_due{};  ///< of its scheduled jobs
};

/// Counts the jobs before one, on one snapshot. Each lane is read by itself from its first job on, in claim order, so
/// that the cost is the number of jobs that are counted, whatever else there is.
class Counting {
 public:
  struct Statements {
    const Statement& place;
    const Statement& lanes;
    const Statement& ready;
    const Statement& level;
    const Statement& due;
  };

  Counting(Session& s, const Statements& q, std::uint64_t cap)
      : s_(s), q_(q), left_(static_cast<std::int64_t>(std::min<std::uint64_t>(cap, greatest - 1)) + 1), cap_(cap) {}

  CappedCount before(JobId id, std::optional<std::int64_t> now) {
    if (!find(id, now)) return {};
    for (const LaneWork& lane : lanes()) {
      if (left_ == 0) break;
      if (lane.ready) {
        count(q_.ready, {{"lane", lane.lane}, {"priority", mine_.priority}, {"due", mine_.due}, {"seq", mine_.seq},
                         {"n", left_}});
      }
      if (lane.first_due && *lane.first_due <= now_) count_due(lane.lane);
    }
    return {.value = std::min(counted_, cap_), .capped = counted_ > cap_ || levels_ == most_levels};
  }

 private:
  bool find(JobId id, std::optional<std::int64_t> now) {
    bool found = false;
    s_.execute(q_.place, {{"now", now}, {"id", std::string_view(id.to_string())}}, [&](const Row& row) {
      found = true;
      now_ = row.integer(0);
      queue_ = row.integer(1);
      mine_ = {.priority = row.integer(2), .due = row.integer(3), .seq = row.integer(4)};
    });
    return found;
  }

  std::vector<LaneWork> lanes() {
    std::vector<LaneWork> found;
    s_.execute(q_.lanes, {{"queue_id", queue_}}, [&](const Row& row) {
      Fields f(row);
      const std::int64_t lane = f.integer();
      const bool ready = f.integer() != 0;
      found.push_back({.lane = lane, .ready = ready, .first_due = f.maybe_integer()});
    });
    return found;
  }

  // Priority by priority, so that the many that are not due yet are not read.
  void count_due(std::int64_t lane) {
    std::int64_t after = least;
    while (left_ > 0 && levels_ < most_levels) {
      const auto level =
          s_.integer(q_.level, {{"lane", lane}, {"after", after}, {"last", mine_.priority}});
      if (!level) return;
      ++levels_;
      after = *level;
      const bool own = *level == mine_.priority && mine_.due <= now_;
      count(q_.due, {{"lane", lane}, {"priority", *level}, {"due", own ? mine_.due : now_},
                     {"seq", own ? mine_.seq : greatest}, {"n", left_}});
    }
  }

  void count(const Statement& statement, std::initializer_list<Arg> args) {
    const std::int64_t n = s_.integer(statement, args).value_or(0);
    counted_ += static_cast<std::uint64_t>(n);
    left_ -= n;
  }

  struct Mine {
    std::int64_t priority = 0;
    std::int64_t due = 0;
    std::int64_t seq = 0;
  };

  Session& s_;
  const Statements& q_;
  std::int64_t left_;  ///< to be counted: one more than `cap` says that there are more
  const std::uint64_t cap_;
  std::uint64_t counted_ = 0;
  int levels_ = 0;
  std::int64_t now_ = 0;
  std::int64_t queue_ = 0;
  Mine mine_{};
};

class SqlInsight final : public backend::Insight {
 public:
  SqlInsight(const Catalogue& c, Runner& runner)
      : now_(c["clock_now"]),
        counting_{.place = c["insight_place"],
                  .lanes = c["insight_lanes"],
                  .ready = c["insight_ready"],
                  .level = c["insight_level"],
                  .due = c["insight_due"]},
        runner_(runner) {}

  TimePoint clock_now() override {
    const auto at = runner_.wall({});
    std::int64_t now = 0;
    const auto look = [&](Session& s) { now = s.integer(now_, {{"now", at}}).value_or(0); };
    runner_.read(look, Statements::one);
    return wall(now);
  }

  CappedCount jobs_before(JobId id, std::uint64_t cap, Now now) override {
    CappedCount before;
    const auto at = runner_.wall(now);
    const auto look = [&](Session& s) { before = Counting(s, counting_, cap).before(id, at); };
    runner_.read(look, Statements::several);
    return before;
  }

 private:
  const Statement& now_;
  const Counting::Statements counting_;
  Runner& runner_;
};

}  // namespace

std::unique_ptr<backend::Insight> make_insight(const Catalogue& catalogue, Runner& runner) {
  return std::make_unique<SqlInsight>(catalogue, runner);
}

}  // namespace sqlq::sql
