#pragma once
/// \file
/// A server that does what a test tells it: each operation asks the test's function what happens.

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "sql/server.hpp"

namespace sqlq::sql {

/// What happened, in order: "connect", "begin", "commit", "rollback", "close" and the names of operations.
struct Script {
  std::vector<std::string> events{};
  /// Called for each event before it counts as done; may throw.
  std::function<void(const std::string& event)> before = [](const std::string&) {};
  bool lost = false;  ///< the newest connection

  void happen(const std::string& event) {
    events.push_back(event);
    before(event);
  }
  [[nodiscard]] auto count(const std::string& event) const { return std::ranges::count(events, event); }
};

class FakeSession final : public Session {
 protected:
  std::size_t do_execute(const Statement&, std::initializer_list<Arg>, RowSink) override { return 0; }
};

class FakeConnection final : public Connection {
 public:
  explicit FakeConnection(Script& script) : script_(script) {
    script_.happen("connect");
    script_.lost = false;
  }
  ~FakeConnection() override { script_.events.emplace_back("close"); }
  Session& session() noexcept override { return session_; }
  void begin() override { script_.happen("begin"); }
  void begin_snapshot() override { script_.happen("begin"); }
  void commit() override { script_.happen("commit"); }
  void rollback() noexcept override { script_.events.emplace_back("rollback"); }
  void script(const std::string&) override { script_.happen("script"); }
  bool usable() const noexcept override { return !script_.lost; }

 private:
  Script& script_;
  FakeSession session_;
};

class FakeServer : public Server {
 public:
  explicit FakeServer(Script& script) : script_(script) {}

  const backend::Capabilities& capabilities() const noexcept override { return capabilities_; }
  std::string description() const override { return "fake"; }
  std::vector<Finding> self_check(Session&) override { return {}; }
  std::unique_ptr<Connection> connect() override { return std::make_unique<FakeConnection>(script_); }
  std::unique_ptr<Connection> connect_to_renew() override { return connect(); }
  bool locked_out(const Error& e) const noexcept override { return e.native_code() == lock_timeout; }
  std::unique_ptr<Session> borrow(const Tx&) override { return std::make_unique<FakeSession>(); }
  const Catalogue& queries() const noexcept override { return catalogue(); }
  std::span<const Migration> migrations() const noexcept override { return {}; }
  int migrate(Connection&, backend::Direction, int, const backend::Now&) override { return 0; }
  void teardown(Connection&) override {}

  void make_lanes(Work&, std::span<const LaneName> lanes) override {
    for (const LaneName& lane : lanes) script_.happen("lane " + lane.queue + "/" + lane.kind);
  }
  std::vector<Enqueued> enqueue(Work& work, std::span<const backend::EnqueueItem> items) override {
    if (begins) work.begin();
    script_.happen("enqueue");
    std::vector<Enqueued> answers;
    for (const auto& item : items) answers.push_back(
        {.id = item.id, .status = there_after != 0 ? EnqueueStatus::inserted : EnqueueStatus::existing_id});
    if (there_after > 0) --there_after;
    return answers;
  }
  std::vector<CancelStatus> cancel(Work&, std::span<const JobId>) override { return {}; }
  std::vector<backend::StoreStatus> store_jobs(Work&, DistinctJobs jobs) override {
    script_.happen("store_jobs");
    return std::vector<backend::StoreStatus>(jobs.size(), backend::StoreStatus::stored);
  }
  backend::ClaimResult claim(Work& work, const Claim& claim) override {
    work.begin();
    std::string of;
    for (const auto& [queue, n] : claim.vacated().value_or(Vacated{})) {
      of += " for " + std::to_string(n) + " of " + std::string(queue);
    }
    script_.happen("claim" + of);
    return {.jobs = {Job{.kind = "claimed now"}}};
  }
  backend::ClaimResult claim_some(Work&, const backend::ClaimRequest&, const Selection&) override { return {}; }
  bool give_up(Work&, JobId, std::string_view) override { return false; }
  std::vector<Job> claimed(Work&, const backend::ClaimRequest&) override {
    script_.happen("claimed");
    return taken;
  }
  std::vector<FinishStatus> finish(Work&, std::span<const backend::Finish> items) override {
    script_.happen("finish " + std::to_string(items.size()));
    ends.assign(items.begin(), items.end());
    return std::vector<FinishStatus>(items.size(), finished);
  }
  std::vector<LeaseStatus> heartbeat(Work&, std::span<const backend::LeaseRef> leases) override {
    script_.happen("heartbeat");
    return std::vector<LeaseStatus>(leases.size(), LeaseStatus::renewed);
  }
  std::vector<bool> publish(Work&, std::span<const backend::Interim>) override { return {}; }
  ReapReport reap(Work& work, std::span<const std::string>, std::size_t, std::span<const JobId>) override {
    script_.happen("reap");
    spared = work.spared();
    return {};
  }
  std::vector<JobId> ended(Work&, std::span<const std::string>, std::size_t) override { return {}; }
  std::vector<bool> take_back_crashes(Work&, std::span<const backend::OutlivedClaim>) override { return {}; }
  std::size_t purge(Work&, std::size_t) override { return 0; }
  std::vector<JobId> expired(Work&, std::size_t) override { return {}; }
  void postpone(Work&, JobId) override {}
  std::vector<ActionStatus> act(Work&, std::span<const JobId>, backend::Action) override { return {}; }
  std::vector<RequeueStatus> requeue(Work&, std::span<const JobId>) override { return {}; }
  std::vector<ActionStatus> edit(Work&, std::span<const JobId>, const backend::JobChange&) override { return {}; }
  std::vector<bool> append_logs(Work&, std::span<const LogLine>) override { return {}; }
  std::optional<LockedJob> lock_job(Work&, JobId) override { return std::nullopt; }
  void tell_job(Work&, JobId, std::int64_t, bool) override {}
  void wake(Work&, std::span<const JobId>) override {}

