#include "platform/standard_error.hpp"

#include "platform/windows/api.hpp"

namespace sqlq::platform {

void write_to_standard_error(std::string_view line) {
  const HANDLE out = ::GetStdHandle(STD_ERROR_HANDLE);
  if (out == nullptr || out == INVALID_HANDLE_VALUE) return;  // a program without a console
  while (!line.empty()) {
    DWORD written = 0;
    if (::WriteFile(out, line.data(), static_cast<DWORD>(line.size()), &written, nullptr) == 0 || written == 0) return;
    line.remove_prefix(written);
  }
}

}  // namespace sqlq::platform
