#pragma once
/// \file
/// What processes did, written by themselves, without the library under test: one record, one append. What was written
/// is kept when the process is killed: it is in the page cache, and 64 divides a page, so no record is ever torn.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/job.hpp>

namespace sqlq::process {

enum class What : std::int32_t {
  enqueue_asked = 1,  ///< by a producer, before it sends the job
  enqueued = 2,       ///< by a producer: the job was acknowledged
  claimed = 3,        ///< by an own loop, after the claim returned
  finishing = 4,      ///< by an own loop, before it asks for the job's success
  finished = 5,       ///< by an own loop: the success was applied
  start = 6,          ///< by a handler, first
  end = 7,            ///< by a handler, last
};

/// `at_us` is on the steady clock, which all processes of the host share.
struct Record {
  What what{};
  std::int32_t pid = 0;
  std::int64_t at_us = 0;
  std::array<std::uint8_t, 16> id{};
  std::int64_t claim = 0;
  std::int64_t token = 0;
  std::int32_t attempt = 0;
  std::int32_t queue = 0;  ///< the program's own number for the queue
  std::int64_t value = 0;  ///< the program's own

  [[nodiscard]] JobId job() const { return JobId(id); }
};
static_assert(sizeof(Record) == 64 && std::is_trivially_copyable_v<Record>);

/// Thread-safe: appends are.
class Recorder {
 public:
  explicit Recorder(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) throw std::runtime_error("cannot open " + path);
  }
  ~Recorder() { ::close(fd_); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void write(What what, JobId id) const {
    Record r;
    r.what = what;
    r.id = id.bytes();
    write(r);
  }
  void write(What what, const Job& job, std::int32_t queue = 0) const {
    Record r;
    r.what = what;
    r.id = job.id.bytes();
    r.claim = job.claims;
    r.token = job.lease_token.value;
    r.attempt = job.attempt;
    r.queue = queue;
    write(r);
  }
  void write(Record r) const {
    r.pid = ::getpid();
    r.at_us = system_clock()->steady().time_since_epoch().count();
    if (::write(fd_, &r, sizeof r) != ssize_t{sizeof r}) throw std::runtime_error("cannot append a record");
  }

 private:
  int fd_;
};

/// Reads what has been appended since the last call.
class RecordReader {
 public:
  explicit RecordReader(std::string path) : path_(std::move(path)) {}

  std::vector<Record> more() {
    std::vector<Record> records;
    std::ifstream in(path_, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(read_ * sizeof(Record)));
    Record r;
    while (in.read(reinterpret_cast<char*>(&r), sizeof r)) records.push_back(r);
    if (in.gcount() != 0) throw std::runtime_error("a torn record in " + path_);
    read_ += records.size();
    return records;
  }

 private:
  std::string path_;
  std::size_t read_ = 0;
};

}  // namespace sqlq::process
