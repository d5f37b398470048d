#pragma once
// Events on their way to a function of the user's that may take its time.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <sqlq/observer.hpp>

#include "core/mutex.hpp"
#include "worker/callbacks.hpp"

namespace sqlq::worker {

/// Has a function called, one call at a time and in order, by `callbacks`: no post waits for it. While too many wait
/// for a call that does not return, more are dropped, and an event says how many.
///
/// Thread-safety: all members from any thread.
class Mailbox final : public std::enable_shared_from_this<Mailbox> {
 public:
  using Call = std::function<void(const Event&)>;

  /// Literals: `whose` as "on_event"; `remedy` is what to do where it is too slow. Without `callbacks` a post calls the
  /// function itself.
  Mailbox(const char* whose, const char* remedy, Call call, std::shared_ptr<Callbacks> callbacks,
          std::size_t most_waiting)
      : whose_(whose),
        remedy_(remedy),
        call_(std::move(call)),
        callbacks_(std::move(callbacks)),
        most_waiting_(most_waiting) {}

  void post(Event event) noexcept;
  /// Closes the callbacks: waiting events are delivered until then, events posted from now on are not, for threads of
  /// handlers that never end may outlive what the function uses.
  void close(SteadyPoint deadline);

 private:
  void deliver();
  void go_on_elsewhere();
  [[nodiscard]] std::optional<Event> next();

  const char* const whose_;
  const char* const remedy_;
  const Call call_;
  const std::shared_ptr<Callbacks> callbacks_;
  const std::size_t most_waiting_;
  core::Mutex mutex_;
  std::deque<Event> waiting_ SQLQ_GUARDED_BY(mutex_);
  std::size_t dropped_ SQLQ_GUARDED_BY(mutex_) = 0;
  bool delivering_ SQLQ_GUARDED_BY(mutex_) = false;
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
};

/// On standard error, in one line; nothing of Level::info.
void print(const WorkerEvent& event);

}  // namespace sqlq::worker
