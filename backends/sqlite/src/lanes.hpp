#pragma once
/// \file
/// The lanes of one batch of jobs: most batches have one, so each is looked up once, and made when it is missing.

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>

#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {

struct LaneRow {
  std::int64_t id = 0;
  std::int64_t queue_id = 0;
};

/// In the transaction of the context. The names must outlive it.
class Lanes {
 public:
  explicit Lanes(const Context& c) : c_(c) {}
  const LaneRow& of(std::string_view queue, std::string_view kind) {
    const auto [at, isnew] = known_.try_emplace({queue, kind});
    if (isnew) {
      const auto found = find(queue, kind);
      at->second = found ? *found : make(queue, kind);
    }
    return at->second;
  }

 private:
  [[nodiscard]] std::optional<LaneRow> find(std::string_view queue, std::string_view kind) const {
    std::optional<LaneRow> lane;
    c_.session.execute(c_.q.lane, {{"queue", queue}, {"kind", kind}},
                       [&](const sql::Row& row) { lane = LaneRow{row.integer(0), row.integer(1)}; });
    return lane;
  }
  [[nodiscard]] LaneRow make(std::string_view queue, std::string_view kind) const {
    c_.session.execute(c_.q.queue_make, {{"name", queue}, {"now", sql::us(c_.now.wall)}});
    c_.session.execute(c_.q.lane_make, {{"queue", queue}, {"kind", kind}});
    if (const auto lane = find(queue, kind)) return *lane;
    throw Error(Errc::corrupt, "a queue that was just made is not there", "sqlite");
  }

  const Context& c_;
  std::map<std::pair<std::string_view, std::string_view>, LaneRow> known_{};
};

}  // namespace sqlq::sqlite
