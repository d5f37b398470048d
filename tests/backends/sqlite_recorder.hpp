#pragma once
/// \file
/// What a program writes into its SQLite files, recorded by a VFS of our own, and the files as a crash of the machine
/// would leave them: what was synced is there, of what was not synced nothing, all or some.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "support/sqlite_vfs.hpp"

namespace sqlq::sqlite {

/// While it lives, every SQLite file that this process opens is recorded. Thread-safe.
class Recorder final : public Vfs {
 public:
  struct Step {
    enum class Kind { write, truncate, sync, remove };
    Kind kind = Kind::write;
    std::string file{};
    std::int64_t offset = 0;  ///< truncate: the new size
    std::string bytes{};
  };

  /// How many steps there are so far.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return steps_.size();
  }
  [[nodiscard]] std::vector<Step> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }

 private:
  int remove(const char* name, int sync) override {
    record({Step::Kind::remove, name});
    return Vfs::remove(name, sync);
  }
  int write(File& f, const void* from, int n, std::int64_t at) override {
    record({Step::Kind::write, f.name, at, std::string(static_cast<const char*>(from), static_cast<std::size_t>(n))});
    return Vfs::write(f, from, n, at);
  }
  int truncate(File& f, std::int64_t size) override {
    record({Step::Kind::truncate, f.name, size});
    return Vfs::truncate(f, size);
  }
  int sync(File& f, int flags) override {
    const int rc = Vfs::sync(f, flags);
    record({Step::Kind::sync, f.name});
    return rc;
  }
  void record(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }

  mutable std::mutex mutex_;
  std::vector<Step> steps_;
};

/// The contents of all files after the first `n` steps and a crash. `survives` is asked for each write that was not
/// synced; that a file was made or removed always survives.
inline std::map<std::string, std::string> after_crash(const std::vector<Recorder::Step>& steps, std::size_t n,
                                                      const std::function<bool()>& survives) {
  std::map<std::string, std::size_t> synced;
  for (std::size_t i = 0; i < n; ++i) {
    if (steps[i].kind == Recorder::Step::Kind::sync) synced[steps[i].file] = i;
  }
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < n; ++i) {
    const Recorder::Step& step = steps[i];
    if (step.kind == Recorder::Step::Kind::sync) continue;
    if (step.kind == Recorder::Step::Kind::remove) {
      files.erase(step.file);
      continue;
    }
    const auto durable = synced.find(step.file);
    const bool sure = durable != synced.end() && i < durable->second;
    if (!sure && !survives()) continue;
    std::string& content = files[step.file];
    const auto offset = static_cast<std::size_t>(step.offset);
    if (step.kind == Recorder::Step::Kind::truncate) {
      content.resize(offset);
    } else {
      if (content.size() < offset + step.bytes.size()) content.resize(offset + step.bytes.size());
      content.replace(offset, step.bytes.size(), step.bytes);
    }
  }
  return files;
}

}  // namespace sqlq::sqlite
