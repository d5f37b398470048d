#pragma once
/// \file
/// The records of a run put in order: for each job its executions and its row; for each process when it could not run.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "run.hpp"

namespace sqlq::faults {

using Moment = std::int64_t;  ///< microseconds on the monotonic clock
inline constexpr Moment never = std::numeric_limits<Moment>::max();

/// What became of one claim, as far as its owner wrote it down.
struct Execution {
  std::int32_t claim = 0;
  std::int32_t pid = 0;
  std::int32_t attempt = 0;
  std::int64_t token = 0;
  std::uint32_t queue = 0;
  std::int64_t given_us = 0;      ///< on the database's clock; 0: not known
  std::optional<Moment> given{};  ///< the same on ours, where that clock is known
  std::optional<Moment> claimed{};
  std::optional<Moment> start{};
  std::optional<Moment> end{};
  std::optional<Moment> finishing{};
  std::optional<Moment> finished{};
  Code end_code = Code::none;
  Code finish_code = Code::none;
  bool poison = false;
  std::uint64_t result = 0;

  /// The first sign of it; a claim is before its start.
  [[nodiscard]] Moment begin() const { return claimed ? *claimed : start.value_or(never); }
};

/// One job.
struct Story {
  std::optional<Moment> asked{};
  std::optional<Moment> acknowledged{};
  bool refused = false;
  bool in_transaction = false;
  std::uint64_t key = 0;
  std::map<std::int32_t, Execution> executions{};  ///< by claim
  std::vector<Execution> again{};                  ///< beginnings of a claim that had begun elsewhere
  std::vector<std::pair<Moment, Moment>> not_before{};  ///< when it was said, and what
  const Row* row = nullptr;

  [[nodiscard]] const Execution* execution(std::int32_t claim) const;
  /// The last line about the claim.
  [[nodiscard]] const Line* line(std::int32_t claim) const;
};

struct Interval {
  Moment from = 0;
  Moment to = 0;
};

struct History {
  explicit History(const Run& run);

  /// A moment of the database's clock on ours; empty where that clock, or the moment, is not known.
  [[nodiscard]] std::optional<Moment> by_database(std::int64_t us) const {
    return clock_ahead_us_ && us != 0 ? std::optional(us - *clock_ahead_us_) : std::nullopt;
  }
  /// When the process was dead, at the latest; `never` for one that lives.
  [[nodiscard]] Moment death(std::int32_t pid) const;
  /// When the execution was over: the end of its handler or of its process.
  [[nodiscard]] Moment over(const Execution& execution) const;

  std::map<Id, Story> jobs{};
  std::vector<Id> rows_twice{};
  std::map<std::int32_t, Moment> deaths{};
  std::map<std::int32_t, std::vector<Interval>> gaps{};        ///< between pulses, by process; 0: the database
  std::map<std::int32_t, std::vector<Moment>> beginnings{};    ///< by process
  std::vector<Record> held{};                                  ///< what was seen in the database
  std::map<std::pair<Id, std::uint32_t>, std::vector<Record>> steps{};  ///< by job and step_number
  std::map<std::pair<Id, std::uint32_t>, std::vector<Record>> signals{};  ///< the same
  Moment last = 0;                                             ///< the last record's

 private:
  void note(const Record& r);
  void note_execution(Story& job, const Record& r);

  std::optional<std::int64_t> clock_ahead_us_;
};

}  // namespace sqlq::faults
