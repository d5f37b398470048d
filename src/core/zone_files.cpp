// The system's time zones, read by Howard Hinnant's date library (SQLQ_ZONES_BY_DATE), by the standard library
// (SQLQ_ZONES_BY_STD), or not at all: cmake/SqlqZones.cmake. What is read is copied: the libraries' own lists are
// destroyed at exit, which threads of ours may outlive.

#include "core/zone.hpp"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>

#include "core/words.hpp"

#ifdef SQLQ_ZONES_BY_DATE
#include <date/tz.h>
#endif

namespace sqlq::core {

#if !defined(SQLQ_ZONES_BY_DATE) && !defined(SQLQ_ZONES_BY_STD)

Zone read_zone(const std::string& name) {
  throw Error(Errc::configuration, "the time zone " + core::quoted(name) +
                                       " cannot be used: this library was built without time zones and knows only UTC. "
                                       "Build it with -DSQLQ_ZONES=ON");
}

#else

namespace {

using std::chrono::floor;
using std::chrono::seconds;

/// What holds from the last change that a file lists on, where the library leaves it out.
struct Rest {
  std::optional<UtcSeconds> from;
  std::optional<ZoneTail> tail;
};

#ifdef SQLQ_ZONES_BY_DATE
namespace tz = date;
#else
namespace tz = std::chrono;
#endif

#if defined(SQLQ_ZONES_BY_DATE) && USE_OS_TZDB

// The library (3.0.1) does not read the last line of a file, and leaves out changes that change nothing. Where the
// files list all changes until 2037, as Debian's do, it knows no summer time after that; where they list only what the
// last line does not say, it is wrong today. And it ends the process (assert) when a file is none of a zone.
std::string file_of(const std::string& name) {
  for (const char* folder : {"/usr/share/zoneinfo/uclibc/", "/usr/share/zoneinfo/", "/var/db/timezone/zoneinfo/"}) {
    std::ifstream file(folder + name, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (text.starts_with("TZif") && text.ends_with('\n')) return text;
    if (!text.empty()) break;
  }
  throw Error(Errc::configuration, "the file of the time zone " + core::quoted(name) +
                                       " cannot be read, or is none: install the system's time zones anew (tzdata)");
}

/// Its first byte is the highest one; 0 beyond the end.
std::uint64_t number_at(std::string_view text, std::uint64_t at, std::size_t bytes) {
  if (at > text.size()) return 0;
  std::uint64_t number = 0;
  for (const char byte : text.substr(static_cast<std::size_t>(at), bytes)) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

/// RFC 8536, 3: a header and numbers of 32 bits, the same with 64 bits, a last line.
Rest rest_of(const std::string& name) {
  const std::string text = file_of(name);
  constexpr std::uint64_t header = 44;
  const auto count = [&](std::uint64_t begin, std::uint64_t n) { return number_at(text, begin + 20 + 4 * n, 4); };
  const std::uint64_t second = header + count(0, 0) + count(0, 1) + 8 * count(0, 2) + 5 * count(0, 3) +
                               6 * count(0, 4) + count(0, 5);
  const std::uint64_t changes = count(second, 3);
  Rest rest;
  if (changes > 0) {
    const std::uint64_t last = number_at(text, second + header + 8 * (changes - 1), 8);
    rest.from = UtcSeconds(seconds(static_cast<std::int64_t>(last)));
  }
  const std::size_t line = text.rfind('\n', text.size() - 2) + 1;
  rest.tail = ZoneTail::parse(std::string_view(text).substr(line, text.size() - 1 - line));
  return rest;
}

#else

Rest rest_of(const std::string&) { return {}; }  // the library goes on for ever by itself

#endif

const tz::tzdb& all_zones() {
  const tz::tzdb* zones = nullptr;
  try {
    zones = &tz::get_tzdb();
  } catch (const std::runtime_error&) {
    zones = nullptr;  // there is no folder of zones
  }
  if (zones != nullptr && !zones->zones.empty()) return *zones;
  throw Error(Errc::configuration,
              "the system has no time zones but UTC. Install them (on Debian: apt-get install tzdata)");
}

template <class Zones>
std::vector<std::string> names_of(const Zones& zones) {
  std::vector<std::string> names;
  for (const auto& zone : zones.zones) names.emplace_back(zone.name());
  if constexpr (requires { zones.links; }) {
    for (const auto& link : zones.links) names.emplace_back(link.name());
  }
  return names;
}

[[noreturn]] void refuse_zone(const std::string& name, const tz::tzdb& zones) {
  const std::string nearest = nearest_name(name, names_of(zones));
  const std::string hint =
      nearest.empty() ? "its IANA name is needed, such as Europe/Berlin" : "did you mean " + nearest + "?";
  throw Error(Errc::invalid_argument, "there is no time zone " + core::quoted(name) + ": " + hint);
}

/// Those before the year 2800; after it they repeat themselves.
std::vector<Zone::Change> changes_of(const tz::time_zone& zone) {
  const auto begin = floor<seconds>(std::chrono::sys_days(std::chrono::year(1800) / 1 / 1));
  const auto end = floor<seconds>(std::chrono::sys_days(std::chrono::year(2800) / 1 / 1));
  std::vector<Zone::Change> changes;
  for (auto at = begin; at < end;) {
    const auto info = zone.get_info(at);
    changes.push_back({UtcSeconds(at.time_since_epoch()), info.offset});
    if (info.end <= at) break;
    at = info.end;
  }
  return changes;
}

}  // namespace

Zone read_zone(const std::string& name) {
  const tz::tzdb& zones = all_zones();
  const tz::time_zone* zone = nullptr;
  try {
    zone = tz::locate_zone(name);
  } catch (const std::runtime_error&) {
    refuse_zone(name, zones);
  }
  const Rest rest = rest_of(name);
  try {
    std::vector<Zone::Change> changes = changes_of(*zone);
    if (rest.from && *rest.from > changes.back().at) changes.push_back({*rest.from, changes.back().offset});
    return {std::move(changes), rest.tail};
  } catch (const std::runtime_error& e) {
    throw Error(Errc::configuration, "the time zone " + core::quoted(name) + " cannot be read: " + one_line(e.what()) +
                                         ". Install the system's time zones anew (tzdata)");
  }
}

#endif

}  // namespace sqlq::core
