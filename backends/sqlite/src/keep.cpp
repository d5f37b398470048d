#include <optional>
#include <utility>

#include <sqlq/error.hpp>

#include "core/log_bounds.hpp"
#include "core/sorted.hpp"
#include "operations.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::sqlite {
namespace {

/// A job that snoozes for ever must not fill the disk: only its last records are kept.
constexpr std::int64_t history_kept = 1000;

void trim_log(const Context& c, std::int64_t seq) {
  std::optional<std::pair<std::int64_t, std::int64_t>> last;
  c.session.execute(c.q.log_cut,
                    {{"seq", seq}, {"lines", core::log_lines_kept}, {"bytes", core::log_bytes_kept}},
                    [&](const sql::Row& row) { last.emplace(row.integer(0), row.integer(1)); });
  if (last) c.session.execute(c.q.log_trim, {{"seq", seq}, {"claim", last->first}, {"n", last->second}});
}

std::vector<std::int64_t> expired_seqs(const Context& c, std::size_t limit) {
  std::vector<std::int64_t> seqs;
  c.session.execute(c.q.expired, {{"now", sql::us(c.now.wall)}, {"n", static_cast<std::int64_t>(limit)}},
                    [&](const sql::Row& row) { seqs.push_back(row.integer(0)); });
  return seqs;
}

}  // namespace

void add_history(const Context& c, const Attempt& attempt, Cause cause, std::string_view message) {
  const auto n = c.session.integer(c.q.history_add, {{"seq", attempt.seq},
                                                     {"claim", attempt.claim},
                                                     {"attempt", attempt.attempt},
                                                     {"cause", static_cast<int>(cause)},
                                                     {"now", sql::us(c.now.wall)},
                                                     {"worker", std::string_view(attempt.worker)},
                                                     {"message", message}});
  if (n && *n > history_kept) c.session.execute(c.q.history_trim, {{"seq", attempt.seq}, {"n", *n - history_kept}});
}

void add_log_line(const Context& c, std::int64_t seq, const LogLine& line) {
  c.session.execute(c.q.log_add, {{"seq", seq},
                                  {"claim", line.claim},
                                  {"n", line.number},
                                  {"attempt", line.attempt},
                                  {"at", sql::us(line.at)},
                                  {"level", static_cast<int>(line.level)},
                                  {"text", std::string_view(line.text)}});
}

std::vector<bool> Operations::append_logs(sql::Work& work, std::span<const LogLine> lines) {
  const Context c(work);
  std::vector<bool> answers;
  answers.reserve(lines.size());
  const LogLine* before = nullptr;
  std::vector<std::int64_t> long_logs;
  std::int64_t seq = 0;  // of the job; 0 when the line's lease may not write to it any more
  for (const LogLine& line : lines) {
    if (before == nullptr || before->job != line.job || before->token != line.token) {
      seq = 0;
      if (line.token.value != 0) {
        const std::string id = line.job.to_string();
        seq = c.session.integer(c.q.log_guard, {{"id", std::string_view(id)}, {"token", line.token.value}}).value_or(0);
      }
    }
    before = &line;
    answers.push_back(seq != 0);
    if (seq == 0) continue;
    add_log_line(c, seq, line);
    if (core::worth_a_look(line)) long_logs.push_back(seq);
  }
  for (const std::int64_t job : core::sorted_once(std::move(long_logs))) trim_log(c, job);
  return answers;
}

// With all that belongs to them (schema/sqlite: sqlq_jobs_deleted).
std::size_t purge_jobs(const Context& c, std::span<const std::int64_t> seqs) {
  const std::string list = sql::json_array(seqs);
  return c.session.execute(c.q.purge_jobs, {{"seqs", std::string_view(list)}});
}

std::size_t Operations::purge(sql::Work& work, std::size_t limit) {
  const Context c(work);
  const auto seqs = expired_seqs(c, limit);
  return seqs.empty() ? 0 : purge_jobs(c, seqs);
}

std::vector<JobId> Operations::expired(sql::Work& work, std::size_t limit) {
  const Context c(work);
  const std::string list = sql::json_array(expired_seqs(c, limit));
  std::vector<JobId> ids;
  c.session.execute(c.q.ids_of, {{"seqs", std::string_view(list)}},
                    [&](const sql::Row& row) { ids.push_back(sql::read_id(row.text(0))); });
  return ids;
}

void Operations::postpone(sql::Work& work, JobId id) {
  const Context c(work);
  c.session.execute(c.q.postpone, {{"now", sql::us(c.now.wall)}, {"id", std::string_view(id.to_string())}});
}

}  // namespace sqlq::sqlite
