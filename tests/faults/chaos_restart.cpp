#include <algorithm>

#include "chaos_nemesis.hpp"

namespace sqlq::faults {
namespace {

class Restarter final : public Nemesis {
 public:
  Restarter(Scene& scene, std::size_t times) : scene_(scene), times_(times) {}

  bool strike() override {
    const bool all_free = std::ranges::all_of(scene_.crowd.places(), [](const Place& p) { return p.free(); });
    if (!all_free) return false;
    Fault outage{.kind = Fault::Kind::outage, .from_us = steady_us()};
    if ((orderly_ + hard_) % 2 == 0) {
      scene_.service("restart");
      ++orderly_;
    } else {
      scene_.service("crash");
      scene_.service("up");
      ++hard_;
    }
    outage.to_us = steady_us();
    scene_.faults.push_back(outage);
    wait_for_begins(outage.to_us);
    return true;
  }
  std::size_t left() const override { return times_ - std::min(times_, orderly_ + hard_); }
  std::string report() const override {
    return "server restarted in order " + std::to_string(orderly_) + ", by kill -9 " + std::to_string(hard_);
  }

 private:
  /// Until all that work have begun a job, as is promised.
  void wait_for_begins(std::int64_t since) {
    const std::int64_t promised_us = Settings{}.recovery_us;
    const auto works_again = [&](Place& place) {
      return !place.works() || scene_.crowd.last_begin_us(place) > since;
    };
    while (steady_us() < since + promised_us && !std::ranges::all_of(scene_.crowd.places(), works_again)) {
      scene_.pass(20'000);
    }
    for (Place& place : scene_.crowd.places()) {
      if (works_again(place)) continue;
      scene_.findings.push_back("process " + std::to_string(place.pid()) + " began no job within " +
                                std::to_string(promised_us / 1'000'000) + " s after the server was back");
    }
  }

  Scene& scene_;
  const std::size_t times_;
  std::size_t orderly_ = 0;
  std::size_t hard_ = 0;
};

}  // namespace

std::unique_ptr<Nemesis> make_restarter(Scene& scene, std::size_t times) {
  return std::make_unique<Restarter>(scene, times);
}

}  // namespace sqlq::faults
