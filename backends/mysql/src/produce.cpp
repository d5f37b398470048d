#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"

namespace sqlq::mysql {
namespace {

using backend::EnqueueItem;

struct LaneNumbers {
  std::int64_t id = 0;
  std::int64_t queue_id = 0;
};

/// The lanes of one batch, and the time of it.
class Lanes {
 public:
  explicit Lanes(const Context& c) : c_(c) {}
  const LaneNumbers& of(const EnqueueItem& item) {
    const auto [at, isnew] = known_.try_emplace({item.queue, item.kind});
    if (isnew) at->second = read(item);
    return at->second;
  }
  [[nodiscard]] std::int64_t now() const noexcept { return now_; }

 private:
  LaneNumbers read(const EnqueueItem& item) {
    std::optional<LaneNumbers> lane;
    c_.session.execute(c_.work.borrowed() ? c_.q.lane_now : c_.q.lane,
                       {{"now", c_.work.wall()}, {"queue", item.queue}, {"kind", item.kind}}, [&](const sql::Row& row) {
                         if (known_.size() == 1) now_ = row.integer(0);  // one time for all
                         lane = LaneNumbers{row.integer(1), row.integer(2)};
                       });
    if (lane) return *lane;
    throw Error(Errc::schema, "the tables of sqlq were made anew meanwhile: call again", "mysql");
  }

  const Context& c_;
  std::map<std::pair<std::string_view, std::string_view>, LaneNumbers> known_{};
  std::int64_t now_ = 0;
};

/// One batch on its way into the table.
///
/// All rows are inserted at once, in the hope that there is no duplicate. Jobs that are in the way are looked for and
/// answered, and the rest is tried again: a job that was in the way may be gone by then. All batches lock their keys in
/// one order, all before the first job; when one is refused, a transaction of our own lets its locks go before it
/// begins with the first key again. In a borrowed one an error undoes only its statement.
class Insertion {
 public:
  Insertion(const Context& c, std::span<const EnqueueItem> items) : c_(c), items_(items), answers_(items.size()) {
    Lanes lanes(c);
    headers_ = std::ranges::any_of(items, [](const EnqueueItem& item) { return !item.headers.empty(); });
    rows_.reserve(items.size());
    for (const EnqueueItem& item : items) {
      const LaneNumbers& lane = lanes.of(item);
      rows_.push_back(row_of(lane, lanes.now(), item));
    }
    open_all();
  }

  std::vector<Enqueued> run() {
    // With keys a duplicate is what one expects. In a borrowed transaction looking takes locks: only if it must.
    const auto has_key = [](const EnqueueItem& item) { return item.unique_key.has_value(); };
    bool look = !c_.work.borrowed() && std::ranges::any_of(items_, has_key);
    for (int round = 0; round < most_rounds; ++round) {
      if (look) answer_duplicates();
      if (open_.empty()) return std::move(answers_);
      if (!insert_firsts() && c_.work.begun()) {
        c_.work.begin_anew();
        open_all();
      }
      look = true;
    }
    throw Error(Errc::retry_transaction, "other jobs with the same unique keys come and go: try again", "mysql");
  }

 private:
  static constexpr int most_rounds = 20;

  struct Prepared {
    LaneNumbers lane{};
    JobState state = JobState::invalid;
    std::int64_t due = 0;
    std::int64_t now = 0;
  };

  static Prepared row_of(const LaneNumbers& lane, std::int64_t now, const EnqueueItem& item) {
    // A time that has passed means now: else a run_at of long ago would overtake every job that waits.
    const TimePoint wanted = item.run_at.value_or(saturating_add(sql::wall(now), item.delay));
    const std::int64_t due = std::max(sql::us(wanted), now);
    if (!item.key.empty()) return {lane, JobState::waiting, due, now};
    return {lane, due > now ? JobState::scheduled : JobState::pending, due, now};
  }

  /// The open items that collide with none before them; the others wait for what becomes of those.
  std::vector<std::size_t> firsts() const {
    std::set<JobId> ids;
    std::set<std::string_view> keys;
    std::vector<std::size_t> result;
    for (const std::size_t i : open_) {
      const bool new_id = ids.insert(items_[i].id).second;
      const bool new_key = !items_[i].unique_key || keys.insert(*items_[i].unique_key).second;
      if (new_id && new_key) result.push_back(i);
    }
    return result;
  }

  void open_all() {
    open_.resize(items_.size());
    std::iota(open_.begin(), open_.end(), std::size_t{0});
  }

  /// False: some were refused.
  bool insert_firsts() {
    const std::vector<std::size_t> first_of = firsts();
    if (!insert_keys(keys_of(first_of))) return false;
    std::set<std::size_t> done;
    const auto size_of = [&](std::size_t n) {
      const EnqueueItem& item = items_[first_of[n]];
      return literal_size(item.params) + literal_size(item.headers) + 700;
    };
    in_pieces(c_, first_of.size(), size_of, [&](std::size_t first, std::size_t last) {
      const std::span<const std::size_t> piece(first_of.data() + first, last - first);
      if (!insert(piece)) return;
      for (const std::size_t i : piece) answers_[i] = {.id = items_[i].id, .status = EnqueueStatus::inserted};
      done.insert(piece.begin(), piece.end());
    });
    std::erase_if(open_, [&](std::size_t i) { return done.contains(i); });
    return done.size() == first_of.size();
  }

  using Keys = std::map<std::string_view, JobId>;  // sorted: all who insert the same ones wait in one order

