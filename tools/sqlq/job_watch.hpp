#pragma once
/// \file
/// What happens to jobs, as far as one who looks now and then can say: `job tail` without the database.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

#include "context.hpp"

namespace sqlq::tool {

/// Something that happened to a job between two looks. What was undone or followed by more before the second look is
/// not seen.
struct Happening {
  std::string_view what{};  ///< "enqueued", "gone", or the state that the job came to
  TimePoint at{};           ///< when, as the job says; of "gone": of the last look at which it was there
  Job job{};
};

/// Compares looks. One thread.
class Follower {
 public:
  /// Remembers about `most` jobs; the ones with the lowest ids are forgotten first.
  explicit Follower(std::size_t most = 20'000) : most_(most) {}

  /// The first look: these jobs are known, nothing happened. Jobs above the lowest of `newest` that come later are new.
  /// `now`: what happened to other jobs before this time is not told.
  void begin(const std::vector<Job>& newest, const std::vector<Job>& others, TimePoint now);
  /// A look: what happened since the one before, in order of time. A job may be given twice.
  [[nodiscard]] std::vector<Happening> see(const std::vector<Job>& jobs);
  /// Those of `asked` that `found` lacks are gone.
  [[nodiscard]] std::vector<Happening> miss(const std::vector<JobId>& asked, const std::vector<Job>& found);
  /// Up to `most` of the jobs that have not finished, the newest.
  [[nodiscard]] std::vector<JobId> live(std::size_t most) const;
  [[nodiscard]] bool knows(JobId id) const { return known_.contains(id); }

 private:
  void remember(const Job& job);
  std::map<JobId, Job> known_{};  ///< without payloads
  std::set<JobId> live_{};
  JobId floor_{};
  TimePoint since_{};
  std::size_t most_;
};

/// When the job came to the state that it is in.
[[nodiscard]] TimePoint time_of_state(const Job& job);

/// Waits; false when `stop` was tripped.
bool pause_for(Duration time, sqlq::stop_token stop);

/// `job wait` and `job tail`.
void add_job_watching(CLI::App& job, Context& context);

}  // namespace sqlq::tool
