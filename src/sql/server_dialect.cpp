#include <algorithm>
#include <functional>
#include <utility>

#include <sqlq/error.hpp>

#include "core/lock_watch.hpp"
#include "core/places.hpp"
#include "platform/pause.hpp"
#include "platform/random.hpp"
#include "sql/claim_apart.hpp"
#include "sql/enqueue_queue.hpp"
#include "sql/hints.hpp"
#include "sql/job_row.hpp"
#include "sql/known_lanes.hpp"
#include "sql/migrations.hpp"
#include "sql/pool.hpp"
#include "sql/purging.hpp"
#include "sql/reading.hpp"
#include "sql/reap_apart.hpp"
#include "sql/rounds.hpp"
#include "sql/server.hpp"
#include "sql/sql_dialect.hpp"
#include "sql/strays.hpp"

namespace sqlq::sql {
namespace {

using backend::Now;

/// Conflicts are gone after a moment; five tries take at most about two seconds.
constexpr int most_tries = 5;
constexpr Duration first_retry_after = std::chrono::milliseconds(10);
/// Connections for heartbeats: one is enough for a worker, a second is there when the first one is dead. The registry
/// of workers makes one call at a time on them, and may have to wait for a lock: one more.
constexpr std::size_t most_renewing = 3;
/// A heartbeat finds a locked table after up to a second, and tries again within 0.4 s.
constexpr Duration longest_unwatched = std::chrono::seconds(2);

class ServerDialect final : public SqlDialect, public backend::HandOver {
 public:
  ServerDialect(std::unique_ptr<Server> server, const PoolOptions& pool, const std::shared_ptr<Clock>& clock)
      : SqlDialect(server->queries()),
        server_(std::move(server)),
        queries_(server_->queries()),
        clock_(clock),
        watch_(clock, longest_unwatched),
        pool_(pool, [this] { return server_->connect(); }),
        renewing_({.size = most_renewing, .wait = pool.wait, .idle_lifetime = pool.idle_lifetime},
                  [this] { return server_->connect_to_renew(); }),
        producing_([this](EnqueueQueue::Items items) { return store(items, nullptr, {}); },
                   std::max<std::size_t>(pool.size / 2, 1), pool.wait),
        hints_(server_->capabilities().cross_process_wakeup
                   ? Hints::Watch([this](std::function<void()> heard) { return server_->watch(std::move(heard)); })
                   : nullptr) {
    static_cast<void>(pool_.take());
  }

  const backend::Capabilities& capabilities() const noexcept override { return server_->capabilities(); }
  std::string description() const override { return server_->description(); }
  std::vector<std::string> self_check() override {
    return read<std::vector<std::string>>([&](Session& s) { return server_->self_check(s); });
  }

  // ---------------------------------------------------------------------------------------------- schema
  std::span<const Migration> migrations() const noexcept override { return server_->migrations(); }
  MigrationStatus migration_status() override {
    return read<MigrationStatus>([&](Session& s) { return read_status(s, server_->queries(), server_->migrations()); });
  }
  int migrate(backend::Direction direction, int target, Now now) override {
    lanes_.forget();
    return server_->migrate(*pool_.take(), direction, target, now);
  }
  void teardown() override {
    lanes_.forget();
    server_->teardown(*pool_.take());
  }

  // ---------------------------------------------------------------------------------------------- producing
  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* tx, Now now) override {
    return tx != nullptr || now ? store(items, tx, now) : producing_.call(items);
  }
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* tx, Now now) override {
    const auto operation = [&](Work& w) { return server_->cancel(w, ids); };
    using Answers = std::vector<CancelStatus>;
    return tx != nullptr ? within<Answers>(*tx, now, operation) : announced(write<Answers>(now, operation));
  }

