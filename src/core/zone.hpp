#pragma once
/// \file
/// Time zones by their IANA names. Which library reads the system's files is seen in zone_files.cpp only.
///
/// The first zone that is asked for makes that library list all that there are: 1 to 3 ms and 400 KB, once a process.
/// Each zone is then read once, in 0.1 to 0.3 ms, and kept (3 KB): a process sees an update of the system's zones when
/// it is started again. "UTC" reads nothing.
///
/// Thread-safety: all functions from any thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/zone_tail.hpp"

namespace sqlq::core {

/// The calendar repeats itself after 400 years, which are whole weeks; so does what is derived from it.
inline constexpr std::chrono::duration<std::int64_t> calendar_period = std::chrono::hours(24 * 146'097);
/// From here on zones do the same.
inline constexpr UtcSeconds zones_repeat_from{std::chrono::seconds(26'192'246'400)};  // 2800-01-01

/// A plain value, independent of the library that read it.
class Zone {
 public:
  /// From `at` on the local time has this distance from UTC.
  struct Change {
    UtcSeconds at = earliest;
    std::chrono::seconds offset{0};
  };

  /// UTC.
  Zone() = default;
  /// In order of time; the first one holds before it too. Without a tail the last 400 years before 2800 are repeated
  /// for ever.
  Zone(std::vector<Change> changes, std::optional<ZoneTail> tail) : changes_(std::move(changes)), tail_(tail) {}

  /// Error(invalid_argument) for a name that there is not; Error(configuration) where the system has no zones, or the
  /// library was built without them.
  static std::shared_ptr<const Zone> find(std::string_view name);

  [[nodiscard]] Span span(UtcSeconds at) const;

 private:
  [[nodiscard]] Span listed(UtcSeconds at) const;

  std::vector<Change> changes_;
  std::optional<ZoneTail> tail_;
};

/// Reads one of the system's; errors as Zone::find.
[[nodiscard]] Zone read_zone(const std::string& name);

/// Of the names, the one that was probably meant: "Europe/Berlin" for "berlin" or "Europe/Berln". Empty: none is near.
[[nodiscard]] std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace sqlq::core
