#pragma once
/// \file
/// The fate of an attempt, as a handler returns it.
///
///     return Outcome::done();            // or just return from a void handler
///     throw std::runtime_error("...");   // or Outcome::error("..."): retry while attempts are left
///     return sqlq::discard("bad input"); // no retry, though attempts are left
///     return Outcome::snooze(5min);      // later, without charging the attempt
///     return Outcome::throttled(30s);    // the same, and no other job of its key before

#include <stdexcept>
#include <string>
#include <utility>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq {

/// Throw it from anywhere below a handler to end the job without a retry, also nested in other exceptions
/// (std::throw_with_nested). The message of an attempt has the texts of all levels: "outer: inner".
class SQLQ_TYPE Discard : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A plain value.
class [[nodiscard]] Outcome {
 public:
  /// How the handler ended; each has a function below.
  enum class Kind {
    done,     ///< it has succeeded
    error,    ///< it has failed: a retry, if attempts are left
    discard,  ///< it has failed for good
    snooze,   ///< it runs again later, and the attempt does not count
    throttled,  ///< as snooze, and no other job of its key is let in until then
  };

  /// The job has succeeded.
  static Outcome done() { return Outcome(Kind::done, {}, {}); }
  /// The same as throwing an exception with this text.
  static Outcome error(std::string message) { return Outcome(Kind::error, std::move(message), {}); }
  /// The job ends in state errored at once.
  static Outcome discard(std::string why) { return Outcome(Kind::discard, std::move(why), {}); }
  /// The job becomes scheduled for now + delay (negative counts as zero); the attempt is given back. `why` goes into
  /// its history.
  static Outcome snooze(Duration delay, std::string why = {}) { return Outcome(Kind::snooze, std::move(why), delay); }

  /// Somebody else's limit was met, as by an answer 429: as snooze, and no job of the same key (EnqueueOptions::key) is
  /// let in before now + retry_after; those that run go on. A job without a key is only snoozed.
  static Outcome throttled(Duration retry_after, std::string why = {}) {
    return Outcome(Kind::throttled, std::move(why), retry_after);
  }

  /// How it ended.
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// Why; empty for done.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  /// Of a snooze and of throttled; else zero.
  [[nodiscard]] Duration delay() const noexcept { return delay_; }

 private:
  Outcome(Kind kind, std::string message, Duration delay) : kind_(kind), message_(std::move(message)), delay_(delay) {}
  Kind kind_;
  std::string message_;
  Duration delay_;
};

/// `return sqlq::discard("why");`
inline Outcome discard(std::string why) { return Outcome::discard(std::move(why)); }

}  // namespace sqlq
