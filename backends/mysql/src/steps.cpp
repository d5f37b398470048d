#include <optional>
#include <vector>

#include <sqlq/error.hpp>

#include "core/sorted.hpp"
#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"

namespace sqlq::mysql {

void tell(const Context& c, std::span<const std::int64_t> seqs, bool on) {
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.steps_tell, {{"told", on ? 1 : 0}, {"seqs", list_of(piece)}});
  });
}

std::optional<sql::LockedJob> MysqlServer::lock_job(sql::Work& work, JobId id) {
  const Context c = context(work);
  const Places places(c, {id});
  if (places.seqs().empty()) return std::nullopt;
  work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  const Locked* row = locked.find(id);
  if (row == nullptr) return std::nullopt;  // it was deleted meanwhile
  return sql::LockedJob{.now = locked.now, .seq = row->seq, .state = row->state, .claims = row->claims};
}

std::size_t MysqlServer::insert_step(sql::Work& work, const sql::Statement& statement,
                                     std::initializer_list<sql::Arg> args) {
  try {
    return work.session().execute(statement, args);
  } catch (const Error& e) {
    if (e.native_code() != duplicate_entry) throw;
    return 0;
  }
}

void MysqlServer::tell_job(sql::Work& work, JobId, std::int64_t seq, bool on) {
  tell(context(work), {&seq, 1}, on);
}

void MysqlServer::wake(sql::Work& work, std::span<const JobId> ids) {
  const Context c = context(work);
  const Places places(c, {ids.begin(), ids.end()});
  if (places.seqs().empty()) return;
  c.work.begin();
  const LockedRows locked = mysql::lock(c, places.seqs());
  std::vector<std::int64_t> parents;
  in_lists(std::span<const std::int64_t>(places.seqs()), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.steps_parents, {{"seqs", list_of(piece)}},
                      [&](const sql::Row& row) { parents.push_back(row.integer(0)); });
  });
  parents = core::sorted_once(std::move(parents));
  std::vector<Change> changes;
  std::vector<std::int64_t> held;
  for (const Locked& row : locked.rows) {
    if (row.held()) held.push_back(row.seq);
    if (row.state != JobState::scheduled || !std::ranges::binary_search(parents, row.seq)) continue;
    Change& change = changes.emplace_back(row);
    change.state = JobState::pending;
    change.due = change.queued = locked.now;
  }
  write(c, changes);
  tell(c, held, true);
}

}  // namespace sqlq::mysql
