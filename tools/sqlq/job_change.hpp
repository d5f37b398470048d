#pragma once
/// \file
/// What the commands that change jobs are made of, without a command line.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/bulk.hpp>

#include "exit_code.hpp"

namespace sqlq::tool {

/// The answer for one job.
struct Answer {
  enum class Sort { done, conflict, not_found };
  Sort sort = Sort::done;
  std::string word{};  ///< "requeued", "not_found", ...: stable, for programs
  std::string why{};   ///< of a refusal of the database
};

[[nodiscard]] Answer answer(RequeueStatus status);
[[nodiscard]] Answer answer(CancelStatus status);
[[nodiscard]] Answer answer(ActionStatus status);
/// Of one job that was changed through Bulk.
[[nodiscard]] Answer answer(const BulkReport& report);

/// A way to change jobs.
struct Change {
  std::string verb{};                ///< "retry": the command, and the word in messages
  std::vector<JobState> states{};    ///< a filter without --state means jobs in these
  std::vector<JobState> possible{};  ///< in which one job can be changed: for --dry-run
  std::function<Answer(JobId)> one{};
  std::function<BulkReport(const JobFilter&, const BulkOptions&)> many{};
  std::string words{};  ///< options of its own, for "go on with" messages
};

/// Of all answers.
[[nodiscard]] Tally tally_of(const std::vector<Answer>& answers);
/// partly_done when it was stopped, or something fitted and was not changed.
[[nodiscard]] ExitCode code_of(const BulkReport& report);

/// As Bulk::apply, for Admin::take_away.
BulkReport take_away_all(const Admin& admin, const JobFilter& filter, AfterTaking then, const BulkOptions& options);

/// "1 job", "2,400 jobs", "10,000+ jobs".
[[nodiscard]] std::string jobs_text(const CappedCount& count);
/// "1,200 of 10,000+ jobs, 2,400/s, 4s left"; the time only when all jobs were counted.
[[nodiscard]] std::string progress_text(const BulkReport& report, const CappedCount& all, Duration since_start);
/// "retried 3 jobs; 2 were in no state for it", for people.
[[nodiscard]] std::string summary(const std::string& verb, const BulkReport& report);

}  // namespace sqlq::tool
