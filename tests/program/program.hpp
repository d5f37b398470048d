#pragma once
/// \file
/// The program sqlq, started as a shell starts it: with words, standard input and an environment, on pipes or on a
/// terminal of a given size.
///
///     class Queues : public program::ProgramTest {};
///     TEST_F(Queues, ArePaused) {
///       client().enqueue(...);                                    // through the library, in the same database
///       EXPECT_EQ(sqlq({"queue", "pause", "mail"}).code, 0);
///       EXPECT_EQ(json({"queue", "show", "mail"})["paused"], true);
///     }

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <sqlq/sqlq.hpp>

#include "process/child.hpp"
#include "process/scratch.hpp"

namespace sqlq::program {

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

using process::long_enough;

/// How it ended, and what it wrote. On a terminal all is in `out`.
struct Result {
  int code = -1;  ///< 128 + the number of the signal that killed it
  std::string out{};
  std::string err{};
};

struct Size {
  unsigned short columns = 80;
  unsigned short rows = 24;
};

struct Setting {
  std::string input{};                     ///< standard input, which then ends; not on a terminal
  std::vector<std::string> environment{};  ///< NAME=value, before ours, which is without URLs and NO_COLOR
  std::string folder{};                    ///< where it is started; empty: in ours
  std::optional<Size> terminal{};          ///< on one of this size; empty: three pipes
};

/// `sqlq WORDS...` while it runs. One thread. Killed and waited for at its end.
class Running {
 public:
  explicit Running(const std::vector<std::string>& words, const Setting& setting = {});
  /// Another program of this folder or of the system, by its path, such as /bin/bash.
  Running(const std::string& program, const std::vector<std::string>& words, const Setting& setting);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// Keys, on a terminal.
  void type(std::string_view text) const;
  void resize(Size size) const;
  /// Reads until it has written the text; false when it ended before, or did not within `limit`.
  [[nodiscard]] bool wrote(std::string_view text, Duration limit = long_enough);
  /// Until it has ended and closed what it writes to. Errors: std::runtime_error when it did not within `limit`.
  Result wait(Duration limit = long_enough);
  /// What it has written so far.
  [[nodiscard]] const std::string& out() const noexcept { return out_; }
  [[nodiscard]] const std::string& err() const noexcept { return err_; }

 private:
  /// One round of reading; false when nothing more can come, or the deadline has passed.
  bool read_some(SteadyPoint deadline);
  pid_t pid_ = 0;
  process::Descriptor terminal_{}, in_{}, out_end_{}, err_end_{};
  std::string input_{};
  std::string out_{}, err_{};
};

/// Starts it and waits for its end.
[[nodiscard]] Result run(const std::vector<std::string>& words, const Setting& setting = {});

/// What a terminal of that size shows after these bytes: as many lines as it has rows, without spaces at their ends.
/// Knows what full-screen programs use: cursor movements, erasing, scrolling; colours are dropped.
[[nodiscard]] std::vector<std::string> screen(std::string_view bytes, Size size = {});

/// A folder with a database of its own for each test. `Place` says where it is: process::Scratch (a file), or
/// process::Anywhere (process/place.hpp), for tests that run on every database.
template <class Place>
class ProgramOn : public Place {
 protected:
  /// Runs it in the test's folder; it finds the database through SQLQ_DATABASE_URL.
  Result sqlq(const std::vector<std::string>& words, Setting setting = {}) {
    return run(words, here(std::move(setting)));
  }
  /// Expects that it ends well, and reads its standard output.
  nlohmann::json json(std::vector<std::string> words) {
    words.insert(words.begin(), {"-o", "json"});
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    nlohmann::json read = nlohmann::json::parse(result.out, nullptr, false);
    EXPECT_FALSE(read.is_discarded()) << result.out;
    return read;
  }
  [[nodiscard]] Setting here(Setting setting = {}) const {
    if (setting.folder.empty()) setting.folder = std::filesystem::path(this->path()).parent_path().string();
    setting.environment.push_back("SQLQ_DATABASE_URL=" + this->url());
    return setting;
  }

  /// The same database through the library, with its tables.
  Database& db() {
    if (!db_) {
      db_ = open(this->url());
      db_->migrate();
    }
    return *db_;
  }
  Client client() { return Client{db()}; }
  Admin admin() { return Admin{db()}; }

 private:
  std::optional<Database> db_{};
};
using ProgramTest = ProgramOn<process::Scratch>;

}  // namespace sqlq::program
