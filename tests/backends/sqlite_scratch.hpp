#pragma once
/// \file
/// A folder of its own for each test, and native connections to what is in it.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace sqlq::sqlite {

class Scratch : public ::testing::Test {
 protected:
  Scratch() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("sqlq_" + std::to_string(::getpid()) + "_" + info->test_suite_name() + "_" + info->name());
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() override {
    std::error_code failed;  // as when a file is open still, which some systems do not remove
    std::filesystem::remove_all(folder_, failed);
    EXPECT_FALSE(failed) << folder_ << ": " << failed.message();
  }

  [[nodiscard]] std::string path(const std::string& name = "jobs.db") const { return (folder_ / name).string(); }
  [[nodiscard]] std::string url(const std::string& options = {}) const { return "sqlite://" + path() + options; }

 private:
  std::filesystem::path folder_;
};

/// A connection as an application would have it.
class Native {
 public:
  explicit Native(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("cannot open " + path);
    sqlite3_busy_timeout(handle_, 5000);
  }
  ~Native() { sqlite3_close(handle_); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  [[nodiscard]] sqlite3* handle() const { return handle_; }
  int exec(const std::string& sql) const { return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); }

  /// All values of all rows, as text.
  [[nodiscard]] std::vector<std::string> query(const std::string& sql) const {
    std::vector<std::string> values;
    const auto keep = [](void* into, int n, char** columns, char**) {
      for (int i = 0; i < n; ++i) {
        static_cast<std::vector<std::string>*>(into)->emplace_back(columns[i] == nullptr ? "NULL" : columns[i]);
      }
      return 0;
    };
    if (sqlite3_exec(handle_, sql.c_str(), keep, &values, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(handle_));
    }
    return values;
  }

 private:
  sqlite3* handle_ = nullptr;
};

}  // namespace sqlq::sqlite
