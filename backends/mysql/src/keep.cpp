#include <algorithm>
#include <charconv>
#include <iterator>
#include <unordered_map>
#include <optional>
#include <utility>

#include "core/log_bounds.hpp"
#include "core/sorted.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::mysql {
namespace {

struct Guard {
  std::int64_t seq = 0;
  std::int64_t token = 0;
};

/// The jobs' tokens, locked against being taken away until the lines are stored.
std::unordered_map<JobId, Guard> guards(const Context& c, std::span<const std::int64_t> seqs) {
  std::unordered_map<JobId, Guard> found;
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.leases_share, {{"seqs", list_of(piece)}}, [&](const sql::Row& row) {
      found[id_of(row.text(1))] = {row.integer(0), row.integer(2)};
    });
  });
  return found;
}

/// `mine`: which of the lines, and their jobs.
void add_lines(const Context& c, std::span<const LogLine> lines, std::span<const std::pair<std::size_t, Guard>> mine) {
  const auto size_of = [&](std::size_t i) { return literal_size(lines[mine[i].first].text) + 150; };
  in_pieces(c, mine.size(), size_of, [&](std::size_t first, std::size_t last) {
    sql::List rows{.width = 7};
    for (std::size_t i = first; i < last; ++i) {
      const LogLine& line = lines[mine[i].first];
      rows.values.insert(rows.values.end(),
                         {mine[i].second.seq, line.claim, line.number, std::int64_t{line.attempt}, sql::us(line.at),
                          std::int64_t{static_cast<int>(line.level)}, std::string_view(line.text)});
    }
    c.session.execute(c.q.log_add, {{"rows", rows}});
  });
}

void trim_log(const Context& c, std::int64_t seq) {
  std::optional<std::pair<std::int64_t, std::int64_t>> last;
  c.session.execute(c.q.log_cut,
                    {{"seq", seq}, {"lines", core::log_lines_kept}, {"bytes", core::log_bytes_kept}},
                    [&](const sql::Row& row) { last.emplace(row.integer(0), row.integer(1)); });
  if (last) c.session.execute(c.q.log_trim, {{"seq", seq}, {"claim", last->first}, {"n", last->second}});
}

/// A row of the table of finished jobs.
struct Finished {
  std::int64_t id = 0;
  std::int64_t state = 0;
  std::int64_t expires = 0;
  std::vector<std::int64_t> seqs{};
};

/// Of "[1, 2]".
std::vector<std::int64_t> read_seqs(std::string_view json) {
  std::vector<std::int64_t> seqs;
  for (const char *at = json.data(), *end = at + json.size(); at < end;) {
    std::int64_t seq = 0;
    const auto [behind, error] = std::from_chars(at, end, seq);
    if (error == std::errc{}) seqs.push_back(seq);
    at = behind + 1;
  }
  return seqs;
}

/// Locks those of these jobs that may be purged, until `mine` has `limit`. Rows that others have locked are theirs to
/// purge.
void lock_expired(const Context& c, std::span<const std::int64_t> seqs, std::int64_t now, std::size_t limit,
                  std::vector<std::int64_t>& mine) {
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    if (mine.size() == limit) return;
    c.session.execute(c.q.expired_lock,
                      {{"seqs", list_of(piece)}, {"now", now}, {"n", static_cast<std::int64_t>(limit - mine.size())}},
                      [&](const sql::Row& row) { mine.push_back(row.integer(0)); });
  });
}

/// Forgets the rows of which no job is left as it was.
void remove_done(const Context& c, std::span<const Finished> rows) {
  std::vector<std::int64_t> seqs;
  for (const Finished& row : rows) seqs.insert(seqs.end(), row.seqs.begin(), row.seqs.end());
  std::ranges::sort(seqs);
  std::unordered_map<std::int64_t, std::pair<std::int64_t, std::int64_t>> left;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.finished_left, {{"seqs", list_of(piece)}}, [&](const sql::Row& row) {
      left[row.integer(0)] = {row.integer(1), row.integer(2)};
    });
  });
  std::vector<std::int64_t> done;
  for (const Finished& row : rows) {
    const bool any = std::ranges::any_of(row.seqs, [&](std::int64_t seq) {
      const auto at = left.find(seq);
      return at != left.end() && at->second == std::pair(row.state, row.expires);
    });
    if (!any) done.push_back(row.id);
  }
  std::ranges::sort(done);
  if (!done.empty()) c.session.execute(c.q.finished_remove, {{"rows", list_of(done)}});
}

}  // namespace

std::vector<bool> MysqlServer::append_logs(sql::Work& work, std::span<const LogLine> lines) {
  const Context c = context(work);
  std::vector<bool> answers(lines.size(), false);
  std::vector<JobId> ids;
  std::vector<backend::LeaseRef> leases;
  for (const LogLine& line : lines) {
    ids.push_back(line.job);
    leases.push_back({line.job, line.token});
  }
  const std::vector<std::int64_t> seqs = Places(c, std::move(ids)).seqs_of(leases);
  if (seqs.empty()) return answers;
  c.work.begin();
  const auto known = guards(c, seqs);
  std::vector<std::pair<std::size_t, Guard>> mine;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto at = known.find(lines[i].job);
    if (at == known.end() || lines[i].token.value == 0 || at->second.token != lines[i].token.value) continue;
    answers[i] = true;
    mine.emplace_back(i, at->second);
  }
  add_lines(c, lines, mine);
  std::vector<std::int64_t> long_logs;
  for (const auto& [i, guard] : mine) {
    if (core::worth_a_look(lines[i])) long_logs.push_back(guard.seq);
  }
  for (const std::int64_t seq : core::sorted_once(std::move(long_logs))) trim_log(c, seq);
  return answers;
}

