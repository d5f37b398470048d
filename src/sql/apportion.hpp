#pragma once
/// \file
/// How a claim is divided among lanes (queue, kind): each lane is in claim order by itself, and the order over all of
/// them decides how many of a claim's jobs come from which. Peek without locks, apportion, then take that many from
/// each lane under locks: no claim locks more than its limit, and claimers that run at once pass each other.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sqlq/job.hpp>

namespace sqlq::sql {

/// A lane that has work. Suspects wait in lanes of their own, with the negative number.
struct Lane {
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

/// A lane and how many jobs to take from it.
struct Portion {
  const Lane* lane = nullptr;
  std::int64_t count = 0;
};

/// `places`: for each lane its first jobs, at least as many as may be taken from it (`limit`, or its room). Over all
/// lanes the best `limit` are chosen: by queue priority, priority, due time, insertion, within the rooms; no more
/// suspects than that.
[[nodiscard]] std::vector<Portion> apportion(const std::vector<Lane>& lanes, std::vector<Place> places,
                                             std::int64_t limit, std::int64_t most_suspects);

/// The places that apportion() counts, in claim order.
[[nodiscard]] std::vector<Place> best(const std::vector<Lane>& lanes, std::vector<Place> places, std::int64_t limit,
                                      std::int64_t most_suspects);

/// How many jobs a claim could take from these lanes if each had many.
[[nodiscard]] std::int64_t could_take(const std::vector<Lane>& lanes, std::int64_t limit);

/// How many of these jobs, taken from these lanes, are of queues with a limit.
[[nodiscard]] std::size_t of_limited(const std::vector<Lane>& lanes, std::span<const Job> jobs);

}  // namespace sqlq::sql
