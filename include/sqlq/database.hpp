#pragma once
/// \file
/// Opening a database by its connection string, and the handle everything else is built on.

#include <memory>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>

namespace sqlq {

namespace backend {
class Dialect;
}

/// Options that do not belong into a connection string.
struct DatabaseOptions {
  std::shared_ptr<Clock> clock{};  ///< empty: system_clock()
  PayloadLimits limits{};          ///< for params and results
};

/// An open database: a cheap handle; copies share one pool of connections. The last copy closes it; where commits are
/// announced to other processes it first announces the last ones, for a second at most.
///
/// Thread-safety: all members from any thread.
/// After fork(): a handle that the parent has opened is dead in the child. Every use of it, also through a Client or a
/// Worker, throws Error(misuse), and its end touches neither threads nor connections: they are the parent's. The child
/// opens its own; a file that its parent has open only after exec.
///
/// A static object may hold one: the library destroys nothing at exit, so calls work until the process is gone, from
/// destructors of static objects and from threads that outlive main. The clients of servers may have more to say: what
/// OpenSSL and theirs tear down at exit is gone for new connections.
class SQLQ_API Database {
 public:
  /// For backends' own tests and for wrapping a dialect; applications call `open`.
  explicit Database(std::unique_ptr<backend::Dialect> dialect, DatabaseOptions options = {});

  /// Brings the schema up to this library's version. Idempotent, safe from many processes at once.
  /// Short for `Migrator{db}.up()`. Errors: schema (newer than the library, changed by hand), permission (who may make
  /// the tables: share/doc/sqlq/docs/backends.md), and those of any call.
  void migrate() const;

  /// Backend, version and place, without passwords: for logs.
  [[nodiscard]] std::string description() const;
  /// The clock it was opened with.
  [[nodiscard]] Clock& clock() const noexcept;
  /// The limits it was opened with.
  [[nodiscard]] const PayloadLimits& limits() const noexcept;

  /// The backend behind this handle, for tools and tests. It is not checked that the schema fits.
  /// Error(misuse) in a forked child of the process that opened it.
  [[nodiscard]] backend::Dialect& dialect() const;
  /// The backend, after making sure (once) that the schema is the one this library knows. Every call of Client, Worker
  /// and Admin goes through it. Error(schema) says what to do: usually call migrate().
  [[nodiscard]] backend::Dialect& ready() const;
  /// Forgets that the schema was checked; the migrator calls it.
  void recheck() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Opens `scheme:...`. Which schemes there are depends on the backends built in and registered; their READMEs
/// (share/doc/sqlq/backends) list the forms and options of each. Options are query parameters:
/// `?name=value&name=value`, percent-encoded.
///
/// Connects at once, so that a wrong address is noticed here. Does not migrate.
///
/// `?wait=30s` (default 0, at most 1h; every backend): when the database cannot be reached yet, tries again for that
/// long, after 100 ms first and then up to 1 s apart. It waits only for errors that are retryable(): a server that is
/// starting or full, but no wrong password and no missing file. The last try may take the connection's own timeout
/// more.
///
/// `?create=false` (default true; every backend): makes nothing. Where the database is a file that `open` would make,
/// one that is not there is an Error(configuration) which names it; servers make no database in any case.
///
/// Errors: invalid_argument for an unknown scheme or option (the message lists the known ones), for malformed URLs and
/// for `options` out of range; connection, busy, permission, configuration or corrupt when the database cannot be used.
/// Passwords never appear in messages.
///
/// Defined in the umbrella library `sqlq::sqlq`, which knows the backends that were built, or those of them that
/// find_package(sqlq COMPONENTS ...) named. A program that links single backend libraries calls `register_schemes` of
/// each and `backend::open` instead.
[[nodiscard]] SQLQ_API Database open(std::string_view url, DatabaseOptions options = {});

}  // namespace sqlq
