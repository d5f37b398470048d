#pragma once
/// \file
/// How a claim is divided among lanes (queue, kind): each lane is in claim order by itself, and a merge of their first
/// jobs decides how many of a claim's jobs come from which. Servers peek without locks, then take that many from each
/// lane under locks: no claim locks more than its limit, and claimers that run at once pass each other.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq::sql {

/// A lane that has work. Suspects wait in lanes of their own, with the negative number.
struct SQLQ_API Lane {
  std::int64_t id = 0;
  std::int64_t queue_id = 0;
  std::string queue{};
  std::string kind{};
  std::int64_t queue_priority = 0;
  std::optional<std::int64_t> concurrency{};  ///< of its queue
  std::int64_t room = 0;                      ///< left by the limit of its queue; read when concurrency is set

  [[nodiscard]] bool suspects() const noexcept { return id < 0; }
  /// How many of `n` jobs a claim may take from it that may take so many suspects.
  [[nodiscard]] std::int64_t at_most(std::int64_t n, std::int64_t most_suspects) const;
};

/// The place of a job in the claim order of its lane.
struct Place {
  std::int64_t lane = 0;
  std::int64_t priority = 0;
  std::int64_t due = 0;
  std::int64_t seq = 0;
};

/// Before all jobs of a lane.
[[nodiscard]] constexpr Place before_all(std::int64_t lane) {
  return {.lane = lane,
          .priority = std::numeric_limits<std::int32_t>::min(),
          .due = std::numeric_limits<std::int64_t>::min() / 2,
          .seq = 0};
}

[[nodiscard]] inline std::vector<std::int64_t> seqs_of(std::span<const Place> places) {
  std::vector<std::int64_t> seqs;
  for (const Place& place : places) seqs.push_back(place.seq);
  return seqs;
}

/// The key that the claim order compares.
[[nodiscard]] inline auto rank(std::int64_t queue_priority, const Place& place) {
  return std::tuple(queue_priority, place.priority, place.due, place.seq);
}

/// A job that is to be taken, and its lane.
struct Pick {
  const Lane* lane = nullptr;
  Place place{};
};

/// A lane and how many jobs to take from it.
struct Portion {
  const Lane* lane = nullptr;
  std::int64_t count = 0;
};

struct Merging {
  std::int64_t limit = 0;
  std::int64_t suspects = 0;  ///< no more than so many
  /// Reads up to `n` of the lane's places after `last` in claim order; none: there are no more. Empty: all are known.
  std::function<std::vector<Place>(const Lane&, const Place& last, std::int64_t n)> more{};
  std::int64_t first_read = 1;  ///< how many it reads of a lane at first; four times as many each time after
  /// The room that the limit of the lane's queue leaves; asked once for each queue, and only where it matters. Empty:
  /// Lane::room.
  std::function<std::int64_t(const Lane&)> room{};
};

/// The best jobs over all lanes, in claim order: by queue priority, priority, due time, insertion, within the rooms of
/// limited queues. `known`: the first places of lanes, in any order. Reads on in a lane only when all that is known of
/// it was picked and more could be.
[[nodiscard]] SQLQ_API std::vector<Pick> merge(const std::vector<Lane>& lanes, std::vector<Place> known,
                                               const Merging& how);

/// How many of each lane.
[[nodiscard]] SQLQ_API std::vector<Portion> apportion(const std::vector<Lane>& lanes, std::span<const Pick> picks);

/// The jobs of `taken`, which are in any order. Each knows its rank().
template <class Taken>
[[nodiscard]] std::vector<Job> in_claim_order(std::vector<Taken> taken) {
  std::ranges::sort(taken, {}, &Taken::rank);
  std::vector<Job> jobs;
  jobs.reserve(taken.size());
  for (Taken& t : taken) jobs.push_back(std::move(t.job));
  return jobs;
}

/// How many jobs a claim could take from these lanes if each had many.
[[nodiscard]] SQLQ_API std::int64_t could_take(const std::vector<Lane>& lanes, std::int64_t limit);

/// How many of these jobs, taken from these lanes, are of queues with a limit.
[[nodiscard]] SQLQ_API std::size_t of_limited(const std::vector<Lane>& lanes, std::span<const Job> jobs);

}  // namespace sqlq::sql
