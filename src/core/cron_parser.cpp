#include "core/cron_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/text.hpp"
#include "core/words.hpp"

namespace sqlq::core {
namespace {

constexpr std::size_t max_rule_bytes = 1000;

/// Part of the rule, and where it begins.
struct Word {
  std::string_view text;
  std::size_t at = 0;

  [[nodiscard]] Word from(std::size_t begin, std::size_t length = std::string_view::npos) const {
    return {text.substr(begin, length), at + begin};
  }
};

[[nodiscard]] std::vector<Word> split(Word whole, std::string_view separators, bool keep_empty) {
  std::vector<Word> words;
  std::size_t begin = 0;
  while (begin <= whole.text.size()) {
    const std::size_t end = std::min(whole.text.find_first_of(separators, begin), whole.text.size());
    if (keep_empty || end > begin) words.push_back(whole.from(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

struct Field {
  std::string_view name;
  int least;
  int most;
  std::string_view allowed;
  std::span<const std::string_view> names;  ///< the first one is `least`
};

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr Field second_field{"second", 0, 59, "0 to 59", {}};
constexpr Field minute_field{"minute", 0, 59, "0 to 59", {}};
constexpr Field hour_field{"hour", 0, 23, "0 to 23", {}};
constexpr Field day_field{"day of the month", 1, 31, "1 to 31, and L for the last one", {}};
constexpr Field month_field{"month", 1, 12, "1 to 12, and jan to dec", month_names};
constexpr Field weekday_field{
    "day of the week", 0, 6, "0 to 7 (both are Sunday), sun to sat, 5L for the last Friday, 5#3 for the third",
    day_names};

constexpr std::uint64_t bit_of(int number) { return std::uint64_t{1} << static_cast<unsigned>(number); }

/// first, first + step ... up to last.
std::uint64_t bits(int first, int last, int step) {
  std::uint64_t set = 0;
  for (int n = first; n <= last; n += step) set |= bit_of(n);
  return set;
}

bool is_star(const Word& word) { return word.text == "*" || word.text == "?"; }
bool begins_with_star(const Word& word) { return word.text.starts_with('*') || word.text.starts_with('?'); }

class CronParser {
 public:
  explicit CronParser(std::string_view rule) : rule_(rule) {}

  [[nodiscard]] std::variant<Calendar, Duration> parse() const;

 private:
  [[noreturn]] void refuse(std::size_t at, const std::string& why) const {
    throw Error(Errc::invalid_argument,
                "the rule " + quoted(rule_) + ", column " + std::to_string(at + 1) + ": " + why);
  }
  [[noreturn]] void refuse(const Field& field, const Word& word, const std::string& why) const {
    refuse(word.at, "the " + std::string(field.name) + " " + quoted(word.text) + " " + why);
  }

  [[nodiscard]] int value(const Field& field, const Word& word) const;
  [[nodiscard]] int step(const Field& field, const Word& word) const;
  [[nodiscard]] std::pair<int, int> range(const Field& field, const Word& item, bool with_step) const;
  [[nodiscard]] std::uint64_t item(const Field& field, const Word& item) const;
  [[nodiscard]] std::uint64_t field(const Field& field, const Word& word) const;
  void days(Calendar& calendar, const Word& word) const;
  void weekdays(Calendar& calendar, const Word& word) const;
  [[nodiscard]] Calendar calendar(const std::vector<Word>& words) const;
  [[nodiscard]] std::variant<Calendar, Duration> shorthand(const std::vector<Word>& words) const;
  [[nodiscard]] Duration interval(const Word& word) const;

  std::string_view rule_;
};

int CronParser::value(const Field& field, const Word& word) const {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (same_but_for_case(word.text, field.names[i])) return field.least + static_cast<int>(i);
  }
  const int most = field.names.data() == day_names.data() ? 7 : field.most;
  int number = -1;
  const char* const end = word.text.data() + word.text.size();
  const auto read = std::from_chars(word.text.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end || number < field.least || number > most) {
    refuse(field, word, "is not allowed; allowed are " + std::string(field.allowed) + ", with ranges as 1-5, lists as "
                                                                                      "1,5, and steps as */5");
  }
  return number;
}

int CronParser::step(const Field& field, const Word& word) const {
  const int most = field.most - field.least + 1;
  int number = 0;
  const char* const end = word.text.data() + word.text.size();
  const auto read = std::from_chars(word.text.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end || number < 1 || number > most) {
    refuse(field, word, "is no step; allowed are 1 to " + std::to_string(most) +
                            ". Intervals across the field's end are written '@every 90m'");
  }
  return number;
}

std::pair<int, int> CronParser::range(const Field& field, const Word& item, bool with_step) const {
  if (is_star(item)) return {field.least, field.most};
  const bool week = field.names.data() == day_names.data();
  const std::size_t dash = item.text.find('-');
  if (dash == std::string_view::npos) {
    const int only = value(field, item);
    if (!with_step) return {only, only};
    return {week ? only % 7 : only, field.most};
  }
  const Word first_word = item.from(0, dash);
  const Word last_word = item.from(dash + 1);
  const int first = value(field, first_word);
  int last = value(field, last_word);
  if (week && last == 0 && first > 0 && same_but_for_case(last_word.text, "sun")) last = 7;
  if (first > last) {
    refuse(field, item, "runs backwards; write it as two: " + std::string(first_word.text) + "-" +
                            std::to_string(field.most) + "," + std::to_string(field.least) + "-" +
                            std::string(last_word.text));
  }
  return {first, last};
}

std::uint64_t CronParser::item(const Field& field, const Word& item) const {
  const std::size_t slash = item.text.find('/');
  const bool with_step = slash != std::string_view::npos;
  const auto ends = range(field, item.from(0, slash), with_step);
  return bits(ends.first, ends.second, with_step ? step(field, item.from(slash + 1)) : 1);
}

std::uint64_t CronParser::field(const Field& field, const Word& word) const {
  std::uint64_t set = 0;
  for (const Word& part : split(word, ",", true)) set |= item(field, part);
  return set;
}

void CronParser::days(Calendar& calendar, const Word& word) const {
  for (const Word& part : split(word, ",", true)) {
    if (same_but_for_case(part.text, "l")) {
      calendar.last_day = true;
    } else {
      calendar.days |= item(day_field, part);
    }
  }
}

void CronParser::weekdays(Calendar& calendar, const Word& word) const {
  for (const Word& part : split(word, ",", true)) {
    const std::size_t hash = part.text.find('#');
    const bool last = part.text.size() > 1 && same_but_for_case(part.text.substr(part.text.size() - 1), "l");
    if (hash != std::string_view::npos) {
      const std::string_view number = part.text.substr(hash + 1);
      if (number.size() != 1 || number[0] < '1' || number[0] > '5') {
        refuse(weekday_field, part, "has no number of the week behind '#'; allowed are 1 to 5, as in 5#3");
      }
      const int day = value(weekday_field, part.from(0, hash)) % 7;
      calendar.ordinals.at(static_cast<std::size_t>(day)) |= bit_of(number[0] - '0');
    } else if (last) {
      const int day = value(weekday_field, part.from(0, part.text.size() - 1)) % 7;
      calendar.ordinals.at(static_cast<std::size_t>(day)) |= bit_of(6);
    } else {
      const std::uint64_t set = item(weekday_field, part);
      calendar.weekdays |= (set & bits(0, 6, 1)) | (set >> 7U);  // 7 is 0
    }
  }
}

Calendar CronParser::calendar(const std::vector<Word>& words) const {
  constexpr std::string_view needed =
      "needed are 5 (minute, hour, day of the month, month, day of the week), or 6 with the second before them";
  if (words.size() < 5) {
    refuse(rule_.size(), "the rule ends after " + std::to_string(words.size()) + " fields; " + std::string(needed) +
                             "; or one of @hourly, @daily, @weekly, @monthly, @yearly, @every 90s");
  }
  if (words.size() > 6) {
    refuse(words[6].at, quoted(words[6].text) + " is a field too many; " + std::string(needed));
  }
  Calendar calendar;
  const std::size_t minute = words.size() - 5;
  if (minute == 1) calendar.seconds = field(second_field, words[0]);
  calendar.minutes = field(minute_field, words[minute]);
  const Word& hour = words[minute + 1];
  calendar.hours = field(hour_field, hour);
  calendar.times_of_day = hour.text.find_first_of("*?/") == std::string_view::npos;
  const Word& day = words[minute + 2];
  days(calendar, day);
  calendar.months = field(month_field, words[minute + 3]);
  const Word& weekday = words[minute + 4];
  weekdays(calendar, weekday);
  calendar.either_day = !begins_with_star(day) && !begins_with_star(weekday);
  if (!calendar.fires()) {
    refuse(day.at, "it can never fire: no month that it names has a day " + quoted(day.text) +
                       (is_star(weekday) ? "" : " that is also a " + quoted(weekday.text)));
  }
  return calendar;
}

std::variant<Calendar, Duration> CronParser::shorthand(const std::vector<Word>& words) const {
  struct Shorthand {
    std::string_view name;
    std::string_view fields;
  };
  constexpr std::array<Shorthand, 7> all{{{"@hourly", "0 * * * *"},
                                          {"@daily", "0 0 * * *"},
                                          {"@midnight", "0 0 * * *"},
                                          {"@weekly", "0 0 * * 0"},
                                          {"@monthly", "0 0 1 * *"},
                                          {"@yearly", "0 0 1 1 *"},
                                          {"@annually", "0 0 1 1 *"}}};
  const Word& name = words.front();
  const bool every = same_but_for_case(name.text, "@every");
  const auto* const found =
      std::ranges::find_if(all, [&](const Shorthand& s) { return same_but_for_case(s.name, name.text); });
  if (!every && found == all.end()) {
    refuse(name.at, quoted(name.text) + " is not known; known are @hourly, @daily, @midnight, @weekly, @monthly, "
                                        "@yearly, @annually, and @every with a time, as @every 90s");
  }
  const std::size_t most = every ? 2 : 1;
  if (words.size() > most) refuse(words[most].at, quoted(words[most].text) + " is too much; the rule ends before it");
  if (!every) return CronParser(found->fields).parse();
  if (words.size() < 2) refuse(rule_.size(), "a time is missing, as in @every 90s or @every 1h30m");
  return interval(words[1]);
}

Duration CronParser::interval(const Word& word) const {
  struct Unit {
    std::string_view name;
    Duration length;
  };
  constexpr std::array<Unit, 5> units{{{"d", std::chrono::days(1)},
                                       {"h", std::chrono::hours(1)},
                                       {"m", std::chrono::minutes(1)},
                                       {"s", std::chrono::seconds(1)},
                                       {"ms", std::chrono::milliseconds(1)}}};
  constexpr Duration most = std::chrono::years(10);
  Duration sum{0};
  auto next = units.begin();  // units go from large to small
  for (Word rest = word; !rest.text.empty();) {
    std::int64_t number = 0;
    const auto read = std::from_chars(rest.text.data(), rest.text.data() + rest.text.size(), number);
    const auto digits = static_cast<std::size_t>(read.ptr - rest.text.data());
    const std::size_t end = std::min(rest.text.find_first_of("0123456789", digits), rest.text.size());
    const std::string_view unit = rest.text.substr(digits, end - digits);
    const auto found = std::find_if(next, units.end(), [&](const Unit& u) { return same_but_for_case(u.name, unit); });
    if (read.ec == std::errc::invalid_argument || number < 0 || found == units.end()) {
      refuse(rest.at, quoted(rest.text) + " is no time; allowed are whole numbers of d, h, m, s and ms, joined from "
                                          "large to small, as 90s or 1h30m");
    }
    if (read.ec != std::errc{} || number > most / found->length) sum = most + Duration(1);
    if (sum <= most) sum += number * found->length;
    next = found + 1;
    rest = rest.from(end);
  }
  if (sum < std::chrono::seconds(1) || sum > most) {
    refuse(word.at, "the interval " + quoted(word.text) + " is not within 1 s and 10 years (3652d)");
  }
  return sum;
}

std::variant<Calendar, Duration> CronParser::parse() const {
  if (rule_.size() > max_rule_bytes) {
    throw Error(Errc::invalid_argument, "the rule has " + std::to_string(rule_.size()) + " bytes; at most " +
                                            std::to_string(max_rule_bytes) + " are allowed");
  }
  const std::vector<Word> words = split({rule_}, " \t", false);
  if (!words.empty() && words.front().text.starts_with('@')) return shorthand(words);
  return calendar(words);
}

}  // namespace

std::variant<Calendar, Duration> parse_cron(std::string_view rule) { return CronParser(rule).parse(); }

}  // namespace sqlq::core
