#pragma once
// Runs a service: the one place where services' threads, exceptions and back-off live.

#include <cstdint>
#include <thread>

#include "worker/events.hpp"
#include "worker/jitter.hpp"
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

 private:
  Next failed(const std::string& why);

  Service& service_;
  Clock& clock_;
  Events& events_;
  Jitter jitter_;
  int failures_ = 0;
};

/// One thread for one service. Thread-safety: start and stop from one thread at a time.
class ServiceLoop final {
 public:
  ServiceLoop(Service& service, Clock& clock, Events& events, std::uint64_t seed)
      : service_(service), clock_(clock), turns_(service, clock, events, seed) {}
  ~ServiceLoop() { stop(); }
  ServiceLoop(const ServiceLoop&) = delete;
  ServiceLoop& operator=(const ServiceLoop&) = delete;

  void start();
  /// Lets the current step end; takes no further one. Idempotent.
  void stop() noexcept;

 private:
  void run(const std::stop_token& stop);

  Service& service_;
  Clock& clock_;
  Turns turns_;
  std::jthread thread_;
};

}  // namespace sqlq::worker
