#pragma once
/// \file
/// The requests and answers of a backend's operations. Plain values; views are valid during the call.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/job.hpp>

namespace sqlq::backend {

/// The time of a request. Empty: the backend asks its own clock; given: a test owns the time.
using Now = std::optional<Instant>;

/// One job to store; `options` resolved by the core: `id` is always set.
struct EnqueueItem {
  JobId id{};  ///< never nil
  /// The core has made the id for this call, and nobody else has it: a second try within the call that finds it knows
  /// that the first has stored it. Only for backends that try again inside.
  bool fresh_id = false;
  std::string_view queue{};                      ///< made, with default settings, if there is none
  std::string_view kind{};                       ///< 1 to 255 bytes
  std::string_view params{};                     ///< JSON text, kept byte for byte
  std::optional<std::string_view> unique_key{};  ///< empty: none
  int priority = 10;                             ///< lower number first
  int max_attempts = 25;                         ///< 1 or more
  int max_crashes = 3;                           ///< 1 or more
  Duration keepalive{};                          ///< length of the lease
  Duration timeout{};                            ///< of one attempt; zero: none
  std::optional<Duration> retention{};           ///< empty: the defaults of Job::retention
  /// Due at this wall time or, when it is empty, `delay` after the backend's now; never before now, which is the
  /// Job::run_at of one that is due at once.
  std::optional<TimePoint> run_at{};
  Duration delay{};            ///< zero or more
  std::string_view headers{};  ///< a JSON object of strings, for Job::headers; empty for most
  /// Its key, which its headers name too; empty for most. A job with a key is stored as waiting, due when it would have
  /// been, and is let in by Gates (extensions.hpp).
  std::string_view key{};
};

/// How the holder of a lease ends it. Stored as these numbers: never renumber.
enum class FinishKind : std::uint8_t {
  success = 1,  ///< -> success
  retry = 2,    ///< -> scheduled at now + delay, or pending without a delay; history gets `cause` and `message`
  fail = 3,     ///< -> errored; history gets `cause` and `message`
  cancel = 4,   ///< -> cancelled; history gets Cause::cancelled and `message`
  /// As retry, attempt given back, crashes = 0; history gets Cause::snoozed and `message`. A job that was told to go on
  /// (Steps) since it last recorded a wait or children -> pending, due now.
  snooze = 5,
  /// -> pending at once, due when it was, attempt given back; history gets Cause::released and `message`
  release = 6,
};

/// How one lease is to end.
struct Finish {
  JobId id{};                             ///< the job
  LeaseToken token{};                     ///< of its lease
  FinishKind kind = FinishKind::success;  ///< the way
  std::string_view result{};              ///< JSON text, for every kind; empty: keeps the stored one
  std::string_view message{};             ///< for the history
  Cause cause = Cause::failed;            ///< for the history, of retry and fail
  Duration delay{};                       ///< of retry and snooze; zero or more
};

/// Which jobs a claim may take, and for whom.
struct ClaimRequest {
  std::span<const std::string> queues{};  ///< empty: all
  std::span<const std::string> kinds{};   ///< empty: all
  std::size_t limit = 1;                  ///< 1 to 10,000
  LeaseToken token{};                     ///< random, made by the core for this claim; never 0; < 0 if suspects > 1
  std::string_view worker{};              ///< its name, for Job::worker
  std::size_t suspects = 1;               ///< at most so many suspects (is_suspect) among them
  Now now{};                              ///< the time of the claim
};

/// A job that the database refuses to start for good: a trigger or constraint of the user's.
struct RefusedJob {
  JobId id{};          ///< the job
  bool ended = false;  ///< as errored; else it waits, and is passed over for a minute
  std::string why{};   ///< the database's words, without values
};

/// The answer to a claim.
struct ClaimResult {
  std::vector<Job> jobs{};              ///< in claim order
  std::optional<TimePoint> next_due{};  ///< a hint: when the earliest scheduled job of these queues becomes due
  bool limited = false;                 ///< a hint: a queue that was looked at has a limit, so that every end of a job
                                        ///< may let another one run
  std::size_t of_limited = 0;           ///< so many of `jobs` are of queues with a limit
  bool suspects = false;                ///< a hint: suspects waited, so that the end of one may let the next one run
  std::vector<RefusedJob> refused{};    ///< found by this call
};

/// Changes to a queue's settings; an empty field changes nothing.
struct QueueChange {
  std::optional<std::string_view> description{};              ///< for people
  std::optional<std::optional<std::uint32_t>> concurrency{};  ///< given and empty: no limit
  std::optional<int> priority{};                              ///< lower number first
  std::optional<bool> paused{};                               ///< true: nothing of it is claimed
};

/// An operator's action on single jobs.
enum class Action {
  run_now,  ///< scheduled -> pending, due and put back now
  /// running -> pending, attempt given back, due when it was; cancelling -> cancelled. No token. History gets
  /// Cause::taken_away, or Cause::cancelled.
  take_away,
  end,    ///< the same, but running -> errored, and the attempt stays charged
  erase,  ///< finished -> gone, with log and history
};

/// Which way a migration may go.
enum class Direction {
  up,    ///< the step is applied
  down,  ///< the step is undone
};

/// The result and progress that a running job shows before it ends.
struct Interim {
  JobId id{};                          ///< the job
  LeaseToken token{};                  ///< of its lease
  std::string_view result{};           ///< JSON text; empty: keeps the stored one
  std::optional<Progress> progress{};  ///< empty: keeps the stored one; `at` is ignored
};

/// One lease.
struct LeaseRef {
  JobId id{};          ///< the job
  LeaseToken token{};  ///< of its claim
};

/// A claim whose lease was lost while the process that had made it lived.
struct OutlivedClaim {
  JobId id{};                 ///< the job
  std::int64_t claim = 0;     ///< Job::claims
  std::string_view worker{};  ///< Job::worker
};

}  // namespace sqlq::backend
