#include "sql/apportion.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace sqlq::sql {

std::int64_t Lane::at_most(std::int64_t n, std::int64_t most_suspects) const {
  if (suspects()) n = std::min(n, most_suspects);
  return concurrency ? std::min(n, room) : n;
}

std::vector<Place> best(const std::vector<Lane>& lanes, std::vector<Place> places, std::int64_t limit,
                        std::int64_t most_suspects) {
  std::unordered_map<std::int64_t, const Lane*> by_id;
  std::map<std::int64_t, std::int64_t> rooms;
  for (const Lane& lane : lanes) {
    by_id[lane.id] = &lane;
    if (lane.concurrency) rooms[lane.queue_id] = lane.room;
  }
  const auto rank = [&](const Place& p) {
    return std::tuple(by_id.at(p.lane)->queue_priority, p.priority, p.due, p.seq);
  };
  std::ranges::sort(places, {}, rank);
  std::vector<Place> chosen;
  for (const Place& place : places) {
    if (static_cast<std::int64_t>(chosen.size()) >= limit) break;
    const Lane& lane = *by_id.at(place.lane);
    if (lane.suspects() && most_suspects == 0) continue;
    if (lane.concurrency && rooms[lane.queue_id]-- <= 0) continue;
    if (lane.suspects()) --most_suspects;
    chosen.push_back(place);
  }
  return chosen;
}

std::vector<Portion> apportion(const std::vector<Lane>& lanes, std::vector<Place> places, std::int64_t limit,
                               std::int64_t most_suspects) {
  std::unordered_map<std::int64_t, std::int64_t> counts;
  for (const Place& place : best(lanes, std::move(places), limit, most_suspects)) ++counts[place.lane];
  std::vector<Portion> result;
  for (const Lane& lane : lanes) {
    if (const auto at = counts.find(lane.id); at != counts.end()) result.push_back({&lane, at->second});
  }
  return result;
}

std::int64_t could_take(const std::vector<Lane>& lanes, std::int64_t limit) {
  std::map<std::int64_t, std::int64_t> rooms;
  bool suspects = false;
  for (const Lane& lane : lanes) {
    if (lane.suspects()) suspects = true;
    else if (lane.concurrency) rooms[lane.queue_id] = lane.room;
    else return limit;
  }
  std::int64_t n = suspects ? 1 : 0;
  for (const auto& [queue, room] : rooms) n += room;
  return std::min(n, limit);
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
