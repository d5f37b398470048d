#include "core/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/calendar.hpp"

namespace sqlq::core {

using std::chrono::seconds;

/// Takes the text apart from its front; each part is empty, or the number -1, when it is not there.
struct ZoneTail::Reader {
  std::string_view rest;

  bool skip(char c) {
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
  }

  /// A name of letters, or of anything between < and >.
  bool name() {
    const bool in_brackets = skip('<');
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto end = std::ranges::find_if(rest, [&](char c) { return in_brackets ? c == '>' : !is_letter(c); });
    const auto length = static_cast<std::size_t>(end - rest.begin());
    rest.remove_prefix(length);
    return length > 0 && (!in_brackets || skip('>'));
  }

  int number(int most) {
    int value = 0;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) {
      value = value * 10 + (rest[digits] - '0');
      if (value > most) return -1;
    }
    rest.remove_prefix(digits);
    return digits == 0 ? -1 : value;
  }

  /// [+-]hh[:mm[:ss]]
  std::optional<seconds> time() {
    const bool negative = skip('-');
    if (!negative) skip('+');
    const int hours = number(167);
    if (hours < 0) return {};
    int value = hours * 3600;
    for (const int unit : {60, 1}) {
      if (!skip(':')) break;
      const int part = number(59);
      if (part < 0) return {};
      value += part * unit;
    }
    return seconds(negative ? -value : value);
  }

  std::optional<Moment> moment() {
    Moment moment;
    if (skip('M')) {
      moment.month = number(12);
      moment.week = skip('.') ? number(5) : -1;
      moment.day = skip('.') ? number(6) : -1;
      if (moment.month < 1 || moment.week < 1 || moment.day < 0) return {};
    } else {
      moment.form = skip('J') ? Moment::Form::without_leap_day : Moment::Form::with_leap_day;
      moment.day = number(365);
      if (moment.day < (moment.form == Moment::Form::without_leap_day ? 1 : 0)) return {};
    }
    if (!skip('/')) return moment;
    const auto at = time();
    if (!at) return {};
    moment.time = *at;
    return moment;
  }

  /// The moment in local time, counted as if that were UTC.
  static UtcSeconds local(const Moment& moment, std::int64_t year) {
    Days64 day = day_of({year, 1, 1});
    switch (moment.form) {
      case Moment::Form::month: {
        const Days64 first = day_of({year, moment.month, 1});
        const int to_weekday = (moment.day - weekday_of(first) + 7) % 7;
        int offset = to_weekday + 7 * (moment.week - 1);
        while (offset >= length_of(year, moment.month)) offset -= 7;
        day = first + Days64(offset);
        break;
      }
      case Moment::Form::without_leap_day:
        day += Days64(moment.day - 1 + (is_leap(year) && moment.day >= 60 ? 1 : 0));
        break;
      case Moment::Form::with_leap_day: day += Days64(moment.day); break;
    }
    return UtcSeconds(day) + moment.time;
  }
};

std::optional<ZoneTail> ZoneTail::parse(std::string_view text) {
  Reader reader{text};
  ZoneTail tail;
  const auto standard = reader.name() ? reader.time() : std::nullopt;
  if (!standard) return {};
  tail.standard_ = -*standard;  // POSIX counts to the west
  if (reader.rest.empty()) return tail;
  if (!reader.name()) return {};
  tail.summer_ = tail.standard_ + std::chrono::hours(1);
  if (!reader.rest.starts_with(',')) {
    const auto summer = reader.time();
    if (!summer) return {};
    tail.summer_ = -*summer;
  }
  tail.begin_ = reader.skip(',') ? reader.moment() : std::nullopt;
  const auto end = reader.skip(',') ? reader.moment() : std::nullopt;
  if (!tail.begin_ || !end || !reader.rest.empty()) return {};
  tail.end_ = *end;
  return tail;
}

UtcSeconds ZoneTail::begin(std::int64_t year) const { return Reader::local(*begin_, year) - standard_; }
UtcSeconds ZoneTail::end(std::int64_t year) const { return Reader::local(end_, year) - summer_; }

Span ZoneTail::span(UtcSeconds at) const {
  if (!begin_) return {.offset = standard_};
  const std::int64_t year = date_of(std::chrono::floor<Days64>(at).time_since_epoch()).year;
  Span span;
  // A change may lie some days outside of its year. Where one year's last and the next year's first fall together, the
  // later one counts.
  for (std::int64_t y = year - 2; y <= year + 2; ++y) {
    std::array changes{std::pair(begin(y), summer_), std::pair(end(y), standard_)};
    if (changes[1].first < changes[0].first) std::swap(changes[0], changes[1]);
    for (const auto& change : changes) {
      if (change.first > at) {
        span.end = std::min(change.first, latest);
        return span;
      }
      span.begin = change.first;
      span.offset = change.second;
    }
  }
  return span;
}

}  // namespace sqlq::core
