#pragma once
/// \file
/// What the command line of sqlq-bench says.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace sqlq::bench {

/// A command line that cannot be obeyed: what, why and what to do.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string url{};
  std::vector<std::string> only{};  ///< empty: every operation
  std::size_t jobs = 100'000;       ///< of the batched operations; those that go one by one take a tenth
  unsigned threads = 1024;          ///< concurrency of each worker
  std::size_t processes = 0;        ///< of drain; 0: a worker in this process
  std::size_t queues = 1;           ///< of drain by processes, each of which works on one
  std::size_t batch = 1000;         ///< jobs in one enqueue
  std::size_t backlog = 0;          ///< jobs of another queue and kind that wait meanwhile
  std::size_t scheduled = 0;        ///< jobs of the same queue and kind, of higher priority, not due before tomorrow
  std::size_t finished = 0;         ///< jobs of the same queue and kind that are finished
  std::size_t waiting = 0;          ///< jobs of the same queue and kind that wait, in turn of 100000 keys
  std::size_t schedules = 0;        ///< schedules whose next tick is at New Year
  std::size_t rate = 1000;          ///< jobs a second offered by end-to-end
  std::string count_queries{};      ///< a command that prints how many queries the server has had
  bool json = false;                ///< lines of JSON instead of a table
  bool anyway = false;              ///< also in a database that holds jobs
  bool help = false;

  // A worker process of an operation; set by sqlq-bench itself.
  std::string role{};
  std::string ledger{};
  std::string queue{};
  std::size_t member = 0;
};

/// Throws UsageError.
[[nodiscard]] Options parse(int argc, char** argv);
[[nodiscard]] std::string usage();

}  // namespace sqlq::bench
