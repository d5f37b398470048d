#include "sql/periodic.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>

#include "core/mutant.hpp"
#include "platform/random.hpp"
#include "sql/doubt.hpp"
#include "sql/gates.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::sql {
namespace {

using backend::EnqueueItem;
using backend::Now;
using backend::PeriodicChange;
using backend::PeriodicDue;
using backend::PeriodicOutcome;
using backend::PeriodicRow;

/// A statement takes at most so many rows, and about so many bytes.
constexpr std::size_t most_rows = 500;
constexpr std::size_t most_bytes = std::size_t{4} << 20;

/// How often rows that somebody else has locked are looked at: when others could be changed meanwhile, or when there is
/// nothing else to do. The runner pauses between them for 10 ms at first, and tries no more than five times (decision
/// 0048).
constexpr int looks_beside_others = 2;
constexpr int looks_alone = 4;

/// Columns: name, version, next, definition, state
PeriodicRow read_row(const Row& row) {
  Fields f(row);
  PeriodicRow found;
  found.name = f.text();
  found.version = f.integer();
  if (const auto next = f.maybe_integer()) found.next = wall(*next);
  found.definition = f.text();
  found.state = f.text();
  return found;
}

/// A version grows by any step, so that whoever has written it knows it again; that of a new row is any one, so that a
/// row that was removed and made anew is not taken for the one before. JSON's numbers are exact up to 2^53.
std::int64_t version_after(std::int64_t version) {
  constexpr unsigned first_bits = 44, step_bits = 22;
  const unsigned bits = version == 0 ? first_bits : step_bits;
  return version + 1 + static_cast<std::int64_t>(platform::random64() >> (64 - bits));
}

struct ChangeStatements {
  const Statement& versions;
  const Statement& lock;
  const Statement& add;
  const Statement& set;
  const Statement& remove;
};

/// Changes on their way into the table, in a transaction: again from the start whenever the runner tries again. After a
/// try of unknown outcome it looks whether the versions are those that the try has written.
class Changing {
 public:
  Changing(const ChangeStatements& q, Operations& operations, std::span<const PeriodicChange> changes)
      : q_(q), operations_(operations), changes_(changes), maybe_(changes.size()) {
    for (const PeriodicChange& change : changes) {
      sorted_.push_back(&change);
      versions_.push_back(version_after(change.expected));
    }
    std::ranges::sort(sorted_, {}, &PeriodicChange::name);  // all write them in one order
  }

  void operator()(Work& w) {
    outcomes_.assign(changes_.size(), {});
    made_.assign(changes_.size(), false);
    in_doubt_ = false;
    stored_.clear();
    w.begin();
    decide(w.session());
    write(w.session(), q_.set, set_);
    write(w.session(), q_.remove, remove_);
    write(w.session(), q_.add, add_);
    store(w);
  }

  /// The last try may have been applied.
  void unknown() {
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      if (outcomes_[i].applied) maybe_[i] = outcomes_[i];
    }
  }

  /// To be called at the end.
  [[nodiscard]] std::vector<PeriodicOutcome> outcomes() {
    if (!in_doubt_) return std::move(outcomes_);
    throw Error(Errc::outcome_unknown,
                "the connection was lost while schedules were changed, and others have changed or locked them since: "
                "it may have been done or not; read them again");
  }

  [[nodiscard]] bool news() const noexcept { return news_; }
  [[nodiscard]] std::span<const EnqueueItem> stored() const noexcept { return stored_; }

 private:
  using Some = std::vector<const PeriodicChange*>;
  struct Found {
    std::int64_t version = 0;  // there is no such row
    std::optional<std::int64_t> next{};
  };
  using Rows = std::map<std::string, Found, std::less<>>;

  /// Locks what can be locked at once. It waits for no row, so a lock of somebody else's keeps no other row from being
  /// changed, and two callers cannot wait for each other here.
  void decide(Session& s) {
    set_.clear();
    remove_.clear();
    add_.clear();
    const Rows locked = read(s, q_.lock, sorted_);
    Some others;
    for (const PeriodicChange* change : sorted_) {
      if (!locked.contains(change->name)) others.push_back(change);
    }
    const Rows unlocked = others.empty() ? Rows{} : read(s, q_.versions, others);
    bool taken = false;
    for (const PeriodicChange* change : sorted_) {
      const auto mine = locked.find(change->name);
      const auto other = unlocked.find(change->name);
      const Found found = mine != locked.end() ? mine->second : other != unlocked.end() ? other->second : Found{};
      SQLQ_MUTANT(tick_without_compare, {
        if (found.version != 0 && change->expected != 0) {
          apply(*change, found.next);
          continue;
        }
      })
      if (found.version != change->expected) {
        look_back(*change, found.version);
      } else if (other != unlocked.end()) {
        taken = true;
        in_doubt_ = in_doubt_ || maybe_[index_of(*change)];  // that try may be at work still
      } else {
        apply(*change, found.next);
      }
    }
    if (taken) wait_for_others();
  }

