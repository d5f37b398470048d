#pragma once
/// \file
/// Counts of what workers and clients of a process do, as text for Prometheus.
///
///     auto metrics = std::make_shared<sqlq::Metrics>();
///     sqlq::Client client{db, {.observers = {metrics}}};
///     sqlq::Worker worker{db, handlers, {.observers = {metrics}}};
///     http.get("/metrics", [=] { return metrics->text(); });
///
/// | name | type | labels | counts |
/// |---|---|---|---|
/// | `sqlq_jobs_enqueued_total` | counter | queue, kind | jobs that were stored; those of transactions that were rolled
///   back are in it |
/// | `sqlq_jobs_existing_total` | counter | queue, kind | enqueues that found their id or unique key there |
/// | `sqlq_jobs_ended_total` | counter | queue, kind, end | executions, by JobEnd |
/// | `sqlq_jobs_running` | gauge | queue, kind | handlers begun whose outcome is not written yet |
/// | `sqlq_job_run_seconds` | histogram | queue, kind | how long handlers ran (JobEnded::ran) |
/// | `sqlq_job_wait_seconds` | histogram | queue, kind | from due to begun (JobStarted::waited) |
/// | `sqlq_claims_total` | counter | | claims, also those that found nothing |
/// | `sqlq_claimed_jobs_total` | counter | | jobs that claims brought |
/// | `sqlq_claim_seconds` | histogram | | how long claims took |
/// | `sqlq_leases_ended_total` | counter | end | leases that ended without a word, by what became of the job:
///   returned, errored, cancelled |
/// | `sqlq_ticks_fired_total` | counter | | ticks of schedules that stored a job |
/// | `sqlq_worker_events_total` | counter | level | WorkerEvents: info, warning, error |
///
/// The bounds of all histograms, in seconds: 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
/// 300, 3600, and +Inf.
///
/// All are of this process since the object was made. How many jobs wait is a question to the database: Admin::queues.

#include <cstddef>
#include <memory>
#include <string>

#include <sqlq/export.hpp>
#include <sqlq/observer.hpp>

namespace sqlq {

/// Options of Metrics.
struct MetricsOptions {
  /// Pairs of queue and kind that are counted by themselves, in the order in which they come. Others are counted
  /// together, as queue "_other" and kind "_other", and so is a pair of these names. 0 to 1,000,000. A pair costs about
  /// 50 lines of text.
  std::size_t most_series = 1000;
};

/// Give it to any number of workers and clients.
///
/// Thread-safety: all members from any thread. An event costs a lock and a look-up; `text` holds the lock while it
/// copies the numbers, and not while it writes them.
class SQLQ_API Metrics final : public Observer {
 public:
  /// Errors: invalid_argument for options out of range.
  explicit Metrics(MetricsOptions options = {});
  ~Metrics() override;

  void observe(const Event& event) override;

  /// In the text format of Prometheus, version 0.0.4: `text/plain; version=0.0.4; charset=utf-8`. Times are in seconds.
  /// Labels are escaped; what is not UTF-8 in one is replaced.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sqlq
