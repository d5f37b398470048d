#pragma once
/// \file
/// The job: its id, its states, and its row as a value.
///
/// Everything here is a plain value: copy it, keep it, send it to another thread.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq {

/// Identity of a job: a UUID version 7, made by the client before anything is sent. Therefore an enqueue whose outcome
/// is unknown can be repeated without making a second job, and queues can be merged or moved between databases.
/// Ids made by one process increase strictly in the order they were made.
class SQLQ_API JobId {
 public:
  /// The nil id (all zero): no job has it.
  constexpr JobId() = default;
  /// The id with these bytes, most significant first.
  constexpr explicit JobId(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}

  /// A new id for the given moment: JobId::make(std::chrono::system_clock::now()). Thread-safe.
  [[nodiscard]] static JobId make(TimePoint now);
  /// The same for a time of any unit.
  template <class Unit>
  [[nodiscard]] static JobId make(std::chrono::sys_time<Unit> now) {
    return make(to_time_point(now));
  }
  /// Reads the 36-character form, any case; empty if the text is not a UUID.
  [[nodiscard]] static std::optional<JobId> parse(std::string_view text);

  /// The 36-character lower-case form.
  [[nodiscard]] std::string to_string() const;
  /// Most significant first.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  /// Is it the id that no job has?
  [[nodiscard]] bool nil() const noexcept { return *this == JobId{}; }

