#include "ledger.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace sqlq::bench {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Ledger::Ledger(std::size_t jobs)
    : path_((std::filesystem::temp_directory_path() / ("sqlq-bench-" + std::string(6, 'X'))).string()), mine_(true) {
  const int file = ::mkstemp(path_.data());
  if (file < 0) fail("cannot make " + path_);
  const std::size_t size = sizeof(Head) + jobs * sizeof(Row);
  if (::ftruncate(file, static_cast<off_t>(size)) != 0) fail("cannot extend " + path_);
  map(file, size);  // zeros are a valid beginning of everything in it
  head_->jobs = jobs;
}

Ledger::Ledger(const std::string& path) : path_(path), mine_(false) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || ::fstat(file, &about) != 0) fail("cannot open " + path);
  map(file, static_cast<std::size_t>(about.st_size));
}

void Ledger::map(int file, std::size_t size) {
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) fail("cannot map " + path_);
  size_ = size;
  head_ = static_cast<Head*>(memory);
  rows_ = reinterpret_cast<Row*>(head_ + 1);
}

Ledger::~Ledger() {
  ::munmap(head_, size_);
  if (mine_) ::unlink(path_.c_str());
}

void Ledger::begin(std::size_t job, SteadyPoint at) noexcept {
  Row& row = rows_[job];
  row.runs.fetch_add(1);
  row.begun_us.store(at.time_since_epoch().count());
  const std::uint32_t now = head_->running.fetch_add(1) + 1;
  std::uint32_t most = head_->most.load();
  while (now > most && !head_->most.compare_exchange_weak(most, now)) {
  }
}

void Ledger::end(std::size_t job, SteadyPoint at) noexcept {
  head_->running.fetch_sub(1);
  rows_[job].ended_us.store(at.time_since_epoch().count());
}

SteadyPoint Ledger::begun_at(std::size_t job) const noexcept { return SteadyPoint(Duration(rows_[job].begun_us)); }
SteadyPoint Ledger::ended_at(std::size_t job) const noexcept { return SteadyPoint(Duration(rows_[job].ended_us)); }

std::uint64_t Ledger::succeeded() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& count : head_->succeeded) sum += count.load();
  return sum;
}

}  // namespace sqlq::bench
