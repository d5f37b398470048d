#include "core/tick_text.hpp"

#include <charconv>
#include <cstdint>
#include <ostream>

#include "core/calendar.hpp"

namespace sqlq {
namespace core {
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

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

/// So many digits as the text begins with, which must be `least` to `most`; at most `top`.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t least, std::size_t most, std::int64_t top) {
  std::size_t n = 0;
  while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
  if (n < least || n > most) return {};
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + n, value);
  text.remove_prefix(n);
  return value <= top ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> take_behind(std::string_view& text, char sign, std::int64_t top) {
  return take(text, sign) ? take_number(text, 2, 2, top) : std::nullopt;
}

std::optional<Days64> take_date(std::string_view& text) {
  constexpr std::int64_t last_year = 290'000;  // so that no sum overflows
  const bool negative = take(text, '-');
  const auto year = take_number(text, 4, 6, last_year);
  const auto month = year ? take_behind(text, '-', 12) : std::nullopt;
  const auto day = month ? take_behind(text, '-', 31) : std::nullopt;
  if (!day) return {};
  const Date date{negative ? -*year : *year, static_cast<int>(*month), static_cast<int>(*day)};
  if (date.month < 1 || date.day < 1 || date.day > length_of(date.year, date.month)) return {};
  return day_of(date);
}

std::optional<Duration> take_clock(std::string_view& text) {
  const auto hour = take_number(text, 2, 2, 23);
  const auto minute = hour ? take_behind(text, ':', 59) : std::nullopt;
  const auto second = minute ? take_behind(text, ':', 59) : std::nullopt;
  if (!second) return {};
  const Duration time = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(*second);
  if (!take(text, '.')) return time;
  const std::size_t before = text.size();
  auto fraction = take_number(text, 1, 6, 999'999);
  if (!fraction) return {};
  for (std::size_t digits = before - text.size(); digits < 6; ++digits) *fraction *= 10;
  return time + Duration(*fraction);
}

std::optional<seconds> take_offset(std::string_view& text) {
  if (take(text, 'Z')) return seconds(0);
  const bool west = take(text, '-');
  if (!west && !take(text, '+')) return {};
  const auto hours = take_number(text, 2, 2, 99);
  const auto minutes = hours ? take_behind(text, ':', 59) : std::nullopt;
  if (!minutes) return {};
  const auto rest = text.empty() ? std::optional<std::int64_t>(0) : take_behind(text, ':', 59);
  if (!rest) return {};
  const seconds distance = std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + seconds(*rest);
  return west ? -distance : distance;
}

}  // namespace

std::string tick_text(const Tick& tick) {
  const auto local = std::chrono::floor<seconds>(tick.at).time_since_epoch() + tick.offset;
  const auto day = std::chrono::floor<Days64>(local);
  const Date date = date_of(day);
  return year_of(date.year) + "-" + two_digits(date.month) + "-" + two_digits(date.day) + "T" +
         clock_of(local - day, true) + fraction_of(tick.at) + (tick.offset < seconds(0) ? "-" : "+") +
         clock_of(std::chrono::abs(tick.offset), false);
}

std::optional<Tick> parse_tick(std::string_view text) {
  const auto day = take_date(text);
  const auto clock = day && take(text, 'T') ? take_clock(text) : std::nullopt;
  const auto offset = clock ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return {};
  return Tick{TimePoint(Duration(*day) + *clock - *offset), *offset};
}

}  // namespace core

std::ostream& operator<<(std::ostream& out, const Tick& tick) { return out << core::tick_text(tick); }

}  // namespace sqlq
