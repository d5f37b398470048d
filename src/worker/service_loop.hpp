#pragma once
// Runs a service: the one place where services' threads, exceptions and back-off live.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/mutex.hpp"
#include "worker/events.hpp"
#include "worker/jitter.hpp"
#include "worker/replaceable_thread.hpp"
#include "worker/service.hpp"

namespace sqlq::worker {

/// Takes one turn after the other and decides what follows. Separate from the thread, for tests.
class Turns final {
 public:
  struct Next {
    SteadyPoint at;
    bool backing_off;  ///< then wake-ups do not shorten the wait: a broken database is not hammered
  };

  Turns(Service& service, Clock& clock, Events& events, std::uint64_t seed)
      : service_(service), clock_(clock), events_(events), jitter_(seed) {}

  Next take();
  /// As if nothing had failed: what comes next is tried without a long wait.
  void forget_failures() noexcept { failures_ = 0; }

 private:
  Next failed(const std::string& why);

  Service& service_;
  Clock& clock_;
  Events& events_;
  Jitter jitter_;
  int failures_ = 0;
};

/// One thread for one service; another one when a log sink ends it. Thread-safety: one thread at a time; `fill` from
/// any.
class ServiceLoop final {
 public:
  ServiceLoop(Service& service, Clock& clock, Events& events, std::uint64_t seed, ThreadStarter starter = start_thread)
      : service_(service),
        clock_(clock),
        events_(events),
        turns_(service, clock, events, seed),
        starter_(std::move(starter)) {}
  ~ServiceLoop();
  ServiceLoop(const ServiceLoop&) = delete;
  ServiceLoop& operator=(const ServiceLoop&) = delete;

  /// `keep_alive` owns the loop, its service and all that they use; the thread has a copy. `ended` is notified when the
  /// thread has nothing more to do; it must live as long. `when_vacant` is called when the system refuses a thread for
  /// one that has ended: then somebody must call `fill` until it succeeds. Throws std::system_error.
  void start(const std::shared_ptr<void>& keep_alive, Signal& ended, std::function<void()> when_vacant = {});
  /// Tries to start the thread that was refused. Says whether the loop has its thread.
  bool fill();
  /// Lets the current step end; then takes no more than the service needs to come to its end, the next one at once
  /// though the last have failed.
  void request_stop() noexcept;
  /// After request_stop: whether it has ended, or never began.
  [[nodiscard]] bool ended() const noexcept { return ended_.load(); }
  /// Waits for the thread if it has ended; else leaves it behind: it takes no further step, and keeps what it uses
  /// alive until the call that it is in returns; a process that exits waits for that (left_behind.hpp). Idempotent.
  void finish() noexcept;

 private:
  void work(Signal& ended);
  void run();
  void replace();
  bool leave() noexcept;
  [[nodiscard]] bool over() const { return left_behind_ || (stopping_ && service_.may_end()); }

  Service& service_;
  Clock& clock_;
  Events& events_;
  Turns turns_;
  const ThreadStarter starter_;
  std::function<void()> when_vacant_{};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> left_behind_{false};
  std::atomic<bool> ended_{true};
  core::Mutex leaving_;  // so that it has either ended or is left behind
  ReplaceableThread thread_;
};

}  // namespace sqlq::worker
