#pragma once
// Where the worker's events go.

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/worker.hpp>

namespace sqlq::worker {

/// Calls the user's callback, one call at a time, and drops what it throws. Without a callback, warnings and errors go
/// to standard error, one line each. A message becomes one line of UTF-8 without control characters.
/// Thread-safety: all members from any thread.
class Events final {
 public:
  using Level = WorkerEvent::Level;
  using Code = WorkerEvent::Code;
  explicit Events(std::function<void(const WorkerEvent&)> callback);

  void report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job = {},
              Code code = Code::other) noexcept;
  /// After it returned nothing is reported any more: threads of handlers that never end may outlive what the callback
  /// uses.
  void close() noexcept;

 private:
  std::mutex mutex_;
  std::function<void(const WorkerEvent&)> callback_;
  bool closed_ = false;
};

/// The text of an exception being handled, for messages; to be called inside a catch block.
[[nodiscard]] std::string current_exception_text();

}  // namespace sqlq::worker
