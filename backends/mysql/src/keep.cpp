#include <algorithm>
#include <unordered_map>

#include "operations.hpp"
#include "rows.hpp"
#include "sql/job_row.hpp"

namespace sqlq::mysql {
namespace {

struct Guard {
  std::int64_t seq = 0;
  std::int64_t token = 0;
};

/// The jobs' tokens, locked against being taken away until the lines are stored.
std::unordered_map<JobId, Guard> guards(const Context& c, const Places& places) {
  std::unordered_map<JobId, Guard> found;
  in_lists(std::span<const std::int64_t>(places.seqs()), [&](std::span<const std::int64_t> piece) {
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

/// Up to `limit` jobs whose retention has passed, read without locks. Ascending.
std::vector<std::int64_t> expired(const Context& c, std::size_t limit, std::int64_t& now) {
  std::vector<std::pair<std::int64_t, std::int64_t>> places;
  c.session.execute(c.q.expired_queues, {{"now", c.work.wall()}}, [&](const sql::Row& row) {
    now = row.integer(0);
    places.emplace_back(row.integer(1), row.integer(2));
  });
  std::vector<std::int64_t> seqs;
  for (const auto& [queue, state] : places) {
    if (seqs.size() >= limit) break;
    c.session.execute(c.q.expired,
                      {{"queue", queue}, {"state", state}, {"now", now},
                       {"n", static_cast<std::int64_t>(limit - seqs.size())}},
                      [&](const sql::Row& row) { seqs.push_back(row.integer(0)); });
  }
  std::ranges::sort(seqs);
  return seqs;
}

}  // namespace

std::vector<bool> append_logs(const Context& c, std::span<const LogLine> lines) {
  std::vector<bool> answers(lines.size(), false);
  std::vector<JobId> ids;
  for (const LogLine& line : lines) ids.push_back(line.job);
  const Places places(c, std::move(ids));
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const auto known = guards(c, places);
  std::vector<std::pair<std::size_t, Guard>> mine;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto at = known.find(lines[i].job);
    if (at == known.end() || lines[i].token.value == 0 || at->second.token != lines[i].token.value) continue;
    answers[i] = true;
    mine.emplace_back(i, at->second);
  }
  add_lines(c, lines, mine);
  return answers;
}

std::size_t purge(const Context& c, std::size_t limit) {
  std::int64_t now = 0;
  const std::vector<std::int64_t> seqs = expired(c, limit, now);
  if (seqs.empty()) return 0;
  c.work.begin();
  std::size_t purged = 0;
  in_lists(std::span<const std::int64_t>(seqs), [&](std::span<const std::int64_t> piece) {
    std::vector<std::int64_t> mine;
    c.session.execute(c.q.expired_lock, {{"seqs", list_of(piece)}, {"now", now}},
                      [&](const sql::Row& row) { mine.push_back(row.integer(0)); });
    if (mine.empty()) return;
    const sql::List list = list_of(mine);
    c.session.execute(c.q.purge_logs, {{"seqs", list}});
    c.session.execute(c.q.purge_history, {{"seqs", list}});
    purged += c.session.execute(c.q.purge_jobs, {{"seqs", list}});
  });
  return purged;
}

}  // namespace sqlq::mysql
