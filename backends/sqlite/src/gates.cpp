#include "operations.hpp"
#include "sql/reading.hpp"

namespace sqlq::sqlite {

// Nobody else writes until the transaction ends: none of them is locked.
std::vector<std::int64_t> Operations::let_in(sql::Work& work, std::span<const std::int64_t> seqs) {
  const Context c(work);
  std::vector<std::int64_t> done;
  c.session.execute(c.q.let_in, {{"seqs", std::string_view(sql::json_array(seqs))}},
                    [&](const sql::Row& row) { done.push_back(row.integer(0)); });
  return done;
}

}  // namespace sqlq::sqlite
