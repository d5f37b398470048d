#include <map>
#include <string>
#include <utility>

#include <sqlq/error.hpp>
#include <sqlq/limits.hpp>

#include "core/gate.hpp"
#include "core/headers.hpp"
#include "core/retention.hpp"
#include "lanes.hpp"
#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {
namespace {

using backend::StoredJob;
using backend::StoreStatus;

bool insert(const Context& c, const LaneRow& lane, const Job& job, std::string_view id) {
  std::optional<std::int64_t> retention;
  if (job.retention) retention = job.retention->count();
  std::optional<std::string_view> key;
  if (!job.unique_key.empty()) key = job.unique_key;
  const std::string headers = core::headers_text(job.headers);
  const bool keyed = !key_of(job).empty();
  const bool queued = job.state == JobState::pending || job.state == JobState::scheduled;
  return c.session.execute(c.q.transfer_job,
                           {{"id", id},
                            {"lane", is_suspect(job) ? -lane.id : lane.id},
                            {"queue", lane.queue_id},
                            {"state", static_cast<int>(keyed && queued ? JobState::waiting : job.state)},
                            {"priority", job.priority},
                            {"due", sql::us(job.run_at)},
                            {"attempt", job.attempt},
                            {"max_attempts", job.max_attempts},
                            {"crashes", job.crashes},
                            {"max_crashes", job.max_crashes},
                            {"claims", job.claims},
                            {"keepalive", job.keepalive.count()},
                            {"timeout", job.timeout.count()},
                            {"retention", retention},
                            {"created", sql::us(job.created_at)},
                            {"queued", sql::us(job.queued_at)},
                            {"started", sql::us(job.started_at)},
                            {"heartbeat", sql::us(job.heartbeat_at)},
                            {"finished", sql::us(job.finished_at)},
                            {"expires", sql::us(core::expires_at(job))},
                            {"worker", std::string_view(job.worker)},
                            {"unique_key", key},
                            {"params", std::string_view(job.params)},
                            {"result", std::string_view(job.result)},
                            {"headers", headers.empty() ? std::nullopt : std::optional(std::string_view(headers))},
                            {"flags", keyed ? core::gated_flag : 0}}) == 1;
}

void add_lines(const Context& c, const StoredJob& stored, std::int64_t seq) {
  std::int64_t n = 0;
  for (const AttemptRecord& line : stored.history) {
    c.session.execute(c.q.transfer_attempt, {{"seq", seq},
                                             {"n", ++n},
                                             {"claim", line.claim},
                                             {"attempt", line.attempt},
                                             {"cause", static_cast<int>(line.cause)},
                                             {"at", sql::us(line.at)},
                                             {"worker", std::string_view(line.worker)},
                                             {"message", std::string_view(line.message)}});
  }
  for (const LogLine& line : stored.log) add_log_line(c, seq, line);
  std::int64_t ord = 0;
  for (const StepRecord& step : stored.steps) {
    c.session.execute(c.q.transfer_step, {{"seq", seq},
                                          {"kind", static_cast<int>(step.kind)},
                                          {"name", std::string_view(step.name)},
                                          {"number", step.number},
                                          {"ord", ++ord},
                                          {"claim", step.claim},
                                          {"at", sql::us(step.at)},
                                          {"until", sql::us(step.until)},
                                          {"value", std::string_view(step.value)}});
  }
}

/// What is in the way of an insert.
StoreStatus obstacle(const Context& c, const Job& job, std::string_view id) {
  if (c.session.integer(c.q.id_taken, {{"id", id}})) return StoreStatus::existing_id;
  bool held = false;
  if (!job.unique_key.empty() && !is_finished(job.state)) {
    c.session.execute(c.q.key_holder, {{"unique_key", std::string_view(job.unique_key)}},
                      [&](const sql::Row&) { held = true; });
  }
  if (held) return StoreStatus::existing_key;
  throw Error(Errc::refused, "a unique index that is not the library's refuses a job: change the index or the job",
              "sqlite", 0, c.q.transfer_job.name);
}

StoreStatus store_one(const Context& c, const LaneRow& lane, const StoredJob& stored) {
  const std::string id = stored.job.id.to_string();
  if (!insert(c, lane, stored.job, id)) return obstacle(c, stored.job, id);
  if (stored.history.empty() && stored.log.empty() && stored.steps.empty()) return StoreStatus::stored;
  const auto seq = c.session.integer(c.q.probe, {{"id", std::string_view(id)}});
  if (!seq) throw Error(Errc::corrupt, "a job that was just stored is not there", "sqlite");
  add_lines(c, stored, *seq);
  return StoreStatus::stored;
}

}  // namespace

std::vector<StoreStatus> Operations::store_jobs(sql::Work& work, sql::DistinctJobs jobs) {
  const Context c(work);
  Lanes lanes(c);
  return sql::each<StoreStatus>(jobs, [&](const StoredJob* stored) {
    return store_one(c, lanes.of(stored->job.queue, stored->job.kind), *stored);
  });
}

}  // namespace sqlq::sqlite
