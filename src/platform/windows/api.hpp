#pragma once
/// \file
/// The one door to <windows.h>, without its words `min`, `max` and most others; and text as it wants it.

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif

#include <winsock2.h>

#include <windows.h>

#include <string>
#include <string_view>
#include <utility>

namespace sqlq::platform {

/// UTF-8 as UTF-16; what is none becomes the replacement character.
[[nodiscard]] inline std::wstring wide(std::string_view text) {
  const auto size = static_cast<int>(text.size());
  std::wstring out(static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0)), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), size, out.data(), static_cast<int>(out.size()));
  return out;
}

/// And back.
[[nodiscard]] inline std::string narrow(std::wstring_view text) {
  const auto size = static_cast<int>(text.size());
  std::string out(static_cast<std::size_t>(
                      ::WideCharToMultiByte(CP_UTF8, 0, text.data(), size, nullptr, 0, nullptr, nullptr)), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text.data(), size, out.data(), static_cast<int>(out.size()), nullptr, nullptr);
  return out;
}

/// Closes a handle; null and INVALID_HANDLE_VALUE are none.
class OwnedHandle final {
 public:
  explicit OwnedHandle(HANDLE handle) noexcept : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  ~OwnedHandle() {
    if (handle_ != nullptr) ::CloseHandle(handle_);
  }
  OwnedHandle(const OwnedHandle&) = delete;
  OwnedHandle& operator=(const OwnedHandle&) = delete;
  [[nodiscard]] HANDLE get() const noexcept { return handle_; }
  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

 private:
  HANDLE handle_;
};

}  // namespace sqlq::platform
