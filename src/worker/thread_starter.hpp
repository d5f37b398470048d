#pragma once

#include <functional>
#include <thread>
#include <utility>

namespace sqlq::worker {

/// Starts a thread, or throws std::system_error: the system has not one more. A parameter, for tests of just that.
using ThreadStarter = std::function<std::thread(std::function<void()> body)>;

inline std::thread start_thread(std::function<void()> body) { return std::thread(std::move(body)); }

}  // namespace sqlq::worker
