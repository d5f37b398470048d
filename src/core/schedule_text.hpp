#pragma once
/// \file
/// Schedules as a backend stores them (backend::PeriodicRow): what was asked for as the row's definition, how it stands
/// as its state. Both are JSON objects with a version.
///
/// A program ignores the fields of a definition that it does not know, and keeps those of a state. It does not touch
/// a row whose version is newer.
///
/// Thread-safety: pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/schedule.hpp>

namespace sqlq::core {

/// How a schedule stands.
struct Standing {
  bool paused = false;
  TimePoint anchor{};                     ///< of the first sync: where `@every` counts from without a start
  std::vector<TimePoint> due{};           ///< ticks before `next` that are due and still to be decided on; ascending
  std::optional<TimePoint> next{};        ///< the first tick of the rule that nothing was decided on; empty: no more
  std::optional<TimePoint> owed{};        ///< a tick that waits for the end of the last job
  std::optional<TimePoint> past{};        ///< the latest tick that was decided on: no tick up to it is made again
  std::optional<TimePoint> last_tick{};   ///< as ScheduleState
  std::optional<JobId> last_job{};        ///< as ScheduleState
  std::uint64_t fired = 0;                ///< as ScheduleState
  std::uint64_t skipped = 0;              ///< as ScheduleState
  std::uint64_t missed = 0;               ///< as ScheduleState
  std::string trouble{};                  ///< as ScheduleState
  std::string others{};                   ///< a JSON object of the fields that only newer programs know; empty: none

  bool operator==(const Standing&) const = default;
};

/// A row that this program cannot read. The message names the schedule and the fault, and quotes nothing of the row.
class UnreadableSchedule final : public Error {
 public:
  UnreadableSchedule(const std::string& name, const std::string& why, bool newer);
  /// The fault alone, without the name.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  /// A newer program has written it; else it was changed by hand.
  [[nodiscard]] bool newer() const noexcept { return newer_; }

 private:
  std::string why_;
  bool newer_;
};

/// Options that are empty get the client's values, which workers do not know. Texts that are equal mean the same.
[[nodiscard]] Schedule resolved(const Schedule& schedule, const ClientOptions& defaults);
/// Of a schedule that is resolved and checked.
[[nodiscard]] std::string definition_of(const Schedule& schedule);
[[nodiscard]] std::string state_of(const Standing& standing);
/// Throw UnreadableSchedule.
[[nodiscard]] Schedule read_definition(const std::string& name, std::string_view text);
[[nodiscard]] Standing read_state(const std::string& name, std::string_view text);
/// As much of a state as can be read, each field apart, whatever its version. The others are as of a schedule that is
/// new, but it is paused where `paused` is there and anything but false: a pause is the operator's. Throws nothing.
[[nodiscard]] Standing rest_of_state(std::string_view text, TimePoint anchor);

/// A row, whose definition and state are read apart: of one that is damaged the other one counts.
struct ReadRow {
  ReadRow(const std::string& name, std::string_view definition, std::string_view state);

  std::optional<Schedule> schedule{};       ///< empty: its definition cannot be read
  std::optional<Standing> standing{};       ///< empty: its state cannot be read; see rest_of_state
  std::optional<UnreadableSchedule> why{};  ///< what cannot be read; where a newer program has written one, that one
};

/// Policies that fit each other and the job. Throws Error(invalid_argument). A row that has others is fired all the
/// same.
void check_policies(const Schedule& schedule);
/// Names, template, ranges and policies, but not the rule: core::Rule::parse and check_fires do that. Throws
/// Error(invalid_argument).
void check_schedule(const Schedule& schedule, const PayloadLimits& limits);

/// The headers of the job of a tick, merged with the template's: for EnqueueItem::headers.
[[nodiscard]] std::string tick_headers(const Schedule& schedule, const Tick& tick);

}  // namespace sqlq::core
