#pragma once
/// \file
/// A run of schedules, of jobs with durable steps, of jobs that wait for signals and of jobs with keys, for the mutants
/// of those.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "faults/check.hpp"
#include "process/child.hpp"
#include "process/counters.hpp"
#include "process/helper.hpp"
#include "process/scratch.hpp"
#include "process/sqlite_audit.hpp"
#include "process/standstill.hpp"

namespace sqlq::faults {

/// Four workers on one file, of which one after the other is stopped within a step for longer than its lease.
class TimedLoad {
 public:
  explicit TimedLoad(const std::filesystem::path& folder)
      : file_((folder / "jobs.db").string()), records_((folder / "records").string()) {}

  Verdict run() {
    db_.migrate();
    sync();
    set_key_limits();
    const std::vector<JobId> waiting = enqueue_all("waits", 16, R"({"n":8,"us":500000})");
    static_cast<void>(enqueue_all("steps", 64, R"({"n":4,"us":400000})"));
    static_cast<void>(enqueue_all("work", 24, R"({"us":100000})", {.queue = "slots", .key = "slots"}));
    static_cast<void>(enqueue_all("work", 30, R"({"us":1000})", {.queue = "paced", .key = "paced"}));
    sqlq::jthread sender([&](const sqlq::stop_token& stop) { send_to(waiting, stop); });
    for (Process& worker : workers_) worker = start_worker();
    for (Process& worker : workers_) stop_and_resume(*worker);
    admin_.resume("paced");  // meanwhile its jobs were let in, and none has started
    sender = {};
    for (const ScheduleState& s : schedules_.list()) pause(s.schedule.name);
    process::AuditConnection connection(file_, 20'000);
    const bool drained = process::eventually([&] { return process::jobs_left(connection) == 0; });
    for (Process& worker : workers_) {
      worker->signal(SIGTERM);
      if (!worker->wait(process::long_enough)) throw std::runtime_error("a worker did not end");
    }
    return check({.records = RecordReader(records_).more(),
                  .rows = process::rows_of(connection),
                  .faults = faults_,
                  // Leases that end on a slow machine are what the other run judges.
                  .settings = {.drained = drained,
                               .dead_are_known = true,
                               .keys = key_rules(),
                               .unproved_percent = 100},
                  .series = process::series_of(db_)});
  }

 private:
  using Process = std::unique_ptr<process::Child>;
  static constexpr int concurrency = 8;
  static constexpr std::size_t workers = 4;
  static constexpr int slots = 2;
  static constexpr Rate paced{.count = 10, .per = std::chrono::seconds(1), .burst = 3};

  [[nodiscard]] std::string url() const { return "sqlite://" + file_ + "?synchronous=normal"; }

  /// All of them at the same moments, so that all workers look at once.
  void sync() {
    const TimePoint start = system_clock()->now() + std::chrono::seconds(1);
    std::vector<Schedule> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back({.name = "schedule " + std::to_string(i),
                     .rule = "@every 1s",
                     .job = {"work", R"({"us":1000})", {.max_crashes = 1000}},
                     .overlap = Overlap::allow,
                     .start = start});
    }
    schedules_.sync(all);
  }
  /// A worker that does not compare versions leaves us those that are not there any more.
  void pause(const std::string& schedule) {
    const auto once = [&] {
      try {
        schedules_.pause(schedule);
        return true;
      } catch (const Error& e) {
        if (e.code() != Errc::retry_transaction) throw;
        return false;
      }
    };
    if (!process::eventually(once)) throw std::runtime_error("a schedule could not be paused");
  }
  /// One key that may have so many jobs at once, and one that may start so many a second.
  void set_key_limits() {
    admin_.set_key_limits("slots", {.concurrency = slots});
    admin_.set_key_limits("paced", {.rate = paced});
    admin_.pause("paced");
  }
  [[nodiscard]] static std::map<std::uint64_t, KeyRules> key_rules() {
    return {{hash_of("slots"), {.at_once = slots}},
            {hash_of("paced"), {.starts = paced.count, .per_us = paced.per.count()}}};
  }
  std::vector<JobId> enqueue_all(const std::string& kind, int n, const std::string& params,
                                 const EnqueueOptions& more = {}) {
    std::vector<JobId> ids;
    Client client(db_);
    for (; n > 0; --n) {
      EnqueueOptions options = more;
      options.max_crashes = 1000;
      options.keepalive = std::chrono::seconds(1);
      options.id = JobId::make(system_clock()->now());
      recorder_.write(about(What::enqueue_asked, options.id->bytes()));
      ids.push_back(client.enqueue(NewJob{kind, params, std::move(options)}).id);
      recorder_.write(about(What::enqueued, ids.back().bytes()));
    }
    return ids;
  }
  /// Some before the job waits, some while it does, some too late; some twice, of which the first wins.
  void send_to(const std::vector<JobId>& jobs, const sqlq::stop_token& stop) {
    const auto any = [&](std::size_t n) {
      return static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(n) - 1));
    };
    Client client(db_);
    for (std::int64_t value = 1; !stop.stop_requested(); ++value) {
      const std::string name = "go " + std::to_string(any(8));
      Record r = about(What::signalling, jobs.at(any(jobs.size())).bytes(), Code::none, hash_of(std::to_string(value)));
      r.queue = step_number(name, 0);
      recorder_.write(r);
      r.what = What::signalled;
      switch (client.signal(JobId(r.id), name, value)) {
        case SignalStatus::stored: r.code = Code::ok; break;
        case SignalStatus::existing: r.code = Code::duplicate; break;
        default: r.code = Code::refused; break;
      }
      recorder_.write(r);
      process::work_for(std::chrono::milliseconds(20));
    }
  }
  [[nodiscard]] Process start_worker() const {
    return std::make_unique<process::Child>(
        "process_worker", std::vector<std::string>{"url=" + url(), "records=" + records_, "sweep=100", "poll=50",
                                                   "concurrency=" + std::to_string(concurrency)});
  }

  /// Stopped within a step, until somebody else works on the job of one.
  void stop_and_resume(const process::Child& victim) {
    RecordReader reader(records_);
    bool within = false;
    (void)process::eventually([&] {
      for (const Record& r : reader.more_of(victim.pid())) within = within || r.what == What::stepping;
      return within;
    }, std::chrono::seconds(10));
    process::stand_still(victim, file_);
    faults_.push_back({.kind = Fault::Kind::paused, .pid = victim.pid(), .from_us = steady_us()});
    const std::string taken_over =
        "SELECT count(*) FROM sqlq_jobs j JOIN sqlq_history h ON h.job_seq = j.seq AND h.claim = j.claims - 1 JOIN "
        "sqlq_lanes l ON l.id = abs(j.lane_id) WHERE j.state = 2 AND l.kind = 'steps' AND h.worker LIKE '%" +
        std::to_string(victim.pid()) + "'";
    process::AuditConnection connection(file_, 20'000);
    (void)process::eventually([&] { return connection.ask(taken_over) != "0"; }, std::chrono::seconds(5));
    victim.signal(SIGCONT);
    faults_.back().to_us = steady_us();
  }

  const std::string file_;
  const std::string records_;
  const Recorder recorder_{records_};
  process::Random random_{};
  Database db_ = open(url());
  Schedules schedules_{db_};
  Admin admin_{db_};
  std::vector<Process> workers_ = std::vector<Process>(workers);
  std::vector<Fault> faults_{};
};

}  // namespace sqlq::faults
