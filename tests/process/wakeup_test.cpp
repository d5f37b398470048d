// Hints that cross processes: a worker that looks by itself only once an hour.

#include <iostream>
#include <memory>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Wakeup : public Anywhere {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start_worker() const {
    auto worker = std::make_unique<Child>(
        "process_worker", std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=4",
                                                   "poll=3600000", "sweep=3600000"});
    EXPECT_EQ(worker->line(long_enough), "ready");
    return worker;
  }
  [[nodiscard]] Database migrated() const {
    Database db = open(url());
    db.migrate();
    return db;
  }
};

TEST_P(Wakeup, AnEnqueueReachesAWorkerElsewhere) {
  const Database db = migrated();
  Client client{db};
  const auto worker = start_worker();
  std::vector<Duration> latencies;
  for (int i = 0; i < 30; ++i) {
    const auto begin = system_clock()->steady();
    const JobId id = client.enqueue(NewJob{"gate"}).id;
    ASSERT_EQ(worker->line(long_enough), "started " + id.to_string() + " 1");
    latencies.push_back(system_clock()->steady() - begin);
    worker->tell("");
    ASSERT_TRUE(eventually([&] { return client.find(id).value_or(Job{}).state == JobState::success; }));
  }
  std::cout << "wake-up across processes s: p50 " << percentile(latencies, 50) << " p99 " << percentile(latencies, 99)
            << " max " << percentile(latencies, 100) << std::endl;
}

/// A job that becomes due needs no hint, and one enqueued while the worker had nothing to do is known to it.
TEST_P(Wakeup, AJobThatBecomesDueLaterIsNotForgotten) {
  Client client{migrated()};
  const auto worker = start_worker();
  EnqueueOptions options;
  options.delay = 300ms;
  const JobId id = client.enqueue(NewJob{"gate", "null", std::move(options)}).id;
  ASSERT_EQ(worker->line(long_enough), "started " + id.to_string() + " 1");
  const Job job = client.find(id).value_or(Job{});
  EXPECT_GE(job.started_at.value_or(TimePoint{}), job.run_at) << "too early";
}

TEST_P(Wakeup, ACancelReachesAHandlerElsewhere) {
  const Database db = migrated();
  Client client{db};
  const auto worker = start_worker();
  EnqueueOptions options;
  options.keepalive = 1h;  // its own heartbeats come too late to tell
  const JobId id = client.enqueue(NewJob{"patient", "null", options}).id;
  const JobId other = client.enqueue(NewJob{"patient", "null", options}).id;
  ASSERT_TRUE(worker->line(long_enough).has_value());
  ASSERT_TRUE(worker->line(long_enough).has_value());

  const auto begin = system_clock()->steady();
  EXPECT_EQ(client.cancel(id), CancelStatus::cancelling);
  EXPECT_EQ(worker->line(long_enough), "stopped " + id.to_string() + " 1 cancel");
  const auto took = std::chrono::duration<double>(system_clock()->steady() - begin).count();
  EXPECT_LT(took, 8) << "that was a heartbeat, not a wake-up";
  ASSERT_TRUE(eventually([&] { return client.find(id).value_or(Job{}).state == JobState::cancelled; }));
  EXPECT_EQ(client.find(other).value_or(Job{}).state, JobState::running);
  std::cout << "cancel across processes s: " << took << std::endl;
}

// MySQL and MariaDB have no hints between processes: their workers poll.
SQLQ_PLACES(Wakeup, sqlite_place, postgres_place);

}  // namespace
}  // namespace sqlq::process
