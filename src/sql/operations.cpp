#include "sql/operations.hpp"

namespace sqlq::sql {

// Leases that this transaction has ended, and no earlier one.
std::optional<Vacated> Claim::vacated() const {
  if (ends.empty()) return std::nullopt;
  Vacated queues;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ended[i] == FinishStatus::applied || ended[i] == FinishStatus::cancelled) ++queues[ends[i].queue];
  }
  return queues;
}

}  // namespace sqlq::sql
