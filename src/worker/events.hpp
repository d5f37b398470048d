#pragma once
// Where the worker's events go.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/worker.hpp>

#include "core/mutex.hpp"
#include "worker/callbacks.hpp"

namespace sqlq::worker {

/// Has the user's callback called, one call at a time and in order, by `callbacks`: no report waits for it. Without a
/// callback, warnings and errors go to standard error, one line each. A message becomes one line of UTF-8 without
/// control characters. While 1000 wait for a callback that does not return, more are dropped and counted.
///
/// Thread-safety: all members from any thread.
class Events final : public std::enable_shared_from_this<Events> {
 public:
  using Level = WorkerEvent::Level;
  using Code = WorkerEvent::Code;
  static constexpr std::size_t most_waiting = 1000;

  /// Without `callbacks` a report calls the callback itself.
  explicit Events(std::function<void(const WorkerEvent&)> callback, std::shared_ptr<Callbacks> callbacks = {});

  void report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job = {},
              Code code = Code::other) noexcept;
  /// The message becomes one line.
  void report(WorkerEvent event) noexcept;
  /// Closes the callbacks: waiting events are delivered until then, events reported from now on are not, for threads of
  /// handlers that never end may outlive what the callback uses.
  void close(SteadyPoint deadline);

 private:
  void deliver();
  void go_on_elsewhere();
  [[nodiscard]] std::optional<WorkerEvent> next();

  const std::function<void(const WorkerEvent&)> callback_;
  const std::shared_ptr<Callbacks> callbacks_;
  core::Mutex mutex_;
  std::deque<WorkerEvent> waiting_ SQLQ_GUARDED_BY(mutex_);
  std::size_t dropped_ SQLQ_GUARDED_BY(mutex_) = 0;
  bool delivering_ SQLQ_GUARDED_BY(mutex_) = false;
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
};

/// An exception with all that are nested in it (std::throw_with_nested), from the outside to the inside.
struct Thrown {
  std::string text{};    ///< of all of them: "outer: inner"
  bool discard = false;  ///< one of them is a Discard, or says that a result is too large
};
/// Of the exception being handled; to be called inside a catch block.
[[nodiscard]] Thrown current_exception();
[[nodiscard]] inline std::string current_exception_text() { return current_exception().text; }
/// How an attempt ends that it has left: a discard or an error.
[[nodiscard]] Outcome current_outcome();

}  // namespace sqlq::worker
