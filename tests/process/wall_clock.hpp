#pragma once
/// \file
/// The wall clock of other processes, to be stepped: they preload clock_shim.cpp.

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "child.hpp"
#include "faults/record.hpp"

namespace sqlq::process {

/// Who is started with its environment has the wall clock that this one says. One thread.
class WallClock {
 public:
  /// The folder gets two files. Errors: std::system_error.
  explicit WallClock(const std::string& folder) : shim_(folder + "/clock_shim.so"), file_(folder + "/clock") {
    // A copy: servers run as somebody who need not see the build.
    std::filesystem::copy_file(beside_test("clock_shim.so"), shim_, std::filesystem::copy_options::overwrite_existing);
    const Descriptor fd(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd.get() < 0 || ::ftruncate(fd.get(), sizeof *moved_) != 0) fail_with_errno("cannot make " + file_);
    void* page = ::mmap(nullptr, sizeof *moved_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (page == MAP_FAILED) fail_with_errno("cannot map " + file_);
    moved_ = static_cast<std::atomic<std::int64_t>*>(page);
  }
  ~WallClock() { ::munmap(moved_, sizeof *moved_); }
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;

  [[nodiscard]] std::vector<std::string> environment() const {
    // The address sanitizer would like to be the first in the list; the shim needs nothing of it.
    return {"LD_PRELOAD=" + shim_, "SQLQ_CLOCK_SHIM=" + file_, "ASAN_OPTIONS=verify_asan_link_order=0"};
  }
  /// From now on it is so much ahead of the true one. Returns the moment, on the monotonic clock.
  std::int64_t set(Duration ahead) {
    moved_->store(ahead.count());
    const std::int64_t at = faults::steady_us();
    steps_.push_back({at, ahead.count()});
    return at;
  }
  /// When a job is due that was told at `said` to wait until `due` (both on the monotonic clock), by whoever goes by
  /// this clock. At the earliest: it may have looked at the clock a little after it said so.
  [[nodiscard]] std::int64_t earliest(std::int64_t said, std::int64_t due) const {
    constexpr std::int64_t a_little = 1'000'000;
    std::int64_t least = INT64_MAX;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (begin(i) <= said + a_little && end(i) > said) least = std::min(least, steps_[i].ahead);
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const std::int64_t reached = std::max({begin(i), said, due + least - steps_[i].ahead});
      if (reached < end(i)) return reached;
    }
    return INT64_MAX;
  }

 private:
  struct Step {
    std::int64_t at;
    std::int64_t ahead;
  };
  [[nodiscard]] std::int64_t begin(std::size_t i) const { return steps_[i].at; }
  [[nodiscard]] std::int64_t end(std::size_t i) const { return i + 1 < steps_.size() ? steps_[i + 1].at : INT64_MAX; }

  std::string shim_;
  std::string file_;
  std::atomic<std::int64_t>* moved_ = nullptr;
  std::vector<Step> steps_{{0, 0}};
};

}  // namespace sqlq::process
