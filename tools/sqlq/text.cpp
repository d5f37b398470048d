#include "text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sqlq::tool {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 1;
  bool valid = false;
};

/// The character at the beginning of `text`, which is not empty. What is no UTF-8 is one byte.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size == 0 || lead > 0xf4 || text.size() < size) return {lead, 1, false};
  char32_t code = size == 2 ? lead & 0x1fU : size == 3 ? lead & 0x0fU : lead & 0x07U;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {lead, 1, false};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  const bool too_long = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (too_long || surrogate || code > 0x10ffff) return {lead, 1, false};
  return {code, size, true};
}

using Range = std::pair<char32_t, char32_t>;

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return code >= range.first && code <= range.second; });
}

/// What a terminal may act on, or what makes a line look like another one.
bool dangerous(char32_t code) {
  static constexpr std::array<Range, 10> ranges{{{0x00, 0x1f},
                                                 {0x7f, 0x9f},
                                                 {0x61c, 0x61c},
                                                 {0x200b, 0x200f},
                                                 {0x2028, 0x202e},
                                                 {0x2060, 0x206f},
                                                 {0xfeff, 0xfeff},
                                                 {0xfff9, 0xfffb},
                                                 {0xe0000, 0xe007f},
                                                 {0xd800, 0xdfff}}};
  return in(ranges, code);
}

bool is_combining(char32_t code) {
  static constexpr std::array<Range, 12> ranges{{{0x300, 0x36f},
                                                 {0x483, 0x489},
                                                 {0x591, 0x5bd},
                                                 {0x610, 0x61a},
                                                 {0x64b, 0x65f},
                                                 {0x900, 0x902},
                                                 {0x1ab0, 0x1aff},
                                                 {0x1dc0, 0x1dff},
                                                 {0x20d0, 0x20ff},
                                                 {0xfe00, 0xfe0f},
                                                 {0xfe20, 0xfe2f},
                                                 {0xe0100, 0xe01ef}}};
  return in(ranges, code);
}

bool is_wide(char32_t code) {
  static constexpr std::array<Range, 11> ranges{{{0x1100, 0x115f},
                                                 {0x2e80, 0x303e},
                                                 {0x3041, 0x33ff},
                                                 {0x3400, 0x4dbf},
                                                 {0x4e00, 0xa4cf},
                                                 {0xac00, 0xd7a3},
                                                 {0xf900, 0xfaff},
                                                 {0xfe30, 0xfe6f},
                                                 {0xff00, 0xff60},
                                                 {0x1f300, 0x1faff},
                                                 {0x20000, 0x3fffd}}};
  return in(ranges, code);
}

std::size_t width_of(const Character& c) {
  if (!c.valid) return 1;
  return is_combining(c.code) ? 0 : is_wide(c.code) ? 2 : 1;
}

struct Civil {
  std::int64_t year = 1970;
  unsigned month = 1, day = 1;
};

/// The calendar of any day that a TimePoint can have, which std::chrono's is too short for.
Civil civil(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted + 2) / 5 + 1};
}

/// Digits at the beginning of `text`, taken away from it.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t least = 1, std::size_t most = 18) {
  std::size_t n = 0;
  while (n < text.size() && n < most && text[n] >= '0' && text[n] <= '9') ++n;
  if (n < least) return std::nullopt;
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + n, value);
  text.remove_prefix(n);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// "HH:MM", "HH:MM:SS", "HH:MM:SS.ffffff", with or without a Z at its end.
std::optional<Duration> parse_clock(std::string_view text) {
  const auto hour = take_number(text, 2, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2, 2);
  if (!minute || *minute > 59) return std::nullopt;
  Duration time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (take(text, ':')) {
    const auto second = take_number(text, 2, 2);
    if (!second || *second > 59) return std::nullopt;
    time += std::chrono::seconds(*second);
    if (take(text, '.')) {
      const std::size_t before = text.size();
      auto fraction = take_number(text, 1, 6);
      if (!fraction) return std::nullopt;
      for (std::size_t digits = before - text.size(); digits < 6; ++digits) *fraction *= 10;
      time += Duration(*fraction);
    }
  }
  if (!text.empty() && text != "Z") return std::nullopt;
  return time;
}

