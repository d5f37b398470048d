#pragma once
// What happens again and again, without any storage: the optional part backend::Periodic on plain values.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

/// Thread-safe, as what it is given is.
class MemoryPeriodic final : public backend::Periodic {
 public:
  /// Calls with the jobs, whole and alone.
  using Run = std::function<void(const std::function<void(MemoryQueue&)>&)>;
  /// Throws Error(refused) for a text that cannot be stored.
  using Check = std::function<void(std::string_view)>;

  MemoryPeriodic(Run run, Check check, std::shared_ptr<Clock> clock)
      : run_(std::move(run)), check_(std::move(check)), clock_(std::move(clock)) {}

  backend::PeriodicDue periodic_due(std::size_t limit, backend::Now now) override {
    backend::PeriodicDue due;
    due.now = now ? now->wall : clock_->now();
    run_([&](const MemoryQueue& jobs) {
      for (const auto& [name, row] : jobs.periodic.rows) {
        if (row.next) due.rows.push_back(row);
      }
    });
    std::ranges::stable_sort(due.rows, {}, [](const backend::PeriodicRow& row) { return *row.next; });
    const auto later = std::ranges::find_if(due.rows, [&](const auto& row) { return *row.next > due.now; });
    const auto n = std::min(limit, static_cast<std::size_t>(later - due.rows.begin()));
    if (n < due.rows.size()) due.next = due.rows[n].next;
    due.rows.resize(n);
    return due;
  }
  std::vector<backend::PeriodicRow> periodic_list(std::string_view after, std::size_t limit) override {
    std::vector<backend::PeriodicRow> found;
    run_([&](const MemoryQueue& jobs) {
      const auto& rows = jobs.periodic.rows;
      for (auto at = rows.upper_bound(after); at != rows.end() && found.size() < limit; ++at) {
        found.push_back(at->second);
      }
    });
    return found;
  }
  std::vector<std::optional<backend::PeriodicRow>> periodic_get(std::span<const std::string> names) override {
    std::vector<std::optional<backend::PeriodicRow>> found;
    run_([&](const MemoryQueue& jobs) {
      const auto& rows = jobs.periodic.rows;
      for (const std::string& name : names) {
        const auto at = rows.find(name);
        found.push_back(at == rows.end() ? std::nullopt : std::optional(at->second));
      }
    });
    return found;
  }
  std::vector<backend::PeriodicOutcome> periodic_change(std::span<const backend::PeriodicChange> changes,
                                                        backend::Now now) override {
    std::vector<backend::PeriodicOutcome> outcomes;
    run_([&](MemoryQueue& jobs) {
      for (const backend::PeriodicChange& change : changes) {
        check_(change.definition);
        check_(change.state);
      }
      const Instant at = now ? *now : clock_->instant();
      for (const backend::PeriodicChange& change : changes) outcomes.push_back(changed(jobs, change, at));
    });
    return outcomes;
  }

 private:
  static backend::PeriodicOutcome changed(MemoryQueue& jobs, const backend::PeriodicChange& change, Instant now) {
    auto& [rows, version] = jobs.periodic;
    const auto at = rows.find(change.name);
    if ((at == rows.end() ? 0 : at->second.version) != change.expected) return {};
    backend::PeriodicOutcome outcome{.applied = true};
    if (change.remove) {
      if (at != rows.end()) rows.erase(at);
    } else {
      const std::string name(change.name);
      backend::PeriodicRow& row = rows[name];
      if (change.next && (!row.next || *change.next < *row.next)) jobs.has_news();
      row = {.name = name, .version = ++version, .next = change.next, .definition = std::string(change.definition),
             .state = std::string(change.state)};
    }
    for (const backend::EnqueueItem& job : change.jobs) outcome.jobs.push_back(jobs.enqueue(job, now));
    return outcome;
  }

  const Run run_;
  const Check check_;
  const std::shared_ptr<Clock> clock_;
};

}  // namespace sqlq::testing
