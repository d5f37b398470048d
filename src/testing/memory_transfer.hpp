#pragma once
// Jobs out of a queue in memory and into it: the optional part backend::Transfer on plain values.

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

/// Thread-safe, as what it is given is.
class MemoryTransfer final : public backend::Transfer {
 public:
  /// Calls with the jobs, whole and alone.
  using Run = std::function<void(const std::function<void(MemoryQueue&)>&)>;
  /// Throws Error(refused) for a text that cannot be stored.
  using Check = std::function<void(std::string_view)>;

  MemoryTransfer(Run run, Check check, std::shared_ptr<Clock> clock)
      : run_(std::move(run)), check_(std::move(check)), clock_(std::move(clock)) {}

  std::vector<JobId> ids_after(JobId after, std::size_t limit) override {
    std::vector<JobId> ids;
    run_([&](const MemoryQueue& jobs) { ids = jobs.ids_after(after, limit); });
    return ids;
  }

  Read read_jobs(std::span<const JobId> ids, std::size_t max_bytes) override {
    Read read;
    run_([&](const MemoryQueue& jobs) {
      std::size_t bytes = 0;
      for (const JobId id : ids) {
        if (auto job = jobs.whole(id)) {
          bytes += size_of(*job);
          if (!read.jobs.empty() && bytes > max_bytes) return;
          read.jobs.push_back(std::move(*job));
        }
        ++read.read;
      }
    });
    return read;
  }

  std::vector<backend::StoreStatus> store_jobs(std::span<const backend::StoredJob> all, backend::Now now) override {
    std::vector<backend::StoreStatus> answers;
    run_([&](MemoryQueue& jobs) {
      for (const backend::StoredJob& stored : all) check_whole(stored);
      for (const backend::StoredJob& stored : all) {
        answers.push_back(jobs.store(stored, now ? *now : clock_->instant()));
      }
    });
    return answers;
  }

 private:
  static std::size_t size_of(const backend::StoredJob& stored) {
    constexpr std::size_t rest = 100;
    std::size_t bytes = rest + stored.job.params.size() + stored.job.result.size();
    for (const AttemptRecord& line : stored.history) bytes += rest + line.message.size();
    for (const LogLine& line : stored.log) bytes += rest + line.text.size();
    for (const StepRecord& step : stored.steps) bytes += rest + step.value.size();
    return bytes;
  }
  void check_whole(const backend::StoredJob& stored) const {
    check_(stored.job.params);
    check_(stored.job.result);
    for (const AttemptRecord& line : stored.history) check_(line.message);
    for (const LogLine& line : stored.log) check_(line.text);
    for (const StepRecord& step : stored.steps) check_(step.value);
  }

  const Run run_;
  const Check check_;
  const std::shared_ptr<Clock> clock_;
};

}  // namespace sqlq::testing
