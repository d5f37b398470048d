#pragma once
/// \file
/// What processes did, written by themselves: fixed records, one file per process, one append each. Nothing of the
/// library is used, so that no fault of it can change the evidence.
///
/// What was written is kept when the process is killed: it is in the page cache. A record that was not written whole (a
/// full disk, a crash of the host) is recognised by its sum.
///
/// Who writes: *asked* before something is sent, the answer after it. A handler writes `start` first and `end` last.
/// Between a claim and its first record a process may be stopped, or its connection slow: so that record brings the
/// moment of the claim by the database's clock.

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqlq::faults {

enum class What : std::uint16_t {
  enqueue_asked = 1,  ///< by a producer, before it sends the job; value: hash of its unique key, 0 without
  enqueued = 2,       ///< by a producer: acknowledged; code duplicate: the id is that of the job that was there
  not_enqueued = 3,   ///< by a producer: refused for certain
  not_before = 4,     ///< by a producer or a handler: value is the earliest time of the next start
  claimed = 5,        ///< by an own loop, after the claim returned; value: when the database gave it
  finishing = 6,      ///< by an own loop, before it asks for the job's success; value: hash of the result
  finished = 7,       ///< by an own loop: code ok (applied) or refused
  start = 8,          ///< by a handler, first; value as above; code poison: it is about to end its process
  end = 9,            ///< by a handler, last; code ok, failed or snoozed; value: hash of the result
  requeued = 10,      ///< by an operator
  pulse = 11,         ///< by a thread of each process, all the time: a gap proves that the process could not run
  held = 12,          ///< by who looks into the database: value jobs of the queue are held
  dying = 13,         ///< by a process, right before it kills itself
  answered = 14,      ///< by who asks the database all the time: a gap proves that it did not answer
  stepping = 15,      ///< by a handler, the last that it does within a durable step; queue: step_number
  stepped = 16,       ///< by a handler, after it: code ok (it has run) or duplicate (it was recorded); value: the hash
                      ///< of what it answered; queue: step_number
  signalled = 17,     ///< by whoever has sent a signal: code ok (stored) or duplicate (one was there); value: the hash
                      ///< of what was sent; queue: step_number. Who receives it writes `stepped`, code duplicate
};

enum class Code : std::uint16_t { none, ok, failed, snoozed, duplicate, refused, poison, in_transaction };

/// A job's id, as 16 bytes.
using Id = std::array<std::uint8_t, 16>;
[[nodiscard]] std::string to_string(const Id& id);
/// Reads the form with 32 hexadecimal digits; anything between them is passed over.
[[nodiscard]] Id parse_id(std::string_view text);
/// FNV-1a: for unique keys, results and names of queues.
[[nodiscard]] std::uint64_t hash_of(std::string_view text) noexcept;
[[nodiscard]] std::uint32_t queue_number(std::string_view queue) noexcept;
[[nodiscard]] std::uint32_t step_number(std::string_view name, std::int64_t number);

/// Microseconds on the monotonic clock, which all processes of the host share and no step of the wall clock moves.
[[nodiscard]] std::int64_t steady_us() noexcept;

struct Record {
  What what{};
  Code code = Code::none;
  std::int32_t pid = 0;
  std::int64_t at_us = 0;
  Id id{};
  std::int64_t token = 0;
  std::int32_t claim = 0;
  std::int32_t attempt = 0;
  std::uint32_t queue = 0;  ///< queue_number of its name; or as `what` says
  std::uint32_t sum = 0;    ///< over all the rest
  std::uint64_t value = 0;
};
static_assert(sizeof(Record) == 64 && std::is_trivially_copyable_v<Record>);

[[nodiscard]] inline Record about(What what, const Id& id, Code code = Code::none, std::uint64_t value = 0) {
  return {.what = what, .code = code, .id = id, .value = value};
}
/// For the library's Job, whose header is not needed here.
template <class Job>
[[nodiscard]] Record about(What what, const Job& job, Code code = Code::none, std::uint64_t value = 0) {
  return {.what = what,
          .code = code,
          .id = job.id.bytes(),
          .token = job.lease_token.value,
          .claim = static_cast<std::int32_t>(job.claims),
          .attempt = job.attempt,
          .queue = queue_number(job.queue),
          .value = value};
}
/// The first record about a claim.
template <class Job>
[[nodiscard]] Record begin_of(What what, const Job& job, Code code = Code::none) {
  return about(what, job, code, static_cast<std::uint64_t>(job.started_at->time_since_epoch().count()));
}

/// Thread-safe: appends are. Errors: std::runtime_error when the file cannot be opened or written.
class Recorder {
 public:
  /// `folder` is made if need be; the file in it is named after the process.
  explicit Recorder(const std::string& folder);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Fills in who, when and the sum.
  void write(Record record) const;

 private:
  int fd_;
};

/// Reads what all processes have appended since the last call, in order of time.
class RecordReader {
 public:
  explicit RecordReader(std::string folder) : folder_(std::move(folder)) {}
  /// Errors: std::runtime_error for a record whose sum is wrong, unless it is half written at a file's end.
  std::vector<Record> more();
  /// Only what one process has appended; not in order where it has threads.
  std::vector<Record> more_of(std::int32_t pid);

 private:
  void read_file(const std::filesystem::path& path, std::vector<Record>& into);

  std::string folder_;
  std::map<std::string, std::size_t> read_;
};

}  // namespace sqlq::faults
