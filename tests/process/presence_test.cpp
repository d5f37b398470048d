// Two workers are listed. One is killed: it expires, while the other stays. That one stops in order: it goes at once.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class PresenceOfProcesses : public Anywhere {
 protected:
  [[nodiscard]] Child start_worker() const {
    return {"process_worker", {"url=" + url(), "records=" + records(), "concurrency=3"}};
  }
  [[nodiscard]] std::optional<WorkerInfo> find(const Child& process) const {
    for (const WorkerInfo& worker : Admin{db_}.workers()) {
      if (worker.pid == process.pid()) return worker;
    }
    return {};
  }
  /// The processes that are listed when the database's clock says so.
  [[nodiscard]] std::vector<std::int64_t> listed(TimePoint at) const {
    std::vector<std::int64_t> pids;
    const Instant now{.wall = at, .steady = db_.clock().steady()};
    for (const WorkerInfo& worker : db_.dialect().workers()->list_workers({}, 0, 100, now)) pids.push_back(worker.pid);
    return pids;
  }

  const Database db_{open(url())};
};

TEST_P(PresenceOfProcesses, AKilledWorkerExpiresAndAStoppedOneGoes) {
  db_.migrate();
  Child killed = start_worker();
  Child other = start_worker();
  ASSERT_TRUE(eventually([&] { return find(killed) && find(other); }));
  EXPECT_EQ(find(killed)->name, "process " + std::to_string(killed.pid()));
  EXPECT_EQ(find(killed)->concurrency, 3u);
  killed.kill_hard();
  const auto last = find(killed);
  ASSERT_TRUE(last) << "nobody knows it yet";
  ASSERT_TRUE(eventually([&] { return find(other)->seen_at > last->seen_at; })) << "the other one lives";
  EXPECT_EQ(find(killed)->seen_at, last->seen_at);
  const TimePoint expired = last->seen_at + worker_expiry;
  EXPECT_EQ(listed(expired - 1us).size(), 2u);
  EXPECT_EQ(listed(expired), std::vector<std::int64_t>{other.pid()});
  EXPECT_EQ(db_.dialect().workers()->expire_workers(100, Instant{.wall = expired, .steady = db_.clock().steady()}), 1u);
  EXPECT_FALSE(find(killed));
  other.signal(SIGTERM);
  ASSERT_TRUE(other.wait(long_enough));
  EXPECT_TRUE(eventually([&] { return Admin{db_}.workers().empty(); })) << "the server may still be at it";
}

SQLQ_PLACES(PresenceOfProcesses, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
