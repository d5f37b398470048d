#pragma once
/// \file
/// A sweep of which one job may be refused for good.

#include <span>
#include <string>
#include <vector>

#include <sqlq/client.hpp>
#include <sqlq/error.hpp>

#include "core/isolate.hpp"
#include "sql/claim_apart.hpp"

namespace sqlq::sql {

/// `reap(only)` takes back jobs whose lease has ended: all, or of the jobs given those. `ended()` lists them. When the
/// sweep of all is refused, the others are taken back, and those that are refused alone are ended as errored
/// (`give_up`, as in claim_apart.hpp) or named in the answer. Where several are refused and no other is taken back, the
/// trouble is hardly theirs: none is ended.
template <class Reap, class Ended, class GiveUp>
[[nodiscard]] ReapReport reap_apart(Reap&& reap, Ended&& ended, GiveUp&& give_up) {
  try {
    return reap(std::span<const JobId>());
  } catch (const Error& e) {
    if (!core::may_be_of_one(e)) throw;
  }
  ReapReport all;
  const auto add = [](std::vector<JobId>& to, const std::vector<JobId>& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  const std::vector<JobId> jobs = ended();
  const auto offenders = core::isolate(std::span(jobs), [&](std::span<const JobId> only) {
    const ReapReport part = reap(only);
    add(all.returned, part.returned);
    add(all.errored, part.errored);
    add(all.cancelled, part.cancelled);
  });
  const bool theirs = all.total() > 0 || offenders.size() == 1;
  for (const core::Offender& o : offenders) {
    const JobId id = jobs[o.index];
    const bool done = theirs && ended_as_errored(id, "the database refused to take the job back after its lease ended",
                                                 o.error.what(), give_up);
    (done ? all.errored : all.refused).push_back(id);
  }
  return all;
}

}  // namespace sqlq::sql
