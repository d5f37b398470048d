#pragma once
/// \file
/// Waits for a socket that another thread can end.

#include <array>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq::platform {

/// Once it is set, every wait that knows it ends at once, for ever. Thread-safe. Error(busy) when the system has no
/// descriptor left for it.
class SQLQ_API WakeUp final {
 public:
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  void set() noexcept;
  /// Can be read when it is set.
  [[nodiscard]] int descriptor() const noexcept { return ends_[0]; }

 private:
  std::array<int, 2> ends_;  ///< to read from, to write to; may be one
};

/// What a socket is waited for.
enum class Until { readable, writable, either };
enum class Waited { ready, too_late, stopped };

/// Waits until the socket (-1: none) is what `until` says, an error of it included, or `stop` (null: none) is set.
[[nodiscard]] SQLQ_API Waited wait_for(int socket, Until until, SteadyPoint deadline, const WakeUp* stop);

/// Programs that this process starts do not inherit the socket, which keeps its other end from noticing that this
/// process has ended.
SQLQ_API void close_in_programs(int socket) noexcept;

/// What one look at both says; of the system. Waits for at most so many milliseconds. An interruption counts as
/// nothing seen, another error as ready, for the next use of the socket tells what is wrong with it.
struct Seen {
  bool ready = false;
  bool stopped = false;
};
[[nodiscard]] Seen look_at_socket(int socket, Until until, const WakeUp* stop, int milliseconds) noexcept;

}  // namespace sqlq::platform
