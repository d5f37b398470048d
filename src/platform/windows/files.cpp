#include "platform/files.hpp"

#include <cctype>
#include <filesystem>
#include <limits>
#include <vector>

#include "platform/windows/api.hpp"

#include <aclapi.h>
#include <sddl.h>

namespace sqlq::platform {
namespace {

constexpr int is_a_folder = 336;  // ERROR_DIRECTORY_NOT_SUPPORTED, which headers of today lack

/// What the system gives to be freed with LocalFree.
template <class T>
class Local final {
 public:
  Local() = default;
  ~Local() { ::LocalFree(value_); }
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;
  [[nodiscard]] T get() const noexcept { return value_; }
  [[nodiscard]] T* out() noexcept { return &value_; }

 private:
  T value_ = nullptr;
};

/// The user that this process runs as, as a text; empty when the system does not tell.
std::wstring this_user() {
  HANDLE opened = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &opened) == 0) return {};
  const OwnedHandle token(opened);
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenUser, nullptr, 0, &size);
  std::vector<unsigned char> bytes(size);
  if (::GetTokenInformation(token.get(), TokenUser, bytes.data(), size, &size) == 0) return {};
  Local<wchar_t*> text;
  const auto* const user = reinterpret_cast<const TOKEN_USER*>(bytes.data());
  return ::ConvertSidToStringSidW(user->User.Sid, text.out()) != 0 ? std::wstring(text.get()) : std::wstring();
}

/// Nothing in it comes from the folder. (Not SE_DACL_PROTECTED, which Wine does not keep.)
bool is_of_its_own(PACL list) {
  if (list == nullptr) return false;
  for (DWORD i = 0; i < list->AceCount; ++i) {
    void* entry = nullptr;
    if (::GetAce(list, i, &entry) == 0) return false;
    if ((static_cast<const ACE_HEADER*>(entry)->AceFlags & INHERITED_ACE) != 0) return false;
  }
  return true;
}

int make_for(const std::wstring& user, const std::wstring& path) {
  if (user.empty()) return ERROR_ACCESS_DENIED;
  // P: nothing of the folder's list is inherited. FA: all rights.
  const std::wstring list = L"D:P(A;;FA;;;" + user + L")";
  Local<PSECURITY_DESCRIPTOR> descriptor;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(list.c_str(), SDDL_REVISION_1, descriptor.out(),
                                                             nullptr) == 0) {
    return static_cast<int>(::GetLastError());
  }
  SECURITY_ATTRIBUTES attributes{sizeof(SECURITY_ATTRIBUTES), descriptor.get(), FALSE};
  const OwnedHandle file(::CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE,
                                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, &attributes, CREATE_NEW,
                                       FILE_ATTRIBUTE_NORMAL, nullptr));
  return file ? 0 : static_cast<int>(::GetLastError());
}

}  // namespace

Refusal refusal_of(int system_error) noexcept {
  switch (system_error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME: return Refusal::missing;
    case ERROR_DIRECTORY: return Refusal::not_a_folder;
    case is_a_folder: return Refusal::folder;
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT:
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_NETWORK_ACCESS_DENIED: return Refusal::forbidden;
    case ERROR_TOO_MANY_OPEN_FILES:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION: return Refusal::exhausted;
    default: return Refusal::other;
  }
}

std::string system_text(int system_error) {
  Local<wchar_t*> text;
  const DWORD size = ::FormatMessageW(
      FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
      static_cast<DWORD>(system_error), 0, reinterpret_cast<wchar_t*>(text.out()), 0, nullptr);
  std::string said = size == 0 ? std::string() : narrow({text.get(), size});
  while (!said.empty() && (said.back() == '\n' || said.back() == '\r' || said.back() == '.')) said.pop_back();
  return said.empty() ? "error " + std::to_string(system_error) + " of the system" : said;
}

FileLook look_at(const std::string& path) noexcept {
  try {
    // No rights are asked for: nobody who has the file open minds. BACKUP_SEMANTICS: folders too.
    const OwnedHandle file(::CreateFileW(wide(path).c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                         nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
    if (!file) return {.error = static_cast<int>(::GetLastError())};
    BY_HANDLE_FILE_INFORMATION found{};
    if (::GetFileInformationByHandle(file.get(), &found) == 0) return {.error = static_cast<int>(::GetLastError())};
    const auto whole = [](DWORD high, DWORD low) { return std::uint64_t{high} << 32U | low; };
    return {.id = {found.dwVolumeSerialNumber, whole(found.nFileIndexHigh, found.nFileIndexLow)},
            .size = static_cast<std::int64_t>(whole(found.nFileSizeHigh, found.nFileSizeLow))};
  } catch (...) {
    return {.error = ERROR_NOT_ENOUGH_MEMORY};
  }
}

std::string whole_name(const std::string& path, std::error_code& failed) {
  const bool drive = path.size() > 2 && path[0] == '/' && path[2] == ':' &&
                     std::isalpha(static_cast<unsigned char>(path[1])) != 0;
  return narrow(std::filesystem::absolute(wide(path.substr(drive ? 1 : 0)), failed).wstring());
}

std::int64_t free_bytes(const std::string& path) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / 4;
  try {
    const auto end = path.find_last_of("/\\");
    const std::wstring folder = end == std::string::npos ? std::wstring(L".") : wide(path.substr(0, end + 1));
    ULARGE_INTEGER bytes{};
    if (::GetDiskFreeSpaceExW(folder.c_str(), &bytes, nullptr, nullptr) == 0) return most;
    return bytes.QuadPart > most ? most : static_cast<std::int64_t>(bytes.QuadPart);
  } catch (...) {
    return most;
  }
}

bool open_files_stay() noexcept { return true; }

int create_private(const std::string& path) noexcept {
  try {
    const std::wstring name = wide(path);
    const DWORD there = ::GetFileAttributesW(name.c_str());
    if (there != INVALID_FILE_ATTRIBUTES) {
      return (there & FILE_ATTRIBUTE_DIRECTORY) != 0 ? is_a_folder : 0;
    }
    const int refused = make_for(this_user(), name);
    return refused == ERROR_FILE_EXISTS ? 0 : refused;
  } catch (...) {
    return ERROR_NOT_ENOUGH_MEMORY;
  }
}

// What a database's library makes beside the file has the access list of the folder.
void share_access(const std::string& from, const std::string& to) noexcept {
  try {
    PACL list = nullptr;
    Local<PSECURITY_DESCRIPTOR> descriptor;
    if (::GetNamedSecurityInfoW(wide(from).data(), SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, nullptr, nullptr, &list,
                                nullptr, descriptor.out()) != ERROR_SUCCESS) {
      return;
    }
    if (!is_of_its_own(list)) return;
    SECURITY_DESCRIPTOR own{};
    if (::InitializeSecurityDescriptor(&own, SECURITY_DESCRIPTOR_REVISION) == 0 ||
        ::SetSecurityDescriptorDacl(&own, TRUE, list, FALSE) == 0 ||
        ::SetSecurityDescriptorControl(&own, SE_DACL_PROTECTED, SE_DACL_PROTECTED) == 0) {
      return;
    }
    ::SetFileSecurityW(wide(to).c_str(), DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, &own);
  } catch (...) {  // as any error
  }
}

}  // namespace sqlq::platform
