#pragma once
/// \file
/// The names of workers, which jobs refer to by number: those that no job refers to any more go (decision 0039).

#include <cstdint>
#include <mutex>
#include <set>

#include "queries.hpp"
#include "sql/server.hpp"

namespace sqlq::mysql {

/// Removes names in steps, a bounded part of the jobs at a time. A name is put to sleep first: from then on no claim
/// refers to it before it was woken. Then all jobs are read once; what still sleeps at the end, and was met nowhere,
/// goes. At most one such round a day in a database, by one process, and only for many names.
///
/// Thread-safe: a step while another one runs does nothing. An error ends the round, and the next one begins anew.
class NameSweep final {
 public:
  /// So many names are left alone.
  static constexpr std::size_t few = 100;
  /// The most that one round removes.
  static constexpr std::int64_t most = 1000;
  static constexpr std::int64_t jobs_a_statement = 10'000;
  static constexpr int statements_a_step = 10;

  /// How many steps look for nothing after one that has found nothing to begin: an hour of a worker's.
  static constexpr int rest = 60;

  /// Nothing is open on the connection. Throws only when that is lost.
  void step(sql::Work& work, const Queries& q);

 private:
  void begin(sql::Work& work, const Queries& q);
  void go_on(sql::Session& s, const Queries& q);
  /// Those that sleep as this round has put them to sleep: as others see it.
  void keep_asleep(sql::Session& s, const Queries& q);

  std::mutex mutex_;
  std::set<std::int64_t> numbers_{};  // asleep, and met in no job so far; empty: no round is under way
  std::int64_t since_ = 0;            // when they were put to sleep
  std::int64_t after_ = 0;            // the jobs up to this seq were read
  int resting_ = 0;
  bool forbidden_ = false;
};

}  // namespace sqlq::mysql