std::vector<bool> MysqlServer::publish(sql::Work& work, std::span<const backend::Interim> items) {
  const Context c = context(work);
  std::vector<bool> answers(items.size(), false);
  std::vector<JobId> ids;
  std::vector<backend::LeaseRef> leases;
  for (const backend::Interim& item : items) {
    ids.push_back(item.id);
    leases.push_back({item.id, item.token});
  }
  const std::vector<std::int64_t> seqs = Places(c, std::move(ids)).seqs_of(leases);
  if (seqs.empty()) return answers;
  c.work.begin();
  struct Holder {
    std::int64_t seq, token, claims;
  };
  std::unordered_map<JobId, Holder> locked;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.publish_lock, {{"seqs", list_of(piece)}}, [&](const sql::Row& row) {
      locked[id_of(row.text(0))] = {row.integer(1), row.integer(2), row.integer(3)};
    });
  });
  for (std::size_t i = 0; i < items.size(); ++i) {
    const backend::Interim& item = items[i];
    const auto at = locked.find(item.id);
    if (at == locked.end() || item.token.value == 0 || at->second.token != item.token.value) continue;
    answers[i] = true;
    const Holder& job = at->second;
    if (!item.result.empty()) {
      c.session.execute(c.q.publish_result, {{"result", item.result}, {"seq", job.seq}});
    }
    if (!item.progress) continue;
    c.session.execute(c.q.publish_progress, {{"seq", job.seq},
                                             {"claim", job.claims},
                                             {"done", item.progress->done},
                                             {"total", item.progress->total},
                                             {"now", c.work.wall()},
                                             {"note", std::string_view(item.progress->note)}});
  }
  return answers;
}

// One table after the other, each in order: a deletion also waits for the
// neighbour of what it deletes, so those who purge at once must all go the same way. Returns how many.
std::size_t purge_jobs(const Context& c, std::vector<std::int64_t> seqs) {
  std::ranges::sort(seqs);
  for (const sql::Statement* of : {&c.q.purge_steps, &c.q.purge_logs, &c.q.purge_progress, &c.q.purge_history}) {
    in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
      c.session.execute(*of, {{"seqs", std::string_view(sql::json_array(piece))}});
    });
  }
  std::size_t purged = 0;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    purged += c.session.execute(c.q.purge_jobs, {{"seqs", list_of(piece)}});
  });
  return purged;
}

std::vector<JobId> MysqlServer::expired(sql::Work& work, std::size_t limit) {
  const Context c = context(work);
  std::int64_t now = 0;
  std::vector<std::int64_t> seqs;
  const auto n = static_cast<std::int64_t>(limit);
  c.session.execute(c.q.expired, {{"now", c.work.wall()}, {"at", 0}, {"id", 0}, {"n", n}}, [&](const sql::Row& row) {
    now = row.integer(0);
    if (seqs.size() >= limit) return;
    const auto its = read_seqs(row.text(4));
    seqs.insert(seqs.end(), its.begin(), its.end());
  });
  std::vector<JobId> ids;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.finished_ids, {{"seqs", list_of(piece)}, {"now", now}},
                      [&](const sql::Row& row) { ids.push_back(id_of(row.text(0))); });
  });
  return ids;
}

void MysqlServer::postpone(sql::Work& work, JobId id) {
  const Context c = context(work);
  const Places places(c, {id});
  for (const std::int64_t seq : places.seqs()) {
    c.work.begin();
    const std::vector<std::int64_t> alone{seq};
    if (c.session.execute(c.q.postpone, {{"now", c.work.wall()}, {"seq", seq}}) == 1) add_finished(c, {&alone, 1});
  }
}

std::size_t MysqlServer::purge(sql::Work& work, std::size_t limit) {
  const Context c = context(work);
  constexpr std::int64_t at_once = 100;  // rows of some 500 jobs
  std::vector<std::int64_t> mine;
  std::vector<Finished> looked_at;
  std::int64_t at = 0;
  std::int64_t id = 0;
  while (mine.size() < limit) {
    std::int64_t now = 0;
    std::vector<Finished> rows;
    c.session.execute(c.q.expired, {{"now", c.work.wall()}, {"at", at}, {"id", id}, {"n", at_once}},
                      [&](const sql::Row& row) {
                        now = row.integer(0);
                        rows.push_back({row.integer(1), row.integer(2), row.integer(3), read_seqs(row.text(4))});
                      });
    if (rows.empty()) break;
    std::vector<std::int64_t> seqs;
    std::size_t used = 0;
    while (used < rows.size() && seqs.size() < limit - mine.size()) {
      const auto& its = rows[used++].seqs;
      seqs.insert(seqs.end(), its.begin(), its.end());
    }
    rows.resize(used);
    at = rows.back().expires;
    id = rows.back().id;
    std::ranges::sort(seqs);
    c.work.begin();
    lock_expired(c, seqs, now, limit, mine);
    std::ranges::move(rows, std::back_inserter(looked_at));
  }
  if (looked_at.empty()) {
    names_.step(work, schema_.queries);
    return 0;
  }
  const std::size_t purged = purge_jobs(c, std::move(mine));
  remove_done(c, looked_at);
  return purged;
}

}  // namespace sqlq::mysql