  // ---------------------------------------------------------------------------------------------- working
  backend::ClaimResult claim(const backend::ClaimRequest& request) override {
    return claim_apart(
        request, aside_, request.now ? request.now->steady : clock_->steady(),
        [&] { return finish_and_claim({.claim = request}).claim; },
        [&](const backend::ClaimRequest& part, const Selection& some) {
          const auto claim = [&](Work& w, const Vacated*) { return server_->claim_some(w, part, some); };
          return take({.claim = part}, claim).claim;
        },
        [&](JobId id, std::string_view why) { return give_up(id, why, request.now); });
  }
  backend::HandOver* hand_over() noexcept override { return this; }
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& request) override {
    return take(request, [&](Work& w, const Vacated* vacated) {
      return server_->claim(w, {.request = request.claim, .limited = request.limited, .vacated = vacated});
    });
  }
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* tx, Now now) override {
    const auto operation = [&](Work& w) {
      return in_rounds(items, [&] { w.begin(); }, [&](std::span<const backend::Finish> some) {
        return server_->finish(w, some);
      });
    };
    using Answers = std::vector<FinishStatus>;
    if (tx != nullptr) return within<Answers>(*tx, now, operation);
    Answers answers = write<Answers>(now, operation);
    if (hints_.are_news(items)) tell();
    return answers;
  }
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, Now now) override {
    // Not on the connections of other calls: all of these may wait for a lock while the leases run out.
    using Answers = std::vector<LeaseStatus>;
    const auto wrote = [](const Answers& answers) {
      return std::ranges::any_of(answers, [](LeaseStatus said) { return said != LeaseStatus::lost; });
    };
    return write<Answers>(now, looking<Answers>([&](Work& w) { return server_->heartbeat(w, leases); }, wrote), {},
                          &renewing_);
  }
  std::vector<bool> publish(std::span<const backend::Interim> items, Now now) override {
    return write<std::vector<bool>>(now, [&](Work& w) { return server_->publish(w, items); });
  }
  ReapReport reap(std::span<const std::string> names, std::size_t limit, Now now) override {
    give_back_strays(now);
    auto report = reap_apart(
        [&](std::span<const JobId> only) {
          return write<ReapReport>(
              now, looking<ReapReport>([&](Work& w) { return server_->reap(w, names, limit, only); }));
        },
        [&] {
          return write<std::vector<JobId>>(
              now, looking<std::vector<JobId>>([&](Work& w) { return server_->ended(w, names, limit); }));
        },
        [&](JobId id, std::string_view why) { return give_up(id, why, now); });
    if (!report.returned.empty()) tell();
    return report;
  }
  std::optional<SteadyPoint> locked_since() const noexcept override { return watch_.taken_since(); }

  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, Now now) override {
    // One that was errored may be pending again.
    return announced(write<std::vector<bool>>(now, [&](Work& w) { return server_->take_back_crashes(w, claims); }));
  }

  // ---------------------------------------------------------------------------------------------- housekeeping
  PurgeReport purge(std::size_t limit, Now now) override {
    try {
      return {.deleted = write<std::size_t>(now, [&](Work& w) { return server_->purge(w, limit); })};
    } catch (const Error& e) {
      if (e.code() != Errc::refused) throw;
    }
    const auto ids = write<std::vector<JobId>>(now, [&](Work& w) { return server_->expired(w, limit); });
    return purge_apart<JobId>(
        ids,
        [&](std::span<const JobId> some) {
          const auto said = act(some, backend::Action::erase, now);
          return static_cast<std::size_t>(std::ranges::count(said, ActionStatus::done));
        },
        [&](JobId id) { return write<JobId>(now, [&](Work& w) { return server_->postpone(w, id), id; }); });
  }
  std::vector<ActionStatus> act(std::span<const JobId> ids, backend::Action what, Now now) override {
    auto answers = write<std::vector<ActionStatus>>(now, [&](Work& w) { return server_->act(w, ids, what); });
    return what == backend::Action::erase ? std::move(answers) : announced(std::move(answers));
  }
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, Now now) override {
    return announced(write<std::vector<RequeueStatus>>(now, [&](Work& w) { return server_->requeue(w, ids); }));
  }
  std::vector<bool> append_logs(std::span<const LogLine> lines) override {
    return write<std::vector<bool>>({}, [&](Work& w) { return server_->append_logs(w, lines); });
  }

 protected:
  const ReadQueries& read_queries() const noexcept override { return queries_; }
  Hints& hints() noexcept override { return hints_; }
  void run_read(const Read& read_it, Statements statements) override {
    read<bool>([&](Session& s) { return read_it(s), true; }, statements);
  }
  void run_read_within(const Tx& tx, const Read& read_it) override {
    within<bool>(tx, {}, [&](Work& w) { return read_it(w.session()), true; });
  }
  void run_write(Now now, const Write& write_it) override {
    write<bool>(now, [&](Work& w) { return write_it(w.session(), w.wall()), true; });
  }
  void run_aside(Now now, const Write& write_it) override {
    write<bool>(now, [&](Work& w) { return write_it(w.session(), w.wall()), true; }, {}, &renewing_);
  }
  std::optional<std::int64_t> wall_us(Now now) const override {
    return now ? std::optional(us(now->wall)) : std::nullopt;
  }
  void tell() noexcept override {
    hints_.notify();
    server_->announce();
  }

 private:
  /// A claim by this operation, after the leases that the request ends.
  backend::HandOverResult take(const backend::HandOverRequest& request,
                               const std::function<backend::ClaimResult(Work&, const Vacated*)>& claim) {
    const LeaseToken token = request.claim.token;
    strays_.forget(token);
    give_back_strays(request.claim.now);
    const std::vector<backend::Finish> ends = core::as_finishes(request.ends);
    bool unknown = false;  // whether an earlier try has taken jobs
    const auto operation = [&](Work& w) {
      backend::HandOverResult result;
      Vacated vacated;
      if (!ends.empty()) {
        w.begin();
        result.ended = server_->finish(w, ends);
        vacated = vacated_by(request.ends, result.ended);
      }
      if (unknown) result.claim.jobs = server_->claimed(w, request.claim);
      if (result.claim.jobs.empty()) {
        result.claim = claim(w, ends.empty() ? nullptr : &vacated);
      } else {
        result.claim.next_due = TimePoint{};  // what else it saw is lost; a time that has passed: ask again
      }
      return result;
    };
    try {
      auto result = write<backend::HandOverResult>(request.claim.now, operation, [&] { unknown = true; });
      if (unknown) strays_.follow(token, result.claim.jobs);
      hints_.claimed(result.claim);
      if (hints_.are_news(request, result.claim)) tell();
      return result;
    } catch (...) {
      if (unknown) strays_.follow(token, {});
      throw;
    }
  }
  bool give_up(JobId id, std::string_view why, const Now& now) {
    return write<bool>(now, [&](Work& w) { return server_->give_up(w, id, why); });
  }
  /// An operation that writes to the jobs' table (if its result is not one of which `wrote` says no) and waits for none
  /// of its rows: if it waits, somebody has all of it.
  template <class Result>
  std::function<Result(Work&)> looking(std::function<Result(Work&)> operation,
                                       std::function<bool(const Result&)> wrote = {}) {
    return [this, operation = std::move(operation), wrote = std::move(wrote)](Work& w) {
      const SteadyPoint since = clock_->steady();
      const auto spared_after = watch_.spared_after();
      w.spare(spared_after ? since - *spared_after : Duration(0));
      try {
        Result result = operation(w);
        if (!wrote || wrote(result)) watch_.got(since);
        return result;
      } catch (const Error& e) {
        if (server_->locked_out(e)) watch_.taken(since);
        throw;
      }
    };
  }
  /// By this transaction, and no earlier one.
  static Vacated vacated_by(std::span<const backend::Success> ends, const std::vector<FinishStatus>& statuses) {
    Vacated queues;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const bool now = statuses[i] == FinishStatus::applied || statuses[i] == FinishStatus::cancelled;
      if (now) ++queues[ends[i].queue];
    }
    return queues;
  }
  std::vector<Enqueued> store(std::span<const backend::EnqueueItem> items, const Tx* tx, const Now& now) {
    using Answers = std::vector<Enqueued>;
    Answers last;           // of the last try
    std::vector<bool> kept;  // what tries of unknown outcome have stored, if they have done anything
    const auto operation = [&](Work& w) {
      last.clear();
      last = server_->enqueue(w, items);
      for (std::size_t i = 0; i < items.size(); ++i) {
        const bool mine = items[i].fresh_id || (!kept.empty() && kept[i]);
        if (mine && last[i].id == items[i].id) last[i].status = EnqueueStatus::inserted;
      }
      return last;
    };
    const auto unknown = [&] {
      kept.resize(items.size());
      for (std::size_t i = 0; i < last.size(); ++i) kept[i] = kept[i] || last[i].inserted();
    };
    for (bool again = false;; again = true) {
      const auto missing = lanes_.missing(items);
      if (!missing.empty()) {  // by a transaction of its own: nobody waits for the user's to make the same
        write<bool>(now, [&](Work& w) { return server_->make_lanes(w, missing), true; });
        lanes_.add(missing);
      }
      try {
        return tx != nullptr ? within<Answers>(*tx, now, operation)
                             : announced(write<Answers>(now, operation, unknown));
      } catch (const Error& e) {
        // Somebody tore the schema down and made it anew. A borrowed transaction is the user's to begin again.
        if (e.code() != Errc::schema || !lanes_.forget() || again || tx != nullptr) throw;
      }
    }
  }
  /// Jobs that nobody holds, because their claim was committed after its caller had given it up, are released: else
  /// they would wait for the end of their leases, and be charged a crash.
  void give_back_strays(const Now& now) {
    for (const Strays::Claim& claim : strays_.to_look_at()) {
      const backend::ClaimRequest request{.token = claim.token, .now = now};
      const auto operation = [&](Work& w) {
        std::vector<backend::Finish> ends;
        for (const Job& job : server_->claimed(w, request)) {
          if (claim.known.contains(job.id)) continue;
          ends.push_back({.id = job.id, .token = claim.token, .kind = backend::FinishKind::release,
                          .message = "its claim was committed after it had been given up"});
        }
        if (!ends.empty()) server_->finish(w, ends);
        return !ends.empty();
      };
      try {
        if (write<bool>(now, operation)) tell();
      } catch (const Error&) {  // looked at again; what the call itself wants says what is wrong
      }
    }
  }

  template <class Result>
  Result announced(Result result) noexcept {
    tell();
    return result;
  }

  /// Runs an operation until it is done, the trouble is not a passing one, or the tries are used up.
  ///
  /// `unknown` is called after each run that may have been applied.
  template <class Result>
  Result write(const Now& now, const std::function<Result(Work&)>& operation,
               const std::function<void()>& unknown = {}, Pool* pool = nullptr) {
    if (pool == nullptr) pool = &pool_;
    bool may_be_applied = false;
    Duration pause = first_retry_after;
    for (int tries = 1;; ++tries) {
      bool connected = false;
      try {
        const auto lease = pool->take();
        connected = true;
        return once(*lease, now, operation);
      } catch (const Error& e) {
        may_be_applied = may_be_applied || e.outcome_unknown();
        if (e.outcome_unknown() && unknown) unknown();
        if (e.connection_lost()) pool->forget_idle();  // an idle one that was lost says little about the server
        const bool conflict = e.code() == Errc::retry_transaction;
        // A heartbeat's caller shall know soon that nobody can renew.
        const int most = pool == &renewing_ && server_->locked_out(e) ? 2 : most_tries;
        const bool again = connected && tries < most && (conflict || e.connection_lost());
        if (!again && may_be_applied && !e.outcome_unknown()) throw in_doubt(e);
        if (!again) throw;
        if (tries > 1 || conflict) {
          pause_about(pause);
          pause *= 3;
        }
      }
    }
  }

  template <class Result>
  Result once(Connection& connection, const Now& now, const std::function<Result(Work&)>& operation) {
    Work work(connection.session(), now, &connection);
    try {
      Result result = operation(work);
      if (work.begun()) connection.commit();
      return result;
    } catch (const Error& e) {
      if (work.begun()) connection.rollback();
      // A statement that commits by itself may have done so before the connection was lost.
      if (!work.begun() && e.code() == Errc::connection) throw in_doubt(e);
      throw;
    } catch (...) {
      if (work.begun()) connection.rollback();
      throw;
    }
  }

  template <class Result>
  Result within(const Tx& tx, const Now& now, const std::function<Result(Work&)>& operation) {
    const auto session = server_->borrow(tx);
    Work work(*session, now, nullptr);
    return operation(work);
  }

  /// Several statements see one snapshot only inside a transaction made for that.
  template <class Result>
  Result read(const std::function<Result(Session&)>& operation, Statements statements = Statements::one) {
    for (int tries = 1;; ++tries) {
      try {
        const auto lease = pool_.take();
        if (statements == Statements::one) return operation(lease->session());
        lease->begin_snapshot();
        Result result = operation(lease->session());
        lease->rollback();
        return result;
      } catch (const Error& e) {
        if (!e.connection_lost() && e.code() != Errc::retry_transaction) throw;
        pool_.forget_idle();
        if (tries > 1) throw;
      }
    }
  }

  static void pause_about(Duration pause) {
    platform::pause_for(pause / 2 + Duration(platform::random_below(static_cast<std::uint32_t>(pause.count()))));
  }

  const std::unique_ptr<Server> server_;
  const ReadQueries queries_;
  const std::shared_ptr<Clock> clock_;
  core::LockWatch watch_;
  Pool pool_;
  Pool renewing_;  // for heartbeats, and for the registry of workers
  KnownLanes lanes_;
  Strays strays_;
  SetAside aside_;
  EnqueueQueue producing_;
  Hints hints_;  // last: its watcher uses the others
};

}  // namespace

std::optional<std::int64_t> Work::wall() const { return now_ ? std::optional(us(now_->wall)) : std::nullopt; }
std::optional<std::int64_t> Work::steady() const { return now_ ? std::optional(us(now_->steady)) : std::nullopt; }

void Work::begin() {
  if (begun_ || own_ == nullptr) return;
  own_->begin();
  begun_ = true;
}

void Work::begin_anew() {
  own_->rollback();
  own_->begin();
}

std::unique_ptr<backend::Dialect> make_server_dialect(std::unique_ptr<Server> server, const PoolOptions& pool,
                                                      const std::shared_ptr<Clock>& clock) {
  return std::make_unique<ServerDialect>(std::move(server), pool, clock);
}

}  // namespace sqlq::sql
