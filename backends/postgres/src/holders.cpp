#include "holders.hpp"

#include "sql/job_row.hpp"

namespace sqlq::postgres {

void PassedOver::add(std::size_t item, JobId id, std::optional<std::string_view> key) {
  items_.push_back(item);
  ids_.add(id);
  keys_.add(key);
}

std::vector<std::size_t> PassedOver::find_holders(const sql::Work& work, const Queries& q,
                                                  const std::function<void(std::size_t, JobId)>& found) const {
  std::vector<std::size_t> left;
  if (items_.empty()) return left;
  sql::follow_up(work, [&] {
    return work.session().execute(q.holders, {{"ids", ids_.view()}, {"unique_keys", keys_.view()}},
                                  [&](const sql::Row& row) {
                                    const std::size_t item = items_.at(static_cast<std::size_t>(row.integer(0)) - 1);
                                    if (row.null(1)) {
                                      left.push_back(item);
                                    } else {
                                      found(item, sql::read_id(row.text(1)));
                                    }
                                  });
  });
  return left;
}

Error refused_by_foreign_index(const sql::Statement& statement) {
  return Error(Errc::refused, "a unique index that is not the library's refuses a job: change the index or the job",
               "postgres", 0, statement.name);
}

}  // namespace sqlq::postgres
