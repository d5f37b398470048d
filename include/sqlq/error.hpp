#pragma once
/// \file
/// The one exception type of the library.
///
/// Everything sqlq throws is a `sqlq::Error`. Its code says what kind of trouble it is; its three questions say what
/// to do about it. Expected things are values, not exceptions: a job that is not there is an empty `optional`, a lease
/// that was lost is a per-item outcome, a duplicate is `existing_id` or `existing_key`.
///
/// Messages say what happened, why, and what to do. They never contain a payload, a bound value or a password.
///
/// Thread-safety: an `Error` is an ordinary value.

#include <stdexcept>
#include <string>
#include <string_view>

#include <sqlq/export.hpp>

namespace sqlq {

/// The kind of trouble.
enum class Errc {
  invalid_argument,   ///< your value, option, URL or payload: nothing was sent to the database
  misuse,             ///< a call out of order: started twice, registered too late, no transaction open
  refused,            ///< the database refuses this value for good: a CHECK, trigger or index of yours, its encoding or
                      ///< a limit of its own: change the value or the database
  permission,         ///< the database forbids it: a missing grant, a wrong password, a read-only file: change that
  configuration,      ///< it cannot work as it is set up: a file, certificate or database that is not there, TLS that
                      ///< one side demands and the other lacks: change the URL or the server
  schema,             ///< your deployment: not migrated, newer than this library, or changed by hand
  retry_transaction,  ///< the database undid the transaction (deadlock, serialization): run it again
  busy,               ///< locked, full or overloaded until a deadline passed: try again later
  connection,         ///< the connection is gone: the next call opens a new one
  wrong_node,         ///< connected to a read-only or not-ready server: reconnect elsewhere
  outcome_unknown,    ///< the connection died during COMMIT, or its file was replaced: done or not done; replay with
                      ///< the same ids
  lease_lost,         ///< thrown into a handler by its durable steps: the job is another's now; let it through
  corrupt,            ///< the database is damaged or was replaced under us: stop, do not repair
  internal,           ///< a defect of the library or an error of the database nobody has classified
};

/// The name of a code, for logs: "invalid_argument", "busy", ...
[[nodiscard]] SQLQ_API std::string_view to_string(Errc code) noexcept;

/// The library's exception. Copyable; copies share nothing.
class SQLQ_API Error : public std::runtime_error {
 public:
  /// \param message   what, why, what to do; no payload, no bound value, no password
  /// \param backend   the backend that reported it, empty when no database was involved
  /// \param native    the database's own code (extended result code, vendor number); 0 when there is none
  /// \param statement the *name* of the catalogue statement that failed, never its text; may be empty
  explicit Error(Errc code, const std::string& message, std::string backend = {}, int native = 0,
                 std::string statement = {});

  /// What kind of error it is.
  [[nodiscard]] Errc code() const noexcept { return code_; }

  /// May the same call be repeated as it is? True for retry_transaction, busy, connection, wrong_node; what only a
  /// person can mend is never retryable.
  [[nodiscard]] bool retryable() const noexcept;
  /// Was the connection thrown away? True for connection, wrong_node, outcome_unknown.
  [[nodiscard]] bool connection_lost() const noexcept;
  /// Might the write have been applied although an error was reported? Replaying with the same job ids and lease
  /// tokens is always safe in sqlq.
  [[nodiscard]] bool outcome_unknown() const noexcept { return code_ == Errc::outcome_unknown; }

  /// The name of the backend that it came from; empty: none.
  [[nodiscard]] const std::string& backend() const noexcept { return backend_; }
  /// The database's own number of the error; 0: none.
  [[nodiscard]] int native_code() const noexcept { return native_; }
  /// The name of the statement that failed, never its text; may be empty.
  [[nodiscard]] const std::string& statement() const noexcept { return statement_; }

 private:
  Errc code_;
  std::string backend_;
  int native_;
  std::string statement_;
};

}  // namespace sqlq
