#include "platform/host.hpp"

#include <string_view>

#include "core/text.hpp"
#include "platform/random.hpp"
#include "platform/system.hpp"

namespace sqlq::platform {

namespace {

std::string read_host_name() {
  std::string name = core::clean_text(system_name(), 200);
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return name.empty() ? "localhost" : name;
}

std::string hex(std::uint32_t value) {
  std::string text(8, '0');
  for (std::size_t i = 8; i-- > 0; value >>= 4) text[i] = std::string_view("0123456789abcdef")[value & 0xf];
  return text;
}

}  // namespace

std::string host_name() {
  static const std::string& host = *new std::string(read_host_name());  // never destroyed: CONTRIBUTING.md
  return host;
}

std::string worker_name(std::uint32_t tag) {
  return host_name() + ":" + std::to_string(process_id()) + ":" + hex(tag);
}

std::string default_worker_name() { return worker_name(static_cast<std::uint32_t>(random64())); }

}  // namespace sqlq::platform