  static constexpr int lock_timeout = 1205;  ///< the number of errors that say so
  std::int64_t spared = -1;                  ///< what the last reap left alone, in microseconds
  bool begins = true;       ///< whether enqueue is a transaction of several statements
  int there_after = -1;     ///< after so many runs of enqueue its ids are there; negative: never
  std::vector<backend::Finish> ends{};  ///< of the last run of finish
  std::vector<Job> taken{};  ///< what a claim of unknown outcome has taken
  FinishStatus finished = FinishStatus::applied;  ///< what finishing answers

 private:
  static const Catalogue& catalogue() {
    static const Catalogue instance([] {
      std::string text;
      for (const char* name :
           {"get", "list", "list_ids", "list_bound", "list_few", "progress", "count_pending", "count_pending_all",
            "count_scheduled", "count_held", "count_finished", "count_finished_all", "waiting_kinds", "history",
            "last_records", "log_read",
            "queues", "queue", "queue_upsert", "queue_update", "queue_used", "queue_hide", "oldest_due",
            "worker_seen", "worker_draining", "worker_add", "worker_remove", "workers", "workers_drain",
            "workers_expired", "clock_now", "insight_place", "insight_lanes", "insight_ready", "insight_level",
            "insight_due", "transfer_ids", "transfer_sizes", "transfer_history", "transfer_log", "transfer_steps",
            "periodic_first", "periodic_due", "periodic_next", "periodic_list", "periodic_get", "periodic_versions",
            "periodic_lock", "periodic_add", "periodic_set", "periodic_remove",
            "inbox_rows", "inbox_lock", "inbox_remove", "inbox_keep", "inbox_counts",
            "gate_in", "gates_arrived", "gates_due", "gates_named", "gates_next", "gates_make", "gates_lock",
            "gates_lines", "gates_inside", "gates_came", "gate_line", "gated_states", "gated_set", "gated_drop",
            "gates_set",
            "gates_drop", "gate_settings", "gate_set", "gates_look_all", "gate_shut", "gate_open", "gate_list",
            "gate_get", "gate_jobs", "gate_before", "count_waiting", "gates_forget", "gated_forget",
            "steps", "step_has", "step_job", "step_add", "step_insert", "step_find", "step_signal_last",
            "step_replace", "steps_forget", "steps_forget_signals"}) {
        text += std::string("-- name: ") + name + "\nSELECT 1\n";
      }
      return text;
    }());
    return instance;
  }

  Script& script_;
  backend::Capabilities capabilities_{};
};

}  // namespace sqlq::sql
