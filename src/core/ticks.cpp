// Rules without a database, and the words of schedules.

#include <sqlq/schedule.hpp>

#include "core/cron.hpp"

namespace sqlq {

std::vector<Tick> ticks_after(const std::string& rule, const std::string& zone, TimePoint after, std::size_t n) {
  const core::Rule parsed = core::Rule::parse(rule, zone);
  std::vector<Tick> ticks;
  for (auto at = parsed.next(after, after); at && ticks.size() < n; at = parsed.next(*at, after)) {
    ticks.push_back({*at, parsed.offset(*at)});
  }
  return ticks;
}

std::string_view to_string(Missed missed) noexcept {
  switch (missed) {
    case Missed::one: return "one";
    case Missed::skip: return "skip";
    case Missed::all: return "all";
  }
  return "unknown";
}

std::string_view to_string(Overlap overlap) noexcept {
  switch (overlap) {
    case Overlap::skip: return "skip";
    case Overlap::allow: return "allow";
    case Overlap::queue_one: return "queue_one";
    case Overlap::cancel_old: return "cancel_old";
  }
  return "unknown";
}

std::string_view to_string(SyncStatus status) noexcept {
  switch (status) {
    case SyncStatus::added: return "added";
    case SyncStatus::changed: return "changed";
    case SyncStatus::unchanged: return "unchanged";
  }
  return "unknown";
}

}  // namespace sqlq
