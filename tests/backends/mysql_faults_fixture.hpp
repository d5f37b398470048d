#pragma once
/// \file
/// What servers do to their clients is tested on a migrated database, with a connection of the test's own beside it.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/mysql_fixture.hpp"

namespace sqlq::mysql {

class MysqlFaults : public OnServer {
 protected:
  MysqlFaults() : db_(open_migrated()), native_(url()) {}

  /// Makes and claims n jobs.
  std::vector<Job> take(std::size_t n) {
    Client client(db_);
    client.enqueue_many(std::vector<NewJob>(n, NewJob{.kind = "work"}));
    return client.claim({}, {}, n);
  }
  [[nodiscard]] std::int64_t jobs_in(const std::string& states) const {
    return native_.number("SELECT COUNT(*) FROM sqlq_jobs WHERE state IN (" + states + ")");
  }

  /// The call's answer; that it waits for a lock is a failure.
  template <class Call>
  static auto at_once(Call call) {
    const auto begin = system_clock()->steady();
    auto answer = call();
    EXPECT_LT(system_clock()->steady() - begin, std::chrono::seconds(1));
    return answer;
  }

  Database db_;
  Native native_;
};

}  // namespace sqlq::mysql
