// Rules without a database, and how ticks are printed.

#include <sqlq/schedule.hpp>

#include <cstdio>
#include <ostream>

#include "core/calendar.hpp"
#include "core/cron.hpp"

namespace sqlq {

namespace {

using std::chrono::seconds;

std::string two_digits(std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string clock_of(seconds time, bool always_seconds) {
  const auto count = time.count();
  std::string text = two_digits(count / 3600) + ":" + two_digits(count / 60 % 60);
  if (always_seconds || count % 60 != 0) text += ":" + two_digits(count % 60);
  return text;
}

std::string year_of(std::int64_t year) {
  const std::string digits = std::to_string(year < 0 ? -year : year);
  return (year < 0 ? "-" : "") + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

/// ".5", or nothing.
std::string fraction_of(TimePoint at) {
  Duration rest = at.time_since_epoch() % seconds(1);
  if (rest < Duration::zero()) rest += seconds(1);
  if (rest == Duration::zero()) return {};
  std::string digits = std::to_string(1'000'000 + rest.count());
  digits[0] = '.';
  return digits.substr(0, digits.find_last_not_of('0') + 1);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tick& tick) {
  const auto local = std::chrono::floor<seconds>(tick.at).time_since_epoch() + tick.offset;
  const auto day = std::chrono::floor<core::Days64>(local);
  const core::Date date = core::date_of(day);
  const seconds distance = std::chrono::abs(tick.offset);
  return out << year_of(date.year) + "-" + two_digits(date.month) + "-" + two_digits(date.day) + "T" +
                    clock_of(local - day, true) + fraction_of(tick.at) +
                    (tick.offset < seconds(0) ? "-" : "+") + clock_of(distance, false);
}

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
