// The system's time zones, read by Howard Hinnant's date library (SQLQ_ZONES_BY_DATE), by the standard library
// (SQLQ_ZONES_BY_STD), from a folder of zone files (SQLQ_ZONES_BY_FILES), or not at all: cmake/SqlqZones.cmake. What is
// read is copied: the libraries' own lists are destroyed at exit, which threads of ours may outlive.

#include "core/zone.hpp"

#include <stdexcept>
#include <utility>

#include <sqlq/error.hpp>

#include "core/words.hpp"
#include "core/zone_file.hpp"

#ifdef SQLQ_ZONES_BY_DATE
#include <date/tz.h>
#endif

namespace sqlq::core {

#if defined(SQLQ_ZONES_BY_FILES)

Zone read_zone(const std::string& name) { return ZoneFile::read(name).zone(); }

#elif !defined(SQLQ_ZONES_BY_DATE) && !defined(SQLQ_ZONES_BY_STD)

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
Rest rest_of(const std::string& name) {
  const ZoneFile file = ZoneFile::read(name);
  return {file.last_change(), file.tail()};
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
