#pragma once
/// \file
/// What `top` shows, and how it is read: a bounded number of short statements each time.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <sqlq/admin.hpp>

namespace sqlq::tool {

/// Jobs a second since the look before. Empty: not known.
struct Rate {
  std::optional<double> in{};
  bool in_or_more = false;       ///< more jobs came than are looked at
  std::optional<double> out{};   ///< jobs that ended
};

/// Rates from two looks: jobs that came are counted by their ids, and the jobs that ended are those that came less what
/// the number of live jobs grew by, which deletions of finished jobs do not disturb. So `out` is known only while no
/// number that it is made of is capped; and not when an operator's requeue made it negative.
class Rates {
 public:
  /// `came`: new jobs by queue since the last call; `more`: and others. The first call knows nothing.
  std::map<std::string, Rate> step(SteadyPoint at, const std::vector<QueueStats>& queues,
                                   const std::map<std::string, std::uint64_t>& came, bool more);

 private:
  std::optional<SteadyPoint> before_{};
  std::map<std::string, std::optional<std::uint64_t>> live_{};
};

struct TopQueue {
  std::string name{};
  bool paused = false;
  std::optional<std::uint32_t> limit{};
  CappedCount pending{};
  CappedCount scheduled{};  ///< and waiting
  CappedCount running{};    ///< and cancelling
  CappedCount failed{};     ///< errored
  std::optional<Duration> oldest{};  ///< how long the job that waits longest could have run
  Rate rate{};
};

struct TopJob {
  Job job{};
  std::string error{};  ///< the first line of the last line of its history
};

struct TopData {
  TimePoint at{};
  std::string where{};
  std::vector<TopQueue> queues{};
  bool workers_known = false;
  std::vector<WorkerInfo> workers{};
  std::vector<TopJob> failed{};     ///< ended last first, of the newest ones
  std::vector<TopJob> running{};
  std::vector<TopJob> scheduled{};
};

/// Which lists of jobs are wanted: each costs some statements.
struct TopWish {
  std::uint64_t cap = 1000;   ///< up to which jobs are counted
  std::size_t failed = 0;     ///< how many of them; a statement more where one was not shown before
  std::size_t running = 0;
  std::size_t scheduled = 0;
};

/// One thread. Errors: those of Admin.
class TopReader {
 public:
  explicit TopReader(Database db) : db_(std::move(db)), admin_(db_) {}
  [[nodiscard]] TopData read(const TopWish& wish);

 private:
  std::map<std::string, std::uint64_t> new_jobs(bool& more);
  std::vector<TopJob> jobs(const std::vector<JobState>& states, std::size_t limit);
  /// Sets their errors: one query for all that were not shown before.
  void add_errors(std::vector<TopJob>& jobs);

  Database db_;
  Admin admin_;
  Rates rates_{};
  bool looked_ = false;
  JobId lowest_seen_{};
  std::unordered_set<JobId> seen_{};
  std::map<std::pair<JobId, std::int64_t>, std::string> errors_{};  ///< by id and claim
};

/// "3 of 10,000+" and the like are made from sums like this.
[[nodiscard]] CappedCount sum(const CappedCount& a, const CappedCount& b);

}  // namespace sqlq::tool
