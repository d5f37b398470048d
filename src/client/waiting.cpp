#include "client/waiting.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/stop_token.hpp>

namespace sqlq::client {

namespace {

constexpr Duration shortest = std::chrono::milliseconds(5);
constexpr Duration longest = std::chrono::seconds(2);

}  // namespace

Waiting::Waiting(const Database& db, Duration timeout, sqlq::stop_token stop)
    : clock_(db.clock()),
      stop_(std::move(stop)),
      began_(clock_.steady()),
      until_(saturating_add(began_, std::max(timeout, Duration::zero()))),
      signal_(clock_.make_signal()),
      on_stop_(stop_, [this] { signal_->notify(); }),
      subscription_(db.ready().subscribe([this] { signal_->notify(); })) {}

bool Waiting::go_on(std::optional<TimePoint> due) {
  const SteadyPoint now = clock_.steady();
  if (stop_.stop_requested() || now >= until_) return false;
  Duration pause = std::clamp((now - began_) / 4, shortest, longest);
  if (due) pause = std::min(pause, std::max(*due - clock_.now(), shortest));
  signal_->wait_until(std::min(saturating_add(now, pause), until_));
  return !stop_.stop_requested();
}

}  // namespace sqlq::client
