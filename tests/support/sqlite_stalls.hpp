#pragma once
/// \file
/// Checkpoints of SQLite that stand still where others could overtake them, and a count of what happened then.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>

#include "platform/pause.hpp"
#include "support/sqlite_vfs.hpp"

namespace sqlq::sqlite {

/// What the processes that share a file of counts have seen.
struct StallCounts {
  std::atomic<std::uint64_t> checkpoints{0};  ///< that found something to look at
  std::atomic<std::uint64_t> exposed{0};      ///< of these, those that stood still before a WAL that was copied whole
  std::atomic<std::uint64_t> overtaken{0};    ///< of these, those before which it was begun anew
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // or it could not be shared

/// While it lives, checkpoints of this process stand still for up to 8 ms when they have read the header of a WAL that
/// was copied whole, and now and then at a sync, which comes before they copy and after it.
class Stalls final : public Vfs {
 public:
  /// `path`: the file of counts, made when it is missing.
  explicit Stalls(const std::string& path) {
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(StallCounts)) != 0) throw std::runtime_error("cannot make " + path);
    void* memory = ::mmap(nullptr, sizeof(StallCounts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    counts_ = static_cast<StallCounts*>(memory);
  }
  ~Stalls() override { ::munmap(counts_, sizeof(StallCounts)); }

  [[nodiscard]] const StallCounts& counts() const noexcept { return *counts_; }

 private:
  void checkpoint_has_read_header(File& file) override {
    const Log before = log_of(file);
    ++counts_->checkpoints;
    if (before.frames == 0 || before.copied != before.frames) return;
    ++counts_->exposed;
    stall();
    if (log_of(file).salts != before.salts) ++counts_->overtaken;
  }
  int sync(File& file, int flags) override {
    if (random()() % 16 == 0) stall();
    return Vfs::sync(file, flags);
  }
  static void stall() { platform::pause_for(Duration(random()() % 8000)); }
  static std::minstd_rand& random() {
    thread_local std::minstd_rand engine(std::random_device{}());
    return engine;
  }

  StallCounts* counts_;
};

}  // namespace sqlq::sqlite
