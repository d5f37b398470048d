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

/// How many of a lane's due jobs are moved at most, of `n` in all.
[[nodiscard]] inline std::int64_t most_due(const Lane& lane, std::int64_t n) {
  return std::max<std::int64_t>(lane.at_most(n, most_suspects_moved), 0);
}

/// The first `n` due jobs of these lanes, whose rooms are known, in claim order. `by_time(lane, m)` and
/// `by_rank(lane, m)` read m of a lane's, as for first_due().
template <class ByTime, class ByRank>
std::vector<Place> first_due(const std::vector<Lane>& lanes, std::int64_t n, ByTime&& by_time, ByRank&& by_rank) {
  std::vector<Place> places;
  for (const Lane& lane : lanes) {
    const std::int64_t most = most_due(lane, n);
    const auto its = first_due(by_time(lane, most + 1), most, [&](std::int64_t m) { return by_rank(lane, m); });
    places.insert(places.end(), its.begin(), its.end());
  }
  const auto picks = merge(lanes, std::exchange(places, {}), {.limit = n, .suspects = most_suspects_moved});
  for (const Pick& pick : picks) places.push_back(pick.place);
  return places;
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
