#include <algorithm>

#include "chaos_nemesis.hpp"

namespace sqlq::faults {

Place* Scene::pick(const std::function<bool(const Place&)>& fit) {
  std::vector<Place*> all;
  for (Place& place : crowd.places()) {
    if (place.free() && fit(place)) all.push_back(&place);
  }
  return all.empty() ? nullptr
                     : all[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(all.size()) - 1))];
}

bool Scene::can_spare(const Place& place) const {
  const auto alike = [&](const Place& other) {
    return &other != &place && other.kind() == place.kind() && !other.free();
  };
  return std::ranges::none_of(crowd.places(), alike);
}

bool Scene::wait_for_all() {
  constexpr std::int64_t patience_us = 30'000'000;
  const auto deadline = steady_us() + patience_us;
  while (!crowd.all_ready() && steady_us() < deadline) pass(10'000);
  return crowd.all_ready();
}

}  // namespace sqlq::faults