  /// Another version than expected, or none: whether an earlier try of this call has written it.
  void look_back(const PeriodicChange& change, std::int64_t version) {
    const std::size_t i = index_of(change);
    if (!maybe_[i]) return;
    const bool written = version == (change.remove ? 0 : versions_[i]);
    if (written) outcomes_[i] = *maybe_[i];
    in_doubt_ = in_doubt_ || !written;
  }

  void wait_for_others() {
    const bool alone = set_.empty() && remove_.empty() && add_.empty();
    if (++looks_ >= (alone ? looks_alone : looks_beside_others)) return;  // they are not changed
    throw Error(Errc::retry_transaction, "somebody else has locked a schedule that is to be changed");
  }

  [[nodiscard]] std::size_t index_of(const PeriodicChange& change) const {
    return static_cast<std::size_t>(&change - changes_.data());
  }

  void apply(const PeriodicChange& change, std::optional<std::int64_t> before) {
    outcomes_[index_of(change)].applied = true;
    made_[index_of(change)] = true;
    if (change.remove) {
      if (change.expected != 0) remove_.push_back(&change);
      return;
    }
    (change.expected == 0 ? add_ : set_).push_back(&change);
    if (change.next && (!before || us(*change.next) < *before)) news_ = true;
  }

  Rows read(Session& s, const Statement& statement, const Some& some) const {
    std::vector<std::string> names;
    for (const PeriodicChange* change : some) names.emplace_back(change->name);
    Rows rows;
    s.execute(statement, {{"names", std::string_view(json_array(names))}}, [&](const Row& row) {
      rows.emplace(row.text(0), Found{row.integer(1), row.null(2) ? std::nullopt : std::optional(row.integer(2))});
    });
    return rows;
  }

  /// All of them: they are locked, or somebody else adds the same at this moment.
  void write(Session& s, const Statement& statement, const Some& some) const {
    const std::size_t most = std::min(s.longest_statement() / 4, most_bytes);  // an escape may double it, twice
    for (std::size_t at = 0; at < some.size();) {
      std::string rows;
      std::size_t n = 0;
      do {
        rows += (rows.empty() ? "[" : ",") + json_of(*some[at++]);
        ++n;
      } while (at < some.size() && n < most_rows && rows.size() + size_of(*some[at]) <= most);
      rows += ']';
      if (execute(s, statement, rows) == n) continue;
      throw Error(Errc::retry_transaction, "somebody else changes the same schedules: try again");
    }
  }

  /// Returns how many rows were written.
  std::size_t execute(Session& s, const Statement& statement, std::string_view rows) const {
    try {
      return s.execute(statement, {{"rows", rows}});
    } catch (const Error& e) {
      // Some databases say it so when somebody else has added one of them first.
      if (&statement != &q_.add || e.code() != Errc::refused || !is_there(s)) throw;
      return 0;
    }
  }

  [[nodiscard]] bool is_there(Session& s) const {
    try {
      return !read(s, q_.versions, add_).empty();
    } catch (const Error&) {  // the transaction is broken: then it was no such thing
      return false;
    }
  }

  static std::size_t size_of(const PeriodicChange& change) {
    constexpr std::size_t rest = 200;
    return change.name.size() + change.definition.size() + change.state.size() + rest;
  }

  [[nodiscard]] std::string json_of(const PeriodicChange& change) const {
    std::string json = R"({"name":)" + json_string(change.name) + R"(,"version":)" + std::to_string(change.expected);
    if (!change.remove) {
      json += R"(,"becomes":)" + std::to_string(versions_[index_of(change)]);
      if (change.next) json += R"(,"next":)" + std::to_string(us(*change.next));
      json += R"(,"definition":)" + json_string(change.definition) + R"(,"state":)" + json_string(change.state);
    }
    return json += '}';
  }

  /// As in a transaction of the user's: what this one has done stays.
  void store(const Work& w) {
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      if (made_[i]) stored_.insert(stored_.end(), changes_[i].jobs.begin(), changes_[i].jobs.end());
    }
    if (stored_.empty()) return;
    Work inside(w.session(), w.now(), nullptr);
    const std::vector<Enqueued> answers = enqueue_in_line(operations_, inside, stored_);
    auto next = answers.begin();
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      if (!made_[i]) continue;
      const auto end = next + std::ssize(changes_[i].jobs);
      outcomes_[i].jobs.assign(next, end);
      next = end;
    }
    news_ = news_ || std::ranges::any_of(answers, &Enqueued::inserted);
  }

  const ChangeStatements& q_;
  Operations& operations_;
  std::span<const PeriodicChange> changes_;
  Some sorted_{};
  std::vector<std::int64_t> versions_{};  // that they get
  std::vector<std::optional<PeriodicOutcome>> maybe_;  // by tries of unknown outcome, if they have done anything
  int looks_ = 0;
  bool news_ = false;

  // Of the last try.
  std::vector<PeriodicOutcome> outcomes_{};
  std::vector<bool> made_{};  // by this try
  bool in_doubt_ = false;
  std::vector<EnqueueItem> stored_{};
  Some set_{};
  Some remove_{};
  Some add_{};
};

