#include "platform/file_system.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sqlq::platform {

std::optional<std::string> network_name(std::uint64_t type) {
  constexpr std::array<std::pair<std::uint32_t, const char*>, 13> known{{
      {0x6969, "NFS"},           {0x517B, "SMB"},        {0xFF534D42, "CIFS"},    {0xFE534D42, "SMB2"},
      {0x01021997, "9P"},        {0x5346414F, "AFS"},    {0x6B414653, "AFS"},     {0x00C36400, "Ceph"},
      {0x0BD00BD0, "Lustre"},    {0x47504653, "GPFS"},   {0x01161970, "GFS2"},    {0x7461636F, "OCFS2"},
      {0x786F4256, "VirtualBox"},
  }};
  const auto at = std::ranges::find(known, static_cast<std::uint32_t>(type), &decltype(known)::value_type::first);
  return at == known.end() ? std::nullopt : std::optional<std::string>(at->second);
}

}  // namespace sqlq::platform
