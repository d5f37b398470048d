#pragma once
/// \file
/// Jobs that were not inserted because something was in the way: what it is.

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <sqlq/error.hpp>

#include "arrays.hpp"
#include "queries.hpp"
#include "sql/work.hpp"

namespace sqlq::postgres {

/// Items of one insert that were passed over.
class PassedOver {
 public:
  /// `item`: its number for the caller. `key`: the unique key that it wants to hold.
  void add(std::size_t item, JobId id, std::optional<std::string_view> key);
  /// Calls `found(item, holder)` for each with the job that has its id or else holds its key. Returns those that nobody
  /// is in the way of: the holder has gone away meanwhile, or an index of somebody else's refuses the item.
  [[nodiscard]] std::vector<std::size_t> find_holders(const sql::Work& work, const Queries& q,
                                                      const std::function<void(std::size_t, JobId)>& found) const;

 private:
  std::vector<std::size_t> items_;
  Array ids_{Of::uuid};
  Array keys_{Of::text};
};

/// How often an insert is tried again that passes over jobs which nobody is in the way of. Holders do not go away just
/// between two statements so many times in a row.
inline constexpr int most_inserts = 20;

/// Errc::refused: they were passed over each time.
[[nodiscard]] Error refused_by_foreign_index(const sql::Statement& statement);

}  // namespace sqlq::postgres
