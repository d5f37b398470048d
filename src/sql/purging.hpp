#pragma once
/// \file
/// Deletes jobs of which the database keeps some, because something of the user's refers to them.

#include <cstddef>
#include <span>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/error.hpp>

namespace sqlq::sql {

/// `erase` deletes all of these jobs, and says how many it found, or throws Error(refused) when one is kept; `postpone`
/// takes a job that is kept out of the way of the next purge, and answers its id. Finds each of those that are kept by
/// halves, and gives up after some hundred refusals: the next purge goes on without those found so far.
template <class Job, class Erase, class Postpone>
PurgeReport purge_apart(std::span<const Job> jobs, const Erase& erase, const Postpone& postpone) {
  constexpr int most_refusals = 200;
  PurgeReport report;
  std::vector<std::span<const Job>> left{jobs};
  for (int refusals = 0; !left.empty() && refusals < most_refusals;) {
    const std::span<const Job> some = left.back();
    left.pop_back();
    if (some.empty()) continue;
    try {
      report.deleted += erase(some);
      continue;
    } catch (const Error& e) {
      if (e.code() != Errc::refused) throw;
    }
    ++refusals;
    if (some.size() == 1) {
      report.kept.push_back(postpone(some.front()));
    } else {
      left.push_back(some.subspan(some.size() / 2));
      left.push_back(some.first(some.size() / 2));
    }
  }
  return report;
}

}  // namespace sqlq::sql
