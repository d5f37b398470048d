#pragma once
/// \file
/// A worker as others see it: Admin::workers lists them.

#include <cstdint>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>

namespace sqlq {

/// A worker that runs now, as it has said itself. It says so when it starts and about every 13 s; when it stops its row
/// goes, and one that has died is listed for at most `worker_expiry` longer. Times are of the database's clock.
/// Thread-safety: a plain value.
struct WorkerInfo {
  std::string name{};      ///< WorkerOptions::name; Job::worker of the jobs it holds. Several workers may share one
  std::int64_t id = 0;     ///< random, new at each start; 1 or more
  std::string host{};      ///< of its process
  std::int64_t pid = 0;    ///< its process, as that host counts them
  std::string version{};   ///< of the library
  std::vector<std::string> queues{};  ///< that it works; empty: all
  std::vector<std::string> kinds{};   ///< that it has a handler for; empty: all (Handlers::on_any)
  std::uint32_t concurrency = 0;      ///< how many jobs it can run at once
  std::uint32_t busy = 0;             ///< how many of them ran when it was last seen
  TimePoint started_at{};  ///< when it was started
  TimePoint seen_at{};     ///< when it last said that it is there
  bool draining = false;   ///< Admin::drain: it claims no more jobs, or will not once it is seen the next time
};

/// A worker that has not been seen for so long is not listed any more.
inline constexpr Duration worker_expiry = std::chrono::seconds(90);

}  // namespace sqlq