  /// All or none; false: one of them is held.
  bool insert_keys(const Keys& keys) {
    const std::vector<std::pair<std::string_view, JobId>> list(keys.begin(), keys.end());
    const auto size_of = [&](std::size_t n) { return literal_size(list[n].first) + 50; };
    std::vector<std::string_view> inserted;
    bool all = true;
    in_pieces(c_, list.size(), size_of, [&](std::size_t first, std::size_t last) {
      if (!all) return;
      sql::List rows{.width = 2};
      for (std::size_t n = first; n < last; ++n) {
        rows.values.insert(rows.values.end(), {sql::Scalar(list[n].first), sql::Scalar(bytes_of(list[n].second))});
      }
      all = insert(c_.q.keys_add, rows);
      for (std::size_t n = first; all && n < last; ++n) inserted.push_back(list[n].first);
    });
    if (!all) take_back(inserted);
    return all;
  }

  /// A transaction of our own begins anew after this.
  void take_back(std::span<const std::string_view> keys) const {
    if (c_.work.borrowed()) remove_keys(c_, keys);
  }

  /// False: one of them is a duplicate, none was inserted. Their keys are.
  bool insert(std::span<const std::size_t> piece) {
    sql::List rows{.width = headers_ ? std::size_t{17} : std::size_t{15}};
    std::vector<JobId> ids;
    std::vector<JobId> pending;
    std::vector<JobId> scheduled;
    for (const std::size_t i : piece) {
      add_row(rows, i);
      ids.push_back(items_[i].id);
      if (rows_[i].state == JobState::pending) pending.push_back(items_[i].id);
      if (rows_[i].state == JobState::scheduled) scheduled.push_back(items_[i].id);
    }
    if (!insert(headers_ ? c_.q.jobs_insert_headers : c_.q.jobs_insert, rows)) {
      std::vector<std::string_view> not_used;
      for (const auto& [key, id] : keys_of(piece)) not_used.push_back(key);
      take_back(not_used);
      if (held_ids(c_, ids, true).empty()) throw refused_by_foreign_index(c_.q.jobs_insert);
      return false;
    }
    const auto n = static_cast<std::int64_t>(piece.size());
    place(pending, n, c_.q.ready_insert, c_.q.ready_insert_ids);
    place(scheduled, n, c_.q.scheduled_insert, c_.q.scheduled_insert_ids);
    return true;
  }

  bool insert(const sql::Statement& statement, const sql::List& rows) {
    return insert_unless_there(c_.session, statement, {{"rows", rows}});
  }

  [[nodiscard]] Keys keys_of(std::span<const std::size_t> piece) const {
    Keys keys;
    for (const std::size_t i : piece) {
      if (items_[i].unique_key) keys.emplace(*items_[i].unique_key, items_[i].id);
    }
    return keys;
  }

  /// Into the table of their state; `n` were inserted in all.
  void place(const std::vector<JobId>& ids, std::int64_t n, const sql::Statement& last_ones,
             const sql::Statement& by_id) {
    if (ids.empty()) return;
    const std::size_t placed = c_.work.borrowed() ? c_.session.execute(by_id, {{"ids", list_of(ids)}})
                                                  : c_.session.execute(last_ones, {{"n", n}});
    if (placed != ids.size()) throw Error(Errc::internal, "jobs that were just inserted were not found", "mysql");
  }

  void add_row(sql::List& list, std::size_t i) const {
    const EnqueueItem& item = items_[i];
    const Prepared& row = rows_[i];
    const auto or_null = [](const auto& maybe) -> sql::Scalar {
      if (!maybe) return nullptr;
      if constexpr (std::is_same_v<std::decay_t<decltype(*maybe)>, Duration>) return maybe->count();
      else return *maybe;
    };
    list.values.insert(list.values.end(),
                       {bytes_of(item.id), row.lane.id, row.lane.queue_id, std::int64_t{static_cast<int>(row.state)},
                        std::int64_t{item.priority}, row.due, std::int64_t{item.max_attempts},
                        std::int64_t{item.max_crashes}, item.keepalive.count(), item.timeout.count(),
                        or_null(item.retention), row.now, row.now, or_null(item.unique_key), item.params});
    if (!headers_) return;
    list.values.push_back(item.headers.empty() ? sql::Scalar(nullptr) : sql::Scalar(item.headers));
    list.values.push_back(item.key.empty() ? std::int64_t{0} : gated_flag);
  }

  void answer_duplicates() {
    std::vector<JobId> ids;
    std::vector<std::string_view> keys;
    for (const std::size_t i : open_) {
      ids.push_back(items_[i].id);
      if (items_[i].unique_key) keys.push_back(*items_[i].unique_key);
    }
    const std::set<JobId> taken = held_ids(c_, ids, c_.work.borrowed());
    const auto holders = key_holders(c_, keys);
    std::erase_if(open_, [&](std::size_t i) {
      const EnqueueItem& item = items_[i];
      if (taken.contains(item.id)) {
        answers_[i] = {.id = item.id, .status = EnqueueStatus::existing_id};
        return true;
      }
      const auto holder = item.unique_key ? holders.find(*item.unique_key) : holders.end();
      if (holder == holders.end()) return false;
      answers_[i] = {.id = holder->second, .status = EnqueueStatus::existing_key};
      return true;
    });
  }

  const Context& c_;
  std::span<const EnqueueItem> items_;
  std::vector<Enqueued> answers_;
  std::vector<Prepared> rows_{};
  std::vector<std::size_t> open_{};  // items without an answer, in order
  bool headers_ = false;             // has any of them headers?
};

}  // namespace

std::vector<Enqueued> MysqlServer::enqueue(sql::Work& work, std::span<const EnqueueItem> items) {
  const Context c = context(work);
  if (items.empty()) return {};
  c.work.begin();
  return Insertion(c, items).run();
}

}  // namespace sqlq::mysql
