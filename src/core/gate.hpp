#pragma once
/// \file
/// Which jobs of a key may be let in (limits.hpp): what a look at its gate decides. It has the gate locked, and reads
/// the gate's jobs after that.
///
/// Thread-safety: pure functions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/limits.hpp>

namespace sqlq::core {

/// The header of a job that names its key.
inline constexpr std::string_view key_header = "sqlq-key";
/// The bit of a job's flags that says it has a key.
inline constexpr int gated_flag = 2;

/// Ranges and combinations; Error(invalid_argument).
SQLQ_API void check_key_limits(const KeyLimits& limits);
/// Settings as a gate stores them: a JSON object of what is not the default.
[[nodiscard]] SQLQ_API std::string key_limits_text(const KeyLimits& limits);
/// Never throws for what the text says: what cannot be read limits everything (concurrency 0), so that no limit is
/// exceeded because somebody has changed it by hand or a newer program has written it. Empty: the defaults.
[[nodiscard]] SQLQ_API KeyLimits read_key_limits(std::string_view text);

/// How many jobs may be let in at once, the order considered; empty: any number.
[[nodiscard]] std::optional<std::uint32_t> concurrency_of(const KeyLimits& limits);

/// What a gate remembers between looks.
struct GateState {
  TimePoint next_start{};  ///< of the rate (GCRA): grows by one interval with each start
  TimePoint shut_until{};  ///< TimePoint::max(): held
  TimePoint let_in{};      ///< when a job was let in last
};

/// A job that has been let in, as it is now.
struct InsideJob {
  std::int64_t seq = 0;
  JobState state = JobState::invalid;  ///< invalid: it is gone
  bool started = false;                ///< it has been claimed since it was let in, and no look has counted that
  TimePoint started_at{};              ///< when; unknown of one that is gone
  bool counted = false;                ///< a look has; asked of those that are gone, which else count as starting now
};

/// What a look finds out first.
struct Room {
  GateState state{};                 ///< how the gate stands now
  std::size_t room = 0;              ///< so many more may be let in now; at most 10,000
  std::optional<TimePoint> opens{};  ///< when there is more, all of `room` used, by the passing of time alone
  std::vector<std::int64_t> ended{};     ///< these of the inside jobs are over: their rows go
  std::vector<std::int64_t> returned{};  ///< these are waiting again: let in once more when they may
  std::vector<std::int64_t> counted{};   ///< starts of these are in `state` now; also of ended and returned ones
};

/// Starts are counted once each; jobs that have been let in and have not started count as starting now. A clock that
/// was set back shuts a gate for no longer than Rate::per.
[[nodiscard]] SQLQ_API Room measure(const KeyLimits& limits, const GateState& state, std::span<const InsideJob> inside,
                                    TimePoint now);

/// A job of the gate that waits.
struct WaitingJob {
  std::int64_t seq = 0;
  int priority = 0;
  TimePoint due{};
  bool returned = false;  ///< it was let in before: one that was ever claimed, too
};

/// Where a job stands in line: smaller first, then the smaller seq. In a strict line one that returned is before all
/// others, so that a job that was delayed and is older does not pass it.
struct Rank {
  std::int64_t first = 0;
  std::int64_t second = 0;
  friend auto operator<=>(const Rank&, const Rank&) = default;
};
[[nodiscard]] SQLQ_API Rank rank(const KeyLimits& limits, const WaitingJob& job) noexcept;
/// Whether it stands in line, or comes when it is due.
[[nodiscard]] SQLQ_API bool in_line(const KeyLimits& limits, const WaitingJob& job, TimePoint now) noexcept;

/// Of jobs that are in line, the first of it among them: those to be let in, in order. None before it is due.
[[nodiscard]] SQLQ_API std::vector<std::int64_t> choose(const KeyLimits& limits, std::span<const WaitingJob> line,
                                                        std::size_t room, TimePoint now);

/// When to look again, whatever others say until then; `room` as before jobs were let in, but for `room.state.let_in`
/// and the rest, which are as they are after that. `head_due`: of the first in line. Not the time when the next job
/// comes that is not in line: that is asked of the index over all gates. Empty: never, for there is nothing to
/// remember, or the gate is held and has no jobs.
///
/// A worker that frees room may die before it looks. So a gate with jobs inside or in line is looked at a second after
/// a job was let in, and whenever as much time has gone by again: at most each 60 s if jobs stand in line, else each 10
/// min.
[[nodiscard]] SQLQ_API std::optional<TimePoint> look_again(const Room& room, bool any_inside, bool any_in_line,
                                                           std::optional<TimePoint> head_due, TimePoint now) noexcept;

}  // namespace sqlq::core
