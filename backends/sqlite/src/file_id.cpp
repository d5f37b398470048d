#include "file_id.hpp"

#include <sys/stat.h>

#include <cerrno>
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

std::string system_text(int error) { return std::generic_category().message(error); }

}  // namespace sqlq::sqlite
