#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <sqlq/error.hpp>

#include "arrays.hpp"
#include "core/gate.hpp"
#include "core/headers.hpp"
#include "core/retention.hpp"
#include "holders.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"
#include "sql/transfer.hpp"

namespace sqlq::postgres {
namespace {

using backend::StoredJob;
using backend::StoreStatus;
using Numbers = std::vector<std::size_t>;

std::optional<std::string_view> unique_key_of(const Job& job) {
  return job.unique_key.empty() ? std::nullopt : std::optional(std::string_view(job.unique_key));
}

/// The jobs of a batch in columns.
class JobColumns {
 public:
  void add(const StoredJob& stored) {
    const Job& job = stored.job;
    ids_.add(job.id);
    queues_.add(std::string_view(job.queue));
    kinds_.add(std::string_view(job.kind));
    const bool gated = !sqlq::key_of(job).empty();
    const bool waits = gated && (job.state == JobState::pending || job.state == JobState::scheduled);
    states_.add(static_cast<std::int64_t>(waits ? JobState::waiting : job.state));
    flags_.add(gated ? std::int64_t{core::gated_flag} : std::int64_t{0});
    priorities_.add(std::int64_t{job.priority});
    dues_.add(sql::us(job.run_at));
    attempts_.add(std::int64_t{job.attempt});
    max_attempts_.add(std::int64_t{job.max_attempts});
    crashes_.add(std::int64_t{job.crashes});
    max_crashes_.add(std::int64_t{job.max_crashes});
    claims_.add(job.claims);
    notes_.add(static_cast<std::int64_t>(stored.history.size()));
    keepalives_.add(std::int64_t{job.keepalive.count()});
    timeouts_.add(std::int64_t{job.timeout.count()});
    retentions_.add(job.retention ? std::optional(std::int64_t{job.retention->count()}) : std::nullopt);
    created_.add(sql::us(job.created_at));
    queued_.add(sql::us(job.queued_at));
    started_.add(sql::us(job.started_at));
    heartbeats_.add(sql::us(job.heartbeat_at));
    finished_.add(sql::us(job.finished_at));
    expires_.add(sql::us(core::expires_at(job)));
    workers_.add(std::string_view(job.worker));
    keys_.add(unique_key_of(job));
    params_.add(std::string_view(job.params));
    results_.add(std::string_view(job.result));
    const std::string headers = core::headers_text(job.headers);
    headers_.add(headers.empty() ? std::nullopt : std::optional(std::string_view(headers)));
  }

  void insert(const sql::Work& work, const Queries& q, sql::RowSink sink) const {
    work.session().execute(q.transfer_jobs,
                           {{"ids", ids_.view()},
                            {"queues", queues_.view()},
                            {"kinds", kinds_.view()},
                            {"states", states_.view()},
                            {"priorities", priorities_.view()},
                            {"dues", dues_.view()},
                            {"attempts", attempts_.view()},
                            {"max_attempts", max_attempts_.view()},
                            {"crashes", crashes_.view()},
                            {"max_crashes", max_crashes_.view()},
                            {"claims", claims_.view()},
                            {"notes", notes_.view()},
                            {"keepalives", keepalives_.view()},
                            {"timeouts", timeouts_.view()},
                            {"retentions", retentions_.view()},
                            {"created", created_.view()},
                            {"queued", queued_.view()},
                            {"started", started_.view()},
                            {"heartbeats", heartbeats_.view()},
                            {"finished", finished_.view()},
                            {"expires", expires_.view()},
                            {"workers", workers_.view()},
                            {"unique_keys", keys_.view()},
                            {"params", params_.view()},
                            {"results", results_.view()},
                            {"headers", headers_.view()},
                            {"flags", flags_.view()}},
                           sink);
  }

 private:
  Array ids_{Of::uuid}, queues_{Of::text}, kinds_{Of::text}, states_{Of::smallint}, priorities_{Of::integer},
      dues_{Of::bigint}, attempts_{Of::integer}, max_attempts_{Of::integer}, crashes_{Of::integer},
      max_crashes_{Of::integer}, claims_{Of::bigint}, notes_{Of::bigint}, keepalives_{Of::bigint},
      timeouts_{Of::bigint}, retentions_{Of::bigint}, created_{Of::bigint}, queued_{Of::bigint}, started_{Of::bigint},
      heartbeats_{Of::bigint}, finished_{Of::bigint}, expires_{Of::bigint}, workers_{Of::text}, keys_{Of::text},
      params_{Of::text}, results_{Of::text}, headers_{Of::text},
      flags_{Of::smallint};
};

/// Their histories and logs.
class LineColumns {
 public:
  void add(const StoredJob& stored, std::int64_t seq) {
    std::int64_t n = 0;
    for (const AttemptRecord& line : stored.history) {
      history_seqs_.add(seq);
      history_numbers_.add(++n);
      history_claims_.add(line.claim);
      history_ats_.add(sql::us(line.at));
      history_attempts_.add(std::int64_t{line.attempt});
      causes_.add(static_cast<std::int64_t>(line.cause));
      workers_.add(std::string_view(line.worker));
      messages_.add(std::string_view(line.message));
    }
    for (const LogLine& line : stored.log) {
      log_seqs_.add(seq);
      log_numbers_.add(line.number);
      log_claims_.add(line.claim);
      log_ats_.add(sql::us(line.at));
      log_attempts_.add(std::int64_t{line.attempt});
      levels_.add(static_cast<std::int64_t>(line.level));
      texts_.add(std::string_view(line.text));
    }
  }

