#pragma once
/// \file
/// The parts of an operation share a context. Several statements of one operation run in one transaction; they have
/// locked the rows that they decide on (rows.hpp).

#include <vector>

#include "claimed_here.hpp"
#include "native_session.hpp"
#include "queries.hpp"
#include "sql/marks.hpp"
#include "sql/work.hpp"

namespace sqlq::mysql {

/// The session of an operation, the statements, and what this process remembers.
struct Context {
  sql::Work& work;
  sql::Session& session;
  const Queries& q;
  ClaimedHere& here;
  sql::Marks& marks;
};

/// A plain INSERT, for the other sorts that overlook a duplicate need the right to UPDATE, or overlook more than that.
/// False: there is a duplicate, and no row was inserted.
bool insert_unless_there(sql::Session& session, const sql::Statement& statement, std::initializer_list<sql::Arg> args);
/// Deletes jobs whose rows are locked with all that belongs to them.
std::size_t purge_jobs(const Context& c, std::vector<std::int64_t> seqs);

}  // namespace sqlq::mysql
