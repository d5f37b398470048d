#pragma once
/// \file
/// Scheduled jobs that are due, on their way to the pending ones.
///
/// Due jobs are ranked before their number is bounded: when a hundred thousand jobs become due in one instant, a claim
/// moves only as many as it may take, and those are the ones that come first in the claim order. Each lane is read in
/// the order of due times; when more of its jobs are due than are moved, in claim order instead, priority by priority.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sql/apportion.hpp"

namespace sqlq::sql {

/// A lane with scheduled jobs, the first of which is due at this time.
struct Scheduled {
  Lane lane{};
  std::int64_t first_due = 0;
};

/// Of due suspects one becomes pending with each claim.
constexpr std::int64_t most_suspects_moved = 1;

/// How many due jobs a claim of `limit` moves at most: a few more than it takes, so that a loop that takes them one
/// by one does not rank the others each time.
[[nodiscard]] constexpr std::int64_t most_moved(std::int64_t limit) { return std::max<std::int64_t>(limit, 100); }

/// The first `n` due jobs of a lane, or a few more. `by_time`: its first n + 1 in the order of due times; when there
/// are so many, `by_rank(n)` reads the first n in claim order. It may give up early.
template <class ByRank>
std::vector<Place> first_due(std::vector<Place> by_time, std::int64_t n, ByRank&& by_rank) {
  if (static_cast<std::int64_t>(by_time.size()) <= n) return by_time;
  std::vector<Place> ranked = by_rank(n);
  if (static_cast<std::int64_t>(ranked.size()) >= n) return ranked;
  for (const Place& place : by_time) {
    if (std::ranges::find(ranked, place.seq, &Place::seq) == ranked.end()) ranked.push_back(place);
  }
  return ranked;
}

/// When a claim of these lanes is worth it again because of time alone. A job that is due and was not taken waits for
/// the end of others where there is a limit, or for the end of a suspect.
[[nodiscard]] inline std::optional<std::int64_t> next_due(const std::vector<Scheduled>& lanes, std::int64_t now) {
  std::optional<std::int64_t> next;
  for (const Scheduled& s : lanes) {
    const bool waits_for_others = s.lane.concurrency || s.lane.suspects();
    if (s.first_due <= now && waits_for_others) continue;
    if (!next || s.first_due < *next) next = s.first_due;
  }
  return next;
}

}  // namespace sqlq::sql
