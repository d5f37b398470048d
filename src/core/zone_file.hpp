#pragma once
/// \file
/// A file of a time zone (RFC 8536), as systems keep them below a folder.
///
/// Thread-safety: plain values.

#include <optional>
#include <string>
#include <vector>

#include "core/zone.hpp"

namespace sqlq::core {

class ZoneFile {
 public:
  /// The file of that name, in the first of the system's folders that has one. Error(invalid_argument) for a name that
  /// there is not; Error(configuration) for a file that cannot be read or is none, and where there are no zones at all.
  static ZoneFile read(const std::string& name);
  /// Empty when the bytes are no such file.
  static std::optional<ZoneFile> parse(std::string_view bytes);

  /// When the last change is that it lists.
  [[nodiscard]] std::optional<UtcSeconds> last_change() const;
  /// What holds from then on.
  [[nodiscard]] const std::optional<ZoneTail>& tail() const noexcept { return tail_; }
  [[nodiscard]] Zone zone() const { return {changes_, tail_}; }

 private:
  std::vector<Zone::Change> changes_{};  ///< the first is for what comes before all
  std::optional<ZoneTail> tail_{};
};

}  // namespace sqlq::core
