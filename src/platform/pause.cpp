#include "platform/pause.hpp"

#include <thread>

namespace sqlq::platform {

void pause_for(Duration duration) {
  if (duration > Duration::zero()) std::this_thread::sleep_for(duration);
}

}  // namespace sqlq::platform
