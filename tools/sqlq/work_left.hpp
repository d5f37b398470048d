#pragma once
/// \file
/// What there is to do in some queues, for a worker that ends when it is done.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/admin.hpp>

namespace sqlq::tool {

/// Thread-safety: one thread. Errors: as Admin.
class WorkLeft {
 public:
  /// No kinds: all.
  WorkLeft(Admin admin, std::vector<std::string> queues, std::vector<std::string> kinds);

  /// Whether a worker could claim a job now: one is due, in a queue that is not paused and does not have the limit 0,
  /// or its key is about to let it in.
  [[nodiscard]] bool due();
  /// Or a job runs, here or elsewhere: it may come back when its worker dies.
  [[nodiscard]] bool due_or_running();
  /// The queues with due jobs that cannot be claimed, as sentences; of the last look.
  [[nodiscard]] const std::vector<std::string>& shut_queues() const noexcept { return shut_; }

 private:
  [[nodiscard]] bool running() const;
  [[nodiscard]] bool is_let_in_soon();

  Admin admin_;
  std::vector<std::string> queues_;
  std::vector<std::string> kinds_;
  std::vector<std::string> shut_{};
  std::optional<std::chrono::steady_clock::time_point> room_since_{};  // perhaps nobody lets them in
};

}  // namespace sqlq::tool
