// SIGTERM: a worker ends in order, or at once when it is asked twice.

#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "child.hpp"
#include "scratch.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Terminate : public Scratch {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start_worker(const std::string& drain, const std::string& grace) const {
    auto worker = std::make_unique<Child>(
        "process_worker", std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=3",
                                                   "drain=" + drain, "grace=" + grace});
    EXPECT_EQ(worker->line(long_enough), "ready");
    return worker;
  }
  [[nodiscard]] static bool catches(pid_t pid, int signal) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigCgt:")) return ((std::stoull(line.substr(7), nullptr, 16) >> (signal - 1)) & 1) != 0;
    }
    return false;
  }
  JobId enqueue(const std::string& kind) { return client_.enqueue(NewJob{kind}).id; }
  /// Reads what the worker says of so many handlers that have begun.
  static void wait_for_starts(Child& worker, int n) {
    for (int i = 0; i < n; ++i) ASSERT_TRUE(worker.line(long_enough).value_or("").starts_with("started "));
  }
  [[nodiscard]] Job find(JobId id) const { return client_.find(id).value_or(Job{}); }
  void expect_given_back(JobId id) const {
    const Job job = find(id);
    EXPECT_EQ(job.state, JobState::pending);
    EXPECT_EQ(job.attempt, 0) << "the attempt was not given back";
    EXPECT_EQ(job.claims, 1);
    EXPECT_EQ(job.crashes, 0);
    const auto history = Admin{db_}.history(id);
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(history[0].cause, Cause::released);
    EXPECT_EQ(history[0].claim, 1);
  }

  Database db_ = [this] {
    Database db = open(url());
    db.migrate();
    return db;
  }();
  Client client_{db_};
};

TEST_F(Terminate, LetsRunningJobsFinish) {
  const JobId first = enqueue("gate");
  const JobId second = enqueue("gate");
  const auto worker = start_worker("3600000", "3600000");
  wait_for_starts(*worker, 2);
  worker->signal(SIGTERM);
  worker->tell("");
  worker->tell("");
  const auto summary = worker->line(long_enough).value_or("");
  EXPECT_NE(summary.find("\"succeeded\":2"), std::string::npos) << summary;
  const auto exit = worker->wait(long_enough);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->with_code(0)) << exit->to_string();
  EXPECT_EQ(find(first).state, JobState::success);
  EXPECT_EQ(find(second).state, JobState::success);
}

/// When the drain is over, one handler heeds its stop token, one ends well all the same, and one not at all; a fourth
/// job waits for a slot and must not get the one that becomes free.
TEST_F(Terminate, ReleasesWhatIsUnfinishedAndExitsWithZero) {
  const JobId gate = enqueue("gate");
  const auto worker = start_worker("300", "5000");
  wait_for_starts(*worker, 1);
  const JobId listens = enqueue("patient");
  wait_for_starts(*worker, 1);
  const JobId other_gate = enqueue("gate");
  wait_for_starts(*worker, 1);
  const JobId waits = enqueue("patient");

  worker->signal(SIGTERM);
  EXPECT_EQ(worker->line(long_enough), "stopped " + listens.to_string() + " 1 shutdown");
  worker->tell("");  // one of the gates opens; which is not said
  const auto summary = worker->line(long_enough).value_or("");
  EXPECT_NE(summary.find("\"succeeded\":1"), std::string::npos) << summary;
  EXPECT_NE(summary.find("\"released\":2"), std::string::npos) << summary;
  EXPECT_NE(summary.find("\"abandoned\":1"), std::string::npos) << summary;
  const auto exit = worker->wait(long_enough);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->with_code(0)) << exit->to_string();

  const bool first = find(gate).state == JobState::success;
  EXPECT_EQ(find(first ? gate : other_gate).state, JobState::success);
  expect_given_back(first ? other_gate : gate);
  expect_given_back(listens);
  EXPECT_EQ(find(waits).state, JobState::pending);
  EXPECT_EQ(find(waits).claims, 0);
}

TEST_F(Terminate, WithNothingToDoExitsAtOnce) {
  const auto worker = start_worker("30000", "5000");
  const auto begin = system_clock()->steady();
  worker->signal(SIGINT);
  const auto exit = worker->wait(long_enough);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->with_code(0)) << exit->to_string();
  EXPECT_LT(system_clock()->steady() - begin, 20s) << "it waited for its drain timeout";
}

TEST_F(Terminate, TheSecondSignalEndsItAtOnce) {
  const JobId deaf = enqueue("gate");
  const auto worker = start_worker("3600000", "3600000");
  wait_for_starts(*worker, 1);
  const JobId waits = enqueue("patient");
  wait_for_starts(*worker, 1);
  worker->signal(SIGTERM);
  // The second must not be merged with the first: whoever has taken one catches no more.
  ASSERT_TRUE(eventually([&] { return !catches(worker->pid(), SIGTERM); }));
  worker->signal(SIGTERM);
  const auto exit = worker->wait(long_enough);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->by_signal(SIGTERM)) << exit->to_string();
  // As after kill -9: the jobs come back when their leases end.
  EXPECT_EQ(find(deaf).state, JobState::running);
  EXPECT_EQ(find(waits).state, JobState::running);
}

}  // namespace
}  // namespace sqlq::process
