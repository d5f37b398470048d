#pragma once
/// \file
/// Jobs' rows: found without locks, locked by primary key in the order of seq, changed many at once.
///
/// A batch becomes a constant number of statements, cut where they would become longer than the server takes.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "context.hpp"
#include "sql/apportion.hpp"

namespace sqlq::mysql {

/// Statements have at most so many rows: longer lists are planned badly by some versions.
inline constexpr std::size_t most_rows = 500;

/// Calls `use(first, last)` for pieces of 0 to `n`: of at most most_rows rows and, by `size_of(i)` in bytes, of about
/// half of what the server takes. A row that is larger goes alone; the session refuses it if it must.
template <class Size, class Use>
void in_pieces(const Context& c, std::size_t n, Size&& size_of, Use&& use) {
  const std::size_t most_bytes = std::min(c.session.longest_statement() / 2, std::size_t{4} << 20);
  for (std::size_t first = 0; first < n;) {
    std::size_t last = first;
    std::size_t bytes = 0;
    do {
      bytes += size_of(last++);
    } while (last < n && last - first < most_rows && bytes + size_of(last) <= most_bytes);
    use(first, last);
    first = last;
  }
}

/// The same for lists of numbers, ids or names.
template <class Item, class Use>
void in_lists(std::span<const Item> items, Use&& use) {
  for (std::size_t at = 0; at < items.size(); at += most_rows) {
    use(items.subspan(at, std::min(most_rows, items.size() - at)));
  }
}

[[nodiscard]] inline sql::Bytes bytes_of(const JobId& id) {
  return {{reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()}};
}
/// Of a column with 16 bytes.
[[nodiscard]] JobId id_of(std::string_view bytes);
[[nodiscard]] sql::List list_of(std::span<const std::int64_t> numbers);
[[nodiscard]] sql::List list_of(std::span<const JobId> ids);
/// The JSON array of these, which are JSON.
[[nodiscard]] std::string json_rows(std::span<const std::string> rows);

/// Where jobs are, read without locks: their state may change at any moment, their seq does not.
class Places {
 public:
  Places(const Context& c, std::vector<JobId> ids);
  /// Ascending.
  [[nodiscard]] const std::vector<std::int64_t>& seqs() const noexcept { return seqs_; }
  /// As the job stood at the time of the look; null: there is no such job. A borrowed transaction knows the seq only.
  [[nodiscard]] const Whereabouts* running(JobId id, LeaseToken token) const {
    const auto at = by_id_.find(id);
    const bool runs = at != by_id_.end() && at->second.state == JobState::running;
    return runs && at->second.where.token == token.value ? &at->second.where : nullptr;
  }
  /// False: another lease has the job, and this one never will again. A borrowed transaction cannot tell: true.
  [[nodiscard]] bool may_have(JobId id, LeaseToken token) const {
    const auto at = by_id_.find(id);
    if (at == by_id_.end() || token.value == 0) return false;
    return at->second.state == JobState::invalid || at->second.where.token == token.value;
  }
  /// Of the jobs that these may have, ascending: a lost lease neither locks its job nor waits for its locks.
  [[nodiscard]] std::vector<std::int64_t> seqs_of(std::span<const backend::LeaseRef> leases) const;
  /// 0: there is no such job.
  [[nodiscard]] std::int64_t of(JobId id) const {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? 0 : at->second.where.seq;
  }

 private:
  struct Place {
    Whereabouts where{};
    JobState state = JobState::invalid;
  };
  std::unordered_map<JobId, Place> by_id_;
  std::vector<std::int64_t> seqs_;
};

/// The bit of a job's flags that says it has a key (limits.hpp). Not core::gated_flag: programs of version 3 and 4 turn
/// that one (steps_tell).
inline constexpr std::int64_t gated_flag = 4;

/// A job's row that is locked until the transaction ends.
struct Locked {
  std::int64_t seq = 0;
  JobId id{};
  std::int64_t queue = 0;
  std::int64_t lane = 0;
  JobState state = JobState::invalid;
  std::int64_t token = 0;
  std::int64_t ended = 0;
  std::int64_t priority = 0;
  std::int64_t due = 0;
  std::int64_t queued = 0;
  std::int64_t attempt = 0;
  std::int64_t max_attempts = 0;
  std::int64_t crashes = 0;
  std::int64_t max_crashes = 0;
  std::int64_t claims = 0;
  std::string worker{};
  std::optional<std::int64_t> retention{};
  std::optional<std::string> unique_key{};
  bool told = false;   ///< to go on (sql/steps.hpp)
  bool gated = false;  ///< it has a key

  /// The lane of the ready table that it waits in with this many crashes: suspects have their own, the negative number.
  [[nodiscard]] std::int64_t lane_with(std::int64_t its_crashes) const noexcept {
    return is_suspect(static_cast<int>(its_crashes), static_cast<int>(max_crashes)) ? -lane : lane;
  }
  [[nodiscard]] bool held() const noexcept { return state == JobState::running || state == JobState::cancelling; }
};

struct LockedRows {
  std::int64_t now = 0;  ///< of the server, or the test's
  std::vector<Locked> rows{};
  std::unordered_map<JobId, std::size_t> by_id{};

