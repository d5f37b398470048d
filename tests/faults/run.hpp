#pragma once
/// \file
/// All that is known of a run when it is over: the evidence that check.hpp judges. Plain values, so that a test can
/// write a history by hand.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "record.hpp"

namespace sqlq::faults {

/// The numbers that databases store (sqlq/job.hpp); written down here a second time, so that a change there is noticed.
enum class State { pending = 1, running = 2, success = 3, errored = 4, cancelling = 5, cancelled = 6, scheduled = 7 };
enum class Reason { failed = 1, discarded, timed_out, lease_ended, released, snoozed, cancelled, requeued,
                    taken_away, outage };

[[nodiscard]] constexpr bool is_finished(State s) {
  return s == State::success || s == State::errored || s == State::cancelled;
}

/// A line of a job's history.
struct Line {
  std::int32_t claim = 0;
  std::int32_t attempt = 0;
  Reason reason{};
  std::int32_t pid = 0;    ///< of the worker; 0: not known
  std::int64_t at_us = 0;  ///< on the database's clock; 0: not known
};

/// Whether it says that a lease ended without a word from its worker; of an outage the worker has told afterwards.
[[nodiscard]] constexpr bool says_lease_ended(const Line& line) {
  return line.reason == Reason::lease_ended || line.reason == Reason::outage;
}

/// A line of a job's log whose text ends with the number of the claim that wrote it.
struct SignedText {
  std::int32_t claim = 0;   ///< whose line it is, as the database says
  std::int32_t writer = 0;  ///< whose line it is, as the text says
};

/// The tick of a schedule that enqueued a job.
struct Tick {
  std::string schedule{};
  std::int64_t at_us = 0;  ///< on the wall clock
};

/// The numbers that databases store (sqlq/steps.hpp), of those rows that the checker looks at.
enum class StepIs { result = 1, signal = 4, expired = 5 };

/// What is recorded of a job: by a durable step, by a signal, or by a wait whose time was over.
struct Recorded {
  std::uint32_t step = 0;   ///< step_number of its name and number
  std::uint64_t value = 0;  ///< its hash
  StepIs is = StepIs::result;
  std::int32_t claim = 0;   ///< that recorded it; 0: a sender
};

/// A job as the database has it.
struct Row {
  Id id{};
  State state{};
  std::uint32_t queue = 0;
  int priority = 10;
  std::int32_t attempt = 0;
  std::int32_t max_attempts = 25;
  std::int32_t crashes = 0;
  std::int32_t max_crashes = 3;
  std::int32_t claims = 0;
  std::int64_t token = 0;
  std::uint64_t unique_key = 0;  ///< its hash; 0: none
  std::uint64_t result = 0;      ///< its hash; 0: none
  std::uint64_t key = 0;         ///< the hash of its key, for limits by key; 0: none
  std::vector<Line> history{};   ///< oldest first
  std::vector<SignedText> log{};
  std::optional<Tick> tick{};
  std::vector<Recorded> steps{};  ///< in the order in which they were recorded
};

/// A schedule with a fixed interval, as the library tells of it when it fires no more.
struct Series {
  std::string name{};
  std::int64_t first_us = 0;  ///< its first tick
  std::int64_t every_us = 0;
  std::optional<std::int64_t> last_us{};  ///< the last tick that it fired or skipped
  std::int64_t fired = 0;
  std::int64_t skipped = 0;
  std::int64_t missed = 0;
  bool each = false;  ///< its policies pass over no tick
};

/// Something that was done to the run on purpose, on the monotonic clock.
struct Fault {
  enum class Kind {
    killed,  ///< the process, from the last moment it may have been alive
    paused,  ///< the process was stopped
    silent,  ///< its line was: nothing came through, and nobody was told
    outage,  ///< nobody reached the database
    cut,     ///< a connection of the process was cut; what was under way on it may be done or not
  };
  Kind kind{};
  std::int32_t pid = 0;
  std::int64_t from_us = 0;
  std::int64_t to_us = 0;
};

/// A number that the database keeps and what a recount says.
struct Counter {
  std::string name{};
  std::int64_t kept = 0;
  std::int64_t recounted = 0;
};

/// The limits of a key.
struct KeyRules {
  int at_once = 0;            ///< jobs that are held; 0: no limit
  std::size_t starts = 0;     ///< in any period as long as per_us; 0: no limit
  std::int64_t per_us = 0;
  bool in_order = false;      ///< no job starts before an older one has started for the last time; ids are in order
};

struct Settings {
  bool drained = true;  ///< the run went on until nothing was left to do
  std::int64_t lease_us = 1'000'000;
  /// From the death of an owner to the moment its job may be claimed again: lease + sweep + poll + what the machine may
  /// take. Where the database's clock is not known, to the next start, unless the queue has a limit: there it may have
  /// to wait for a slot.
  std::int64_t rescue_us = 4'000'000;
  std::int64_t recovery_us = 10'000'000;
  bool dead_are_known = false;  ///< processes of one host know who of them has died, and wait for no lease of his
  std::map<std::uint32_t, int> limits{};  ///< by queue number
  std::set<std::uint32_t> strict{};       ///< queues whose jobs must start in the order they were enqueued
  std::map<std::uint64_t, KeyRules> keys{};  ///< by the hash of the key
  /// Leases that may end without a proof that their owner could not renew them, in percent of those that ended: a
  /// machine can be too slow in other ways than the pulse shows.
  int unproved_percent = 0;
};

struct Run {
  std::vector<Record> records{};  ///< in order of time
  std::vector<Row> rows{};
  std::vector<Fault> faults{};
  Settings settings{};
  std::vector<Counter> counters{};
  std::vector<Series> series{};
  /// What the database's clock shows more than the monotonic one, where it is the same host's.
  std::optional<std::int64_t> clock_ahead_us{};
  std::optional<std::set<Id>> user_rows{};  ///< ids in the user's own table, written in the jobs' transactions
};

}  // namespace sqlq::faults