std::string shown(Duration::rep value, std::string_view unit) { return std::to_string(value) + std::string(unit); }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = first_of(text);
    if (!c.valid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\r') {
      out += "\\r";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (dangerous(c.code)) {
      const auto code = static_cast<std::uint32_t>(c.code);
      out += code < 0x80 ? fmt::format("\\x{:02x}", code)
                         : code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
    } else {
      out += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
  return out;
}

std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character c = first_of(text);
    columns += width_of(c);
    text.remove_prefix(c.size);
  }
  return columns;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const Character c = first_of(text);
    if (used + width_of(c) > columns - 1) break;
    used += width_of(c);
    out += text.substr(0, c.size);
    text.remove_prefix(c.size);
  }
  return out + "\xe2\x80\xa6";
}

std::string utc(TimePoint at) {
  const auto day = std::chrono::floor<std::chrono::days>(at.time_since_epoch());
  const Civil date = civil(day.count());
  const auto in_day = (at.time_since_epoch() - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", date.year, date.month, date.day,
                     in_day / 3'600'000'000, in_day / 60'000'000 % 60, in_day / 1'000'000 % 60, in_day % 1'000'000);
}

std::string human(Duration time) {
  using namespace std::chrono_literals;
  if (time < 0us) return "-" + human(time == Duration::min() ? Duration::max() : -time);
  if (time == 0us) return "0s";
  if (time < 1ms) return shown(time.count(), "us");
  if (time < 1s) return shown(time / 1ms, "ms");
  if (time < 10s) {
    const auto tenths = time / 100ms;
    return tenths % 10 == 0 ? shown(tenths / 10, "s") : fmt::format("{}.{}s", tenths / 10, tenths % 10);
  }
  if (time < 1min) return shown(time / 1s, "s");
  const auto two = [](Duration::rep high, std::string_view of_high, Duration::rep low, std::string_view of_low) {
    return low == 0 ? shown(high, of_high) : fmt::format("{}{}{:02}{}", high, of_high, low, of_low);
  };
  if (time < 1h) return two(time / 1min, "m", time / 1s % 60, "s");
  if (time < 24h) return two(time / 1h, "h", time / 1min % 60, "m");
  const auto days = time / 24h;
  const auto hours = time / 1h % 24;
  return days >= 100 || hours == 0 ? shown(days, "d") : fmt::format("{}d{}h", days, hours);
}

std::string relative(TimePoint at, TimePoint now) {
  const bool past = at <= now;
  // Far apart, as the ends of what can be stored are, the difference does not fit.
  const Duration::rep a = at.time_since_epoch().count();
  const Duration::rep b = now.time_since_epoch().count();
  Duration::rep apart = 0;
  if (__builtin_sub_overflow(past ? b : a, past ? a : b, &apart)) apart = Duration::max().count();
  if (apart < 1'000'000) return "now";
  return past ? human(Duration(apart)) + " ago" : "in " + human(Duration(apart));
}

std::string human(std::uint64_t count, bool capped) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits + (capped ? "+" : "");
}

std::string counted(std::uint64_t count, std::string_view what, bool capped) {
  return human(count, capped) + " " + std::string(what) + (count == 1 && !capped ? "" : "s");
}

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Duration::rep>, 6> units{
      {{"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000},
       {"w", 604'800'000'000}}};
  if (text.empty()) return std::nullopt;
  Duration::rep total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    std::size_t letters = 0;
    while (letters < text.size() && (text[letters] < '0' || text[letters] > '9')) ++letters;
    const auto* const unit = std::find_if(units.begin(), units.end(),
                                          [&](const auto& known) { return known.first == text.substr(0, letters); });
    if (unit == units.end()) return std::nullopt;
    Duration::rep part = 0;
    if (__builtin_mul_overflow(*number, unit->second, &part) || __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    text.remove_prefix(letters);
  }
  return Duration(total);
}

std::optional<TimePoint> parse_time(std::string_view text, TimePoint now) {
  if (text.empty()) return std::nullopt;
  if (text == "now") return now;
  if (text[0] == '+' || text[0] == '-') {
    const auto by = parse_duration(text.substr(1));
    if (!by) return std::nullopt;
    return saturating_add(now, text[0] == '+' ? *by : -*by);
  }
  if (take(text, '@')) {
    const auto seconds = take_number(text, 1, 12);
    if (!seconds || !text.empty()) return std::nullopt;
    return TimePoint(std::chrono::seconds(*seconds));
  }
  const auto year = take_number(text, 4, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const TimePoint midnight = std::chrono::sys_days(date);
  if (text.empty()) return midnight;
  if (!take(text, 'T') && !take(text, ' ')) return std::nullopt;
  const auto clock = parse_clock(text);
  if (!clock) return std::nullopt;
  return midnight + *clock;
}

}  // namespace sqlq::tool
