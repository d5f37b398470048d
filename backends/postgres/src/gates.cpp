#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "arrays.hpp"
#include "server.hpp"

namespace sqlq::postgres {

// The marks are told before the commit: another claim of this process that looks in between may take them on again, and
// then finds these jobs when they end.
std::vector<std::int64_t> PgServer::let_in(sql::Work& work, std::span<const std::int64_t> seqs) {
  const Array list = array_of(Of::bigint, seqs);
  std::vector<sql::Place> places;
  std::unordered_set<std::int64_t> changed;
  work.session().execute(q_.let_in, {{"seqs", list.view()}}, [&](const sql::Row& row) {
    places.push_back({.lane = row.integer(0), .priority = row.integer(1), .due = row.integer(2),
                      .seq = row.integer(3)});
    changed.insert(row.integer(3));
  });
  marks_.lowered(places);
  std::vector<std::int64_t> done;
  std::ranges::copy_if(seqs, std::back_inserter(done), [&](std::int64_t seq) { return changed.contains(seq); });
  return done;
}

}  // namespace sqlq::postgres
