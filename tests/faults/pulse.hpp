#pragma once
/// \file
/// A thread that records again and again that its process runs. Without it a lease that ended because the machine gave
/// the process no time looks like one that was taken away from a healthy owner.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <sqlq/stop_token.hpp>

#include "record.hpp"

namespace sqlq::faults {

/// Beats until it is destroyed, before the recorder it was given.
class Pulse {
 public:
  static constexpr std::chrono::milliseconds interval{25};

  explicit Pulse(const Recorder& recorder)
      : thread_([&recorder](const sqlq::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any wake;
          std::unique_lock lock(mutex);
          while (!stop.stop_requested()) {
            recorder.write(about(What::pulse, Id{}));
            wake.wait_for(lock, stop, interval, [] { return false; });
          }
        }) {}

 private:
  sqlq::jthread thread_;
};

}  // namespace sqlq::faults
