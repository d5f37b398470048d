#pragma once
/// \file
/// Who ran what when: memory that all processes of an operation share, so that writing it costs a handler nothing.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <sqlq/clock.hpp>

namespace sqlq::bench {

/// Thread-safety: all members from any thread of any process.
class Ledger {
 public:
  static constexpr std::size_t most_members = 64;

  /// Makes the file, for jobs 0 to `jobs` - 1; it is gone when the maker is.
  explicit Ledger(std::size_t jobs);
  /// Opens another process's.
  explicit Ledger(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::size_t jobs() const noexcept { return head_->jobs; }

  /// The handler of a job begins / ends.
  void begin(std::size_t job, SteadyPoint at) noexcept;
  void end(std::size_t job, SteadyPoint at) noexcept;
  [[nodiscard]] std::uint32_t runs(std::size_t job) const noexcept { return rows_[job].runs.load(); }
  [[nodiscard]] SteadyPoint begun_at(std::size_t job) const noexcept;
  [[nodiscard]] SteadyPoint ended_at(std::size_t job) const noexcept;

  /// The largest number of handlers that ran at once.
  [[nodiscard]] std::uint32_t most_at_once() const noexcept { return head_->most.load(); }
  /// Successes that a member says are durable; the sum over all.
  void set_succeeded(std::size_t member, std::uint64_t count) noexcept { head_->succeeded[member].store(count); }
  [[nodiscard]] std::uint64_t succeeded() const noexcept;

 private:
  struct Head {
    std::size_t jobs;
    std::atomic<std::uint32_t> running;
    std::atomic<std::uint32_t> most;
    std::array<std::atomic<std::uint64_t>, most_members> succeeded;
  };
  struct Row {
    std::atomic<std::uint32_t> runs;
    std::atomic<std::int64_t> begun_us;
    std::atomic<std::int64_t> ended_us;
  };
  void map(int file, std::size_t size);

  std::string path_;
  bool mine_;
  std::size_t size_ = 0;
  Head* head_ = nullptr;
  Row* rows_ = nullptr;
};

}  // namespace sqlq::bench
