#pragma once
/// \file
/// Where an operation runs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "sql/doubt.hpp"
#include "sql/job_row.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

/// One connection of our own. One thread at a time.
class Connection {
 public:
  virtual ~Connection() = default;
  [[nodiscard]] virtual Session& session() noexcept = 0;
  /// Begins a READ COMMITTED transaction that may write.
  virtual void begin() = 0;
  /// Begins a read-only transaction whose statements all see one snapshot; rollback() ends it.
  virtual void begin_snapshot() = 0;
  /// Error(outcome_unknown) when the connection is lost meanwhile, Error(retry_transaction) when the server rolled
  /// back.
  virtual void commit() = 0;
  /// Ends a transaction, if one is open. A connection on which this fails is not usable() any more; one that is given
  /// back with a transaction open is not either.
  virtual void rollback() noexcept = 0;
  /// A script of several statements, without parameters.
  virtual void script(const std::string& text) = 0;
  /// False when it must be thrown away: lost, or in an unknown state.
  [[nodiscard]] virtual bool usable() const noexcept = 0;
};

/// A session, the time, and what the runner knows. One thread at a time.
class Work {
 public:
  /// `own` is null for a session in a transaction that somebody else began and ends.
  Work(Session& session, const backend::Now& now, Connection* own) : session_(session), now_(now), own_(own) {}

  [[nodiscard]] Session& session() const noexcept { return session_; }
  /// Empty: the server's clock, in the statement itself.
  [[nodiscard]] const backend::Now& now() const noexcept { return now_; }
  [[nodiscard]] std::optional<std::int64_t> wall() const { return now_ ? std::optional(us(now_->wall)) : std::nullopt; }
  [[nodiscard]] std::optional<std::int64_t> steady() const {
    return now_ ? std::optional(us(now_->steady)) : std::nullopt;
  }

  /// Leases that ended within so many microseconds before now are not taken back yet: see Operations::reap.
  [[nodiscard]] std::int64_t spared() const noexcept { return spared_.count(); }
  void spare(Duration back) noexcept { spared_ = back; }
  /// To be told by an operation that wrote nothing: then it has waited for no lock, and nobody need hear of it.
  void wrote_nothing() noexcept { wrote_ = false; }
  [[nodiscard]] bool wrote() const noexcept { return wrote_; }
  /// To be told by an operation that made jobs with a key wait, or moved some that do: they come into a line in the
  /// same transaction (gates.hpp), which the operation has begun. Enqueue and store_jobs need not say it. Finish may: a
  /// look finds by itself what was put back, but not soon among a thousand others that their key has let in.
  void found_keyed() noexcept { keyed_ = true; }
  [[nodiscard]] bool keyed() const noexcept { return keyed_; }
  /// Whether an operation may count on all its jobs being as they usually are, and throw Error(retry_transaction) when
  /// one of them is not.
  [[nodiscard]] bool as_usual() const noexcept { return as_usual_; }
  void expect_as_usual() noexcept { as_usual_ = true; }

  [[nodiscard]] bool borrowed() const noexcept { return own_ == nullptr; }
  /// The statements that follow are one transaction, committed when the operation returns. Without it each statement
  /// commits alone. Does nothing in a borrowed transaction and when called again.
  void begin() {
    if (begun_ || own_ == nullptr) return;
    own_->begin();
    begun_ = true;
  }
  /// Undoes what was done since begin(), lets its locks go and begins again. Only once begun.
  void begin_anew() {
    own_->rollback();
    own_->begin();
  }
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  Session& session_;
  const backend::Now now_;
  Connection* own_;
  Duration spared_{0};
  bool wrote_ = true;
  bool keyed_ = false;
  bool as_usual_ = false;
  bool begun_ = false;
};

/// Goes on after a statement that may have committed by itself. When that fails the caller must not believe that
/// nothing was done: the error becomes outcome_unknown, and a repeated call finds what is there.
template <class Next>
auto follow_up(const Work& work, Next&& next) {
  try {
    return next();
  } catch (const Error& e) {
    if (work.borrowed() || work.begun()) throw;
    throw in_doubt(e, "a part may have been done: repeat the call");
  }
}

/// The answers of a batch of which each item is done by itself.
template <class Answer, class Items, class One>
[[nodiscard]] std::vector<Answer> each(const Items& items, const One& one) {
  std::vector<Answer> answers;
  answers.reserve(items.size());
  for (const auto& item : items) answers.push_back(one(item));
  return answers;
}

}  // namespace sqlq::sql
