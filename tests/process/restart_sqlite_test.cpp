// A worker that is killed: whoever comes next on the host knows that it is dead and takes its jobs back at once.

#include <memory>
#include <string>
#include <vector>

#include "child.hpp"
#include "scratch.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Restart : public Scratch {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start_worker() const {
    auto worker = std::make_unique<Child>(
        "process_worker", std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=3"});
    EXPECT_EQ(worker->line(long_enough), "ready");
    return worker;
  }
  /// Nobody waits for such a lease in a test.
  JobId enqueue() { return client_.enqueue(NewJob{"gate", "null", {.keepalive = 24h}}).id; }

  Database db_ = [this] {
    Database db = open(url());
    db.migrate();
    return db;
  }();
  Client client_{db_};
};

TEST_F(Restart, TheNextProcessHasTheJobsOfADeadOneInItsFirstSweep) {
  std::vector<JobId> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(enqueue());
  auto worker = start_worker();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker->line(long_enough).value_or("").starts_with("started "));
  EXPECT_EQ(client_.reap().total(), 0u) << "it lives";
  worker->signal(SIGSTOP);
  EXPECT_EQ(client_.reap().total(), 0u) << "it stands still, and lives";
  worker->signal(SIGKILL);
  ASSERT_TRUE(worker->wait(long_enough).has_value());
  worker = start_worker();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker->line(long_enough).value_or("").starts_with("started "));
  for (const JobId id : jobs) {
    const Job job = client_.find(id).value_or(Job{});
    EXPECT_EQ(job.state, JobState::running);
    EXPECT_EQ(job.claims, 2);
    EXPECT_EQ(job.crashes, 1);
    const auto history = Admin{db_}.history(id);
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(history[0].cause, Cause::lease_ended);
    EXPECT_NE(history[0].message.find("has died"), std::string::npos) << history[0].message;
  }
  EXPECT_EQ(client_.reap().total(), 0u) << "the new one lives";
}

/// One that nobody has waited for yet is a zombie to the system, and dead.
TEST_F(Restart, ADeadProcessNeedNotBeWaitedFor) {
  enqueue();
  const auto worker = start_worker();
  ASSERT_TRUE(worker->line(long_enough).value_or("").starts_with("started "));
  worker->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return client_.reap().returned.size() == 1; }));
}

}  // namespace
}  // namespace sqlq::process
