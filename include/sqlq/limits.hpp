#pragma once
/// \file
/// Limits by key: how many jobs of one customer, account or host run at once, how often they start, and in which order.
///
///     sqlq::Admin admin{db};
///     admin.set_key_limits("calls", {.concurrency = 2, .rate = sqlq::Rate{.count = 100, .per = 1min, .burst = 10}});
///     client.enqueue(CallApi{...}, {.queue = "calls", .key = "customer-17"});
///
/// A job with a key is `waiting` until its key has room; then it is let in, and is `pending`. Waiting jobs are in no
/// claim's way, whatever their number, and jobs without keys pay nothing. A key is of one queue: the same text in two
/// queues means two keys. Keys need not be declared. A key without limits lets everybody in.
///
/// Where a backend lacks them (capability `limits`; those of this library have them), a job with a key is
/// Error(configuration), and nothing is stored.
///
/// What holds, whatever dies or loses its connection:
///   - The jobs of a key that have been let in and have not ended are never more than its concurrency. A job that goes
///     back, by a retry, a snooze, the end of its lease or an operator, waits and is let in anew.
///   - In no period as long as Rate::per do more than Rate::count jobs of a key start, retries counted. Times are the
///     database's, or the host's for embedded ones; a wall clock that is set back can bring starts closer together.
///   - `KeyOrder::strict`: one at a time, in the order they were stored by one producer, and a job that goes back is
///     again the first.
///
/// Workers let jobs in: one in any process that runs is enough. A job whose key has room is let in within milliseconds
/// of the commit where the database tells of it (capability cross_process_wakeup), else within 15 s.
///
/// Thread-safety: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// How often jobs of a key may start. At most `burst` start at once; after that one each per / (count - burst + 1), so
/// that no period of length `per`, wherever it begins, has more than `count` starts. A large burst therefore costs
/// steady speed: with {100, 1min, 10} a busy key starts 91 a minute, with {100, 1min, 1} 100.
struct Rate {
  std::uint32_t count = 1;           ///< 1 to 1,000,000
  Duration per = std::chrono::seconds(1);  ///< 1 ms to 366 days
  std::uint32_t burst = 1;           ///< 1 to `count`

  friend bool operator==(const Rate&, const Rate&) = default;
};

/// Which job of a key is let in next.
enum class KeyOrder : std::uint8_t {
  priority = 1,  ///< by priority, then due time, then age, as claims do
  /// One at a time, the oldest first, whatever its priority. A job that goes back is the first of its key again: no
  /// other is let in until it has ended, also while it waits for its next try.
  strict = 2,
};

/// What a strict key does after a job of it has ended as errored.
enum class AfterError : std::uint8_t {
  go_on = 1,  ///< the next one is let in
  hold = 2,   ///< none is let in until Admin::open_key
};

/// The limits of a key, or of each key of a queue. Empty: none.
struct KeyLimits {
  std::optional<std::uint32_t> concurrency{};  ///< jobs let in at once; 0: none; with KeyOrder::strict at most 1 anyway
  std::optional<Rate> rate{};                  ///< how often they start
  KeyOrder order = KeyOrder::priority;         ///< of those that wait; a change holds for jobs that come after it
  AfterError after_error = AfterError::go_on;  ///< only with KeyOrder::strict

  friend bool operator==(const KeyLimits&, const KeyLimits&) = default;
};

/// A key and its jobs, as they are now.
struct KeyStatus {
  std::string key{};                      ///< 1 to 255 bytes of UTF-8, compared byte by byte
  std::optional<KeyLimits> own{};         ///< limits of this key alone; empty: those of its queue
  std::uint64_t inside = 0;               ///< jobs that were let in and have not ended; counted up to 10,000
  std::uint64_t waiting = 0;              ///< jobs that wait, for room or for their time; counted up to 10,000
  std::vector<JobId> jobs{};              ///< at most 10 of those inside
  std::optional<TimePoint> opens_at{};    ///< none is let in before; empty: nothing of the kind
  bool held = false;                      ///< none is let in until Admin::open_key: AfterError::hold, or shut by hand
};

/// The key of a job; empty: none. It travels with the job as the header "sqlq-key".
[[nodiscard]] SQLQ_API std::string_view key_of(const Job& job) noexcept;

}  // namespace sqlq
