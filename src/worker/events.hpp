#pragma once
// Where the worker's events go.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/worker.hpp>

#include "core/observing.hpp"
#include "worker/mailbox.hpp"

namespace sqlq::worker {

/// Tells the observers at once, and has the user's callback called by `callbacks` (mailbox.hpp). Without a callback,
/// warnings and errors go to standard error, one line each. A message becomes one line of UTF-8 without control
/// characters.
///
/// Thread-safety: all members from any thread.
class Events final {
 public:
  using Level = WorkerEvent::Level;
  using Code = WorkerEvent::Code;
  static constexpr std::size_t most_waiting = 1000;

  /// Without `callbacks` a report calls the callback itself.
  explicit Events(std::function<void(const WorkerEvent&)> callback, std::shared_ptr<Callbacks> callbacks = {},
                  core::Observers observers = {});

  void report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job = {},
              Code code = Code::other) noexcept;
  /// The message becomes one line.
  void report(WorkerEvent event) noexcept;
  /// As Mailbox::close.
  void close(SteadyPoint deadline) { mailbox_->close(deadline); }

 private:
  const core::Observers observers_;
  const std::shared_ptr<Mailbox> mailbox_;
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
