#pragma once
/// \file
/// A worker in a process of its own: this program again, in the role of a worker.

#include <cstddef>
#include <string>

#include "bench.hpp"
#include "process/child.hpp"

namespace sqlq::bench {

/// What a process uses.
struct Usage {
  double rss_mib = 0;       ///< resident
  double own_mib = 0;       ///< of that, memory that is no file's
  double cpu_s = 0;         ///< user and system
  double wakes = 0;         ///< times a thread of it went to sleep and was woken
};

[[nodiscard]] Usage usage_of_this();

/// One thread at a time.
class WorkerProcess {
 public:
  /// Started and connected when this returns; works from `go` on.
  WorkerProcess(const Bench& bench, const Ledger& ledger, std::size_t member, unsigned threads,
                const std::string& queue = Bench::queue());

  void go();
  [[nodiscard]] Usage usage();
  /// Ends it in order.
  void stop();

 private:
  std::string ask(const std::string& what);
  process::Child child_;
};

/// The other side: what main does in that role. Returns the exit code.
int work_as_process(const Options& options);

}  // namespace sqlq::bench
