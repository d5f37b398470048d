#pragma once
/// \file
/// Which jobs: the one filter of lists, of what is done to many jobs at once (bulk.hpp) and of transfers
/// (transfer.hpp).

#include <optional>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// A job is meant when it fits every field that is given. In a field with several values it needs to fit one of them.
/// Empty fields do not restrict: an empty filter means all jobs.
///
///     {.queues = {"mail", "sms"}, .states = {JobState::errored}, .error = "timed out"}
///
/// Thread-safety: a plain value. Errors: whoever takes a filter throws Error(invalid_argument) for names, keys and
/// states that no job can have, and for more than 10,000 ids or 1,000 names.
struct JobFilter {
  std::vector<JobId> ids{};           ///< these jobs; empty: all
  std::vector<std::string> queues{};  ///< compared byte by byte, as all names
  std::vector<std::string> kinds{};   ///< the same; empty: all
  /// Jobs in JobState::waiting are in no index of a database. A list with this state named finds them all, slowly; one
  /// without states that has other fields may pass over them.
  std::vector<JobState> states{};
  std::string unique_key{};           ///< the whole key; finished jobs keep theirs
  OptionalTime created_from{};        ///< not before this time, which is `now - age` for "younger than"
  OptionalTime created_before{};      ///< before this time: "older than"
  /// The message of the last line of the history contains this text: 1 to 1,024 bytes of UTF-8, byte by byte, no
  /// wildcards. Jobs without a history do not.
  std::string error{};
  std::optional<int> lowest_priority{};   ///< Job::priority is this or a greater number
  std::optional<int> highest_priority{};  ///< Job::priority is this or a smaller number
};

}  // namespace sqlq
