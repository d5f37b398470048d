#pragma once
/// \file
/// Which file a path leads to.

#include <cstdint>
#include <string>

#include <sqlq/error.hpp>

namespace sqlq::sqlite {

/// All zero: none. Not of dev_t and ino_t, whose sizes are a matter of compiler flags.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  [[nodiscard]] bool operator==(const FileId&) const = default;
};

/// What the system says of a path.
struct FileLook {
  int error = 0;  ///< errno; 0: there is such a file
  FileId id{};
  std::int64_t size = 0;  ///< bytes

  [[nodiscard]] bool missing() const noexcept;
  /// Neither there nor missing: the system could not tell.
  [[nodiscard]] bool unknown() const noexcept { return error != 0 && !missing(); }
};

[[nodiscard]] FileLook look_at(const std::string& path) noexcept;

/// Does the path lead to this file? Error(when_unknown) when the system cannot tell.
[[nodiscard]] bool leads_to(const std::string& path, const FileId& file, Errc when_unknown);

/// Bytes that are left for this process on the volume of the path; very many when the system cannot tell.
[[nodiscard]] std::int64_t free_bytes(const std::string& path) noexcept;

/// The text of an errno.
[[nodiscard]] std::string system_text(int error);

}  // namespace sqlq::sqlite
