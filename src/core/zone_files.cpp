// The system's time zones, read by Howard Hinnant's date library (SQLQ_ZONES_BY_DATE), by the standard library
// (SQLQ_ZONES_BY_STD), or not at all: cmake/SqlqZones.cmake. What is read is copied: the libraries' own lists are
// destroyed at exit, which threads of ours may outlive.

#include "core/zone.hpp"

#include <exception>
#include <fstream>
#include <iterator>

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

#ifdef SQLQ_ZONES_BY_DATE

namespace tz = date;

#if USE_OS_TZDB

// The library (3.0.1, and the newest) does not read the last line of a file. Where the files list all changes until
// 2037 (Debian's do) it knows no summer time after that; where they list only what the last line does not say, it is
// wrong today. It also ends the process (assert) when a file is none of a zone.
std::string last_line(const std::string& name) {
  for (const char* folder : {"/usr/share/zoneinfo/uclibc/", "/usr/share/zoneinfo/", "/var/db/timezone/zoneinfo/"}) {
    std::ifstream file(folder + name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (text.empty()) continue;
    const auto end = text.size() - 1;
    const auto begin = text.rfind('\n', end - 1);
    if (!text.starts_with("TZif") || text[4] < '2' || text[end] != '\n' || begin == std::string::npos) break;
    return text.substr(begin + 1, end - begin - 1);
  }
  throw Error(Errc::configuration, "the file of the time zone " + core::quoted(name) +
                                       " cannot be read, or is none: install the system's time zones anew (tzdata)");
}

std::optional<ZoneTail> tail_of(const std::string& name) { return ZoneTail::parse(last_line(name)); }

#else

std::optional<ZoneTail> tail_of(const std::string&) { return {}; }  // it goes on for ever by itself

#endif

#else

namespace tz = std::chrono;

std::optional<ZoneTail> tail_of(const std::string&) { return {}; }

#endif

const tz::tzdb& all_zones() {
  const tz::tzdb* zones = nullptr;
  std::string why;
  try {
    zones = &tz::get_tzdb();
  } catch (const std::exception& e) {
    why = std::string(": ") + e.what();
  }
  if (zones != nullptr && !zones->zones.empty()) return *zones;
  throw Error(Errc::configuration, "the system has no time zones but UTC" + one_line(why) +
                                       ". Install them (on Debian: apt-get install tzdata)");
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
  } catch (const std::exception&) {
    refuse_zone(name, zones);
  }
  const auto tail = tail_of(name);
  try {
    return {changes_of(*zone), tail};
  } catch (const std::exception& e) {
    throw Error(Errc::configuration, "the time zone " + core::quoted(name) + " cannot be read: " + one_line(e.what()) +
                                         ". Install the system's time zones anew (tzdata)");
  }
}

#endif

}  // namespace sqlq::core
