#include <sqlq/backend/url.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include <sqlq/error.hpp>

namespace sqlq::backend {

namespace {

constexpr std::string_view wait_option = "wait";
constexpr std::string_view create_option = "create";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::invalid_argument, "the connection string " + why);
}

[[noreturn]] void refuse_option(std::string_view name, const std::string& expected) {
  throw Error(Errc::invalid_argument,
              "the option '" + std::string(name) + "' of the connection string must be " + expected);
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `offset` is where the text begins in the URL: places are told, contents never.
std::string decode(std::string_view text, std::size_t offset) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        refuse("has a '%' without two hexadecimal digits at character " + std::to_string(offset + i + 1) +
               "; a plain '%' is written %25");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') refuse("has a NUL character");
    plain += c;
  }
  return plain;
}

char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string parse_scheme(std::string_view text, std::size_t colon) {
  if (!Url::has_scheme(text)) refuse("must begin with a scheme, as in scheme:path or scheme://host/name");
  std::string scheme(text.substr(0, colon));
  for (char& c : scheme) c = to_lower(c);
  return scheme;
}

using Options = std::vector<std::pair<std::string, std::string>>;

void parse_option(std::string_view item, std::size_t offset, Options& options) {
  const std::size_t equals = item.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    refuse("has an option without name or value at character " + std::to_string(offset + 1) +
           ": options are written ?name=value&name=value");
  }
  std::string name = decode(item.substr(0, equals), offset);
  const auto in_names = [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  if (!std::all_of(name.begin(), name.end(), in_names)) {
    refuse("has a malformed option name at character " + std::to_string(offset + 1) +
           "; a plain '?' before the options is written %3F");
  }
  const auto same = [&](const auto& option) { return option.first == name; };
  if (std::any_of(options.begin(), options.end(), same)) refuse("has the option '" + name + "' twice");
  options.emplace_back(std::move(name), decode(item.substr(equals + 1), offset + equals + 1));
}

Options parse_options(std::string_view text, std::size_t offset) {
  Options options;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('&'), text.size());
    parse_option(text.substr(0, length), offset, options);
    if (length + 1 == text.size()) refuse("ends with '&'");
    const std::size_t step = std::min(length + 1, text.size());
    text.remove_prefix(step);
    offset += step;
  }
  return options;
}

int parse_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) {
    refuse("has a port that is not a number from 1 to 65535; write ':', '@', '/' and ',' in names and passwords as "
           "%3A, %40, %2F and %2C");
  }
  return port;
}

std::pair<std::string, int> parse_host(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) refuse("has a '[' without ']' in a host");
    host = text.substr(1, bracket - 1);
    port = text.substr(bracket + 1);
    if (!port.empty() && port.front() != ':') refuse("has text between ']' and the port of a host");
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (host.empty() && port.empty()) refuse("has an empty host in its list");
  return {decode(host, 0), port.empty() ? 0 : parse_port(port.substr(1))};
}

// As an option has it, in the largest unit that needs no fraction.
std::string in_words(Duration time) {
  constexpr std::pair<std::int64_t, std::string_view> units[] = {
      {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}};
  for (const auto& [us, unit] : units) {
    if (time.count() != 0 && time.count() % us == 0) return std::to_string(time.count() / us) + std::string(unit);
  }
  return std::to_string(time / std::chrono::milliseconds(1)) + "ms";
}

// Where a password could stand in the text after the scheme, also when it was not escaped as it should be. Empty when
// there cannot be one.
std::pair<std::size_t, std::size_t> password_range(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t at = text.rfind('@');
  if (text.starts_with('/') || at == std::string_view::npos || colon > at) return {0, 0};
  return {colon + 1, at};
}

bool speaks_of_secret(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  constexpr std::string_view words[] = {"pass", "pwd", "secret", "token", "key"};
  return std::any_of(std::begin(words), std::end(words),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

}  // namespace

bool Url::has_scheme(std::string_view text) noexcept {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto fits = [](char c) {
    return letters.find(to_lower(c)) != std::string_view::npos || std::string_view("0123456789+-.").find(c) !=
                                                                      std::string_view::npos;
  };
  const std::string_view scheme = text.substr(0, colon);
  return letters.find(to_lower(scheme.front())) != std::string_view::npos && std::ranges::all_of(scheme, fits);
}

Url Url::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) refuse("has a NUL character");
  const std::size_t colon = text.find(':');
  Url url;
  url.scheme_ = parse_scheme(text, colon);
  std::size_t begin = colon + 1;
  url.has_authority_ = text.substr(begin).starts_with("//");
  if (url.has_authority_) begin += 2;
  const std::size_t question = std::min(text.find('?', begin), text.size());
  const std::string_view options = text.substr(std::min(question + 1, text.size()));
  url.raw_ = text.substr(begin, question - begin);
  // user:pass?word@host: without this, half a password would be taken for an option and be named in a message.
  if (url.has_authority_ && options.find('@') != std::string_view::npos) {
    refuse("has '@' after '?': write '?' in a password as %3F, and '@' in an option as %40");
  }
  url.rest_ = decode(url.raw_, begin);
  url.options_ = parse_options(options, question + 1);
  return url;
}

