#pragma once
/// \file
/// The options of an enqueue, and its answers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

class Observer;

/// Limits on JSON text from users, checked before any SQL is sent.
struct PayloadLimits {
  std::size_t max_bytes = std::size_t{1} << 20;  ///< 1 MiB; at least 1
  /// Nested arrays and objects; at least 0. Deeper documents have killed processes.
  int max_depth = 100;
};

/// Throws Error(invalid_argument) unless `text` is one JSON document within the limits: valid UTF-8, no NUL (neither
/// raw nor as \\u0000, which not every database can store), no number too large for a double. `what` names the text in
/// the message; the message never quotes it. Cost: one pass, no tree is built.
SQLQ_API void check_json(std::string_view text, const PayloadLimits& limits, std::string_view what);

/// As a retention: the finished job stays until somebody deletes it.
inline constexpr Duration unlimited_retention = Duration::max();

/// Options of one job. Every field has a default: write only what you mean.
///
///     client.enqueue(SendEmail{...}, {.queue = "mail", .priority = 1, .delay = 10min});
///
/// If the compiler only says "no matching function" for such a call, a name is wrong, they are out of order, or a value
/// has another type (a time has its unit: `.delay = 5s`, not 5). Write the type, and it names the member or the types:
///
///     client.enqueue(SendEmail{...}, sqlq::EnqueueOptions{.prio = 1});  // error: ... no ... member named 'prio'
struct EnqueueOptions {
  /// 1 to 255 bytes of UTF-8 without control characters; compared byte by byte. Made on first use. Empty: the client's,
  /// "default" unless ClientOptions says another.
  std::optional<std::string> queue{};
  /// Lower number first; any int.
  int priority = 10;
  /// How many times the job may be claimed and charged; 1 to 1,000,000. Empty: the client's, 25.
  std::optional<int> max_attempts{};
  /// How many of those may end with the worker dying or hanging; 1 to 1,000,000. Empty: the client's, 3.
  std::optional<int> max_crashes{};
  /// Not before now + delay. Negative means now; huge values saturate. Not together with run_at.
  Duration delay{0};
  /// Not before this time. A time in the past means now.
  OptionalTime run_at{};
  /// At most one job that is not finished has this key, over all queues; a second enqueue returns the first job.
  /// 1 to 255 bytes of UTF-8 when given.
  std::optional<std::string> unique_key{};
  /// Whose job it is, for the limits of its queue (limits.hpp): it waits until its key has room. 1 to 255 bytes of
  /// UTF-8 without control characters when given. Error(configuration) where the backend has no limits (capability
  /// `limits`).
  std::optional<std::string> key{};
  /// The lease: a worker silent for so long has lost the job. 1 s to 24 h. Empty: the client's, 30 s.
  std::optional<Duration> keepalive{};
  /// How long the finished job stays. Empty: the client's, and without one 24 h for success and cancelled, 7 days for
  /// errored. Zero: until it is swept up. Negative is refused; more than a thousand years, as unlimited_retention,
  /// counts as a thousand.
  std::optional<Duration> retention{};
  /// Longest run of one attempt; then its stop token is tripped, and the attempt fails unless its handler still returns
  /// normally: work that was done late is done. Zero: no limit.
  Duration timeout{0};
  /// An id of your own (JobId::make): enqueueing the same id again changes nothing and returns it.
  std::optional<JobId> id{};
  /// What travels with the job beside its params, as the context of a trace (Job::headers). At most 64, with at most
  /// 16 KiB of names and values together. Names are 1 to 255 bytes of UTF-8 without control characters; those that
  /// begin with "sqlq-" are the library's. Values are UTF-8 without control characters, and may be empty. Unless empty,
  /// Error(configuration) where the backend stores no headers (capability `headers`).
  Headers headers{};
};

/// A job described without a C++ type: kind and JSON text.
struct NewJob {
  std::string kind{};           ///< 1 to 255 bytes of UTF-8 without control characters
  std::string params = "null";  ///< JSON text
  EnqueueOptions options{};     ///< all that is not in kind and params
};

/// A hook around enqueue: gets a job that is to be stored, and answers the job to store.
///
///     sqlq::Client client{db, {.hooks = {[](sqlq::NewJob job) {
///       job.options.headers.emplace("tenant", current_tenant());
///       return job;
///     }}}};
///
/// It is called for each job before that is checked, also for those of a batch, by the thread that enqueues; hooks of
/// one client in their order. Clients may be used by many threads at once, and their hooks are. It may change all but
/// `options.id`: that belongs to the caller, who repeats a call with it, and a hook that changes it is Error(misuse).
/// What it throws comes out of the call, and nothing is stored, of a batch no job.
///
/// Jobs of schedules pass no hook, whoever fires them: they are stored as the schedule says. Nor do jobs that are
/// requeued, restarted, imported or copied.
using EnqueueHook = std::function<NewJob(NewJob)>;

/// Defaults of a client (or a worker, for the clients of its handlers) for jobs whose own options are empty, and what
/// stands around its enqueues.
///
///     sqlq::Client client{db, {.queue = "mail", .max_attempts = 5}};
struct ClientOptions {
  std::string queue = "default";                 ///< as EnqueueOptions::queue
  int max_attempts = 25;                         ///< as EnqueueOptions::max_attempts
  int max_crashes = 3;                           ///< as EnqueueOptions::max_crashes
  Duration keepalive = std::chrono::seconds(30); ///< as EnqueueOptions::keepalive
  std::optional<Duration> retention{};           ///< as EnqueueOptions::retention
  std::vector<EnqueueHook> hooks{};              ///< each job passes them in this order; none may be empty
  std::vector<std::shared_ptr<Observer>> observers{};  ///< told of each JobEnqueued (observer.hpp); none may be null
};

/// The outcome for a job that was to be stored. More answers may come.
enum class EnqueueStatus : std::uint8_t {
  inserted = 1,      ///< this call stored it
  existing_id = 2,   ///< a job has its id, as after a call that was repeated: nothing changed
  existing_key = 3,  ///< a live job has its unique key: nothing changed
};
/// "inserted", "existing_id", ...
[[nodiscard]] SQLQ_API std::string_view to_string(EnqueueStatus status) noexcept;

/// The answer of enqueue for each job.
struct Enqueued {
  JobId id{};                                      ///< of the new job, or of the one that was there already
  EnqueueStatus status = EnqueueStatus::inserted;  ///< whether this call stored it

  /// Whether this call stored it.
  [[nodiscard]] constexpr bool inserted() const noexcept { return status == EnqueueStatus::inserted; }
};

/// The answer of enqueue_row: that of enqueue, and the job itself.
struct EnqueuedRow : Enqueued {
  /// The new job, or the one that was there already, as the database has it after the enqueue: a worker may have run it
  /// meanwhile. Empty: it is gone again (purged, or past its retention); or, in a transaction of yours with a snapshot
  /// (REPEATABLE READ), it was stored by others after that snapshot.
  std::optional<Job> job{};
};

}  // namespace sqlq
