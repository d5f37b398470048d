#pragma once
/// \file
/// Where the operations of a SQL database run: on connections of a pool, or in the transactions of a single writer.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/function_ref.hpp"
#include "core/lock_watch.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {

/// What a runner must know of an operation that writes.
enum class Task {
  plain,
  shared,  ///< of several callers: gives up at the first lock that it has waited for in vain
  claim,  ///< begins leases
  sweep,  ///< compares the ends of leases with the time, and takes them from others; waits for no row of the jobs
  renew,  ///< the same for heartbeats, which must not wait behind other calls
  aside,  ///< it has time: it gives up when somebody has locked what it needs, and keeps no other call waiting
};

/// Whether an operation that reads is one statement, which sees one snapshot by itself, or several.
enum class Statements { one, several };

/// How enqueues of several threads become one transaction (enqueue_queue.hpp).
struct Sharing {
  std::size_t most_waiting = 1;
  Duration wait{};
};

/// Thread-safe. What a try of an operation has found counts only if it is the last: it sets its results anew each time.
class Runner {
 public:
  virtual ~Runner() = default;

  // The installation.
  [[nodiscard]] virtual const backend::Capabilities& capabilities() const noexcept = 0;
  /// Product, version, place; no password.
  [[nodiscard]] virtual std::string description() const = 0;
  /// As Dialect::self_check.
  [[nodiscard]] virtual std::vector<Finding> self_check() = 0;
  /// Whether there is one writer at a time: it commits calls of several threads together.
  [[nodiscard]] virtual bool one_writer() const noexcept { return false; }
  /// Given: enqueues are shared, and lanes are made before, in transactions of their own, so that nobody waits for a
  /// long one to make the same. Empty: neither helps here.
  [[nodiscard]] virtual std::optional<Sharing> sharing() const { return std::nullopt; }

  using Operation = core::FunctionRef<void(Work&)>;
  /// Runs it in a transaction of its own, or as one that begins none (Work::begin), until it is done, the trouble is
  /// not a passing one, or the tries are used up. `unknown` is called after each try that may have been applied.
  virtual void write(Task task, const backend::Now& now, Operation operation, core::FunctionRef<void()> unknown) = 0;
  /// In the user's transaction, once. Error(invalid_argument) when it is not one of this database, Error(misuse) when
  /// it has not begun.
  virtual void within(const Tx& tx, const backend::Now& now, Operation operation) = 0;
  /// On one snapshot.
  virtual void read(core::FunctionRef<void(Session&)> operation, Statements statements) = 0;
  /// Changes the schema: once, on a connection that nobody else uses meanwhile, outside of a transaction. What was
  /// known of the tables is forgotten.
  virtual void change_schema(core::FunctionRef<void(Connection&)> change) = 0;
  /// The time of a request. Empty: the database's own.
  [[nodiscard]] virtual backend::Now at(const backend::Now& now) const { return now; }
  /// The same as microseconds of the wall clock.
  [[nodiscard]] std::optional<std::int64_t> wall(const backend::Now& now) const {
    const backend::Now given = at(now);
    return given ? std::optional(us(given->wall)) : std::nullopt;
  }
  /// What was seen of locks that keep everybody from writing.
  [[nodiscard]] virtual const core::LockWatch& lock_watch() const noexcept = 0;

  // Wake-ups between processes.
  /// Something was committed that workers elsewhere may want to know. Must not block; hints may be lost.
  virtual void announce() noexcept {}
  /// Watches for announcements of others until the returned object is destroyed, calling `heard` from its own thread.
  /// Null: there is no such thing.
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::function<void()> /*heard*/) { return nullptr; }
};

}  // namespace sqlq::sql
