#include "core/zone.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "core/mutex.hpp"
#include "core/text.hpp"

namespace sqlq::core {

namespace {

struct KnownZones {
  Mutex mutex;
  std::map<std::string, std::shared_ptr<const Zone>, std::less<>> by_name SQLQ_GUARDED_BY(mutex);
};

KnownZones& known_zones() {
  static auto& known = *new KnownZones;
  return known;
}

UtcSeconds shifted(UtcSeconds at, std::chrono::duration<std::int64_t> by) {
  return at == earliest || at == latest ? at : std::clamp(at + by, earliest, latest);
}

/// How many characters must be changed, added or left out.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t changed = diagonal + (same_but_for_case(one.substr(i, 1), other.substr(j, 1)) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::shared_ptr<const Zone> Zone::find(std::string_view name) {
  KnownZones& known = known_zones();
  const MutexLock lock(known.mutex);
  const auto found = known.by_name.find(name);
  if (found != known.by_name.end()) return found->second;
  auto zone = std::make_shared<const Zone>(name == "UTC" ? Zone() : read_zone(std::string(name)));
  known.by_name.emplace(name, zone);
  return zone;
}

Span Zone::listed(UtcSeconds at) const {
  if (changes_.empty()) return {};
  const auto later = std::ranges::upper_bound(changes_, at, {}, &Change::at);
  const auto current = later == changes_.begin() ? later : std::prev(later);
  const auto next = std::next(current);
  Span span;
  if (current != changes_.begin()) span.begin = current->at;
  if (next != changes_.end()) span.end = next->at;
  span.offset = current->offset;
  return span;
}

Span Zone::span(UtcSeconds at) const {
  if (tail_ && (changes_.empty() || at >= changes_.back().at)) {
    Span span = tail_->span(at);
    if (!changes_.empty()) span.begin = std::max(span.begin, changes_.back().at);
    return span;
  }
  if (at < zones_repeat_from) return listed(at);
  const auto periods = (at - zones_repeat_from) / calendar_period + 1;
  Span span = listed(at - periods * calendar_period);
  span.begin = shifted(span.begin, periods * calendar_period);
  span.end = shifted(span.end, periods * calendar_period);
  return span;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
  constexpr std::size_t longest = 64;  // names are shorter, and the search is quadratic
  std::string nearest;
  if (name.empty() || name.size() > longest) return nearest;
  std::size_t least = 2 * std::min<std::size_t>(2, name.size() / 3) + 2;
  for (const std::string& candidate : names) {
    const std::string_view whole = candidate;
    const std::string_view city = whole.substr(whole.rfind('/') + 1);
    const std::size_t apart = std::min(2 * distance(name, whole), 2 * distance(name, city) + 1);
    if (apart < least) {
      least = apart;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace sqlq::core
