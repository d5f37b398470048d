#include "sql/gates.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/limits.hpp>

#include "core/gate.hpp"
#include "sql/gate_look.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sql {
namespace {

using backend::GateName;
using backend::GateRow;
using backend::GatesLooked;
using backend::Now;

constexpr std::int64_t held_for_good = std::numeric_limits<std::int64_t>::max();
/// Pauses are no longer, so that the sum with a time is one.
constexpr Duration longest_pause = std::chrono::hours(24 * 366 * 200);
/// Of the jobs inside so many are named.
constexpr std::int64_t most_jobs = 10;

class SqlGates final : public backend::Gates {
 public:
  SqlGates(const Catalogue& c, Operations& operations, const ReadQueries& queries, Runner& runner, GatesNews news)
      : look_(c),
        settings_(c["gate_settings"]),
        set_(c["gate_set"]),
        look_all_(c["gates_look_all"]),
        shut_(c["gate_shut"]),
        open_(c["gate_open"]),
        list_(c["gate_list"]),
        get_(c["gate_get"]),
        jobs_(c["gate_jobs"]),
        before_(c["gate_before"]),
        operations_(operations),
        queries_(queries),
        runner_(runner),
        news_(std::move(news)) {}

  // Nearly always there is nothing to look at: then it is one statement.
  GatesLooked gates_look(std::span<const GateName> named, std::size_t limit, Now now) override {
    GatesLooked looked;
    if (named.empty()) {
      const auto given = runner_.wall(now);
      const auto look = [&](Session& s) {
        s.execute(look_.next, {}, [&](const Row& row) {
          looked = {.now = wall(given ? *given : row.integer(1))};
          if (!row.null(0)) looked.next = wall(row.integer(0));
        });
      };
      runner_.read(look, Statements::one);
      if (!looked.next || *looked.next > looked.now) return looked;
    }
    runner_.write(
        Task::aside, now, [&](Work& w) { looked = look_at_gates(look_, operations_, w, named, limit); }, [] {});
    if (looked.let_in != 0) news_();
    return looked;
  }

  void gate_set(const GateName& gate, std::string_view settings, Now now) override {
    const auto change = [&](Work& w) {
      make_queue(w, gate.queue);
      w.session().execute(set_, {{"queue", std::string_view(gate.queue)},
                                 {"key", std::string_view(gate.key)},
                                 {"settings", settings},
                                 {"now", w.wall()}});
      if (!gate.key.empty()) return;
      w.session().execute(look_all_, {{"queue", std::string_view(gate.queue)}, {"now", w.wall()}});
    };
    runner_.write(Task::plain, now, change, [] {});
    news_();
  }

  void gate_shut(const GateName& gate, Duration pause, Now now) override {
    const std::string_view queue = gate.queue;
    const std::string_view key = gate.key;
    const std::optional<std::int64_t> length =
        pause >= longest_pause ? std::nullopt : std::optional<std::int64_t>(pause.count());
    const auto change = [&](Work& w) {
      if (pause <= Duration::zero()) {
        w.session().execute(open_, {{"queue", queue}, {"key", key}, {"now", w.wall()}});
        return;
      }
      make_queue(w, queue);
      w.session().execute(shut_, {{"queue", queue}, {"key", key}, {"pause", length}, {"now", w.wall()}});
    };
    runner_.write(Task::plain, now, change, [] {});
    news_();
  }

  std::string gate_settings(std::string_view queue) override {
    std::string settings;
    const auto look = [&](Session& s) {
      settings.clear();
      s.execute(settings_, {{"queue", queue}}, [&](const Row& row) { settings = row.text(0); });
    };
    runner_.read(look, Statements::one);
    return settings;
  }

  std::vector<GateRow> gate_list(std::string_view queue, std::string_view after, std::size_t limit,
                                 std::uint64_t cap) override {
    std::vector<GateRow> rows;
    const auto look = [&](Session& s) {
      rows.clear();
      std::string last(after);
      for (bool full = true; full && rows.size() < limit;) {
        const std::vector<std::string> keys = keys_after(s, queue, last, limit - rows.size());
        full = keys.size() == limit - rows.size();
        if (keys.empty()) break;
        for (const std::string& key : keys) {
          if (auto row = get(s, queue, key, cap)) rows.push_back(*std::move(row));
        }
        last = keys.back();
      }
    };
    runner_.read(look, Statements::several);
    return rows;
  }

  std::optional<GateRow> gate_get(const GateName& gate, std::uint64_t cap) override {
    std::optional<GateRow> found;
    runner_.read([&](Session& s) { found = get(s, gate.queue, gate.key, cap); }, Statements::several);
    return found;
  }

