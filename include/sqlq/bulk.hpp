#pragma once
/// \file
/// The same thing done to many jobs, chosen by a filter: first looked at, then done in small steps, which other
/// programs hardly notice, and which can be stopped and resumed at any point.
///
///     sqlq::Bulk bulk{db};
///     const sqlq::JobFilter failed{.kinds = {"send_mail"}, .states = {sqlq::JobState::errored}};
///     std::cout << bulk.preview(failed).count.value << " jobs\n";
///     const sqlq::BulkReport report = bulk.apply(sqlq::BulkAction::retry(), failed);

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {

/// What is done to each job. A job in no state for it is left as it is.
class BulkAction {
 public:
  /// What is done.
  enum class Kind {
    retry,         ///< finished -> pending, as Admin::requeue
    cancel,        ///< as Admin::cancel: waiting jobs end at once, running ones are asked to stop
    erase,         ///< finished ones are deleted with log and history, as Admin::erase
    run_now,       ///< scheduled -> pending, as Admin::run_now; one that waits for its key is due
    move,          ///< pending, scheduled and waiting jobs go to another queue, which is made if there is none
    set_priority,  ///< of pending, scheduled and waiting jobs
  };

  /// See Kind::retry.
  static BulkAction retry() { return BulkAction(Kind::retry); }
  /// See Kind::cancel.
  static BulkAction cancel() { return BulkAction(Kind::cancel); }
  /// See Kind::erase.
  static BulkAction erase() { return BulkAction(Kind::erase); }
  /// See Kind::run_now.
  static BulkAction run_now() { return BulkAction(Kind::run_now); }
  /// `queue`: 1 to 255 bytes of UTF-8 without control characters.
  static BulkAction move(std::string queue) { return BulkAction(Kind::move, std::move(queue)); }
  /// Lower numbers come first.
  static BulkAction set_priority(int priority) { return BulkAction(Kind::set_priority, {}, priority); }

  /// What is done.
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// Of Kind::move; else empty.
  [[nodiscard]] const std::string& queue() const noexcept { return queue_; }
  /// Of Kind::set_priority; else 0.
  [[nodiscard]] int priority() const noexcept { return priority_; }

 private:
  explicit BulkAction(Kind kind, std::string queue = {}, int priority = 0)
      : kind_(kind), queue_(std::move(queue)), priority_(priority) {}
  Kind kind_;
  std::string queue_;
  int priority_;
};
/// "retry", "cancel", "erase", "run_now", "move", "set_priority".
[[nodiscard]] SQLQ_API std::string_view to_string(BulkAction::Kind kind) noexcept;

/// What a filter means now.
struct BulkPreview {
  CappedCount count{};        ///< jobs that fit the filter
  std::vector<Job> sample{};  ///< the newest of them, without params and results
};

/// The result of `Bulk::apply`, or of what it has done so far.
struct BulkReport {
  std::uint64_t seen = 0;       ///< jobs that fitted the filter
  std::uint64_t done = 0;       ///< that were changed
  std::uint64_t unchanged = 0;  ///< that were in no state for it, or are gone
  std::uint64_t conflicts = 0;  ///< to be retried, but a live job has their unique key
  std::uint64_t refused = 0;    ///< that the database refuses to change for good (Errc::refused)
  std::vector<JobId> refused_ids{};  ///< the first 100 of those
  Duration slowest{};           ///< the longest step: others wait for its locks so long at most
  std::optional<JobId> next{};  ///< BulkOptions::before of the call that goes on; empty: all is done
};

/// How `Bulk::apply` goes about it.
struct BulkOptions {
  /// Begins below this id: BulkReport::next of a call that was stopped. Empty: with the newest job.
  std::optional<JobId> before{};
  /// Returns after so many jobs that fitted the filter, or a few more.
  std::uint64_t limit = ~std::uint64_t{0};
  /// Jobs of one transaction, 1 to 1000. Small steps keep locks short: others wait for one step at most.
  std::size_t step = 200;
  /// How much of the time it works at most; the rest it waits between the steps, so that others have the database to
  /// themselves. A worker that uses all of the database loses about this share, so with a tenth it keeps nine tenths or
  /// more (docs/performance.md): after a step that took longer than others just before, which is what a busy database
  /// looks like, it waits up to four times as long. Above 0, at most 1 (no waits).
  double share = 0.1;
  /// Called after each step, on the calling thread, with what was done so far; `next` is set as long as there may be
  /// more. False: stop.
  std::function<bool(const BulkReport&)> on_progress{};
  sqlq::stop_token stop{};  ///< asked before each step: no further one begins
};

/// Thread-safety: all members from any thread. Lifetime: keeps the database open. Errors: those of Admin. After one
/// that came from `apply` the steps before it stay done: call it again with the `before` of the last report that
/// on_progress was given, or from the start: what is done fits the filter no more, or does not change again.
class SQLQ_API Bulk {
 public:
  /// On this database; asks it nothing.
  explicit Bulk(Database db) : db_(std::move(db)) {}

  /// Counts up to `cap` (1 to 1,000,000) jobs and shows up to `sample` (0 to 1000) of them. Changes nothing. Reads all
  /// jobs when few of many fit, in short calls of their own.
  [[nodiscard]] BulkPreview preview(const JobFilter& filter, std::uint64_t cap = 10'000, std::size_t sample = 10) const;
  /// Does it to all jobs that fit, newest first. Each step looks for jobs, and changes those that still are in a state
  /// for it: what happened to a job meanwhile is never undone. A job that is enqueued after the start is not looked at.
  /// Memory does not grow with the number of jobs. Error(configuration) for move and set_priority where the backend
  /// has no such operation (capability `editing`).
  BulkReport apply(const BulkAction& action, const JobFilter& filter, const BulkOptions& options = {});

 private:
  Database db_;
};

}  // namespace sqlq
