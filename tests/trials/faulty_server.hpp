#pragma once
/// \file
/// A server whose connections go wrong: in front of the real one, under the real dialect.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "trials/faulty_session.hpp"
#include "sql/server.hpp"

namespace sqlq::trials {

/// How connections of a server are cut; called with the real one.
using Cut = std::function<void(sql::Connection&)>;

/// Errors are scripts that make the server report them.
class FaultyConnection final : public sql::Connection, private Victim {
 public:
  FaultyConnection(std::unique_ptr<sql::Connection> real, Trips& trips, const Cut& cut)
      : real_(std::move(real)), session_(real_->session(), trips, *this), trips_(trips), cut_(cut) {}

  [[nodiscard]] sql::Connection& real() noexcept { return *real_; }

  sql::Session& session() noexcept override { return session_; }
  void begin() override { go("begin", [&] { real_->begin(); }); }
  void begin_snapshot() override { go("begin", [&] { real_->begin_snapshot(); }); }
  void commit() override { go("commit", [&] { real_->commit(); }); }
  void rollback() noexcept override { go("rollback", [&] { real_->rollback(); }); }
  void script(const std::string& text) override { go("script", [&] { real_->script(text); }); }
  bool usable() const noexcept override { return real_->usable(); }

 private:
  template <class Run>
  void go(std::string_view name, Run run) {
    trip(trips_, *this, name, run, run);
  }
  void undo() override { real_->rollback(); }
  void report(const std::string& error) override { real_->script(error); }
  void cut() override { cut_(*real_); }

  std::unique_ptr<sql::Connection> real_;
  FaultySession session_;
  Trips& trips_;
  const Cut& cut_;
};

/// As thread-safe as its Trips. Borrowed connections and the schema are left alone.
class FaultyServer final : public sql::Server {
 public:
  FaultyServer(std::unique_ptr<sql::Server> real, Trips& trips, Cut cut)
      : real_(std::move(real)), trips_(trips), cut_(std::move(cut)) {}

  const backend::Capabilities& capabilities() const noexcept override { return real_->capabilities(); }
  std::string description() const override { return real_->description(); }
  std::vector<Finding> self_check(sql::Session& s) override { return real_->self_check(s); }
  std::unique_ptr<sql::Connection> connect() override {
    return faulty([&] { return real_->connect(); });
  }
  std::unique_ptr<sql::Connection> connect_to_renew() override {
    return faulty([&] { return real_->connect_to_renew(); });
  }
  bool locked_out(const Error& error) const noexcept override { return real_->locked_out(error); }
  std::unique_ptr<sql::Session> borrow(const Tx& tx) override { return real_->borrow(tx); }

  const sql::Catalogue& queries() const noexcept override { return real_->queries(); }
  std::span<const Migration> migrations() const noexcept override { return real_->migrations(); }
  int migrate(sql::Connection& c, backend::Direction direction, int target, const backend::Now& now) override {
    return real_->migrate(real(c), direction, target, now);
  }
  void teardown(sql::Connection& c) override { real_->teardown(real(c)); }

  void make_lanes(sql::Work& w, std::span<const sql::LaneName> lanes) override { real_->make_lanes(w, lanes); }
  std::vector<Enqueued> enqueue(sql::Work& w, std::span<const backend::EnqueueItem> items) override {
    return real_->enqueue(w, items);
  }
  std::vector<CancelStatus> cancel(sql::Work& w, std::span<const JobId> ids) override { return real_->cancel(w, ids); }
  backend::ClaimResult claim(sql::Work& w, const sql::Claim& claim) override { return real_->claim(w, claim); }
  backend::ClaimResult claim_some(sql::Work& w, const backend::ClaimRequest& r, const sql::Selection& s) override {
    return real_->claim_some(w, r, s);
  }
  bool give_up(sql::Work& w, JobId id, std::string_view message) override { return real_->give_up(w, id, message); }
  std::vector<Job> claimed(sql::Work& w, const backend::ClaimRequest& r) override { return real_->claimed(w, r); }
  std::vector<FinishStatus> finish(sql::Work& w, std::span<const backend::Finish> items) override {
    return real_->finish(w, items);
  }
  std::vector<LeaseStatus> heartbeat(sql::Work& w, std::span<const backend::LeaseRef> leases) override {
    return real_->heartbeat(w, leases);
  }
  std::vector<backend::StoreStatus> store_jobs(sql::Work& w, sql::DistinctJobs jobs) override {
    return real_->store_jobs(w, jobs);
  }
  std::vector<bool> take_back_crashes(sql::Work& w, std::span<const backend::OutlivedClaim> claims) override {
    return real_->take_back_crashes(w, claims);
  }
  std::vector<bool> publish(sql::Work& w, std::span<const backend::Interim> items) override {
    return real_->publish(w, items);
  }
  ReapReport reap(sql::Work& w, std::span<const std::string> queues, std::size_t limit,
                  std::span<const JobId> only) override {
    return real_->reap(w, queues, limit, only);
  }
  std::vector<JobId> ended(sql::Work& w, std::span<const std::string> queues, std::size_t limit) override {
    return real_->ended(w, queues, limit);
  }
  std::size_t purge(sql::Work& w, std::size_t limit) override { return real_->purge(w, limit); }
  std::vector<JobId> expired(sql::Work& w, std::size_t limit) override { return real_->expired(w, limit); }
  void postpone(sql::Work& w, JobId id) override { real_->postpone(w, id); }
  std::vector<ActionStatus> act(sql::Work& w, std::span<const JobId> ids, backend::Action what) override {
    return real_->act(w, ids, what);
  }
  std::vector<RequeueStatus> requeue(sql::Work& w, std::span<const JobId> ids) override {
    return real_->requeue(w, ids);
  }
  std::vector<ActionStatus> edit(sql::Work& w, std::span<const JobId> ids, const backend::JobChange& change) override {
    return real_->edit(w, ids, change);
  }
  std::vector<bool> append_logs(sql::Work& w, std::span<const LogLine> lines) override {
    return real_->append_logs(w, lines);
  }
  std::optional<sql::LockedJob> lock_job(sql::Work& w, JobId id) override { return real_->lock_job(w, id); }
  std::size_t insert_step(sql::Work& w, const sql::Statement& statement,
                          std::initializer_list<sql::Arg> args) override {
    return real_->insert_step(w, statement, args);
  }
  void tell_job(sql::Work& w, JobId id, std::int64_t seq, bool on) override { real_->tell_job(w, id, seq, on); }
  void wake(sql::Work& w, std::span<const JobId> ids) override { real_->wake(w, ids); }
  void announce() noexcept override { real_->announce(); }
  std::shared_ptr<void> watch(std::function<void()> heard) override { return real_->watch(std::move(heard)); }

 private:
  template <class Connect>
  std::unique_ptr<sql::Connection> faulty(Connect connect) {
    if (trips_.next("connect") != nullptr) throw Error(Errc::connection, "the server does not answer");
    return std::make_unique<FaultyConnection>(connect(), trips_, cut_);
  }
  static sql::Connection& real(sql::Connection& c) { return static_cast<FaultyConnection&>(c).real(); }

  const std::unique_ptr<sql::Server> real_;
  Trips& trips_;
  const Cut cut_;
};

}  // namespace sqlq::trials
