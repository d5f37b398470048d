#pragma once
/// \file
/// Records the calls of a worker's services, answers them as a test wants, and can be away. It keeps jobs, with just
/// enough of the contract to run them: who needs what a queue means takes testing::MemoryStorage.

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/places.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq::testing {

/// Thread-safety: all members from any thread, except that the public fields without a comment belong to the test while
/// no other thread uses the dialect.
class RecordingDialect final : public FakeDialect {
 public:
  struct Row {
    Job job{};
    SteadyPoint lease_until{};
    std::optional<backend::FinishKind> ended{};
  };

  std::atomic<bool> away{false};        ///< any thread: every operation fails with Errc::connection
  std::optional<TimePoint> next_due{};  ///< what claims answer besides jobs
  bool limited = false;                 ///< what claims answer besides jobs
  bool of_limited = true;               ///< whether all jobs are of queues with a limit, when that says so
  std::vector<std::size_t> suspects_asked{};  ///< by each claim
  std::vector<bool> claims_of_limited{};  ///< whether each claim wanted such jobs
  std::function<void()> during_claim{};  ///< time that passes in a claim, for instance
  std::vector<WaitingKind> waiting{};
  std::vector<Queue> known_queues{};
  std::vector<std::size_t> claim_limits{};
  bool hands_over = true;                  ///< whether it has that part
  bool pays = false;                       ///< whether handing over always pays
  [[nodiscard]] bool always_pays() const noexcept override { return pays; }
  std::vector<std::size_t> handed_over{};  ///< how many leases each claim has ended
  std::vector<std::vector<backend::FinishKind>> finishes{};
  std::vector<std::size_t> heartbeats{};
  struct OutlivedClaim {
    JobId id{};
    std::int64_t claim = 0;
    std::string worker{};
  };
  std::vector<OutlivedClaim> outlived{};  ///< answered with whether the lease has ended
  bool lists_workers = false;           ///< whether it has that part
  bool drains = false;                  ///< what announcements answer
  std::vector<WorkerInfo> announced{};
  std::vector<std::int64_t> withdrawn{};  ///< ids
  std::size_t expiries = 0;
  std::vector<LogLine> logs{};
  std::vector<Cause> causes{};
  std::vector<std::string> messages{};
  std::vector<Duration> delays{};
  std::vector<std::string> broken{};  ///< operations that fail
  std::optional<SteadyPoint> locked{};  ///< since when nobody can write
  bool knows_outages = true;            ///< whether it has that part

  bool has_gates = false;                             ///< whether it has that part
  std::vector<std::vector<backend::GateName>> looks{};  ///< the gates that each look has named
  std::function<backend::GatesLooked()> on_look{};      ///< what they answer; may throw
  struct Shut {
    backend::GateName gate{};
    Duration pause{};
    std::size_t finishes = 0;  ///< so many calls have written outcomes before
  };
  std::vector<Shut> shuts{};

  [[nodiscard]] backend::Gates* gates() noexcept override { return has_gates ? this : nullptr; }
  backend::GatesLooked gates_look(std::span<const backend::GateName> named, std::size_t, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("gates_look");
    looks.emplace_back(named.begin(), named.end());
    return on_look ? on_look() : backend::GatesLooked{};
  }
  void gate_shut(const backend::GateName& gate, Duration pause, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("gate_shut");
    shuts.push_back({gate, pause, finishes.size()});
  }

  [[nodiscard]] backend::Outages* outages() noexcept override { return knows_outages ? this : nullptr; }
  [[nodiscard]] std::optional<SteadyPoint> locked_since() const noexcept override { return locked; }
  /// What the database refuses for good: the code a batch with such an item fails with. Empty: nothing is refused.
  std::function<std::optional<Errc>(const backend::Finish&)> refuses{};
  std::function<bool(const LogLine&)> refuses_line{};
  std::function<bool(JobId)> refuses_renewal{};
  std::vector<backend::RefusedJob> refused_starts{};  ///< what the next claim says of them
  std::function<bool(const backend::Interim&)> refuses_interim{};
  JobId refuses_outage{};            ///< of this job
  std::vector<JobId> refuses_reap{};  ///< what each sweep says of them
  std::vector<std::size_t> published{};  ///< how many items each call had
  bool rows_locked = false;              ///< somebody has the rows: nothing is published

  /// A pending job; `describe` may change anything of it.
  JobId add(const std::function<void(Job&)>& describe = {}) {
    const std::lock_guard lock(mutex_);
    Job job{.id = JobId::make(TimePoint{}), .queue = "default", .kind = "work", .state = JobState::pending,
            .params = "null"};
    job.keepalive = std::chrono::seconds(30);
    if (describe) describe(job);
    rows_.push_back({job});
    return job.id;
  }
  [[nodiscard]] Job job(JobId id) {
    const std::lock_guard lock(mutex_);
    return row(id)->job;
  }
  static constexpr LeaseToken stolen{1};
  /// As if the lease had ended and another worker had claimed the job.
  void steal(JobId id) {
    const std::lock_guard lock(mutex_);
    row(id)->job.lease_token = stolen;
  }
  /// How many heartbeats there were.
  [[nodiscard]] std::size_t beats() {
    const std::lock_guard lock(mutex_);
    return heartbeats.size();
  }
  void hint() {
    const std::lock_guard lock(hint_mutex_);
    if (hint_) hint_();
  }
  [[nodiscard]] bool subscribed() {
    const std::lock_guard lock(hint_mutex_);
    return hint_ != nullptr;
  }

  backend::ClaimResult claim(const backend::ClaimRequest& request) override {
    return finish_and_claim({.claim = request}).claim;
  }
  backend::Workers* workers() noexcept override { return lists_workers ? this : nullptr; }
  bool announce_worker(const WorkerInfo& worker, Duration, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("announce_worker");
    announced.push_back(worker);
    return drains;
  }
  void withdraw_worker(std::string_view, std::int64_t id) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("withdraw_worker");
    withdrawn.push_back(id);
  }
  std::size_t expire_workers(std::size_t, backend::Now) override {
    const std::lock_guard lock(mutex_);
    ++expiries;
    return 0;
  }
  backend::HandOver* hand_over() noexcept override { return hands_over ? this : nullptr; }
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& asked) override {
    const std::lock_guard lock(mutex_);
    const backend::ClaimRequest& request = asked.claim;
    fail_if_broken("claim");
    claim_limits.push_back(request.limit);
    if (during_claim) during_claim();
    backend::ClaimResult result{.next_due = next_due, .limited = limited};
    result.refused = std::exchange(refused_starts, {});
    std::vector<FinishStatus> ended;
    for (const backend::Finish& item : core::as_finishes(asked.ends)) ended.push_back(finish_one(item, false));
    handed_over.push_back(asked.ends.size());
    claims_of_limited.push_back(asked.limited);
    std::size_t suspects = request.suspects;
    suspects_asked.push_back(suspects);
    for (Row& r : rows_) {
      if (result.jobs.size() == request.limit) break;
      if (r.job.state != JobState::pending || !wanted(r.job, request)) continue;
      if (limited && of_limited && !asked.limited) continue;
      if (is_suspect(r.job)) {
        result.suspects = true;
        if (suspects == 0) continue;
        --suspects;
      }
      r.job.state = JobState::running;
      r.job.lease_token = request.token;
      r.job.worker = request.worker;
      ++r.job.attempt;
      ++r.job.claims;
      if (request.now) r.lease_until = request.now->steady + r.job.keepalive;
      result.jobs.push_back(r.job);
      if (limited && of_limited) ++result.of_limited;
    }
    return {.claim = std::move(result), .ended = std::move(ended)};
  }

  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("take_back_crashes");
    for (const backend::OutlivedClaim& claim : claims) {
      if (claim.id == refuses_outage) throw Error(Errc::refused, "a trigger raised an error");
    }
    std::vector<bool> answers;
    for (const backend::OutlivedClaim& claim : claims) {
      outlived.push_back({claim.id, claim.claim, std::string(claim.worker)});
      answers.push_back(!held(*row(claim.id)) || row(claim.id)->job.lease_token == stolen);
    }
    return answers;
  }

  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* within, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("finish");
    for (const backend::Finish& item : items) {
      const auto code = refuses ? refuses(item) : std::nullopt;
      if (code) throw Error(*code, "a trigger raised an error");
    }
    std::vector<FinishStatus> answers;
    std::vector<backend::FinishKind> kinds;
    for (const backend::Finish& item : items) {
      kinds.push_back(item.kind);
      answers.push_back(finish_one(item, within != nullptr));
    }
    if (within == nullptr) finishes.push_back(std::move(kinds));
    return answers;
  }
  /// Ends the "transaction" of finishes given a Tx: they count from now on, or are forgotten.
  void end_transaction(bool commit) {
    const std::lock_guard lock(mutex_);
    for (const Job& job : std::exchange(uncommitted_, {})) {
      if (commit) row(job.id)->job = job;
    }
  }

  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, backend::Now now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("heartbeat");
    for (const backend::LeaseRef& lease : leases) {
      if (refuses_renewal && refuses_renewal(lease.id)) throw Error(Errc::refused, "a trigger raised an error");
    }
    heartbeats.push_back(leases.size());
    std::vector<LeaseStatus> answers;
    for (const backend::LeaseRef& lease : leases) {
      Row* r = row(lease.id);
      if (!held(*r) || r->job.lease_token != lease.token) {
        answers.push_back(LeaseStatus::lost);
        continue;
      }
      if (now) r->lease_until = now->steady + r->job.keepalive;
      answers.push_back(r->job.state == JobState::cancelling ? LeaseStatus::cancel_requested : LeaseStatus::renewed);
    }
    return answers;
  }

  std::vector<bool> publish(std::span<const backend::Interim> items, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("publish");
    for (const backend::Interim& item : items) {
      if (refuses_interim && refuses_interim(item)) throw Error(Errc::refused, "a trigger raised an error");
    }
    published.push_back(items.size());
    std::vector<bool> answers;
    for (const backend::Interim& item : items) {
      Row* r = row(item.id);
      answers.push_back(!rows_locked && held(*r) && r->job.lease_token == item.token);
      if (!answers.back()) continue;
      if (!item.result.empty()) r->job.result = item.result;
      if (item.progress) r->job.progress = item.progress;
    }
    return answers;
  }

  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx*, backend::Now) override {
    const std::lock_guard lock(mutex_);
    for (const JobId id : ids) row(id)->job.state = JobState::cancelling;
    return std::vector<CancelStatus>(ids.size(), CancelStatus::cancelling);
  }

  ReapReport reap(std::span<const std::string>, std::size_t limit, backend::Now now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("reap");
    ReapReport report{.refused = refuses_reap};
    for (Row& r : rows_) {
      if (report.total() == limit || !now) break;
      if (!held(r) || r.lease_until > now->steady) continue;
      r.job.state = JobState::pending;
      r.job.lease_token = LeaseToken{};
      report.returned.push_back(r.job.id);
    }
    return report;
  }
  PurgeReport purge(std::size_t, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("purge");
    ++purges;
    return {.deleted = std::exchange(purgeable, 0), .kept = std::exchange(kept, {})};
  }
  int purges = 0;
  std::size_t purgeable = 0;  ///< how many the next purge finds
  std::vector<JobId> kept{};  ///< what the next purge cannot delete

  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t, backend::Now) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("waiting_kinds");
    return waiting;
  }
  [[nodiscard]] std::optional<Queue> queue(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    ++looks_at_queues;
    for (const Queue& q : known_queues) {
      if (q.name == name) return q;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::vector<Queue> queues(std::string_view, std::size_t) override {
    const std::lock_guard lock(mutex_);
    ++looks_at_queues;
    return known_queues;
  }
  int looks_at_queues = 0;

  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx*) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("get");
    std::vector<std::optional<Job>> jobs;
    for (const JobId id : ids) jobs.emplace_back(row(id)->job);
    return jobs;
  }
  std::vector<bool> append_logs(std::span<const LogLine> lines) override {
    const std::lock_guard lock(mutex_);
    fail_if_broken("append_logs");
    for (const LogLine& line : lines) {
      if (refuses_line && refuses_line(line)) throw Error(Errc::refused, "the encoding lacks a character");
    }
    logs.insert(logs.end(), lines.begin(), lines.end());
    return std::vector<bool>(lines.size(), true);
  }

  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint) override {
    const std::lock_guard lock(hint_mutex_);
    hint_ = std::move(hint);
    return std::make_unique<Forget>(*this);
  }

 private:
  class Forget final : public backend::Subscription {
   public:
    explicit Forget(RecordingDialect& owner) : owner_(owner) {}
    ~Forget() override {
      const std::lock_guard lock(owner_.hint_mutex_);
      owner_.hint_ = nullptr;
    }

   private:
    RecordingDialect& owner_;
  };

  static bool held(const Row& r) { return r.job.state == JobState::running || r.job.state == JobState::cancelling; }

  void fail_if_broken(const char* operation) const {
    if (away) throw Error(Errc::connection, "the database is away");
    if (std::find(broken.begin(), broken.end(), operation) == broken.end()) return;
    throw Error(Errc::busy, std::string(operation) + " is broken");
  }

  Row* row(JobId id) {
    const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) { return r.job.id == id; });
    if (at == rows_.end()) throw Error(Errc::internal, "the test has no such job");
    return &*at;
  }

  static bool wanted(const Job& job, const backend::ClaimRequest& request) {
    const auto meant = [](std::span<const std::string> names, const std::string& name) {
      return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
    };
    return meant(request.kinds, job.kind) && meant(request.queues, job.queue);
  }

  FinishStatus finish_one(const backend::Finish& item, bool in_transaction) {
    Row& r = *row(item.id);
    if (r.job.lease_token != item.token) return FinishStatus::stale;
    if (!held(r)) return r.ended == item.kind ? FinishStatus::already_applied : FinishStatus::ended_otherwise;
    r.ended = item.kind;
    const bool cancelled = r.job.state == JobState::cancelling;
    Job after = r.job;
    after.state = cancelled ? JobState::cancelled : state_after(item.kind);
    if (!item.result.empty()) after.result = item.result;
    if (item.kind == backend::FinishKind::release || item.kind == backend::FinishKind::snooze) --after.attempt;
    if (item.kind != backend::FinishKind::success) {
      causes.push_back(item.cause);
      messages.emplace_back(item.message);
      delays.push_back(item.delay);
    }
    if (in_transaction) {
      uncommitted_.push_back(after);
    } else {
      r.job = after;
    }
    return cancelled ? FinishStatus::cancelled : FinishStatus::applied;
  }
  static JobState state_after(backend::FinishKind kind) {
    switch (kind) {
      case backend::FinishKind::success: return JobState::success;
      case backend::FinishKind::fail: return JobState::errored;
      case backend::FinishKind::cancel: return JobState::cancelled;
      case backend::FinishKind::release: return JobState::pending;
      case backend::FinishKind::retry:
      case backend::FinishKind::snooze: return JobState::scheduled;
    }
    return JobState::invalid;
  }

  std::mutex mutex_;
  std::vector<Row> rows_;
  std::vector<Job> uncommitted_;
  std::mutex hint_mutex_;
  std::function<void()> hint_;
};

}  // namespace sqlq::testing
