#pragma once
/// \file
/// A sweep of which one job may be refused for good.

#include <span>
#include <string>
#include <vector>

#include <sqlq/client.hpp>
#include <sqlq/error.hpp>

#include "core/isolate.hpp"

namespace sqlq::sql {

/// `reap(only)` takes back jobs whose lease has ended: all, or of the jobs given those. `ended()` lists them. When the
/// sweep of all is refused, those that are refused alone are named in the answer and the others are taken back.
template <class Reap, class Ended>
[[nodiscard]] ReapReport reap_apart(Reap&& reap, Ended&& ended) {
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
  for (const core::Offender& o : offenders) all.refused.push_back(jobs[o.index]);
  return all;
}

}  // namespace sqlq::sql