Url::Authority Url::authority() const {
  if (!has_authority_) refuse("has no '//' after the scheme: this backend needs scheme://host/name");
  Authority result;
  std::string_view text = raw_;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    // user:pa/ss@host: without this, half a password would be taken for a database and be named in a message.
    if (text.find('@', slash) != std::string_view::npos) {
      refuse("has '@' after '/': write '/' in a password as %2F, and '@' in the name of a database as %40");
    }
    result.path = decode(text.substr(slash + 1), 0);
    text = text.substr(0, slash);
  }
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = text.substr(0, at);
    const std::size_t colon = who.find(':');
    result.user = decode(who.substr(0, colon), 0);
    if (colon != std::string_view::npos) result.password = decode(who.substr(colon + 1), 0);
    text = text.substr(at + 1);
  }
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    result.hosts.push_back(parse_host(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
    if (text.empty()) refuse("has an empty host in its list");
  }
  return result;
}

std::optional<std::string> Url::option(std::string_view name) const {
  for (const auto& [key, value] : options_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool Url::flag(std::string_view name, bool otherwise) const {
  const auto value = option(name);
  if (!value) return otherwise;
  if (*value == "true" || *value == "1" || *value == "yes" || *value == "on") return true;
  if (*value == "false" || *value == "0" || *value == "no" || *value == "off") return false;
  refuse_option(name, "true or false");
}

std::int64_t Url::integer(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const {
  const auto value = option(name);
  if (!value) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || end != value->data() + value->size() || number < least || number > most) {
    refuse_option(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

Duration Url::duration(std::string_view name, Duration otherwise, Duration least, Duration most) const {
  const auto value = option(name);
  if (!value) return otherwise;
  const auto fail = [&] {
    refuse_option(name, "a time from " + in_words(least) + " to " + in_words(most) +
                            ", with its unit: 500ms, 5s, 2m, 1h");
  };
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || number < 0) fail();
  const std::string_view unit(end, static_cast<std::size_t>(value->data() + value->size() - end));
  std::int64_t scale = 0;
  if (unit == "ms") scale = 1'000;
  else if (unit == "s") scale = 1'000'000;
  else if (unit == "m") scale = 60'000'000;
  else if (unit == "h") scale = 3'600'000'000;
  else if (!unit.empty() || number != 0) fail();
  if (scale != 0 && number > std::numeric_limits<std::int64_t>::max() / scale) fail();
  const Duration result(number * scale);
  if (result < least || result > most) fail();
  return result;
}

std::string Url::choice(std::string_view name, std::string_view otherwise,
                        std::initializer_list<std::string_view> words) const {
  const auto value = option(name);
  if (!value) return std::string(otherwise);
  if (std::find(words.begin(), words.end(), *value) != words.end()) return *value;
  std::string list = "one of:";
  for (const std::string_view word : words) list.append(" ").append(word);
  refuse_option(name, list);
}

bool Url::create() const { return flag(create_option, true); }

Duration Url::wait() const { return duration(wait_option, Duration(0), Duration(0), std::chrono::hours(1)); }

void Url::refuse_unknown(std::initializer_list<std::string_view> known) const {
  for (const auto& entry : options_) {
    const std::string& name = entry.first;
    if (name == wait_option || name == create_option) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string message = "has an option '" + name + "' that '" + scheme_ + ":' does not know; known:";
    for (const std::string_view word : known) message.append(" ").append(word);
    message.append(" ").append(wait_option).append(" ").append(create_option);
    refuse(message);
  }
}

std::string Url::redacted() const {
  std::string text = raw_;
  if (const auto [begin, end] = password_range(text); end > 0) text.replace(begin, end - begin, "***");
  text.insert(0, scheme_ + (has_authority_ ? "://" : ":"));
  char separator = '?';
  for (const auto& [name, value] : options_) {
    text.append(1, separator).append(name).append("=").append(speaks_of_secret(name) ? "***" : value);
    separator = '&';
  }
  return text;
}

}  // namespace sqlq::backend
