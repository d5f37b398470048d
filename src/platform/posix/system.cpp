#include "platform/system.hpp"

#include <array>

#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "platform/host.hpp"

namespace sqlq::platform {

bool entropy(void* bytes, std::size_t size) noexcept { return ::getentropy(bytes, size) == 0; }

void watch_forks(void (*forked)()) noexcept { ::pthread_atfork(nullptr, nullptr, forked); }

std::string system_name() {
  std::array<char, 256> buffer{};
  return ::gethostname(buffer.data(), buffer.size() - 1) == 0 ? buffer.data() : std::string();
}

std::int64_t process_id() { return ::getpid(); }

std::string boot_id() {
  std::array<char, 64> text{};
  const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const auto size = ::read(file, text.data(), text.size());
  ::close(file);
  std::string id(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::vector<std::string> zone_folders() {
  return {"/usr/share/zoneinfo/uclibc/", "/usr/share/zoneinfo/", "/var/db/timezone/zoneinfo/"};
}

}  // namespace sqlq::platform
