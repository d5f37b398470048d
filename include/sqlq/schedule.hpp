#pragma once
/// \file
/// Periodic jobs: a schedule enqueues a job at each of its ticks, once over all processes.
///
///     sqlq::Schedules schedules{db};
///     schedules.sync({
///         {.name = "nightly", .rule = "30 2 * * *", .zone = "Europe/Berlin",
///          .job = sqlq::job(Cleanup{}, {.queue = "maintenance"})},
///         {.name = "poll", .rule = "@every 90s", .job = sqlq::job(Poll{}), .overlap = sqlq::Overlap::skip},
///     });
///     for (auto t : schedules.next("nightly", 5)) std::cout << t << '\n';
///
/// Schedules are rows of the database. Every worker fires those that are due, whatever its own queues are; there is no
/// leader. One transaction sets the time of the next tick and stores the job, so a tick fires once, whatever dies or
/// steps its clock (I11). The database's clock decides what is due. A new or changed schedule is seen by workers within
/// 10 s (within 1 s by those of the same process, and where the database wakes others).
///
/// No tick fires after a later one. So where the clock was ahead and is put back, a schedule waits until the time of
/// its last tick has come again; `remove` and `sync` let it begin anew. One that was only synced or resumed while the
/// clock was ahead goes on after `pause` and `resume`. Admin::doctor finds both.
///
/// **Rules**
///   - five fields `minute hour day-of-month month day-of-week`, or six with seconds before them. A field is `*`, a
///     number, a name (`jan` to `dec`, `sun` to `sat`; case does not matter), a range `1-5`, a list `1,15`, each with a
///     step: `*/10`, `10-40/5`; `10/5` goes to the field's end. `?` is `*`. Ranges do not run backwards. Sunday is 0
///     and 7. `L` is the last day of the month; `5L` the last Friday; `5#3` the third Friday. When both days are
///     restricted, a day that fits one of them fits, as in cron; one that begins with `*` is not restricted in this
///     sense: `0 0 */2 * mon` are the Mondays with an odd date;
///   - `@hourly`, `@daily` (`@midnight`), `@weekly`, `@monthly`, `@yearly` (`@annually`);
///   - `@every 90s`: a fixed interval of `ms`, `s`, `m`, `h`, `d`, also joined (`1h30m`); 1 s to 10 years. Counted from
///     Schedule::start or, without one, from the first `sync` of the schedule.
///
/// **Zones and daylight saving.** The fields are local times of the zone. A local time that an hour forward skips runs
/// at the first moment after the gap; a local time that comes twice runs once, the first time. This holds for rules
/// whose hour field is not `*` and has no step (times of day). Rules that repeat within the day (`*` or steps in the
/// hour field) follow real time instead: they run in both passes of a repeated hour, and not at all in a skipped one.
/// `@every` knows no zones. Zones are read once: a process sees an update of the system's zones when it is started
/// again.
///
/// The job of a tick carries the headers `sqlq-schedule` (the name) and `sqlq-tick` (see tick_of).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// A job as the template of a schedule.
template <JobArgs A>
[[nodiscard]] NewJob job(const A& args, EnqueueOptions options = {}) {
  return {std::string(std::string_view(A::kind)), codec<A>::encode(args), std::move(options)};
}

/// What becomes of ticks that nobody fired in time, because no worker ran. A tick is missed when a later one is due
/// too.
enum class Missed : std::uint8_t {
  one = 1,   ///< the latest of them fires, the others are passed over
  skip = 2,  ///< all are passed over, also the latest one when it is late by more than Schedule::grace
  all = 3,   ///< each fires, oldest first: of the latest Schedule::most_missed. Only beside Overlap::allow and for a
             ///< job without a unique key: else the others would find the job of the first, so `sync` refuses it
};
/// "one", "skip", ...
[[nodiscard]] SQLQ_API std::string_view to_string(Missed missed) noexcept;

