#include "sql/apportion.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

namespace sqlq::sql {

std::int64_t Lane::at_most(std::int64_t n, std::int64_t most_suspects) const {
  if (suspects()) n = std::min(n, most_suspects);
  return concurrency ? std::min(n, room) : n;
}

namespace {

/// The known part of a lane, and what of it was picked.
struct Stream {
  const Lane* lane = nullptr;
  std::vector<Place> next{};
  std::size_t at = 0;
  std::int64_t step = 1;

  [[nodiscard]] const Place& first() const noexcept { return next[at]; }
  [[nodiscard]] static bool later(const Stream* a, const Stream* b) {
    return rank(a->lane->queue_priority, a->first()) > rank(b->lane->queue_priority, b->first());
  }
};

class Merge {
 public:
  Merge(const std::vector<Lane>& lanes, std::vector<Place> known, const Merging& how)
      : how_(how), limit_(how.limit), suspects_(how.suspects) {
    std::unordered_map<std::int64_t, std::vector<Place>> by_lane;
    for (const Place& place : known) by_lane[place.lane].push_back(place);
    streams_.reserve(lanes.size());
    for (const Lane& lane : lanes) {
      Stream& stream = streams_.emplace_back(Stream{.lane = &lane});
      stream.step = lanes.size() == 1 ? limit_ : how.first_read;
      if (const auto at = by_lane.find(lane.id); at != by_lane.end()) stream.next = std::move(at->second);
      std::ranges::sort(stream.next, {}, [](const Place& p) { return rank(0, p); });
      push(stream, lanes.size() == 1 ? left(lane) : limit_);
    }
  }

  std::vector<Pick> run() {
    std::vector<Pick> picks;
    while (!heap_.empty() && limit_ > 0) {
      std::ranges::pop_heap(heap_, Stream::later);
      Stream& stream = *heap_.back();
      heap_.pop_back();
      const Lane& lane = *stream.lane;
      if (left(lane) <= 0) continue;
      picks.push_back({&lane, stream.next[stream.at++]});
      --limit_;
      if (lane.concurrency) --rooms_[lane.queue_id];
      if (lane.suspects()) --suspects_;
      push(stream, left(lane));
    }
    return picks;
  }

 private:
  /// How many may still be picked of a lane.
  [[nodiscard]] std::int64_t left(const Lane& lane) {
    std::int64_t n = limit_;
    if (lane.suspects()) n = std::min(n, suspects_);
    if (!lane.concurrency || n <= 0) return n;
    const auto [at, isnew] = rooms_.try_emplace(lane.queue_id, lane.room);
    if (isnew && how_.room) at->second = how_.room(lane);
    return std::min(n, at->second);
  }

  /// Among those that are compared, of which up to `n` may be picked, unless there are none left of it.
  void push(Stream& stream, std::int64_t n) {
    if (n <= 0) return;
    if (stream.at == stream.next.size()) {
      if (!how_.more) return;
      const Place last = stream.next.empty() ? before_all(stream.lane->id) : stream.next.back();
      stream.next = how_.more(*stream.lane, last, std::min(stream.step, n));
      if (stream.next.empty()) return;
      stream.at = 0;
      if (stream.step < n) stream.step *= 4;
    }
    heap_.push_back(&stream);
    std::ranges::push_heap(heap_, Stream::later);
  }

  const Merging& how_;
  std::int64_t limit_;
  std::int64_t suspects_;
  std::map<std::int64_t, std::int64_t> rooms_{};
  std::vector<Stream> streams_{};
  std::vector<Stream*> heap_{};
};

}  // namespace

std::vector<Pick> merge(const std::vector<Lane>& lanes, std::vector<Place> known, const Merging& how) {
  return Merge(lanes, std::move(known), how).run();
}

std::vector<Portion> apportion(const std::vector<Lane>& lanes, std::span<const Pick> picks) {
  std::unordered_map<const Lane*, std::int64_t> counts;
  for (const Pick& pick : picks) ++counts[pick.lane];
  std::vector<Portion> result;
  for (const Lane& lane : lanes) {
    if (const auto at = counts.find(&lane); at != counts.end()) result.push_back({&lane, at->second});
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
