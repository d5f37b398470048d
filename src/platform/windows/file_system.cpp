#include "platform/file_system.hpp"

#include "platform/windows/api.hpp"

namespace sqlq::platform {

std::optional<std::string> network_file_system(const std::string& path) {
  const std::wstring name = wide(path);
  std::wstring volume(name.size() + 2, L'\0');
  if (::GetVolumePathNameW(name.c_str(), volume.data(), static_cast<DWORD>(volume.size())) == 0) return std::nullopt;
  if (::GetDriveTypeW(volume.c_str()) != DRIVE_REMOTE) return std::nullopt;
  return "a network drive";
}

}  // namespace sqlq::platform