/// What happens at a tick when the last job of the schedule has not finished yet.
enum class Overlap : std::uint8_t {
  skip = 1,        ///< the tick enqueues nothing, and is counted in ScheduleState::skipped
  allow = 2,       ///< the tick enqueues its job
  queue_one = 3,   ///< the latest such tick is kept, and fires within 5 s after that job has finished
  cancel_old = 4,  ///< that job is cancelled; the tick fires within 5 s after it has finished
};
/// "skip", "allow", ...
[[nodiscard]] SQLQ_API std::string_view to_string(Overlap overlap) noexcept;

/// One schedule, as a program wants it.
struct Schedule {
  std::string name{};        ///< 1 to 255 bytes of UTF-8 without control characters
  std::string rule{};        ///< see above
  std::string zone = "UTC";  ///< an IANA name of the system's time zones, as "Europe/Berlin"
  /// What each tick enqueues. `delay`, `run_at` and `id` must be empty; headers are kept. With a unique key the tick
  /// enqueues nothing while a live job has the key, which counts as skipped.
  NewJob job{};
  Missed missed = Missed::one;               ///< what becomes of ticks that nobody fired in time
  std::size_t most_missed = 100;             ///< 1 to 10,000; for Missed::all
  Duration grace = std::chrono::minutes(1);  ///< 1 s to 365 days; for Missed::skip
  Overlap overlap = Overlap::skip;           ///< what a tick does while the job of an earlier one has not finished
  /// Each tick is enqueued with a delay that is drawn from 0 to this; 0 to 24 h.
  Duration jitter{0};
  OptionalTime start{};  ///< no tick before it
  OptionalTime end{};    ///< no tick after it. One that has passed is accepted: the schedule fires nothing any more
};

/// A schedule, and how it stands.
struct ScheduleState {
  Schedule schedule{};                   ///< where it cannot be read: only the name, and the rule is empty
  bool paused = false;                   ///< true: it fires no tick
  std::optional<TimePoint> next{};       ///< the next tick; empty: paused, it can fire none, or there is none any more
  std::optional<TimePoint> last_tick{};  ///< of the last tick that was fired or skipped
  std::optional<JobId> last_job{};       ///< the last job that was enqueued; it may be gone
  std::uint64_t fired = 0;               ///< ticks that enqueued a job
  std::uint64_t skipped = 0;             ///< ticks that did not because of Overlap or a unique key
  std::uint64_t missed = 0;              ///< ticks that were passed over because they were late; of more than 100,000
                                         ///< that are missed at a time a part is counted
  std::string trouble{};                 ///< why it fires nothing, or why the last tick could not be fired: its row
                                         ///< cannot be read, its rule or zone is none here, its next look is missing
                                         ///< or too late. Empty: all is well, as far as its row says
};

/// What `sync` did with each schedule.
enum class SyncStatus : std::uint8_t {
  added = 1,      ///< there was none of its name
  changed = 2,    ///< it was there with another definition
  unchanged = 3,  ///< it was there as it is
};
/// "added", "changed", ...
[[nodiscard]] SQLQ_API std::string_view to_string(SyncStatus status) noexcept;

/// A tick in the zone of its schedule. Printed as "2026-11-30T02:30:00+01:00".
struct Tick {
  TimePoint at{};                 ///< the moment
  std::chrono::seconds offset{};  ///< of the zone's local time from UTC

  /// The moment.
  operator TimePoint() const noexcept { return at; }  // NOLINT: it is one
  /// What the zone's clocks show: `floor<days>(tick.local())` is the day.
  [[nodiscard]] std::chrono::local_time<Duration> local() const noexcept {
    return std::chrono::local_time<Duration>(at.time_since_epoch() + offset);
  }
  /// The same moment with the same offset.
  bool operator==(const Tick&) const = default;
};
/// As "2026-11-30T02:30:00+01:00".
SQLQ_API std::ostream& operator<<(std::ostream& out, const Tick& tick);

/// The tick that a job was enqueued for, in the zone that its schedule had then: read from its header `sqlq-tick`.
/// Empty for jobs that no schedule has made.
[[nodiscard]] SQLQ_API std::optional<Tick> tick_of(const Job& job);

