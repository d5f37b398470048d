#pragma once
/// \file
/// Whole pages of lists, out of steps that read a bounded number of jobs each.

#include <algorithm>
#include <iterator>
#include <vector>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::core {

/// A page that is full unless it is the last.
inline std::vector<Job> whole_page(backend::Dialect& dialect, const JobFilter& filter, Page page) {
  std::vector<Job> jobs;
  for (;;) {
    JobPage step = dialect.list(filter, page);
    page.limit -= step.jobs.size();
    std::ranges::move(step.jobs, std::back_inserter(jobs));
    if (!step.next || page.limit == 0) return jobs;
    page.before = step.next;
  }
}

}  // namespace sqlq::core
