#include "file_id.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <limits>
#include <system_error>

namespace sqlq::sqlite {

bool FileLook::missing() const noexcept { return error == ENOENT || error == ENOTDIR; }

FileLook look_at(const std::string& path) noexcept {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {.error = errno};
  return {.id = {static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino)},
          .size = static_cast<std::int64_t>(found.st_size)};
}

bool leads_to(const std::string& path, const FileId& file, Errc when_unknown) {
  const FileLook look = look_at(path);
  if (look.unknown()) {
    throw Error(when_unknown,
                "whether '" + path + "' is still the file that was opened could not be found out (" +
                    system_text(look.error) + "): make it reachable again, then repeat the call",
                "sqlite", look.error);
  }
  return look.error == 0 && look.id == file;
}

std::int64_t free_bytes(const std::string& path) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / 4;
  struct statvfs volume {};
  if (::statvfs(path.c_str(), &volume) != 0 || volume.f_frsize == 0) return most;
  const auto blocks = static_cast<std::uint64_t>(volume.f_bavail);
  const auto size = static_cast<std::uint64_t>(volume.f_frsize);
  return blocks > most / size ? most : static_cast<std::int64_t>(blocks * size);
}

std::string system_text(int error) { return std::generic_category().message(error); }

}  // namespace sqlq::sqlite
