#pragma once
/// \file
/// A worker for tests: started at once, silent, stopped at the end of the scope.

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/worker.hpp>

namespace sqlq::conformance {

class QuietWorker {
 public:
  QuietWorker(Database db, Handlers handlers, WorkerOptions options = {})
      : worker_(std::move(db), std::move(handlers), recorded(std::move(options))) {
    worker_.start();
  }

  Worker* operator->() noexcept { return &worker_; }

  /// What it reported so far, one line per event.
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> lines;
    for (const WorkerEvent& event : reports()) lines.push_back(event.service + ": " + event.message);
    return lines;
  }
  [[nodiscard]] std::vector<WorkerEvent> reports() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  WorkerOptions recorded(WorkerOptions options) {
    options.on_event = [this](const WorkerEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    return options;
  }

  mutable std::mutex mutex_;
  std::vector<WorkerEvent> events_;
  Worker worker_;  // last: it stops before what it reports to goes away
};

}  // namespace sqlq::conformance
