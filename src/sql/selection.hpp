#pragma once
/// \file
/// Claims of some of the jobs that could be claimed: for when the database refuses to start one of them
/// (claim_apart.hpp). Slower than a usual claim, and never on its path.

#include <algorithm>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

#include "sql/apportion.hpp"

namespace sqlq::sql {

/// Which of the jobs a claim may take.
struct Selection {
  std::span<const JobId> except{};
  std::span<const JobId> only{};  ///< empty: nothing is started, the answer says by their ids which jobs could be

  [[nodiscard]] bool starts() const noexcept { return !only.empty(); }
  /// How many jobs of each lane to look at for a claim of `limit`.
  [[nodiscard]] std::int64_t depth(std::size_t limit) const noexcept {
    return static_cast<std::int64_t>(limit + except.size());
  }
};

/// One of the first jobs of a lane, pending or due.
struct Head {
  Place place{};
  JobId id{};
};

/// Those of the selection that a claim takes, in claim order. Of `heads` that are of none of the lanes it takes none.
[[nodiscard]] SQLQ_API std::vector<Head> choose(const std::vector<Lane>& lanes, std::span<const Head> heads,
                                                const Selection& selection, const backend::ClaimRequest& request);

/// The answer of a claim that starts nothing.
[[nodiscard]] SQLQ_API std::vector<Job> only_ids(std::span<const Head> heads);
[[nodiscard]] SQLQ_API std::vector<std::int64_t> seqs_of(std::span<const Head> heads);

}  // namespace sqlq::sql