  CappedCount gate_before(JobId id, std::uint64_t cap) override {
    CappedCount count;
    const auto look = [&](Session& s) {
      const auto n = s.integer(before_, {{"id", std::string_view(id.to_string())}, {"cap", one_more(cap)}});
      count = capped(n.value_or(0), cap);
    };
    runner_.read(look, Statements::one);
    return count;
  }

 private:
  static std::int64_t one_more(std::uint64_t cap) { return static_cast<std::int64_t>(cap) + 1; }

  void make_queue(const Work& w, std::string_view name) const {
    if (!queue(w.session(), queries_, name)) queue_upsert(w.session(), queries_, name, {}, w.wall());
  }

  std::vector<std::string> keys_after(Session& s, std::string_view queue, std::string_view after,
                                      std::size_t limit) const {
    std::vector<std::string> keys;
    s.execute(list_, {{"queue", queue}, {"after", after}, {"n", static_cast<std::int64_t>(limit)}},
              [&](const Row& row) { keys.emplace_back(row.text(0)); });
    return keys;
  }

  std::optional<GateRow> get(Session& s, std::string_view queue, std::string_view key, std::uint64_t cap) const {
    std::optional<GateRow> found;
    s.execute(get_, {{"queue", queue}, {"key", key}, {"cap", one_more(cap)}}, [&](const Row& row) {
      Fields f(row);
      GateRow gate{.key = std::string(key), .settings = std::string(f.maybe_text())};
      if (const auto at = f.maybe_integer(); at && *at != 0) gate.next_start = wall(*at);
      if (const auto at = f.maybe_integer(); at && *at != 0) gate.shut_until = wall(*at);
      gate.inside = capped(f.integer(), cap);
      gate.waiting = capped(f.integer(), cap);
      found = std::move(gate);
    });
    if (!found) return std::nullopt;
    found->held = found->shut_until && us(*found->shut_until) == held_for_good;
    if (found->held) found->shut_until.reset();
    if (found->inside.value != 0) {
      s.execute(jobs_, {{"queue", queue}, {"key", key}, {"n", most_jobs}},
                [&](const Row& row) { found->jobs.push_back(read_id(row.text(0))); });
    }
    const bool anything = !found->settings.empty() || found->inside.value != 0 || found->waiting.value != 0 ||
                          found->next_start || found->shut_until || found->held;
    return anything ? std::move(found) : std::nullopt;
  }

  const GateStatements look_;
  const Statement& settings_;
  const Statement& set_;
  const Statement& look_all_;
  const Statement& shut_;
  const Statement& open_;
  const Statement& list_;
  const Statement& get_;
  const Statement& jobs_;
  const Statement& before_;
  Operations& operations_;
  const ReadQueries& queries_;
  Runner& runner_;
  const GatesNews news_;
};

void line_in(Operations& operations, Work& work, std::span<const JobId> ids) {
  if (!ids.empty()) operations.line_in(work, ids);
}

}  // namespace

std::unique_ptr<backend::Gates> make_gates(Operations& operations, const ReadQueries& queries, Runner& runner,
                                           GatesNews news) {
  return std::make_unique<SqlGates>(operations.queries(), operations, queries, runner, std::move(news));
}

std::vector<Enqueued> enqueue_in_line(Operations& operations, Work& work, std::span<const backend::EnqueueItem> items) {
  const auto has_key = [](const backend::EnqueueItem& item) { return !item.key.empty(); };
  if (std::ranges::none_of(items, has_key)) return operations.enqueue(work, items);
  work.begin();
  std::vector<Enqueued> answers = operations.enqueue(work, items);
  std::vector<JobId> stored;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (has_key(items[i]) && answers[i].inserted()) stored.push_back(items[i].id);
  }
  line_in(operations, work, stored);
  return answers;
}

std::vector<backend::StoreStatus> store_in_line(Operations& operations, Work& work, DistinctJobs jobs) {
  const auto waits = [](const backend::StoredJob* stored) {
    return !is_finished(stored->job.state) && !key_of(stored->job).empty();
  };
  if (std::ranges::none_of(jobs, waits)) return operations.store_jobs(work, jobs);
  work.begin();
  std::vector<backend::StoreStatus> answers = operations.store_jobs(work, jobs);
  std::vector<JobId> stored;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (waits(jobs[i]) && answers[i] == backend::StoreStatus::stored) stored.push_back(jobs[i]->job.id);
  }
  line_in(operations, work, stored);
  return answers;
}

void bring_in_line(Operations& operations, Work& work, std::span<const JobId> ids) {
  if (work.keyed()) line_in(operations, work, ids);
}

}  // namespace sqlq::sql
