#pragma once
// The durable steps of one execution (sqlq/steps.hpp).

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/steps.hpp>

#include "worker/in_flight.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// What earlier executions of a job have recorded, and what this one records. Made by the handler's first call of a
/// step. Reads once, and nothing in a job's first execution, before which nobody can have recorded a result.
///
/// Thread-safety: one thread at a time.
class ExecutionSteps final {
 public:
  ExecutionSteps(Shared& shared, HeldPtr lease);

  // The members of JobContext of these names.
  [[nodiscard]] std::optional<std::string> find_step(const Tx* tx, StepName name);
  [[nodiscard]] std::string record_step(const Tx* tx, StepName name, const std::string& value);
  void sleep(StepName name, Duration time);
  [[nodiscard]] std::optional<std::string> await_signal(StepName name, Duration timeout);
  [[nodiscard]] std::vector<Job> all(StepName name, std::span<const NewJob> children);
  [[nodiscard]] bool since(StepName change);
  void body(bool runs) noexcept { in_body_ = runs; }
  /// Throws Error(misuse) where the transaction given to the last step is neither committed nor `tx`.
  void require_committed(const Tx* tx);
  /// Throws the Suspension that the handler has swallowed, if any.
  void throw_on() const {
    if (suspension_) throw *suspension_;
  }

  /// Whether a Suspension was thrown.
  [[nodiscard]] bool suspended() const noexcept { return suspension_.has_value(); }
  /// The outcome once it has left the handler.
  [[nodiscard]] Outcome rest() const;
  /// The outcome once the handler has ended in another way: a failure where it has swallowed a Suspension, or has not
  /// committed a step.
  [[nodiscard]] Outcome ended(Outcome outcome);

 private:
  /// `kind` is the one that stands for all rows of a call: wait for signal and expired.
  struct Key {
    StepKind kind = StepKind::result;
    std::string name{};
    std::int64_t number = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  [[nodiscard]] backend::Steps& part() const;
  /// What each call begins with. Throws.
  Key begin(StepKind kind, StepName name);
  void read();
  [[nodiscard]] const StepRecord* row(StepKind kind, const Key& key) const;
  /// Records on a connection of the library; keeps and answers what is recorded now.
  const StepRecord& write(StepKind kind, const Key& key, std::string_view value, std::optional<Duration> delay = {});
  const StepRecord& keep(StepRecord step);
  void record_within(const Tx& tx, const Key& key, const std::string& value);
  void require_lease() const;
  [[noreturn]] void lose() const;
  /// `what`: for the job's history.
  [[noreturn]] void suspend(TimePoint until, std::string what);

  [[nodiscard]] std::vector<JobId> children_of(const Key& key, std::span<const NewJob> children);
  void store(const Key& key, std::span<const JobId> ids, std::span<const NewJob> children);
  [[nodiscard]] std::vector<Job> read_children(std::span<const JobId> ids) const;
  [[nodiscard]] bool were_stored(const StepRecord& row) const;

  /// The name of a step whose transaction was not committed, as far as can be seen.
  [[nodiscard]] std::optional<std::string> uncommitted() const;

  /// Whether this execution has come past everything that earlier ones have recorded.
  [[nodiscard]] bool passed_all() const;

  /// By the clock of the database, as reckoned from what it said last; never ahead of it.
  [[nodiscard]] TimePoint now() const;

  Shared& shared_;
  const HeldPtr lease_;
  TimePoint known_at_{};        // what the clock of the database said ...
  SteadyPoint known_since_{};   // ... at this moment or before
  bool read_ = false;
  bool in_body_ = false;        // a step of this execution runs
  std::map<Key, StepRecord> rows_;  // by their own kinds
  std::set<Key> used_;              // by this execution
  std::set<Key> within_;            // recorded in transactions of the handler's, which may not be committed
  std::optional<Key> last_within_;  // the last one of these, until it is seen to be committed
  std::string unstored_;            // the name of children that could not be stored
  std::optional<Suspension> suspension_;
  std::string suspended_for_;
};

}  // namespace sqlq::worker
