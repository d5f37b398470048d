// What only Windows has: access lists of new files, names in UTF-8. Not compiled elsewhere.

#include <array>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "platform/files.hpp"
#include "platform/process.hpp"
#include "platform/system.hpp"
#include "platform/windows/api.hpp"

#include <aclapi.h>

namespace sqlq::platform {
namespace {

/// A folder of its own, whose name is not ASCII.
class WindowsFiles : public ::testing::Test {
 protected:
  WindowsFiles()
      : folder_(std::filesystem::temp_directory_path() /
                (L"sqlq_\u00e4\u20ac_" + std::to_wstring(::GetCurrentProcessId()))) {
    std::filesystem::create_directories(folder_);
  }
  ~WindowsFiles() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const std::wstring& name) const { return narrow((folder_ / name).wstring()); }

  /// How many others than its owner, and the system itself, the access list lets in; -1: there is no list, all may do
  /// all.
  static int others_of(const std::string& file) {
    PACL list = nullptr;
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    PSID owner = nullptr;
    EXPECT_EQ(::GetNamedSecurityInfoW(wide(file).data(), SE_FILE_OBJECT,
                                      OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, nullptr, &list,
                                      nullptr, &descriptor),
              static_cast<DWORD>(ERROR_SUCCESS));
    if (list == nullptr) return -1;
    int others = 0;
    for (DWORD i = 0; i < list->AceCount; ++i) {
      void* entry = nullptr;
      EXPECT_NE(::GetAce(list, i, &entry), 0);
      auto* const allowed = static_cast<ACCESS_ALLOWED_ACE*>(entry);
      if (allowed->Header.AceType != ACCESS_ALLOWED_ACE_TYPE) continue;
      const PSID user = reinterpret_cast<PSID>(&allowed->SidStart);
      if (::EqualSid(owner, user) == 0 && ::IsWellKnownSid(user, WinLocalSystemSid) == 0) ++others;
    }
    ::LocalFree(descriptor);
    return others;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(WindowsFiles, NewOnesAreForTheirOwnerAlone) {
  const std::string file = path(L"jobs \u00f6.db");
  EXPECT_EQ(create_private(file), 0);
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(wide(file))));
  EXPECT_EQ(others_of(file), 0);
  EXPECT_EQ(create_private(file), 0) << "it is there";
}

TEST_F(WindowsFiles, WhatIsMadeBesideOneIsForTheSame) {
  const std::string file = path(L"jobs.db");
  const std::string log = path(L"jobs.db-wal");
  ASSERT_EQ(create_private(file), 0);
  const OwnedHandle made(::CreateFileW(wide(log).c_str(), GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                                       CREATE_NEW, 0, nullptr));
  ASSERT_TRUE(made);
  share_access(file, log);
  EXPECT_EQ(others_of(log), 0);
}

TEST_F(WindowsFiles, AreToldApart) {
  const std::string one = path(L"one.db");
  const std::string other = path(L"other.db");
  ASSERT_EQ(create_private(one), 0);
  ASSERT_EQ(create_private(other), 0);
  EXPECT_EQ(look_at(one).id, look_at(one).id);
  EXPECT_NE(look_at(one).id, look_at(other).id);
  EXPECT_NE(look_at(one).id, FileId{});
  EXPECT_TRUE(look_at(path(L"none.db")).missing());
  EXPECT_TRUE(look_at(path(L"none/none.db")).missing());
  EXPECT_GT(free_bytes(one), 0);
}

TEST_F(WindowsFiles, WhyOneIsRefusedIsSaid) {
  EXPECT_EQ(refusal_of(create_private(path(L"none/jobs.db"))), Refusal::missing);
  EXPECT_EQ(refusal_of(create_private(path(L""))), Refusal::folder);
  EXPECT_FALSE(system_text(ERROR_ACCESS_DENIED).empty());
  EXPECT_NE(system_text(123456789), "");
}

TEST(WindowsNames, AreWhole) {
  std::error_code failed;
  EXPECT_EQ(whole_name("/C:/Daten/jobs.db", failed), whole_name("C:/Daten/jobs.db", failed));
  EXPECT_EQ(whole_name("C:/Daten/j\xC3\xB6" "bs.db", failed).substr(0, 2), "C:");
  EXPECT_TRUE(whole_name("jobs.db", failed).ends_with("jobs.db"));
  EXPECT_GT(whole_name("jobs.db", failed).size(), 8U);
  EXPECT_FALSE(failed);
}

TEST(WindowsHost, HasAName) {
  EXPECT_FALSE(system_name().empty());
  EXPECT_FALSE(boot_id().empty()) << "the registry's BootId; ci/windows sets it for Wine, which has none";
  EXPECT_FALSE(this_process().host.empty());
}

}  // namespace
}  // namespace sqlq::platform
