#include "platform/system.hpp"

#include <array>

#include "platform/host.hpp"
#include "platform/windows/api.hpp"

#include <bcrypt.h>

namespace sqlq::platform {

bool entropy(void* bytes, std::size_t size) noexcept {
  return ::BCryptGenRandom(nullptr, static_cast<PUCHAR>(bytes), static_cast<ULONG>(size),
                           BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
}

void watch_forks(void (*)()) noexcept {}  // there are none

std::string system_name() {
  std::array<wchar_t, 256> name{};
  auto size = static_cast<DWORD>(name.size());
  if (::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &size) == 0) return {};
  return narrow({name.data(), size});
}

std::int64_t process_id() { return ::GetCurrentProcessId(); }

// Counted up by the boot loader at each start of the machine.
std::string boot_id() {
  DWORD id = 0;
  DWORD size = sizeof id;
  const LSTATUS status = ::RegGetValueW(
      HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters",
      L"BootId", RRF_RT_REG_DWORD, nullptr, &id, &size);
  return status == ERROR_SUCCESS ? "windows-boot-" + std::to_string(id) : std::string();
}

std::vector<std::string> zone_folders() {
  std::vector<std::string> folders;
  std::wstring text(32768, L'\0');  // the longest that there are
  const auto room = static_cast<DWORD>(text.size());
  const DWORD set = ::GetEnvironmentVariableW(L"TZDIR", text.data(), room);
  if (set > 0 && set < room) folders.push_back(narrow({text.data(), set}) + "/");
  const DWORD size = ::GetModuleFileNameW(nullptr, text.data(), room);
  const std::string program = narrow({text.data(), size});
  folders.push_back(program.substr(0, program.find_last_of("/\\") + 1) + "zoneinfo/");
  return folders;
}

}  // namespace sqlq::platform