  /// Null: there is no such job.
  [[nodiscard]] const Locked* find(JobId id) const {
    const auto at = by_id.find(id);
    return at == by_id.end() ? nullptr : &rows[at->second];
  }
};

/// Waits for whoever has locked one of them.
[[nodiscard]] LockedRows lock(const Context& c, std::span<const std::int64_t> seqs);
/// Waits for nobody: what somebody else has locked is passed over.
[[nodiscard]] LockedRows lock_free(const Context& c, std::span<const std::int64_t> seqs);
/// Those whose lease has ended; skips what somebody else has locked.
[[nodiscard]] LockedRows lock_ended(const Context& c, std::span<const std::int64_t> seqs);

/// What a locked row becomes. Columns that are not set stay.
struct Change {
  explicit Change(const Locked& row)
      : was(&row), state(row.state), due(row.due), attempt(row.attempt), crashes(row.crashes), token(row.token),
        ended(row.ended), queued(row.queued) {}

  /// Finished at `now`, to be purged after its retention: the job's own or this state's.
  void finish(JobState as, std::int64_t now, bool errored_retention);
  /// Whether nothing changes but the state and what `finish` says.
  [[nodiscard]] bool is_of_state_only() const;
  /// The state that is written: a job with a key that goes back to pending or scheduled waits until it is let in.
  [[nodiscard]] JobState becomes() const noexcept;
  /// Whether a job that was to run later changes nothing but its state and its times in the queue.
  [[nodiscard]] bool is_of_due_only() const;
  const Locked* was;
  JobState state;
  std::int64_t due;
  std::int64_t attempt;
  std::int64_t crashes;
  std::int64_t token;
  std::int64_t ended;
  std::int64_t queued;
  std::int64_t finished = 0;
  std::int64_t expires = 0;
  std::optional<std::string_view> result{};
};

/// Writes them, moves the jobs between the tables that say where jobs of a state are, and takes or gives back
/// their unique keys. An error with `duplicate_entry`: a live job has the key of one that shall live again; nothing was
/// written.
void write(const Context& c, std::span<const Change> changes);

/// Takes jobs out of the ready table. Those rows are locked, or those of the jobs are.
void remove_ready(const Context& c, std::span<const sql::Place> places);
/// A row of the table of scheduled jobs.
struct Appointment {
  std::int64_t lane = 0;  ///< also of suspects
  std::int64_t due = 0;
  std::int64_t seq = 0;
};
void remove_scheduled(const Context& c, std::span<const Appointment> rows);

/// Jobs of a claim that no longer hold their lease.
struct Leavers {
  std::int64_t count = 0;
  bool all = false;  ///< as far as this process knows
};
/// By queue and token. A claim that all leave is gone with one statement, else it takes two.
using Leaving = std::map<std::pair<std::int64_t, std::int64_t>, Leavers>;
void leave_claims(const Context& c, const Leaving& leaving);
/// Remembers which jobs finished alike: of one lane, in the same state, to expire at the same time.
void add_finished(const Context& c, std::span<const std::vector<std::int64_t>> groups);
template <class Key>
void add_finished(const Context& c, const std::map<Key, std::vector<std::int64_t>>& groups) {
  std::vector<std::vector<std::int64_t>> alike;
  for (const auto& [key, seqs] : groups) alike.push_back(seqs);
  add_finished(c, std::span<const std::vector<std::int64_t>>(alike));
}

/// Takes unique keys away from jobs that are live no more, or were not inserted.
void remove_keys(const Context& c, std::span<const std::string_view> keys);

/// The live jobs that have these unique keys. A key whose job was deleted by hand is freed, where the user may do that.
[[nodiscard]] std::map<std::string, JobId, std::less<>> key_holders(const Context& c,
                                                                   std::span<const std::string_view> keys);

/// Those of these ids that jobs have. `latest`: also what the transaction's snapshot is too old for; locks them.
[[nodiscard]] std::set<JobId> held_ids(const Context& c, std::span<const JobId> ids, bool latest);
/// Errc::refused: jobs were refused as duplicates though their ids are free and their unique keys are theirs.
[[nodiscard]] Error refused_by_foreign_index(const sql::Statement& statement);
/// Sets or clears what jobs were told, their rows being locked: to go on.
void tell(const Context& c, std::span<const std::int64_t> seqs, bool on);

/// A line for a job's history; its row is locked.
struct Record {
  const Locked* row = nullptr;
  std::int64_t attempt = 0;  ///< as it is afterwards
  Cause cause = Cause::failed;
  std::string message{};
};
void add_history(const Context& c, std::int64_t now, std::span<const Record> records);

}  // namespace sqlq::mysql
