#include "core/cron.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "core/calendar.hpp"
#include "core/cron_parser.hpp"
#include "core/zone.hpp"

namespace sqlq::core {

namespace {

using std::chrono::floor;
using std::chrono::seconds;

LocalSeconds local_time(UtcSeconds at, seconds offset) { return LocalSeconds(at.time_since_epoch() + offset); }
UtcSeconds utc_time(LocalSeconds at, seconds offset) { return UtcSeconds(at.time_since_epoch() - offset); }

/// No two distances from UTC differ by more; Samoa went from -11 h to +13 h.
constexpr std::chrono::hours widest_change{48};

/// The local time that clocks had reached before the span began.
LocalSeconds reached_before(const Zone& zone, const Span& span) {
  auto reached = LocalSeconds::min();
  for (Span before = span; before.begin > earliest && before.begin > span.begin - widest_change;) {
    before = zone.span(before.begin - seconds(1));
    reached = std::max(reached, local_time(before.end, before.offset));
  }
  return reached;
}

std::optional<TimePoint> as_time_point(UtcSeconds at) {
  if (at > floor<seconds>(TimePoint::max())) return {};
  return TimePoint(at);
}

/// Local times are read span by span, each of one distance from UTC: what is in none was skipped, what is in two comes
/// twice.
std::optional<TimePoint> next_of(const Calendar& calendar, const Zone& zone, TimePoint after) {
  UtcSeconds at = floor<seconds>(after) + seconds(1);
  // What was skipped in each year until everything repeats itself is skipped for ever: last Sundays of March at 02:30,
  // where that is the gap, in a rule that leaves gaps out.
  const UtcSeconds end = std::min(latest, std::max(at, zones_repeat_from) + 2 * calendar_period);
  while (at < end) {
    const Span span = zone.span(at);
    LocalSeconds from = local_time(at, span.offset);
    if (calendar.times_of_day) {
      const LocalSeconds reached = reached_before(zone, span);
      if (at == span.begin && reached < from) {
        const auto skipped = calendar.first(reached);
        if (skipped && *skipped < from) return as_time_point(at);
      }
      from = std::max(from, reached);
    }
    const auto fitting = calendar.first(from);
    if (!fitting) return {};
    const UtcSeconds tick = utc_time(*fitting, span.offset);
    if (tick < span.end) return as_time_point(tick);
    // Nothing fits before that time, whatever the distance is then.
    at = std::max(span.end, tick - widest_change);
  }
  return {};
}

std::optional<TimePoint> next_of(Duration interval, TimePoint after, TimePoint anchor) {
  if (after < anchor) return anchor;
  const auto count = [](TimePoint at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); };
  const std::uint64_t since = count(after) - count(anchor);  // also where the difference has no signed value
  const auto length = static_cast<std::uint64_t>(interval.count());
  const Duration rest(static_cast<Duration::rep>(length - since % length));
  if (after > TimePoint::max() - rest) return {};
  return after + rest;
}

}  // namespace

struct Rule::Impl {
  std::variant<Calendar, Duration> rule;
  std::shared_ptr<const Zone> zone;
};

Rule Rule::parse(std::string_view rule, std::string_view zone) {
  return Rule(std::make_shared<const Impl>(Impl{parse_cron(rule), Zone::find(zone)}));
}

std::optional<TimePoint> Rule::next(TimePoint after, TimePoint anchor) const {
  if (const auto* const interval = std::get_if<Duration>(&impl_->rule)) return next_of(*interval, after, anchor);
  return next_of(std::get<Calendar>(impl_->rule), *impl_->zone, after);
}

seconds Rule::offset(TimePoint at) const { return impl_->zone->span(floor<seconds>(at)).offset; }

std::optional<Duration> Rule::every() const noexcept {
  const auto* const interval = std::get_if<Duration>(&impl_->rule);
  return interval == nullptr ? std::nullopt : std::optional(*interval);
}

}  // namespace sqlq::core
