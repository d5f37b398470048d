#pragma once
// Which workers there are, without any storage: the optional part backend::Workers on plain values.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::testing {

/// Their rows, by name and id. A plain value.
using WorkerRows = std::map<std::pair<std::string, std::int64_t>, WorkerInfo>;

/// Thread-safe, as what it is given is.
class MemoryWorkers final : public backend::Workers {
 public:
  /// Calls with the rows, whole and alone.
  using Run = std::function<void(const std::function<void(WorkerRows&)>&)>;

  MemoryWorkers(Run run, std::shared_ptr<Clock> clock) : run_(std::move(run)), clock_(std::move(clock)) {}

  bool announce_worker(const WorkerInfo& worker, Duration running, backend::Now now) override {
    bool draining = false;
    run_([&](WorkerRows& rows) {
      const auto [at, added] = rows.try_emplace({worker.name, worker.id}, worker);
      WorkerInfo& row = at->second;
      row.seen_at = time(now);
      if (added) row.started_at = row.seen_at - running;
      row.busy = worker.busy;
      draining = row.draining;
    });
    return draining;
  }
  void withdraw_worker(std::string_view name, std::int64_t id) override {
    run_([&](WorkerRows& rows) { rows.erase({std::string(name), id}); });
  }
  std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t after_id, std::size_t limit,
                                       backend::Now now) override {
    std::vector<WorkerInfo> found;
    run_([&](const WorkerRows& rows) {
      for (auto at = rows.upper_bound({std::string(after), after_id}); at != rows.end(); ++at) {
        if (found.size() < limit && !expired(at->second, now)) found.push_back(at->second);
      }
    });
    return found;
  }
  bool drain_workers(std::string_view name, bool on, backend::Now now) override {
    bool found = false;
    run_([&](WorkerRows& rows) {
      for (auto& [key, row] : rows) {
        if (row.name != name || expired(row, now)) continue;
        row.draining = on;
        found = true;
      }
    });
    return found;
  }
  std::size_t expire_workers(std::size_t limit, backend::Now now) override {
    std::size_t gone = 0;
    run_([&](WorkerRows& rows) {
      std::erase_if(rows, [&](const auto& row) {
        const bool goes = gone < limit && expired(row.second, now);
        gone += goes ? 1 : 0;
        return goes;
      });
    });
    return gone;
  }

 private:
  [[nodiscard]] TimePoint time(const backend::Now& now) const { return now ? now->wall : clock_->now(); }
  [[nodiscard]] bool expired(const WorkerInfo& row, const backend::Now& now) const {
    return time(now) - row.seen_at >= worker_expiry;
  }

  const Run run_;
  const std::shared_ptr<Clock> clock_;
};

}  // namespace sqlq::testing