class SqlPeriodic final : public backend::Periodic {
 public:
  SqlPeriodic(Operations& operations, Runner& runner, StoringHost host)
      : SqlPeriodic(operations.queries(), operations, runner, std::move(host)) {}

  // Nearly always nothing is due: then it is one statement.
  PeriodicDue periodic_due(std::size_t limit, Now now) override {
    PeriodicDue due;
    std::int64_t at = 0;
    std::optional<std::int64_t> first;
    const auto given = runner_.wall(now);
    const auto look = [&](Session& s) {
      s.execute(first_, {{"now", given}}, [&](const Row& row) {
        at = row.integer(0);
        first = row.null(1) ? std::nullopt : std::optional(row.integer(1));
      });
    };
    runner_.read(look, Statements::one);
    due.now = wall(at);
    if (first) due.next = wall(*first);
    if (!first || *first > at) return due;
    const auto most = static_cast<std::int64_t>(limit) + 1;
    const auto read = [&](Session& s) {
      due.rows.clear();
      s.execute(due_, {{"now", at}, {"n", most}}, [&](const Row& row) { due.rows.push_back(read_row(row)); });
      if (due.rows.size() > limit) {
        due.next = due.rows.back().next;
        due.rows.pop_back();
        return;
      }
      const auto next = s.integer(next_, {{"now", at}});
      due.next = next ? std::optional(wall(*next)) : std::nullopt;
    };
    runner_.read(read, Statements::several);
    return due;
  }

  std::vector<PeriodicRow> periodic_list(std::string_view after, std::size_t limit) override {
    std::vector<PeriodicRow> rows;
    const auto look = [&](Session& s) {
      rows.clear();
      s.execute(list_, {{"after", after}, {"n", static_cast<std::int64_t>(limit)}},
                [&](const Row& row) { rows.push_back(read_row(row)); });
    };
    runner_.read(look, Statements::one);
    return rows;
  }

  std::vector<std::optional<PeriodicRow>> periodic_get(std::span<const std::string> names) override {
    if (names.empty()) return {};
    std::map<std::string, PeriodicRow, std::less<>> rows;
    const std::string list = json_array(names);
    const auto look = [&](Session& s) {
      rows.clear();
      s.execute(get_, {{"names", std::string_view(list)}}, [&](const Row& row) {
        PeriodicRow found = read_row(row);
        std::string name = found.name;
        rows.emplace(std::move(name), std::move(found));
      });
    };
    runner_.read(look, Statements::one);
    std::vector<std::optional<PeriodicRow>> found;
    for (const std::string& name : names) {
      const auto at = rows.find(name);
      found.push_back(at == rows.end() ? std::nullopt : std::optional(at->second));
    }
    return found;
  }

  std::vector<PeriodicOutcome> periodic_change(std::span<const PeriodicChange> changes, Now now) override {
    if (changes.empty()) return {};
    std::vector<EnqueueItem> jobs;
    for (const PeriodicChange& change : changes) jobs.insert(jobs.end(), change.jobs.begin(), change.jobs.end());
    Changing changing(change_, operations_, changes);
    host_.with_lanes(jobs, now, [&] {
      runner_.write(Task::plain, now, [&](Work& w) { changing(w); }, [&] { changing.unknown(); });
    });
    if (changing.news()) host_.tell(changing.stored());
    return changing.outcomes();
  }

 private:
  SqlPeriodic(const Catalogue& c, Operations& operations, Runner& runner, StoringHost host)
      : first_(c["periodic_first"]),
        due_(c["periodic_due"]),
        next_(c["periodic_next"]),
        list_(c["periodic_list"]),
        get_(c["periodic_get"]),
        change_{.versions = c["periodic_versions"],
                .lock = c["periodic_lock"],
                .add = c["periodic_add"],
                .set = c["periodic_set"],
                .remove = c["periodic_remove"]},
        operations_(operations),
        runner_(runner),
        host_(std::move(host)) {}

  const Statement& first_;
  const Statement& due_;
  const Statement& next_;
  const Statement& list_;
  const Statement& get_;
  const ChangeStatements change_;
  Operations& operations_;
  Runner& runner_;
  const StoringHost host_;
};

}  // namespace

std::unique_ptr<backend::Periodic> make_periodic(Operations& operations, Runner& runner, StoringHost host) {
  return std::make_unique<SqlPeriodic>(operations, runner, std::move(host));
}

}  // namespace sqlq::sql
