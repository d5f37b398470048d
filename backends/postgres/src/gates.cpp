#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "arrays.hpp"
#include "server.hpp"

namespace sqlq::postgres {

std::vector<std::int64_t> PgServer::let_in(sql::Work& work, std::span<const std::int64_t> seqs) {
  const Array list = array_of(Of::bigint, seqs);
  std::unordered_set<std::int64_t> changed;
  work.session().execute(q_.let_in, {{"seqs", list.view()}},
                         [&](const sql::Row& row) { changed.insert(row.integer(0)); });
  std::vector<std::int64_t> done;
  std::ranges::copy_if(seqs, std::back_inserter(done), [&](std::int64_t seq) { return changed.contains(seq); });
  return done;
}

}  // namespace sqlq::postgres
