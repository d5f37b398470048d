#include "worker/service_loop.hpp"

#include <algorithm>
#include <string>

#include "worker/forced_unwind.hpp"

namespace sqlq::worker {

Turns::Next Turns::take() {
  try {
    const SteadyPoint next = service_.turn();
    if (failures_ > 0) {
      events_.report(Events::Level::info, service_.name(),
                     "works again after " + std::to_string(failures_) + " failures");
      failures_ = 0;
    }
    return {next, false};
  } catch (...) {
    if (in_forced_unwind()) throw;
    return failed(current_exception_text());
  }
}

Turns::Next Turns::failed(const std::string& why) {
  const auto [first, most] = service_.retry();
  Duration range = std::min(first * 2, most);
  for (int i = 0; i < failures_ && range < most; ++i) range = std::min(range * 2, most);
  ++failures_;
  const Duration delay = jitter_.between(first, range);
  const SteadyPoint again = saturating_add(clock_.steady(), delay);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
  events_.report(Events::Level::warning, service_.name(), why + "; tries again in " + std::to_string(ms) + " ms", {},
                 Events::Code::service_failed);
  return {again, true};
}

void ServiceLoop::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ServiceLoop::stop() noexcept {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  service_.wake();
  thread_.join();
}

void ServiceLoop::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto [at, backing_off] = turns_.take();
    while (!stop.stop_requested() && clock_.steady() < at) {
      if (service_.wait_until(at) && !backing_off) break;
    }
  }
}

}  // namespace sqlq::worker
