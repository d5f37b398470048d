#pragma once
/// \file
/// Judges a run by the promises of the library: a pure function over what is known of it (run.hpp).

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "run.hpp"

namespace sqlq::faults {

enum class Rule {
  lost,       ///< acknowledged, but not there, or not brought to an end
  phantom,    ///< there or executed, though nobody asked for it, or it was refused
  duplicate,  ///< an execution beyond the first without a cause that is both recorded and proved
  overlap,    ///< two executions at once, though the first one's lease did not end
  fencing,    ///< the stored outcome is not that of the last lease, or two outcomes were accepted
  attempts,   ///< not counted at the claim, one by one, up to max_attempts
  limit,      ///< more jobs of a queue held than its concurrency
  key,        ///< more jobs of a key held than its limit
  rate,       ///< more starts of a key in a period than its rate
  unique,     ///< two live jobs with one unique key
  order,      ///< a strict queue's jobs started in another order than they were enqueued
  early,      ///< started before it was due
  rescue,     ///< a dead worker's job started again too late
  recovery,   ///< a worker found no work too long after the database was back
  poison,     ///< a job that kills its worker was not stopped after exactly max_crashes, or one that does not, was
  atomic,     ///< a job without its user's row, or a row without its job
  result,     ///< the stored result or a line of the log comes from somebody else than it says
  counters,   ///< a number kept in the database is not what a recount says
  tick,       ///< a tick of a schedule fired twice, or its ticks do not add up
  step,       ///< a step recorded twice, or by somebody who had lost the lease, or answered what is not recorded
  signal,     ///< a signal that was stored and not received, or received and not sent, or a wait with two answers
  balance,    ///< enqueued jobs and jobs in the database do not add up
};
/// "VL1 lost" and so on: the id of the plan and a word.
[[nodiscard]] std::string_view to_string(Rule rule) noexcept;

struct Violation {
  Rule rule{};
  std::string text{};
};

/// Why executions were repeated.
enum class Why { failed, owner_killed, paused, outage, cut, starved, unproved, released, snoozed, requeued };
[[nodiscard]] std::string_view to_string(Why why) noexcept;
[[nodiscard]] std::string_view to_string(Fault::Kind kind) noexcept;

struct Figures {
  std::size_t asked = 0;
  std::size_t acknowledged = 0;
  std::size_t refused = 0;
  std::size_t unknown = 0;          ///< neither: the producer was killed, or the answer got lost
  std::size_t unknown_present = 0;  ///< of these, those that are there (VL3)
  std::size_t executions = 0;
  std::size_t executed_jobs = 0;
  std::size_t executed_once = 0;
  std::map<Why, std::size_t> ended{};  ///< claims that were not the last, by why they ended
  std::size_t leases_ended = 0;
  std::size_t not_started = 0;   ///< claimed by a process that was killed before the handler began
  std::size_t not_written = 0;   ///< the handler had ended, its outcome was not stored
  std::size_t overlaps = 0;      ///< executions of one job at once, allowed ones too
  std::size_t late_refused = 0;  ///< outcomes of lost leases that were refused
  std::size_t zombies = 0;       ///< executions that went on after a pause in which their lease had ended...
  std::size_t zombies_refused = 0;  ///< ... and came to their end, which changed nothing
  std::set<std::int64_t> zombie_pauses{};  ///< when the pauses began after which there was at least one
  std::size_t log_lines = 0;
  std::size_t ticks = 0;         ///< jobs that schedules have enqueued
  std::int64_t ticks_skipped = 0;
  std::int64_t ticks_missed = 0;
  std::size_t steps = 0;         ///< durable steps that have run and answered...
  std::size_t steps_again = 0;   ///< ... and answers from what was recorded
  std::size_t signals = 0;       ///< that were sent and are stored...
  std::size_t received = 0;      ///< ... and received: answers of waits, repeated ones too
  std::size_t expired = 0;       ///< answers of waits whose time was over
  std::size_t keys = 0;          ///< for limits by key
  int most_of_key = 0;           ///< at one instant, certainly, of one key
  std::size_t most_starts = 0;   ///< of one key in any period of its rate
  std::size_t inversions = 0;    ///< starts while a job of better priority had been due for more than a second (VO2)
  std::map<std::uint32_t, int> most_held{};   ///< at one instant, certainly, by limited queue (VC1)
  std::map<std::uint32_t, int> most_alive{};  ///< the same with executions whose lease had ended (VC2)
  std::map<Fault::Kind, std::size_t> faults{};
  std::vector<std::int64_t> rescues_us{};
  std::vector<std::int64_t> recoveries_us{};
};

struct Verdict {
  std::vector<Violation> violations{};
  Figures figures{};

  [[nodiscard]] bool clean() const noexcept { return violations.empty(); }
  [[nodiscard]] bool broke(Rule rule) const noexcept;
};

[[nodiscard]] Verdict check(const Run& run);

/// The figures in a few lines, and of each rule that was broken the first violations.
[[nodiscard]] std::string to_string(const Verdict& verdict, const Settings& settings);

}  // namespace sqlq::faults
