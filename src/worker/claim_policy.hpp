#pragma once
// When a worker claims, and how much: pure functions of what it knows. The numbers are measured (decisions 0007, 0023);
// tests are about what must hold whatever they are.

#include <algorithm>
#include <cstddef>
#include <optional>

#include <sqlq/clock.hpp>

namespace sqlq::worker::policy {

/// The most jobs that one claim asks for.
inline constexpr std::size_t most_per_claim = 10000;
/// How many outcomes may wait to be written before no more jobs are claimed: two full batches.
inline constexpr std::size_t most_unwritten = 2000;
/// Without hints from other processes: the shortest time between two claims that find nothing.
inline constexpr Duration shortest_poll = std::chrono::milliseconds(5);
/// The longest rest after a claim from a queue with a limit.
inline constexpr Duration longest_rest = std::chrono::milliseconds(50);

/// How full a worker is.
struct Load {
  std::size_t slots = 0;
  std::size_t free = 0;         ///< slots
  std::size_t unwritten = 0;    ///< outcomes that wait to be written
  bool backlog = false;         ///< the last claim got all that it asked for
  bool about_to_start = false;  ///< a job waits for its thread, or a claim is under way
  bool handing_over = false;    ///< the next write of outcomes claims as well
  bool draining = false;        ///< an operator wants nothing more to be claimed
};

/// The most that may be claimed: a job that is claimed is started at once.
[[nodiscard]] constexpr std::size_t room(const Load& load) noexcept {
  if (load.draining) return 0;
  return std::min({load.free, most_unwritten - std::min(most_unwritten, load.unwritten), most_per_claim});
}

/// How many jobs to ask for now; 0: better later. The larger a claim, the less each of its jobs costs. So with a
/// backlog, while jobs are about to start anyway, a claim waits until three quarters of the slots are free; and for
/// outcomes that are to be handed over it waits in any case.
[[nodiscard]] constexpr std::size_t worth_claiming(const Load& load) noexcept {
  const std::size_t most = room(load);
  if (load.handing_over && load.unwritten > 0) return 0;
  const bool large = most * 4 >= std::min(load.slots, most_unwritten) * 3;
  return !load.backlog || !load.about_to_start || large ? most : 0;
}

/// How long to wait after a claim that found too little. Where hints tell of other processes' jobs: `longest`.
/// Elsewhere a quarter of the time since a job was found last, so that a job is late by a quarter of the pause before
/// it at most, and a worker that is idle for long asks as seldom as any.
[[nodiscard]] constexpr Duration poll(Duration longest, bool hints, std::optional<Duration> since_found) noexcept {
  if (hints || !since_found) return longest;
  return std::clamp<Duration>(*since_found / 4, std::min(shortest_poll, longest), longest);
}

/// How long to rest after a claim from a queue with a limit that took so long. Claims of such a queue wait for one
/// another, and each slot that becomes free wakes every worker: a worker that rests lets slots accumulate.
[[nodiscard]] constexpr Duration rest(Duration took) noexcept { return std::min(took, longest_rest); }

/// How long outcomes of a backlog wait for others, so that the next transaction ends and claims more jobs: half as long
/// as the last one took, and only while jobs are so short that none of those from before it still ran at its end. With
/// few slots the first outcomes of a claim would else make a transaction of their own.
[[nodiscard]] constexpr Duration gather(Duration took, std::size_t still_running) noexcept {
  return still_running == 0 ? std::min(took / 2, longest_rest) : Duration(0);
}

/// For how long nothing gathers after some have waited so long in vain, for a job that ran on. So a worker whose jobs
/// are not short loses a thirtieth by it at most.
[[nodiscard]] constexpr Duration after_vain(Duration waited) noexcept { return waited * 32; }

}  // namespace sqlq::worker::policy
