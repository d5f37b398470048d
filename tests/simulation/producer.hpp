#pragma once
// A program that enqueues, alone or in transactions of its own, and repeats what failed with the same ids.

#include <string>
#include <vector>

#include "simulation/worker_process.hpp"

namespace sqlq::simulation {

class Producer final {
 public:
  Producer(World& world, std::string name, const Weather& weather, std::vector<std::string> queues)
      : line{.process = std::move(name), .weather = weather},
        world_(world),
        connection_(world, line),
        queues_(std::move(queues)) {}

  Line line;

  /// Begins something new, or repeats what failed.
  void step(bool something_new);
  /// Sends a signal to a job; never repeats it.
  void signal(JobId job);
  /// Has it been told of the end of all it began?
  [[nodiscard]] bool content() const noexcept { return wanted_.empty(); }
  /// As after its death: it never learns what became of what it began.
  void forget() { wanted_.clear(); }

 private:
  [[nodiscard]] NewJob describe();
  void enqueue();
  void in_transaction();

  World& world_;
  Connection connection_;
  std::vector<std::string> queues_;
  std::int64_t sent_ = 0;
  std::vector<NewJob> wanted_;  // not acknowledged yet
};

}  // namespace sqlq::simulation
