#pragma once
/// The part of example 01 that has nothing to do with queues: finding files, counting what is in them, a progress bar.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

/// FNV-1a, 64 bits.
class Checksum {
 public:
  explicit Checksum(std::uint64_t start = 0xcbf29ce484222325u) : sum_(start) {}
  void add(char c) { sum_ = (sum_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u; }
  Checksum& add(std::string_view text) {
    for (const char c : text) add(c);
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const { return sum_; }
  [[nodiscard]] std::string hex() const {
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(sum_ >> shift) & 15];
    return digits;
  }

 private:
  std::uint64_t sum_;
};

/// Printable ASCII stays, every other byte becomes %XX. File names may be any bytes; JSON text and terminals are safe
/// with this form.
inline std::string percent_encode(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && byte != '%') {
      text += c;
    } else {
      text += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    }
  }
  return text;
}

inline std::string percent_decode(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      path += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      path += text[i];
    }
  }
  return path;
}

/// What is between `scheme:` or `scheme://` and the options: the file, if the database is one.
inline std::string file_named_by(const std::string& url) {
  std::size_t begin = url.find(':') + 1;
  if (url.compare(begin, 2, "//") == 0) begin += 2;
  return percent_decode(url.substr(begin, url.find('?') - begin));
}

/// A file as it was found.
struct FoundFile {
  std::string path;  ///< percent-encoded
  std::uintmax_t size = 0;
  std::int64_t modified = 0;
};

/// All regular files below `root` in order of path. Symbolic links are not followed; .git and build folders (called
/// build, or made by CMake) are left out, and so is `database` with its companions: a program that closes a second
/// descriptor of an open SQLite file drops the locks on it.
inline std::vector<FoundFile> find_files(const std::filesystem::path& root, const std::filesystem::path& database) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto skipped = [&](const fs::path& folder) {
    return folder.filename() == ".git" || folder.filename() == "build" || fs::exists(folder / "CMakeCache.txt", error);
  };
  const std::string db = fs::weakly_canonical(database, error).string();
  std::vector<FoundFile> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(root, options), end; it != end; ++it) {
    if (it->is_symlink(error)) continue;
    if (it->is_directory(error) && skipped(it->path())) it.disable_recursion_pending();
    const std::string path = it->path().string();
    if (!it->is_regular_file(error) || path == db || path == db + "-wal" || path == db + "-shm") continue;
    const auto size = it->file_size(error);
    const auto written = it->last_write_time(error).time_since_epoch();
    const auto modified = std::chrono::duration_cast<std::chrono::nanoseconds>(written).count();
    files.push_back({percent_encode(path), size, modified});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

struct Counts {
  std::uint64_t bytes = 0, lines = 0, words = 0;
  std::string checksum;
};

/// Reads the file once. Throws std::runtime_error if it cannot, and when asked to stop.
inline Counts count_file(const std::string& path, const std::stop_token& stop) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw std::runtime_error("it is no longer there");
  const auto fail = [](const char* what) {
    throw std::runtime_error(std::string(what) + ": " + std::generic_category().message(errno));
  };
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot open it");
  Counts counts;
  Checksum sum;
  bool in_word = false;
  std::vector<char> block(64 * 1024);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0) {
    if (stop.stop_requested()) throw std::runtime_error("stopped");
    const std::string_view text(block.data(), static_cast<std::size_t>(in.gcount()));
    for (const char c : text) {
      const bool space = c == ' ' || (c >= '\t' && c <= '\r');
      if (!space && !in_word) ++counts.words;
      if (c == '\n') ++counts.lines;
      in_word = !space;
    }
    counts.bytes += text.size();
    sum.add(text);
  }
  if (in.bad()) fail("cannot read it");
  counts.checksum = sum.hex();
  return counts;
}

/// On standard error: a bar if that is a terminal, else a line for each tenth.
class Progress {
 public:
  explicit Progress(std::uint64_t total) : total_(total) {}
  ~Progress() {
    if (terminal_ && tenth_ != none) std::cerr << "\r\033[K";
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t done) {
    const std::uint64_t tenth = done * 10 / total_;
    if (terminal_) {
      const auto filled = static_cast<std::size_t>(done * 40 / total_);
      std::cerr << "\r[" << std::string(filled, '#') << std::string(40 - filled, '.') << "] " << done << '/' << total_
                << std::flush;
    } else if (tenth != tenth_) {
      std::cerr << "done: " << done << " of " << total_ << '\n';
    }
    tenth_ = tenth;
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::uint64_t total_;
  std::uint64_t tenth_ = none;
  bool terminal_ = isatty(STDERR_FILENO) != 0;
};
