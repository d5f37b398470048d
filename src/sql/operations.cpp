#include "sql/operations.hpp"

#include "sql/reading.hpp"

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

void Operations::line_in(Work& work, std::span<const JobId> ids) {
  work.session().execute(queries()["gate_in"], {{"ids", std::string_view(json_array(ids))}});
}

}  // namespace sqlq::sql
