#pragma once
/// \file
/// Why a job does not run: Admin::explain answers with reasons.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// One reason why a job does not run now, or the sentence that it may. Facts that a reason does not have are empty.
/// Thread-safety: a plain value.
struct Reason {
  /// In the order in which Admin::explain lists them.
  enum class Code {
    schema_behind,   ///< the tables are of another version: workers of this library refuse them
    not_found,       ///< no job has this id; it may have been deleted after its retention
    finished,        ///< state `state` since `at`; `message` is its last error
    running,         ///< on `worker` since `at`
    stuck,           ///< running on `worker`, whose last sign of life `at` is longer ago than the lease: it is put back
                     ///< by the next sweep of any worker
    cancelling,      ///< running on `worker`, which was asked to stop
    waiting,         ///< in state waiting, and nothing is known of what it waits for
    key_used,        ///< `count` jobs of its key `key` are let in, as many as its limit `limit` allows: `jobs`
    key_rate,        ///< its key `key` has started as many as its rate allows; the next may start at `at`
    key_shut,        ///< no job of its key `key` is let in before `at`; empty: until somebody opens it
    key_line,        ///< `count` jobs of its key `key` are let in before it; `capped`: or more
    sleeping,        ///< its durable step `step` sleeps until `at`
    waits_for_signal,    ///< its handler waits for the signal `step` until `at`
    waits_for_children,  ///< `count` of the jobs that its step `step` has enqueued have not finished; `jobs` are some
    queue_paused,    ///< its queue `queue` is paused
    limit_used,      ///< `count` jobs of the queue are held, as many as its concurrency `limit` allows; `jobs` on
                     ///< `worker` are the first of them. Said, but for a limit of 0, only of a job that is due
    no_worker,       ///< no worker at all is listed
    none_of_queue,   ///< workers are listed, and none works the queue; `workers` are some of them
    none_of_kind,    ///< workers work the queue, and none has a handler for the kind; `workers` are some of them
    draining,        ///< all workers that could run it are being drained: `workers`
    all_busy,        ///< all workers that could run it have as many jobs as they can run: `workers`. Said only of a job
                     ///< that is due
    due_later,       ///< not before `at`. Not said of a job that a durable step keeps
    suspect,         ///< it has crashed `count` times and may run only beside no other suspect
    behind,          ///< `count` pending jobs of its queue come first; `capped`: or more
    clocks_differ,   ///< the database's clock and this host's differ by `difference`, so that times are doubtful
    may_run,         ///< nothing known is in its way: a worker takes it at its next claim
  };
  Code code = Code::may_run;  ///< the reason, for programs; it says which of the fields below are set
  std::string sentence{};     ///< the reason with its facts, one line; no payload, no control characters

  JobState state = JobState::invalid;  ///< of the job
  std::string queue{};                 ///< its queue
  std::string kind{};                  ///< its kind
  std::string worker{};                ///< the name of one worker
  std::string message{};               ///< the last error of a finished job
  std::string key{};                   ///< its key (limits.hpp)
  std::string step{};                  ///< the name of a sleep, signal or `all` (steps.hpp)
  std::int64_t number = 0;             ///< of `step`
  std::vector<std::string> workers{};  ///< at most 10 names
  std::vector<JobId> jobs{};           ///< at most 10
  std::optional<TimePoint> at{};       ///< since when or until when; empty: unknown, or no end
  std::uint64_t count = 0;             ///< of what the code says
  bool capped = false;                 ///< true: there are more than `count`
  std::uint32_t limit = 0;             ///< the concurrency of the queue, or of the key
  Duration difference{};               ///< the database's clock less this host's
};

/// "schema_behind", "not_found", ...: stable, for programs.
[[nodiscard]] SQLQ_API std::string_view to_string(Reason::Code code) noexcept;

}  // namespace sqlq
