#pragma once
/// \file
/// A claim of which one job may be refused for good (docs/decisions/0033): found, ended or passed over, and the others
/// are started at once.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "core/isolate.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"
#include "platform/random.hpp"
#include "sql/selection.hpp"

namespace sqlq::sql {

/// Jobs that can neither be started nor ended: this process passes them over for a while, then tries them again.
/// Thread-safe.
class SetAside {
 public:
  static constexpr Duration time = std::chrono::minutes(1);
  static constexpr std::size_t most = 1000;

  /// Those whose time has not passed.
  [[nodiscard]] std::vector<JobId> at(SteadyPoint now) {
    if (!any_) return {};
    const core::MutexLock lock(mutex_);
    std::erase_if(until_, [&](const auto& job) { return job.second <= now; });
    any_ = !until_.empty();
    std::vector<JobId> jobs;
    for (const auto& [id, until] : until_) jobs.push_back(id);
    return jobs;
  }
  void add(JobId id, SteadyPoint now) {
    const core::MutexLock lock(mutex_);
    if (until_.size() < most) until_[id] = saturating_add(now, time);
    any_ = true;
  }

 private:
  std::atomic<bool> any_{false};
  core::Mutex mutex_;
  std::map<JobId, SteadyPoint> until_ SQLQ_GUARDED_BY(mutex_);
};

/// Ends a job as errored with a message that can be stored: `give_up(id, why)` says whether there was such a job.
/// False: refused, or not known.
template <class GiveUp>
[[nodiscard]] bool ended_as_errored(JobId id, const std::string& what, const std::string& why, const GiveUp& give_up) {
  constexpr std::size_t longest = 2000;
  for (const std::string& message : {core::ascii_text(what + ": " + why, longest), what}) {
    try {
      return give_up(id, message);
    } catch (const Error& e) {
      if (!core::may_be_of_one(e)) return false;
    }
  }
  return false;
}

/// `some(request, selection)` claims of the selection. The jobs are found by halves, in rounds: small ones until one
/// could be started, for when all are refused the trouble is not one job's.
template <class Some, class GiveUp>
class ClaimApart {
 public:
  ClaimApart(const backend::ClaimRequest& request, SetAside& aside, SteadyPoint now, const Some& some,
             const GiveUp& give_up)
      : request_(request), aside_(aside), now_(now), some_(some), give_up_(give_up), except_(aside.at(now)),
        passed_over_(except_.size()) {}

  backend::ClaimResult run() {
    std::optional<Error> trouble;
    try {
      for (int fruitless = 0; fruitless < most_fruitless && round(); ++fruitless) {
        if (std::exchange(moved_, false)) fruitless = -1;
      }
    } catch (const Error& e) {
      trouble = e;  // the jobs that were started are held, and the next claim meets the trouble again
    }
    settle();
    if (result_.jobs.empty() && trouble) throw Error(*trouble);
    if (result_.jobs.empty() && offenders_.size() >= most_in_vain) throw Error(offenders_.back().error);
    return std::move(result_);
  }

 private:
  static constexpr int most_fruitless = 3;  // rounds whose jobs others have taken
  static constexpr std::size_t most_in_vain = 32;
  static constexpr std::size_t most_at_once = 1000;
  static constexpr std::size_t most_offenders = 200;

  struct Found {
    JobId id{};
    Error error;
  };

  [[nodiscard]] backend::ClaimRequest rest() const {
    backend::ClaimRequest part = request_;
    part.limit = std::min(request_.limit - result_.jobs.size(), result_.jobs.empty() ? most_in_vain : most_at_once);
    const auto taken = std::ranges::count_if(result_.jobs, [](const Job& job) { return is_suspect(job); });
    part.suspects -= std::min(part.suspects, static_cast<std::size_t>(taken));
    part.token = platform::random_token();  // each transaction has its own
    if (request_.token < LeaseToken{}) part.token.value = -part.token.value;
    return part;
  }

  /// Says whether another one may be worth it.
  bool round() {
    if (result_.jobs.size() >= request_.limit || offenders_.size() >= most_offenders) return false;
    if (result_.jobs.empty() && offenders_.size() >= most_in_vain) return false;
    const backend::ClaimResult next = some_(rest(), Selection{.except = except_});
    if (next.next_due && (!result_.next_due || *next.next_due < *result_.next_due)) result_.next_due = next.next_due;
    result_.limited = result_.limited || next.limited;
    result_.suspects = result_.suspects || next.suspects;
    std::vector<JobId> ids;
    for (const Job& job : next.jobs) ids.push_back(job.id);
    if (ids.empty()) return false;
    const auto found = core::isolate(
        std::span<const JobId>(ids), [&](std::span<const JobId> only) { start(only); }, !result_.jobs.empty());
    for (const core::Offender& o : found) {
      except_.push_back(ids[o.index]);
      offenders_.push_back({ids[o.index], o.error});
      moved_ = true;
    }
    return true;
  }

  void start(std::span<const JobId> only) {
    backend::ClaimResult part = some_(rest(), Selection{.except = except_, .only = only});
    moved_ = moved_ || !part.jobs.empty();
    result_.of_limited += part.of_limited;
    std::ranges::move(part.jobs, std::back_inserter(result_.jobs));
  }

  void settle() {
    const bool theirs = !result_.jobs.empty() || offenders_.size() + passed_over_ <= 1;
    for (const Found& found : offenders_) {
      const bool ended =
          theirs && ended_as_errored(found.id, "the database refused to start the job", found.error.what(), give_up_);
      if (!ended) aside_.add(found.id, now_);
      result_.refused.push_back({.id = found.id, .ended = ended, .why = found.error.what()});
    }
  }

  const backend::ClaimRequest& request_;
  SetAside& aside_;
  const SteadyPoint now_;
  const Some& some_;
  const GiveUp& give_up_;
  std::vector<JobId> except_;
  const std::size_t passed_over_;
  std::vector<Found> offenders_{};
  backend::ClaimResult result_{};
  bool moved_ = false;  // something was started or found out
};

/// `plain()` is the claim as it usually is. Costs nothing unless it is refused, and then until no job is set aside.
template <class Plain, class Some, class GiveUp>
[[nodiscard]] backend::ClaimResult claim_apart(const backend::ClaimRequest& request, SetAside& aside, SteadyPoint now,
                                               const Plain& plain, const Some& some, const GiveUp& give_up) {
  if (aside.at(now).empty()) {
    try {
      return plain();
    } catch (const Error& e) {
      if (!core::may_be_of_one(e)) throw;
    }
  }
  return ClaimApart(request, aside, now, some, give_up).run();
}

}  // namespace sqlq::sql