/// Thread-safety: all members from any thread. Lifetime: keeps the database open.
///
/// Errors: invalid_argument for a rule, zone or template that is wrong, before anything is changed; the message shows
/// the place in the rule and what is allowed there. A rule that can never fire (February 30, or no tick between start
/// and end) is one of these.
/// configuration where the backend has no schedules (capability `periodic`), or the system no time zones.
class SQLQ_API Schedules {
 public:
  /// `defaults`: for options of the jobs that the schedules leave empty. Its hooks are called for none of those jobs;
  /// its observers are told of what run_now and backfill store.
  explicit Schedules(Database db, ClientOptions defaults = {});

  /// Adds the schedules that are not there, and changes those that differ. Never removes one, and never resumes a
  /// paused one. A changed rule, zone, start or end counts from now on; ticks that were due stay due. At most 10,000 at
  /// a time; a name twice is refused. All or none, where up to 1,000 differ and nobody else changes them meanwhile;
  /// else an error of the database may leave some unchanged: repeat the call. One that cannot be read is made anew: it
  /// stays paused, and keeps its counts, as far as these can be read. But Error(schema) for one of a newer program.
  /// Answers in the order given.
  std::vector<SyncStatus> sync(std::span<const Schedule> schedules);
  /// From a list in braces.
  std::vector<SyncStatus> sync(std::initializer_list<Schedule> schedules) { return sync(std::span(schedules)); }
  /// What `sync` would answer now, and its errors of the arguments. Changes nothing.
  [[nodiscard]] std::vector<SyncStatus> preview(std::span<const Schedule> schedules) const;
  /// From a list in braces.
  [[nodiscard]] std::vector<SyncStatus> preview(std::initializer_list<Schedule> schedules) const {
    return preview(std::span(schedules));
  }

  /// The schedule as it is now; empty if there is none.
  [[nodiscard]] std::optional<ScheduleState> find(const std::string& name) const;
  /// In order of the name, names strictly above `after`; `limit` is 1 to 1,000.
  [[nodiscard]] std::vector<ScheduleState> list(const std::string& after = {}, std::size_t limit = 1000) const;
  /// Its next ticks after now, by the rule alone: also of a paused one. Fewer where the schedule ends. `n` is 1 to
  /// 10,000. Error(invalid_argument) where there is no such schedule.
  [[nodiscard]] std::vector<Tick> next(const std::string& name, std::size_t n) const;

  /// Stops it until `resume`, through every redeploy. False: there is no such schedule.
  bool pause(const std::string& name);
  /// Goes on with the first tick after now: those in between are no missed ones. False: there is no such schedule.
  /// Errors as `sync` for a rule or zone that this system does not know, Error(schema) where it cannot be read; then it
  /// stays as it is.
  bool resume(const std::string& name);
  /// Enqueues its job now, whether it is paused or not and whatever the last job does; the tick is now. The job becomes
  /// the last one. Not counted in `fired`. Empty: there is no such schedule. Errors as `sync` where this system does
  /// not know its zone.
  std::optional<Enqueued> run_now(const std::string& name);
  /// Forgets it; its jobs stay. False: there was none.
  bool remove(const std::string& name);
  /// Enqueues a job for each tick of the rule in [from, to), whatever was fired then; at most 10,000 ticks. Repeating
  /// the call enqueues nothing twice: the ids of the jobs come from the name and the tick. Answers the jobs, oldest
  /// tick first. Error(invalid_argument) where there is no such schedule.
  std::vector<Enqueued> backfill(const std::string& name, TimePoint from, TimePoint to);

 private:
  Database db_;
  ClientOptions defaults_;
};

/// The ticks of a rule strictly after `after`, without any database: for tests, and to show a rule to its author. Fewer
/// than `n` where the time points end. `@every` counts from `after`. Errors as Schedules.
[[nodiscard]] SQLQ_API std::vector<Tick> ticks_after(const std::string& rule, const std::string& zone, TimePoint after,
                                                     std::size_t n);

}  // namespace sqlq
