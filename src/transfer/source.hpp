#pragma once
/// \file
/// The jobs of a database that are to be moved, a bounded part at a time, in the order of their ids.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/filter.hpp>

namespace sqlq::transfer {

/// The part of a backend. Error(configuration) when it has none.
[[nodiscard]] backend::Transfer& part_of(const Database& db);

/// Calls `use` with each queue that the filter means, in order of name.
void each_queue(const Database& db, const JobFilter& filter, const std::function<void(const Queue&)>& use);

/// One thread at a time. The filter and the database must outlive it.
class Source {
 public:
  /// Begins above `after`. Error(invalid_argument) for a filter that means nothing.
  Source(const Database& db, const JobFilter& filter, std::optional<JobId> after);

  /// Reads the next jobs; false when there are none. It may be true for none that fit.
  bool next();
  /// Those of them that fit and are not held.
  [[nodiscard]] std::span<backend::StoredJob> jobs() noexcept { return jobs_; }
  /// How many of them fit and are held.
  [[nodiscard]] std::uint64_t held() const noexcept { return held_; }
  /// All up to it were looked at.
  [[nodiscard]] JobId last() const noexcept { return last_; }

 private:
  bool find_ids();

  backend::Transfer& from_;
  const JobFilter& filter_;
  std::vector<JobId> wanted_;  // the filter's, sorted
  std::vector<JobId> ids_{};   // found, and from read_ on not read yet
  std::size_t read_ = 0;
  JobId last_;
  std::vector<backend::StoredJob> jobs_{};
  std::uint64_t held_ = 0;
};

}  // namespace sqlq::transfer
