#include "platform/wake_up.hpp"

#include <algorithm>
#include <cstdint>

namespace sqlq::platform {
namespace {

/// Milliseconds, rounded up so that a wait does not come back too early; 0 when the deadline has passed.
int left_until(SteadyPoint deadline) {
  constexpr std::int64_t most = 60'000;  // a longer wait is made of several
  const auto now = system_clock()->steady();
  if (deadline <= now) return 0;
  const Duration left = deadline - now;
  return static_cast<int>(std::min<std::int64_t>((left.count() + 999) / 1000, most));
}

}  // namespace

Waited wait_for(int socket, Until until, SteadyPoint deadline, const WakeUp* stop) {
  for (;;) {
    const int left = left_until(deadline);
    const Seen seen = look_at_socket(socket, until, stop, left);
    if (seen.stopped) return Waited::stopped;
    if (seen.ready) return Waited::ready;
    if (left == 0) return Waited::too_late;
  }
}

}  // namespace sqlq::platform
