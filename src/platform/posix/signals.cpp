#include <sqlq/signals.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "platform/forks.hpp"
#include "platform/user_code.hpp"

namespace sqlq {

namespace {

// All that the signal handler reads: plain slots, one per signal number, no locks.
struct Slot {
  std::atomic<int> pipe{-1};            // where to write; -1: not ours
  std::atomic<int> group{0};            // which SignalStop; its signals are given back together
  std::atomic<bool> installed{false};   // our handler is in place and `before` is valid
  struct sigaction before {};
};

constexpr int slot_count = NSIG;
std::array<Slot, slot_count> slots;
std::atomic<int> handlers_running{0};
std::atomic<int> owner_process{0};
std::atomic<int> last_group{0};
std::mutex reserve_mutex;

Slot& slot_of(int signal) noexcept { return slots[static_cast<std::size_t>(signal)]; }

void give_back(int signal) noexcept {
  Slot& slot = slot_of(signal);
  if (slot.installed.exchange(false)) ::sigaction(signal, &slot.before, nullptr);
}

extern "C" void sqlq_on_signal(int signal) {
  const int saved_errno = errno;
  handlers_running.fetch_add(1);
  const int pipe = slot_of(signal).pipe.load();
  const int group = slot_of(signal).group.load();
  if (pipe >= 0) {
    for (int other = 1; other < slot_count; ++other) {
      if (slot_of(other).group.load() == group) give_back(other);
    }
    if (::getpid() == owner_process.load()) {
      const char byte = 's';
      [[maybe_unused]] const auto written = ::write(pipe, &byte, 1);
    } else {
      ::raise(signal);  // a forked child shares the pipe: the parent must not stop for it
    }
  }
  handlers_running.fetch_sub(1);
  errno = saved_errno;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw Error(Errc::internal, "no pipe for signals: too many open files");
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  return ends;
}

// The thread must not take the signals itself: handlers belong on the application's threads.
template <class Body>
std::thread thread_without_signals(Body body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread(std::move(body));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Error(Errc::internal, "no thread for signals: the system refused to start one");
  }
}

}  // namespace

struct SignalStop::Impl {
  explicit Impl(std::initializer_list<int> wanted) : pipe(make_pipe()) {
    try {
      reserve(wanted);
      // request_stop runs callbacks and locks: never in a handler, so a thread waits for the byte it sends.
      thread = thread_without_signals([this] { listen(); });
      for (const int signal : signals) install(signal);
    } catch (...) {
      close();
      throw;
    }
  }
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void reserve(std::initializer_list<int> wanted) {
    if (wanted.size() == 0) throw Error(Errc::invalid_argument, "SignalStop needs at least one signal");
    const std::lock_guard lock(reserve_mutex);
    owner_process = ::getpid();
    const int group = ++last_group;
    for (const int signal : wanted) {
      if (signal < 1 || signal >= slot_count) {
        throw Error(Errc::invalid_argument, "there is no signal number " + std::to_string(signal));
      }
      if (slot_of(signal).pipe.load() >= 0) {
        throw Error(Errc::misuse, "signal " + std::to_string(signal) + " is watched by another SignalStop already");
      }
      signals.push_back(signal);
      slot_of(signal).group = group;
      slot_of(signal).pipe = pipe[1];
    }
  }

  static void install(int signal) {
    struct sigaction action {};
    action.sa_handler = sqlq_on_signal;
    action.sa_flags = SA_RESTART;
    ::sigfillset(&action.sa_mask);
    Slot& slot = slot_of(signal);
    // First read, then replace: `before` must be there when the handler runs for the first time.
    if (::sigaction(signal, nullptr, &slot.before) == 0) {
      slot.installed = true;
      if (::sigaction(signal, &action, nullptr) == 0) return;
      slot.installed = false;
    }
    throw Error(Errc::invalid_argument, "signal " + std::to_string(signal) + " cannot be handled");
  }

  void listen() {
    platform::ignore_cancellation();
    for (;;) {
      char byte = 0;
      const auto got = ::read(pipe[0], &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got == 1 && byte == 's') {
        const platform::UserCode user("a stop callback of a SignalStop");
        source.request_stop();
        continue;
      }
      return;
    }
  }

  void close() noexcept {
    for (const int signal : signals) give_back(signal);
    {
      const std::lock_guard lock(reserve_mutex);
      for (const int signal : signals) {
        slot_of(signal).group = 0;
        slot_of(signal).pipe = -1;
      }
    }
    while (handlers_running.load() != 0) std::this_thread::yield();  // one may still be about to write
    if (thread.joinable()) {
      const char byte = 'q';
      [[maybe_unused]] const auto written = ::write(pipe[1], &byte, 1);
      thread.join();
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
  }

  const platform::Maker maker{};
  std::array<int, 2> pipe;
  std::vector<int> signals;
  sqlq::stop_source source;
  std::thread thread;
};

SignalStop::SignalStop(std::initializer_list<int> signals) : impl_(std::make_unique<Impl>(signals)) {}

SignalStop::~SignalStop() {
  // In a forked child there is no thread to wait for, and the pipe is the parent's.
  if (impl_->maker.is_parent()) platform::keep_for_ever(impl_.release());
}

sqlq::stop_token SignalStop::token() const noexcept { return impl_->source.get_token(); }

}  // namespace sqlq