  friend constexpr auto operator<=>(const JobId&, const JobId&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// Proof of a lease: random, new for each claim. Each write to a running job must show it. 0 means "none".
/// Negative: the claim might take several suspects (is_suspect), and the end of its lease without a word ends none of
/// them.
struct LeaseToken {
  std::int64_t value = 0;  ///< the random number
  friend constexpr auto operator<=>(const LeaseToken&, const LeaseToken&) = default;
};

/// Where a job is in its life. Stored as these numbers: never renumber, never reuse.
///
///     enqueue --> pending <--------- due ------------- scheduled <--+ (delay, retry back-off, snooze)
///                   | claim                                         |
///                   v                                               |
///                 running --ok--> success                           |
///                   | \--error, attempts left ----------------------+
///                   |  \--error, none left / discard --> errored
///                   |-- lease ended (reap): attempts left -> pending, none left -> errored
///                   |-- released at shutdown: -> pending, attempt given back
///                   +-- cancel asked: cancelling --handler returns--> cancelled
///     waiting --what it waits for has come--> pending
///     pending, scheduled, waiting --cancel--> cancelled at once;   finished --requeue by an operator--> pending
enum class JobState : std::uint8_t {
  invalid = 0,     ///< no state; never stored
  pending = 1,     ///< may run; a worker will claim it
  running = 2,     ///< claimed; somebody holds the lease
  success = 3,     ///< finished well
  errored = 4,     ///< finished badly: attempts used up, discarded, or killed its worker too often
  cancelling = 5,  ///< still running, asked to stop
  cancelled = 6,   ///< stopped before it finished
  scheduled = 7,   ///< pending, but not before its due time
  waiting = 8,     ///< may not run yet: it waits for its key to have room (limits.hpp)
};

/// "pending", "running", ... (the column texts of the documentation and of logs).
[[nodiscard]] SQLQ_API std::string_view to_string(JobState state) noexcept;
/// The inverse of to_string; `JobState::invalid` for anything else.
[[nodiscard]] SQLQ_API JobState parse_job_state(std::string_view text) noexcept;
/// success, errored or cancelled: nothing more will happen by itself.
[[nodiscard]] constexpr bool is_finished(JobState s) noexcept {
  return s == JobState::success || s == JobState::errored || s == JobState::cancelled;
}

/// How far a running job says it is.
struct Progress {
  std::int64_t done = 0;   ///< in units of the handler's own
  std::int64_t total = 0;  ///< of the same; 0: not known
  std::string note{};      ///< one line for people: at most 1 KiB of UTF-8, cut and cleaned like a line of the log
  TimePoint at{};          ///< time of storing; ignored where you set it
};

/// Names and values that travel with a job.
using Headers = std::map<std::string, std::string>;

/// A job as the database had it at the moment of the call.
struct Job {
  JobId id{};                               ///< a UUID of version 7: ids made later are greater
  std::string queue{};                      ///< 1 to 255 bytes of UTF-8
  std::string kind{};                       ///< 1 to 255 bytes of UTF-8: names the handler
  JobState state = JobState::invalid;       ///< invalid only in an object that no database has filled
  int priority = 10;                        ///< lower number first
  std::string params{};                     ///< JSON text, byte for byte as enqueued
  std::string result{};                     ///< JSON text, the last that was set, also while it runs; empty: none
  std::string unique_key{};                 ///< empty: none
  int attempt = 0;                          ///< claims charged so far, this one included
  int max_attempts = 25;                    ///< attempts before it is errored
  int crashes = 0;                          ///< leases that ended without a word from the worker, since it last snoozed
  int max_crashes = 3;                      ///< crashes before it is errored
  std::int64_t claims = 0;                  ///< all claims ever, also those given back; never decreases
  LeaseToken lease_token{};                 ///< of the running or last lease; 0 if it was taken away
  std::string worker{};                     ///< name of the worker that holds or held the lease
  Duration keepalive{};                     ///< length of the lease without a heartbeat
  Duration timeout{};                       ///< longest run of one attempt; zero: none
  std::optional<Duration> retention{};      ///< empty: 24 h for success and cancelled, 7 days for errored
  TimePoint created_at{};                   ///< when it was enqueued
  TimePoint queued_at{};                    ///< last time it was put (back) into the queue
  TimePoint run_at{};                       ///< not before
  std::optional<TimePoint> started_at{};    ///< of the last claim
  std::optional<TimePoint> heartbeat_at{};  ///< last sign of life of the last claim
  std::optional<TimePoint> finished_at{};   ///< empty: it has not finished
  std::optional<Progress> progress{};       ///< of a held job that told any in this execution; not in claimed jobs
  Headers headers{};                        ///< as enqueued; empty for most. Also in lists without payloads
};

/// Whether the job has crashed and its next crash would end it. It may be what kills its processes, or only have been
/// beside that each time. So it is ended only by a crash while its worker held no other suspect; a worker begins with
/// one at a time and holds more while they come to their ends (docs/concepts.md).
[[nodiscard]] constexpr bool is_suspect(int crashes, int max_crashes) noexcept {
  return crashes > 0 && crashes + 1 >= max_crashes;
}
/// The same for a job.
[[nodiscard]] inline bool is_suspect(const Job& job) noexcept { return is_suspect(job.crashes, job.max_crashes); }

/// Why an attempt did not end in success. Stored as these numbers: never renumber.
enum class Cause : std::uint8_t {
  failed = 1,       ///< the handler threw, or the error was reported by hand
  discarded = 2,    ///< the handler said: do not retry
  timed_out = 3,    ///< the handler ran longer than the job's timeout
  lease_ended = 4,  ///< no heartbeat within keepalive: the worker died, hung or was cut off
  released = 5,     ///< given back unfinished, attempt not charged (shutdown)
  snoozed = 6,      ///< the handler asked to be run later, attempt not charged
  cancelled = 7,    ///< cancelled before it finished
  requeued = 8,     ///< an operator put the finished job back
  taken_away = 9,   ///< an operator took the lease away
  outage = 10,      ///< no heartbeat within keepalive, but the worker lived: it said so later; no crash
};
/// "failed", "discarded", ...
[[nodiscard]] SQLQ_API std::string_view to_string(Cause cause) noexcept;

/// One line of a job's history. Every execution beyond the first is explained by the line before it.
struct AttemptRecord {
  std::int64_t claim = 0;       ///< Job::claims at that time: which execution this line is about
  int attempt = 0;              ///< Job::attempt of that execution, also when it was given back
  Cause cause = Cause::failed;  ///< why the execution was not the last
  TimePoint at{};               ///< when the line was written
  std::string worker{};         ///< name of the worker that held the lease; empty: none
  /// The error's text or, for Cause::snoozed, what the job was suspended for: "sleeps: 'cool-off'", "waits for the
  /// signal: 'approved'", "waits for 3 children: 'parts'". At most 64 KiB, cut at a character boundary.
  std::string message{};
};

}  // namespace sqlq

template <>
struct std::hash<sqlq::JobId> {
  std::size_t operator()(const sqlq::JobId& id) const noexcept {
    // The tail of a version 7 UUID is random: 8 bytes of it are a good hash as they are.
    std::size_t h = 0;
    for (std::size_t i = 8; i < 16; ++i) h = (h << 8) | id.bytes()[i];
    return h;
  }
};
