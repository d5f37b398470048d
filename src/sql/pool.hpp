#pragma once
/// \file
/// A pool of connections to one database.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/error.hpp>
#include <sqlq/export.hpp>

#include "core/mutex.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {

/// How much the pool holds and how long it waits.
struct PoolOptions {
  std::size_t size = 8;                              ///< connections at most
  Duration wait = std::chrono::seconds(10);          ///< for a free one, then Error(busy)
  Duration idle_lifetime = std::chrono::minutes(5);  ///< an idle one older than this is closed instead of used
  const char* option = "pool";                       ///< the URL option that sets the size, for messages
  const char* wait_option = "pool_wait";             ///< the one that sets the wait
};

/// Thread-safe. Made as needed, never more than `size`; the one used last is used next, so that idle ones grow old and
/// are closed.
class SQLQ_API Pool {
 public:
  using Connect = std::function<std::unique_ptr<Connection>()>;

  Pool(PoolOptions options, Connect connect, std::shared_ptr<Clock> clock = system_clock())
      : options_(options), connect_(std::move(connect)), clock_(std::move(clock)) {}

  /// A connection for one operation. Goes back when destroyed if it is usable, and is closed otherwise.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection) : pool_(&pool), connection_(std::move(connection)) {}
    ~Lease() { pool_->give_back(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Connection& operator*() const noexcept { return *connection_; }
    Connection* operator->() const noexcept { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// Waits for a free one, also when the server has none to spare (connecting throws Error(busy)): for one of ours that
  /// comes back, or for the server to give one. `leave`: so many stay for others. Error(busy) when there was none in
  /// time, and what connecting throws.
  [[nodiscard]] Lease take(std::size_t leave = 0);
  /// Closes the idle ones: one was found dead, so the others may be.
  void forget_idle() noexcept;
  /// How many threads wait in take().
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    SteadyPoint since{};
  };
  struct Waiting {
    Signal* signal = nullptr;
    std::size_t leave = 0;
  };
  void give_back(std::unique_ptr<Connection> connection) noexcept SQLQ_EXCLUDES(mutex_);
  [[nodiscard]] bool has_room(std::size_t leave) const SQLQ_REQUIRES(mutex_) { return taken_ + leave < options_.size; }
  /// Until somebody gives one back or the time has come, without the lock meanwhile. A thread that was told, and
  /// found that another one had been quicker, keeps its turn.
  void wait(SteadyPoint until, std::size_t leave, bool& told) SQLQ_REQUIRES(mutex_);
  /// Takes those that are too old out, to be closed without the lock.
  [[nodiscard]] std::vector<Idle> take_expired() SQLQ_REQUIRES(mutex_);
  [[nodiscard]] Error none_in_time(std::size_t leave, const std::optional<Error>& full) const;

  const PoolOptions options_;
  const Connect connect_;
  const std::shared_ptr<Clock> clock_;
  mutable core::Mutex mutex_;
  std::vector<Idle> idle_ SQLQ_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ SQLQ_GUARDED_BY(mutex_);  // first come, first served
  std::size_t taken_ SQLQ_GUARDED_BY(mutex_) = 0;
};

}  // namespace sqlq::sql
