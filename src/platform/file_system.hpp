#pragma once
/// \file
/// What kind of file system a file is on.

#include <cstdint>
#include <optional>
#include <string>

#include <sqlq/export.hpp>

namespace sqlq::platform {

/// The name of a file system whose files other hosts may write as well, by the number that Linux has for it (statfs);
/// empty for all others.
[[nodiscard]] std::optional<std::string> network_name(std::uint64_t type);

/// That of the file system of `path`; empty when it is a local one, or when the system cannot tell. Thread-safe.
[[nodiscard]] SQLQ_API std::optional<std::string> network_file_system(const std::string& path);

}  // namespace sqlq::platform