  void insert(const sql::Work& work, const Queries& q) const {
    if (history_seqs_.empty() && log_seqs_.empty()) return;
    work.session().execute(q.transfer_lines, {{"history_seqs", history_seqs_.view()},
                                              {"history_numbers", history_numbers_.view()},
                                              {"history_claims", history_claims_.view()},
                                              {"history_ats", history_ats_.view()},
                                              {"history_attempts", history_attempts_.view()},
                                              {"causes", causes_.view()},
                                              {"workers", workers_.view()},
                                              {"messages", messages_.view()},
                                              {"log_seqs", log_seqs_.view()},
                                              {"log_numbers", log_numbers_.view()},
                                              {"log_claims", log_claims_.view()},
                                              {"log_ats", log_ats_.view()},
                                              {"log_attempts", log_attempts_.view()},
                                              {"levels", levels_.view()},
                                              {"texts", texts_.view()}});
  }

 private:
  Array history_seqs_{Of::bigint}, history_numbers_{Of::bigint}, history_claims_{Of::bigint}, history_ats_{Of::bigint},
      history_attempts_{Of::integer}, causes_{Of::smallint}, workers_{Of::text}, messages_{Of::text},
      log_seqs_{Of::bigint}, log_numbers_{Of::bigint}, log_claims_{Of::bigint}, log_ats_{Of::bigint},
      log_attempts_{Of::integer}, levels_{Of::smallint}, texts_{Of::text};
};

/// Their steps.
class StepColumns {
 public:
  void add(const StoredJob& stored, std::int64_t seq) {
    std::int64_t ord = 0;
    for (const StepRecord& step : stored.steps) {
      seqs_.add(seq);
      kinds_.add(static_cast<std::int64_t>(step.kind));
      names_.add(std::string_view(step.name));
      numbers_.add(step.number);
      ords_.add(++ord);
      claims_.add(step.claim);
      ats_.add(sql::us(step.at));
      untils_.add(sql::us(step.until));
      values_.add(std::string_view(step.value));
    }
  }

  void insert(const sql::Work& work, const Queries& q) const {
    if (seqs_.empty()) return;
    work.session().execute(q.transfer_steps_add, {{"seqs", seqs_.view()},
                                                  {"kinds", kinds_.view()},
                                                  {"names", names_.view()},
                                                  {"numbers", numbers_.view()},
                                                  {"ords", ords_.view()},
                                                  {"claims", claims_.view()},
                                                  {"ats", ats_.view()},
                                                  {"untils", untils_.view()},
                                                  {"step_values", values_.view()}});
  }

 private:
  Array seqs_{Of::bigint}, kinds_{Of::smallint}, names_{Of::text}, numbers_{Of::bigint}, ords_{Of::bigint},
      claims_{Of::bigint}, ats_{Of::bigint}, untils_{Of::bigint}, values_{Of::text};
};

/// One batch on its way into the table.
class Storing {
 public:
  Storing(sql::Work& work, const Queries& q, sql::DistinctJobs jobs)
      : work_(work), q_(q), jobs_(jobs), answers_(jobs.size(), StoreStatus::stored) {}

  std::vector<StoreStatus> run() {
    const auto has_more = [](const StoredJob* job) {
      return !job->history.empty() || !job->log.empty() || !job->steps.empty();
    };
    if (std::ranges::any_of(jobs_, has_more)) work_.begin();
    Numbers open(jobs_.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    for (int round = 0; !open.empty(); ++round) {
      if (round == most_inserts) throw refused_by_foreign_index(q_.transfer_jobs);
      open = insert(open).find_holders(work_, q_, [this](std::size_t i, JobId holder) {
        answers_[i] = holder == jobs_[i]->job.id ? StoreStatus::existing_id : StoreStatus::existing_key;
      });
    }
    return std::move(answers_);
  }

 private:
  /// Returns those that were passed over.
  [[nodiscard]] PassedOver insert(const Numbers& numbers) const {
    JobColumns columns;
    for (const std::size_t i : numbers) columns.add(*jobs_[i]);
    std::unordered_map<JobId, std::int64_t> seqs;
    columns.insert(work_, q_, [&](const sql::Row& row) { seqs.emplace(sql::read_id(row.text(0)), row.integer(1)); });
    LineColumns lines;
    StepColumns steps;
    PassedOver refused;
    for (const std::size_t i : numbers) {
      const Job& job = jobs_[i]->job;
      const auto at = seqs.find(job.id);
      if (at == seqs.end()) {
        refused.add(i, job.id, is_finished(job.state) ? std::nullopt : unique_key_of(job));
      } else {
        lines.add(*jobs_[i], at->second);
        steps.add(*jobs_[i], at->second);
      }
    }
    lines.insert(work_, q_);
    steps.insert(work_, q_);
    return refused;
  }

  sql::Work& work_;
  const Queries& q_;
  sql::DistinctJobs jobs_;
  std::vector<StoreStatus> answers_;
};

}  // namespace

std::vector<StoreStatus> PgServer::store_jobs(sql::Work& work, sql::DistinctJobs jobs) {
  return Storing(work, q_, jobs).run();
}

}  // namespace sqlq::postgres
