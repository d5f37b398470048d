#include "sql/marks.hpp"

#include <algorithm>

#include <sqlq/clock.hpp>

namespace sqlq::sql {
namespace {

/// A claim of 500 takes about ten milliseconds; half of that for looking is too much. Of surveys that are only just
/// slow it takes several in a row, since a server may be short of time once; one that is very slow is enough.
constexpr Duration slow = std::chrono::milliseconds(5);
constexpr Duration slow_enough = std::chrono::milliseconds(40);
/// How many times the time of a survey its marks hold, and how long at most.
constexpr int times = 10;
constexpr Duration longest_rest = std::chrono::seconds(5);

}  // namespace

std::vector<Ready> Marks::find(const backend::ClaimRequest& request) {
  if (request.now) return {};
  const core::MutexLock lock(mutex_);
  if (lanes_.empty() || !std::ranges::equal(queues_, request.queues) || !std::ranges::equal(kinds_, request.kinds)) {
    return {};
  }
  const auto now = system_clock()->steady();
  if (now >= until_) {  // this caller looks everywhere, the others need not do the same meanwhile
    until_ = saturating_add(now, took_);
    return {};
  }
  return lanes_;
}

void Marks::surveyed(const backend::ClaimRequest& request, const std::vector<Ready>& found, Duration took) {
  if (request.now) return;
  const core::MutexLock lock(mutex_);
  slow_in_a_row_ = took < slow ? Duration(0) : std::min(slow_in_a_row_ + took, slow_enough);
  if (slow_in_a_row_ < slow_enough) {
    lanes_.clear();
    return;
  }
  queues_.assign(request.queues.begin(), request.queues.end());
  kinds_.assign(request.kinds.begin(), request.kinds.end());
  lanes_ = found;
  took_ = took;
  until_ = saturating_add(system_clock()->steady(), std::min(took * times, longest_rest));
}

void Marks::moved(const std::vector<Ready>& found) {
  const core::MutexLock lock(mutex_);
  for (Ready& mark : lanes_) {
    const auto at = std::ranges::find(found, mark.lane.id, [](const Ready& r) { return r.lane.id; });
    if (at != found.end()) mark.first = at->first;
  }
}

void Marks::lowered(const std::vector<Place>& places) {
  const auto order = [](const Place& p) { return std::tuple(p.priority, p.due, p.seq); };
  const core::MutexLock lock(mutex_);
  for (const Place& place : places) {
    const auto at = std::ranges::find(lanes_, place.lane, [](const Ready& r) { return r.lane.id; });
    if (at == lanes_.end()) return lanes_.clear();
    at->first = std::min(at->first, place, [&](const Place& a, const Place& b) { return order(a) < order(b); });
  }
}

void Marks::stored(std::span<const backend::EnqueueItem> items) {
  const core::MutexLock lock(mutex_);
  if (lanes_.empty()) return;
  const std::span lanes(lanes_);
  const bool behind = std::ranges::all_of(items, [&](const backend::EnqueueItem& item) {
    return std::ranges::any_of(lanes, [&](const Ready& r) {
      return r.lane.queue == item.queue && r.lane.kind == item.kind && r.first.priority <= item.priority;
    });
  });
  if (!behind) lanes_.clear();
}

void Marks::given_back(std::span<const backend::Finish> items) {
  using Kind = backend::FinishKind;
  const auto ready_at_once = [](const backend::Finish& item) {
    return item.kind == Kind::release ||
           ((item.kind == Kind::retry || item.kind == Kind::snooze) && item.delay <= Duration(0));
  };
  if (std::ranges::any_of(items, ready_at_once)) forget();
}

void Marks::forget() {
  const core::MutexLock lock(mutex_);
  lanes_.clear();
}

}  // namespace sqlq::sql
