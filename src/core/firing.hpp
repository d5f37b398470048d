#pragma once
/// \file
/// When schedules fire: which ticks enqueue a job, which are passed over, when to look again.
///
/// Thread-safety: pure functions, but for the jitter, which is random. Time is what the caller says: the database's.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/requests.hpp>
#include <sqlq/schedule.hpp>

#include "core/cron.hpp"
#include "core/schedule_text.hpp"

namespace sqlq::core {

/// How soon a tick that waits for the end of the last job is looked at again.
inline constexpr Duration between_looks_at_owed = std::chrono::seconds(5);

/// The ticks of a schedule, between its start and its end.
class Ticks final {
 public:
  Ticks(const Schedule& schedule, const Rule& rule, TimePoint first_sync);
  /// The first one strictly after that time; empty: there is none.
  [[nodiscard]] std::optional<TimePoint> after(TimePoint time) const;

 private:
  const Rule& rule_;
  TimePoint anchor_;
  TimePoint before_first_;
  TimePoint last_;
};

/// Of a schedule that is stored. Errors as Rule::parse, with the schedule's name and how to mend it.
[[nodiscard]] Rule rule_of(const Schedule& schedule);

/// Throws Error(invalid_argument) for a rule that has no tick between the schedule's start and its end. An end that has
/// passed is none of these.
void check_fires(const Schedule& schedule, const Rule& rule);

/// What becomes of a schedule that is looked at.
struct Decision {
  std::vector<TimePoint> ticks{};  ///< each enqueues a job; oldest first
  /// The last job is to be cancelled. If that has ended it, decide again.
  bool cancel_last = false;
  Standing after{};  ///< as if all ticks were fired, but for last_job
};

/// `last_lives`: whether the last job is there and has not finished. At most `most` ticks fire; others stay due.
/// Cost: a step of the rule for each tick that is due, but no more than a few 100,000. Of more, Standing::missed counts
/// only a part.
[[nodiscard]] Decision decide(const Schedule& schedule, const Standing& before, const Rule& rule, TimePoint now,
                              bool last_lives, std::size_t most);

/// The row's `next`.
[[nodiscard]] std::optional<TimePoint> next_look(const Standing& standing, TimePoint now);
/// As ScheduleState::next.
[[nodiscard]] std::optional<TimePoint> next_tick(const Standing& standing);

/// Of a schedule that is new.
[[nodiscard]] Standing begun(const Schedule& schedule, const Rule& rule, TimePoint now);
/// Of one whose definition becomes `wanted`. `rule` is the one it had; null: it cannot be read any more.
[[nodiscard]] Standing changed(const Schedule& schedule, const Rule* rule, const Standing& before,
                               const Schedule& wanted, const Rule& wanted_rule, TimePoint now);
/// Of one whose row could not be read: `before` is what could be. It stays paused, keeps its anchor and its counts, and
/// fires no tick up to the last one; ticks that were due or owed are given up.
[[nodiscard]] Standing begun_anew(const Schedule& wanted, const Standing& before, const Rule& rule, TimePoint now);
[[nodiscard]] Standing paused(const Standing& before);
[[nodiscard]] Standing resumed(const Schedule& schedule, const Standing& before, const Rule& rule, TimePoint now);

/// A job of the schedule, whose options are resolved. Lifetime: of the schedule and of `headers`.
[[nodiscard]] backend::EnqueueItem item_of(const Schedule& schedule, JobId id, std::string_view headers);
/// 0 to Schedule::jitter, each as likely.
[[nodiscard]] Duration draw_jitter(const Schedule& schedule);
/// The same for the same name and tick, and for no others: a UUID version 8 that begins with the tick's time.
[[nodiscard]] JobId backfill_id(std::string_view name, TimePoint tick);

}  // namespace sqlq::core
