#include "sql/apportion.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace sqlq::sql {

std::int64_t Lane::at_most(std::int64_t n) const {
  if (suspects()) n = std::min<std::int64_t>(n, 1);
  return concurrency ? std::min(n, room) : n;
}

std::vector<Portion> apportion(const std::vector<Lane>& lanes, std::vector<Place> places, std::int64_t limit) {
  std::unordered_map<std::int64_t, Portion> portions;
  std::map<std::int64_t, std::int64_t> rooms;
  for (const Lane& lane : lanes) {
    portions[lane.id] = {.lane = &lane};
    if (lane.concurrency) rooms[lane.queue_id] = lane.room;
  }
  const auto rank = [&](const Place& p) {
    return std::tuple(portions.at(p.lane).lane->queue_priority, p.priority, p.due, p.seq);
  };
  std::ranges::sort(places, {}, rank);
  bool suspect_taken = false;
  for (const Place& place : places) {
    if (limit == 0) break;
    Portion& portion = portions.at(place.lane);
    if (portion.lane->suspects() && suspect_taken) continue;
    if (portion.lane->concurrency && rooms[portion.lane->queue_id]-- <= 0) continue;
    suspect_taken = suspect_taken || portion.lane->suspects();
    ++portion.count;
    --limit;
  }
  std::vector<Portion> result;
  for (const Lane& lane : lanes) {
    if (const Portion& portion = portions.at(lane.id); portion.count > 0) result.push_back(portion);
  }
  return result;
}

std::size_t of_limited(const std::vector<Lane>& lanes, std::span<const Job> jobs) {
  std::set<std::string_view> limited;
  for (const Lane& lane : lanes) {
    if (lane.concurrency) limited.insert(lane.queue);
  }
  if (limited.empty()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(jobs, [&](const Job& job) {
    return limited.contains(job.queue);
  }));
}

}  // namespace sqlq::sql
