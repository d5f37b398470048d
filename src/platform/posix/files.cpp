#include "platform/files.hpp"

#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace sqlq::platform {

Refusal refusal_of(int system_error) noexcept {
  switch (system_error) {
    case ENOENT: return Refusal::missing;
    case ENOTDIR: return Refusal::not_a_folder;
    case EISDIR: return Refusal::folder;
    case EACCES:
    case EPERM:
    case EROFS: return Refusal::forbidden;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return Refusal::exhausted;
    default: return Refusal::other;
  }
}

std::string system_text(int system_error) { return std::generic_category().message(system_error); }

FileLook look_at(const std::string& path) noexcept {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {.error = errno};
  return {.id = {static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino)},
          .size = static_cast<std::int64_t>(found.st_size)};
}

std::string whole_name(const std::string& path, std::error_code& failed) {
  return std::filesystem::absolute(path, failed).string();
}

std::int64_t free_bytes(const std::string& path) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / 4;
  struct statvfs volume {};
  if (::statvfs(path.c_str(), &volume) != 0 || volume.f_frsize == 0) return most;
  const auto blocks = static_cast<std::uint64_t>(volume.f_bavail);
  const auto size = static_cast<std::uint64_t>(volume.f_frsize);
  return blocks > most / size ? most : static_cast<std::int64_t>(blocks * size);
}

bool open_files_stay() noexcept { return false; }

int create_private(const std::string& path) noexcept {
  // O_EXCL says that nobody had it open before.
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return errno == EEXIST ? 0 : errno;
  ::fchmod(fd, S_IRUSR | S_IWUSR);  // a umask may have taken even the owner's rights
  ::close(fd);
  return 0;
}

void share_access(const std::string&, const std::string&) noexcept {}

}  // namespace sqlq::platform
