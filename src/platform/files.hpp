#pragma once
/// \file
/// Files by their names: which one it is, how large, for whom. Names are UTF-8 on every system.
///
/// Thread-safety: all functions from any thread. A system's error is errno, and on Windows that of GetLastError.

#include <cstdint>
#include <string>
#include <system_error>

#include <sqlq/export.hpp>

namespace sqlq::platform {

/// All zero: none. Not of dev_t and ino_t, whose sizes are a matter of compiler flags.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  [[nodiscard]] bool operator==(const FileId&) const = default;
};

/// Why the system refused something about a file.
enum class Refusal {
  other,
  missing,       ///< there is no such file
  not_a_folder,  ///< nor can there be one: the path leads through something that is no folder
  folder,        ///< it is a folder
  forbidden,     ///< for this process
  exhausted,     ///< files or memory; may succeed later
};
[[nodiscard]] SQLQ_API Refusal refusal_of(int system_error) noexcept;

/// The text of a system's error, in UTF-8.
[[nodiscard]] SQLQ_API std::string system_text(int system_error);

/// What the system says of a path.
struct FileLook {
  int error = 0;  ///< the system's; 0: there is such a file
  FileId id{};
  std::int64_t size = 0;  ///< bytes

  [[nodiscard]] bool missing() const noexcept {
    const Refusal why = error == 0 ? Refusal::other : refusal_of(error);
    return why == Refusal::missing || why == Refusal::not_a_folder;
  }
  /// Neither there nor missing: the system could not tell.
  [[nodiscard]] bool unknown() const noexcept { return error != 0 && !missing(); }
};
[[nodiscard]] SQLQ_API FileLook look_at(const std::string& path) noexcept;

/// The whole name of a file whose name may be relative to the working directory; `failed` when that cannot be found
/// out. On Windows "/C:/x" is "C:/x", so that URLs have one form.
[[nodiscard]] SQLQ_API std::string whole_name(const std::string& path, std::error_code& failed);

/// Bytes that are left for this process on the volume of the path; very many when the system cannot tell.
[[nodiscard]] SQLQ_API std::int64_t free_bytes(const std::string& path) noexcept;

/// Whether a file that a process has open can be neither deleted, renamed nor replaced.
[[nodiscard]] SQLQ_API bool open_files_stay() noexcept;

/// Makes an empty file that only its owner may read and write, whatever the umask or the access list of the folder; one
/// that is there stays as it is. Returns the system's error, or 0.
///
/// It opens the file and closes it, which on POSIX systems drops all locks this process has on it: only for files that
/// this process does not have open.
[[nodiscard]] SQLQ_API int create_private(const std::string& path) noexcept;

/// Gives the file `to` the access list of `from` where that is one of its own, not the folder's. Does nothing where the
/// database's library gives its further files the same rights by itself. Errors are dropped.
SQLQ_API void share_access(const std::string& from, const std::string& to) noexcept;

}  // namespace sqlq::platform
