#include "sql/inbox.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>

#include "core/enqueue_items.hpp"
#include "sql/gates.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"
#include "sql/transfer.hpp"

namespace sqlq::sql {
namespace {

using backend::EnqueueItem;
using backend::InboxItem;
using backend::InboxRow;
using backend::Now;
using backend::StoredJob;

/// Columns as inbox_rows declares them.
InboxRow read_inbox_row(const Row& row) {
  const auto text = [&](std::size_t column) {
    return row.null(column) ? std::nullopt : std::optional<std::string>(row.text(column));
  };
  const auto number = [&](std::size_t column) {
    return row.null(column) ? std::nullopt : std::optional(row.integer(column));
  };
  InboxRow found;
  found.number = row.integer(0);
  found.kind = row.text(1);
  found.params = text(2);
  found.too_long = row.integer(3) != 0;
  found.queue = text(4);
  found.priority = number(5);
  if (const auto at = number(6)) found.run_at = wall(*at);
  found.odd_run_at = row.integer(7) != 0;
  found.unique_key = text(8);
  found.max_attempts = number(9);
  found.timeout_s = number(10);
  found.headers = text(11);
  found.id = text(12);
  return found;
}

bool may_wait(const InboxItem& item) {
  const auto* const job = std::get_if<EnqueueItem>(&item.fate);
  return job != nullptr && core::may_wait(*job);
}

class SqlInbox final : public backend::Inbox {
 public:
  SqlInbox(const Catalogue& c, Operations& operations, Runner& runner, StoringHost host)
      : rows_(c["inbox_rows"]),
        lock_(c["inbox_lock"]),
        remove_(c["inbox_remove"]),
        keep_(c["inbox_keep"]),
        counts_(c["inbox_counts"]),
        operations_(operations),
        runner_(runner),
        host_(std::move(host)) {}

  std::vector<InboxRow> inbox_rows(std::int64_t after, std::size_t limit, std::size_t max_bytes) override {
    std::vector<InboxRow> rows;
    const auto look = [&](Session& s) {
      rows.clear();
      s.execute(rows_,
                {{"after", std::max<std::int64_t>(after, 0)},
                 {"n", static_cast<std::int64_t>(limit)},
                 {"most", static_cast<std::int64_t>(max_bytes)}},
                [&](const Row& row) { rows.push_back(read_inbox_row(row)); });
    };
    runner_.read(look, Statements::one);
    return rows;
  }

  std::vector<std::optional<Enqueued>> inbox_take(std::span<const InboxItem> items, Now now) override {
    if (items.empty()) return {};
    std::vector<EnqueueItem> lanes;
    for (const InboxItem& item : items) {
      if (const auto* const job = std::get_if<EnqueueItem>(&item.fate)) lanes.push_back(*job);
      if (const auto* const failed = std::get_if<const StoredJob*>(&item.fate)) {
        lanes.push_back({.queue = (*failed)->job.queue, .kind = (*failed)->job.kind});
      }
    }
    const Task task = std::ranges::any_of(items, may_wait) ? Task::aside : Task::plain;
    std::vector<std::optional<Enqueued>> answers;
    std::vector<EnqueueItem> stored;
    host_.with_lanes(lanes, now, [&] {
      runner_.write(task, now, [&](Work& w) { answers = take(w, items, stored); }, [] {});
    });
    if (!stored.empty()) host_.tell(stored);
    return answers;
  }

  Counts inbox_counts(std::uint64_t cap) override {
    Counts counts;
    const auto look = [&](Session& s) {
      s.execute(counts_, {{"cap", static_cast<std::int64_t>(cap) + 1}}, [&](const Row& row) {
        counts = {.waiting = capped(row.integer(0), cap), .kept = capped(row.integer(1), cap)};
      });
    };
    runner_.read(look, Statements::one);
    return counts;
  }

 private:
  std::vector<std::optional<Enqueued>> take(Work& w, std::span<const InboxItem> items,
                                            std::vector<EnqueueItem>& stored) const {
    w.begin();
    std::vector<std::int64_t> wanted;
    for (const InboxItem& item : items) wanted.push_back(item.number);
    std::ranges::sort(wanted);
    std::set<std::int64_t> mine;
    w.session().execute(lock_, {{"numbers", std::string_view(json_array(wanted))}},
                        [&](const Row& row) { mine.insert(row.integer(0)); });
    std::vector<std::optional<Enqueued>> answers(items.size());
    stored.clear();
    std::vector<std::size_t> of_stored;
    std::vector<std::int64_t> used;
    std::vector<StoredJob> failed;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!mine.contains(items[i].number)) continue;
      if (std::holds_alternative<std::string_view>(items[i].fate)) {
        keep(w.session(), items[i]);
        continue;
      }
      used.push_back(items[i].number);
      if (const auto* const job = std::get_if<EnqueueItem>(&items[i].fate)) {
        stored.push_back(*job);
        of_stored.push_back(i);
      } else {
        const StoredJob& errored = *std::get<const StoredJob*>(items[i].fate);
        failed.push_back(errored);
        answers[i] = {.id = errored.job.id, .status = EnqueueStatus::inserted};
      }
    }
    remove(w.session(), used);
    Work inside(w.session(), w.now(), nullptr);
    if (!stored.empty()) {
      const std::vector<Enqueued> said = enqueue_in_line(operations_, inside, stored);
      for (std::size_t n = 0; n < said.size(); ++n) answers[of_stored[n]] = said[n];
    }
    if (!failed.empty()) {
      static_cast<void>(store_in_rounds(
          inside, failed, [&](DistinctJobs some) { return store_in_line(operations_, inside, some); }));
    }
    return answers;
  }

  void keep(Session& s, const InboxItem& item) const {
    s.execute(keep_, {{"n", item.number}, {"problem", std::get<std::string_view>(item.fate)}});
  }

  /// All of them: they are locked, as far as this server knows.
  void remove(Session& s, std::span<const std::int64_t> numbers) const {
    if (numbers.empty()) return;
    if (s.execute(remove_, {{"numbers", std::string_view(json_array(numbers))}}) == numbers.size()) return;
    throw Error(Errc::retry_transaction, "somebody else takes the same rows of the inbox: try again");
  }

  const Statement& rows_;
  const Statement& lock_;
  const Statement& remove_;
  const Statement& keep_;
  const Statement& counts_;
  Operations& operations_;
  Runner& runner_;
  const StoringHost host_;
};

}  // namespace

std::unique_ptr<backend::Inbox> make_inbox(Operations& operations, Runner& runner, StoringHost host) {
  return std::make_unique<SqlInbox>(operations.queries(), operations, runner, std::move(host));
}

}  // namespace sqlq::sql
