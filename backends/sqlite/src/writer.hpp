#pragma once
/// \file
/// The one writer of a process, shared by all its threads: group commit.
///
/// A call that comes while nobody writes does so at once, on its own thread. Those that come meanwhile share the next
/// transaction (core/batcher.hpp). So a single thread pays no hand-over to another, and many threads share one commit
/// (decision 0002).

#include <exception>
#include <functional>
#include <memory>

#include "connection.hpp"
#include "core/batcher.hpp"

namespace sqlq::sqlite {

/// Thread-safe.
class Writer final : core::Batcher {
 public:
  /// Must set its results anew each time it is called: it may run again after a rollback.
  using Work = std::function<void(sql::Session&)>;
  using Exclusive = std::function<void(Connection&)>;

  explicit Writer(const Options& options, const std::shared_ptr<Clock>& clock = system_clock());
  /// Copies the WAL into the file as far as possible, and cuts it to wal_limit.
  ~Writer();

  /// Runs `work` in a transaction, possibly together with other threads' work; returns when it is committed. If it
  /// throws, nothing of it (and only of it) was done, except with outcome_unknown. Errors: busy when the lock was not
  /// to be had within busy_timeout or the disk is full; corrupt when the file is no longer the one that was opened, and
  /// outcome_unknown when that was seen after the commit.
  void write(const Work& work);
  /// Runs `action` with the connection for itself, outside of a transaction.
  void exclusive(const Exclusive& action);
  /// The same if nobody writes or waits right now; else returns false.
  bool try_exclusive(const Exclusive& action);
  /// How many calls wait for their turn.
  using Batcher::waiting;
  /// Copies the WAL into the file as far as possible, and cuts it to wal_limit, unless somebody reads from it.
  void tidy();
  /// What it has seen of the write lock in other hands.
  [[nodiscard]] const core::LockWatch& lock_watch() const noexcept { return lock_watch_; }
  /// For questions about its file, which any thread may ask.
  [[nodiscard]] const Connection& connection() const noexcept { return main_; }

 private:
  struct Task;
  std::size_t prepare(const Call& first, std::size_t waiting) override SQLQ_REQUIRES(leading_role_);
  void write(Line& calls) override SQLQ_REQUIRES(leading_role_);
  [[nodiscard]] bool may_be_of_one(const std::exception_ptr& error) noexcept override SQLQ_REQUIRES(leading_role_);
  void finish() noexcept override SQLQ_REQUIRES(leading_role_) { checkpoint_if_due(); }
  void begin() SQLQ_REQUIRES(leading_role_);
  void undo() noexcept SQLQ_REQUIRES(leading_role_);
  void transact(Line& calls) SQLQ_REQUIRES(leading_role_);
  void checkpoint_if_due() noexcept SQLQ_REQUIRES(leading_role_);
  bool checkpoint() SQLQ_REQUIRES(leading_role_);
  [[nodiscard]] bool make_room() noexcept SQLQ_REQUIRES(leading_role_);
  void fit_to_volume() SQLQ_REQUIRES(leading_role_);

  const std::shared_ptr<Clock> clock_;
  const std::int64_t wal_limit_;  // bytes, on a volume with space
  core::LockWatch lock_watch_;
  Connection main_;
  const std::int64_t page_bytes_;  // in the WAL
  /// None for in-memory databases.
  std::unique_ptr<Connection> checkpointer_ SQLQ_PT_GUARDED_BY(leading_role_);
  std::int64_t cut_at_ SQLQ_GUARDED_BY(leading_role_);  // bytes: wal_limit_ or less
  int interval_ SQLQ_GUARDED_BY(leading_role_);         // WAL pages from one checkpoint to the next
  int checkpoint_at_ SQLQ_GUARDED_BY(leading_role_);    // WAL pages
  /// Somebody read from the WAL: is he gone?
  SteadyPoint look_again_at_ SQLQ_GUARDED_BY(leading_role_) = SteadyPoint::max();
  bool began_ SQLQ_GUARDED_BY(leading_role_) = false;
  bool committed_ SQLQ_GUARDED_BY(leading_role_) = false;
  bool may_make_room_ SQLQ_GUARDED_BY(leading_role_) = false;      // once for each gathering
  std::exception_ptr not_begun_ SQLQ_GUARDED_BY(leading_role_){};  // why: told to all that were gathered
};

}  // namespace sqlq::sqlite
