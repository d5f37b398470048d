#include "platform/process.hpp"

#include <array>
#include <optional>

#include "platform/host.hpp"
#include "platform/system.hpp"
#include "platform/windows/api.hpp"

namespace sqlq::platform {
namespace {

/// In units of 100 ns since 1601.
std::optional<std::int64_t> start_of(HANDLE process) {
  FILETIME started{};
  FILETIME ended{};
  FILETIME kernel{};
  FILETIME user{};
  if (::GetProcessTimes(process, &started, &ended, &kernel, &user) == 0) return {};
  return static_cast<std::int64_t>(std::uint64_t{started.dwHighDateTime} << 32U | started.dwLowDateTime);
}

/// Copies of a machine may have the same number, but hardly the same name and the same count of starts.
std::string this_host() {
  std::array<wchar_t, 64> number{};
  auto size = static_cast<DWORD>(sizeof number);
  const LSTATUS status = ::RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid",
                                        RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, nullptr, number.data(), &size);
  const std::string boot = boot_id();
  if (status != ERROR_SUCCESS || boot.empty()) return {};
  return boot + " " + narrow(number.data()) + " " + host_name();
}

}  // namespace

Process this_process() {
  const auto started = start_of(::GetCurrentProcess());
  if (!started) return {};
  return {.host = this_host(), .pid = process_id(), .started = *started};
}

bool known_dead(const Process& process) {
  if (process.host.empty() || process.pid <= 0 || process.host != this_host()) return false;
  const OwnedHandle found(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE,
                                        static_cast<DWORD>(process.pid)));
  if (!found) return ::GetLastError() == ERROR_INVALID_PARAMETER;  // access denied: somebody else's, and there
  const auto started = start_of(found.get());
  if (!started) return false;
  // A process that has ended is there as long as somebody has a handle of it.
  return *started != process.started || ::WaitForSingleObject(found.get(), 0) == WAIT_OBJECT_0;
}

}  // namespace sqlq::platform
