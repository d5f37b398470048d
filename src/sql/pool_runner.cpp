#include <algorithm>
#include <utility>

#include "platform/pause.hpp"
#include "platform/random.hpp"
#include "sql/runner.hpp"
#include "sql/server.hpp"
#include "sql/sql_dialect.hpp"

namespace sqlq::sql {
namespace {

/// Conflicts are gone after a moment; five tries take at most about two seconds.
constexpr int most_tries = 5;
constexpr Duration first_retry_after = std::chrono::milliseconds(10);
/// Connections for heartbeats: one is enough for a worker, a second is there when the first one is dead. What is done
/// aside may have to wait for a lock, and never takes the last two.
constexpr std::size_t for_heartbeats = 2;
constexpr std::size_t most_renewing = for_heartbeats + 2;  // the registry of workers, and retention
/// A heartbeat finds a locked table after up to a second, and tries again within 0.4 s.
constexpr Duration longest_unwatched = std::chrono::seconds(2);

/// The caller of a heartbeat shall know soon that nobody can renew; those who share a write go on alone.
int most_when_locked(Task task) {
  if (task == Task::shared) return 1;
  return task == Task::renew || task == Task::aside ? 2 : most_tries;
}

void pause_about(Duration pause) {
  platform::pause_for(pause / 2 + Duration(platform::random_below(static_cast<std::uint32_t>(pause.count()))));
}

/// Operations over a server: on connections of a pool, again after conflicts and lost connections.
class PoolRunner final : public Runner {
 public:
  /// Connects once. The server must live as long.
  PoolRunner(Server& server, const PoolOptions& pool, const std::shared_ptr<Clock>& clock)
      : server_(server),
        clock_(clock),
        sharing_{.most_waiting = std::max<std::size_t>(pool.size / 2, 1), .wait = pool.wait},
        watch_(clock, longest_unwatched),
        pool_(pool, [this] { return server_.connect(); }),
        renewing_({.size = most_renewing, .wait = pool.wait, .idle_lifetime = pool.idle_lifetime},
                  [this] { return server_.connect_to_renew(); }) {
    static_cast<void>(pool_.take());
  }

  const backend::Capabilities& capabilities() const noexcept override { return server_.capabilities(); }
  std::string description() const override { return server_.description(); }
  std::vector<Finding> self_check() override {
    std::vector<Finding> findings;
    read([&](Session& s) { findings = server_.self_check(s); }, Statements::one);
    return findings;
  }
  std::optional<Sharing> sharing() const override { return sharing_; }
  const core::LockWatch& lock_watch() const noexcept override { return watch_; }
  void change_schema(core::FunctionRef<void(Connection&)> change) override { change(*pool_.take()); }
  void announce() noexcept override { server_.announce(); }
  std::shared_ptr<void> watch(std::function<void()> heard) override { return server_.watch(std::move(heard)); }

  void write(Task task, const backend::Now& now, Operation operation, core::FunctionRef<void()> unknown) override {
    // Heartbeats use none of the connections of other calls: all of these may wait for a lock while the leases run out.
    const bool impatient = task == Task::renew || task == Task::aside;
    Pool& pool = impatient ? renewing_ : pool_;
    bool may_be_applied = false;
    Duration pause = first_retry_after;
    for (int tries = 1;; ++tries) {
      bool connected = false;
      try {
        const auto lease = pool.take(task == Task::aside ? for_heartbeats : 0);
        connected = true;
        return once(*lease, task, now, operation);
      } catch (const Error& e) {
        may_be_applied = may_be_applied || e.outcome_unknown();
        if (e.outcome_unknown()) unknown();
        if (e.connection_lost()) pool.forget_idle();  // an idle one that was lost says little about the server
        const bool conflict = e.code() == Errc::retry_transaction;
        const int most = server_.locked_out(e) ? most_when_locked(task) : most_tries;
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

  void within(const Tx& tx, const backend::Now& now, Operation operation) override {
    const auto session = server_.borrow(tx);
    Work work(*session, now, nullptr);
    operation(work);
    if (work.wrote()) server_.announce_when_committed(*session);
  }

  // Several statements see one snapshot only inside a transaction made for that.
  void read(core::FunctionRef<void(Session&)> operation, Statements statements) override {
    for (int tries = 1;; ++tries) {
      try {
        const auto lease = pool_.take();
        if (statements == Statements::one) return operation(lease->session());
        lease->begin_snapshot();
        operation(lease->session());
        lease->rollback();
        return;
      } catch (const Error& e) {
        if (!e.connection_lost() && e.code() != Errc::retry_transaction) throw;
        pool_.forget_idle();
        if (tries > 1) throw;
      }
    }
  }

 private:
  void once(Connection& connection, Task task, const backend::Now& now, Operation operation) {
    Work work(connection.session(), now, &connection);
    try {
      if (task == Task::sweep || task == Task::renew) {
        look(work, operation);
      } else {
        operation(work);
      }
      if (work.begun()) connection.commit();
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

  /// It waits for none of the rows of the jobs' table: if it waits, somebody has all of it.
  void look(Work& work, Operation operation) {
    const SteadyPoint since = clock_->steady();
    const auto spared_after = watch_.spared_after();
    work.spare(spared_after ? since - *spared_after : Duration(0));
    try {
      operation(work);
      if (work.wrote()) watch_.got(since);
    } catch (const Error& e) {
      if (server_.locked_out(e)) watch_.taken(since);
      throw;
    }
  }

  Server& server_;
  const std::shared_ptr<Clock> clock_;
  const Sharing sharing_;
  core::LockWatch watch_;
  Pool pool_;
  Pool renewing_;  // for heartbeats only
};

}  // namespace

std::unique_ptr<backend::Dialect> make_server_dialect(std::unique_ptr<Server> server, const PoolOptions& pool,
                                                      const std::shared_ptr<Clock>& clock) {
  auto runner = std::make_unique<PoolRunner>(*server, pool, clock);
  return std::make_unique<SqlDialect>(std::move(server), std::move(runner), clock);
}

}  // namespace sqlq::sql
