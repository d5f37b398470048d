#include "platform/file_system.hpp"

#if defined(__linux__)
#include <sys/vfs.h>
#endif

namespace sqlq::platform {

std::optional<std::string> network_file_system(const std::string& path) {
#if defined(__linux__)
  struct statfs found {};
  if (::statfs(path.c_str(), &found) == 0) return network_name(static_cast<std::uint64_t>(found.f_type));
#else
  static_cast<void>(path);
#endif
  return std::nullopt;
}

}  // namespace sqlq::platform
