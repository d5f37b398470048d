// The C library's signals: SIGINT and SIGBREAK come on a thread of their own (Ctrl+C, Ctrl+Break), SIGTERM from
// raise(). A console that is closed, a log-off and a shutdown of the system are none; they count as SIGTERM here.

#include <sqlq/signals.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "platform/user_code.hpp"
#include "platform/windows/api.hpp"

namespace sqlq {

namespace {

using CHandler = void (*)(int);

// All that the handlers read: plain slots, one per signal number, no locks.
struct Slot {
  std::atomic<HANDLE> event{nullptr};  // what to set; null: not ours
  std::atomic<int> group{0};           // which SignalStop; its signals are given back together
  std::atomic<bool> installed{false};  // our handler is in place and `before` is valid
  CHandler before = SIG_DFL;
};

constexpr int slot_count = NSIG;
std::array<Slot, slot_count> slots;
std::atomic<int> handlers_running{0};
std::atomic<int> last_group{0};
std::mutex reserve_mutex;

Slot& slot_of(int signal) noexcept { return slots[static_cast<std::size_t>(signal)]; }

void give_back(int signal) noexcept {
  Slot& slot = slot_of(signal);
  if (slot.installed.exchange(false)) std::signal(signal, slot.before);
}

/// False: nobody watches this signal.
bool pass_on(int signal) noexcept {
  handlers_running.fetch_add(1);
  const HANDLE event = slot_of(signal).event.load();
  const int group = slot_of(signal).group.load();
  if (event != nullptr) {
    for (int other = 1; other < slot_count; ++other) {
      if (slot_of(other).group.load() == group) give_back(other);
    }
    ::SetEvent(event);
  }
  handlers_running.fetch_sub(1);
  return event != nullptr;
}

extern "C" void sqlq_on_signal(int signal) { pass_on(signal); }

/// On a thread of the system, which ends the process when this returns, and after some seconds in any case: 5 for a
/// closed console. So it does not return; main does, and ends the process.
extern "C" BOOL WINAPI sqlq_on_end(DWORD kind) {
  const bool ends = kind == CTRL_CLOSE_EVENT || kind == CTRL_LOGOFF_EVENT || kind == CTRL_SHUTDOWN_EVENT;
  if (!ends || !pass_on(SIGTERM)) return FALSE;
  ::Sleep(INFINITE);
  return TRUE;
}

}  // namespace

struct SignalStop::Impl {
  explicit Impl(std::initializer_list<int> wanted) : event(::CreateEventW(nullptr, FALSE, FALSE, nullptr)) {
    if (event == nullptr) throw Error(Errc::internal, "no event for signals: too many handles");
    try {
      reserve(wanted);
      thread = std::thread([this] { listen(); });
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
    const int group = ++last_group;
    for (const int signal : wanted) {
      if (signal < 1 || signal >= slot_count) {
        throw Error(Errc::invalid_argument, "there is no signal number " + std::to_string(signal));
      }
      if (slot_of(signal).event.load() != nullptr) {
        throw Error(Errc::misuse, "signal " + std::to_string(signal) + " is watched by another SignalStop already");
      }
      signals.push_back(signal);
      slot_of(signal).group = group;
      slot_of(signal).event = event;
    }
  }

  static void install(int signal) {
    static const BOOL watching = ::SetConsoleCtrlHandler(sqlq_on_end, TRUE);  // for ever: it passes on what is watched
    static_cast<void>(watching);
    Slot& slot = slot_of(signal);
    const CHandler before = std::signal(signal, sqlq_on_signal);
    if (before == SIG_ERR) {
      throw Error(Errc::invalid_argument, "signal " + std::to_string(signal) + " cannot be handled");
    }
    slot.before = before;
    slot.installed = true;
  }

  void listen() {
    for (;;) {
      ::WaitForSingleObject(event, INFINITE);
      if (closing.load()) return;
      const platform::UserCode user("a stop callback of a SignalStop");
      source.request_stop();
    }
  }

  void close() noexcept {
    for (const int signal : signals) give_back(signal);
    {
      const std::lock_guard lock(reserve_mutex);
      for (const int signal : signals) {
        slot_of(signal).group = 0;
        slot_of(signal).event = nullptr;
      }
    }
    while (handlers_running.load() != 0) std::this_thread::yield();  // one may still be about to set the event
    if (thread.joinable()) {
      closing = true;
      ::SetEvent(event);
      thread.join();
    }
    ::CloseHandle(event);
  }

  HANDLE event;
  std::atomic<bool> closing{false};
  std::vector<int> signals;
  sqlq::stop_source source;
  std::thread thread;
};

SignalStop::SignalStop(std::initializer_list<int> signals) : impl_(std::make_unique<Impl>(signals)) {}

SignalStop::~SignalStop() = default;

sqlq::stop_token SignalStop::token() const noexcept { return impl_->source.get_token(); }

}  // namespace sqlq
