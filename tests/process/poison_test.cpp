// Jobs that kill their process.

#include <array>
#include <iostream>
#include <memory>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Poison : public Anywhere {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start_worker(int concurrency) const {
    return std::make_unique<Child>(
        "process_worker",
        std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=" + std::to_string(concurrency),
                                 "sweep=100", "poll=50"});
  }

  JobId enqueue(const std::string& kind, const std::string& params, int max_crashes) {
    EnqueueOptions options;
    options.keepalive = 1s;
    options.max_crashes = max_crashes;
    return enqueue_recorded(NewJob{kind, params, std::move(options)});
  }

  /// Starts a worker again each time it dies, until no job is left.
  int work_until_all_is_finished(int concurrency) {
    int deaths = 0;
    auto worker = start_worker(concurrency);
    const bool finished = eventually([&] {
      if (worker->ended()) {
        ++deaths;
        worker = start_worker(concurrency);
      }
      auto counts = admin_.counts();
      return counts[JobState::pending].value + counts[JobState::running].value + counts[JobState::scheduled].value == 0;
    });
    EXPECT_TRUE(finished);
    if (worker->ended()) ++deaths;
    return deaths;
  }

  /// By the processes of the test itself: the library's part is in the records.
  JobId enqueue_recorded(NewJob job) {
    const JobId id = JobId::make(db_.clock().now());
    job.options.id = id;
    recorder_.write(faults::about(faults::What::enqueue_asked, id.bytes()));
    client_.enqueue(job);
    recorder_.write(faults::about(faults::What::enqueued, id.bytes()));
    return id;
  }
  const faults::Recorder recorder_{records()};

  void expect_stopped_after(JobId id, int crashes) {
    const auto job = admin_.find(id);
    ASSERT_TRUE(job.has_value());
    EXPECT_EQ(job->state, JobState::errored);
    EXPECT_EQ(job->crashes, crashes);
    const auto history = admin_.history(id);
    ASSERT_FALSE(history.empty());
    EXPECT_NE(history.back().message.find("errored"), std::string::npos) << history.back().message;
  }

  Database db_ = [this] {
    Database db = open(url());
    db.migrate();
    return db;
  }();
  Client client_{db_};
  Admin admin_{db_};
};

TEST_P(Poison, IsStoppedAfterMaxCrashesAndTheOthersFinish) {
  const JobId exits = enqueue("poison", "\"exit\"", 3);
  const JobId aborts = enqueue("poison", "\"abort\"", 2);
  std::vector<JobId> innocent;
  for (int i = 0; i < 30; ++i) innocent.push_back(enqueue("work", R"({"us":2000})", 3));

  EXPECT_EQ(work_until_all_is_finished(1), 5);
  expect_stopped_after(exits, 3);
  expect_stopped_after(aborts, 2);
  std::uint64_t again = 0;  // whose outcome was not written yet when the next job killed the process
  for (const JobId id : innocent) {
    const Job job = admin_.find(id).value_or(Job{});
    EXPECT_EQ(job.state, JobState::success);
    EXPECT_EQ(job.claims, 1 + job.crashes);
    again += static_cast<std::uint64_t>(job.crashes);
  }
  EXPECT_LE(again, 5u) << "one for each death at most";
  EXPECT_LE(judge({}).executions, 30u + 5u + again);
}

/// What runs in the same process dies with it, and may be claimed together with it once more; then both are suspects. A
/// crash of suspects that are held together ends none of them, and after it they are held one by one. So none of those
/// beside it is ended with it.
TEST_P(Poison, NoneBesideItIsEndedWithIt) {
  constexpr int concurrency = 8;
  const JobId exits = enqueue("poison", "\"exit\"", 3);
  std::vector<JobId> neighbours;
  for (int i = 0; i < 50; ++i) neighbours.push_back(enqueue("work", R"({"us":20000})", 3));

  const int deaths = work_until_all_is_finished(concurrency);
  EXPECT_GE(deaths, 3);
  EXPECT_LE(deaths, 4) << "one more when it was held beside other suspects";
  expect_stopped_after(exits, deaths);
  std::array<int, 4> crashed{};  // how many neighbours did so how often
  for (const JobId id : neighbours) {
    const Job job = admin_.find(id).value_or(Job{});
    EXPECT_EQ(job.state, JobState::success);
    ++crashed.at(static_cast<std::size_t>(job.crashes));
  }
  judge({});
  std::cout << "poison: " << deaths << " processes died; of " << neighbours.size() << " neighbours " << crashed[1]
            << " crashed once, " << crashed[2] << " twice, " << crashed[3] << " three times" << std::endl;
}

/// A host that was lost twice, and the killer is one of the last of those that ran there.
TEST_P(Poison, NoneIsEndedWithItWhereverItStandsAmongSuspects) {
  constexpr int concurrency = 12;
  std::vector<JobId> neighbours;
  for (int i = 0; i < 9; ++i) neighbours.push_back(enqueue("work", R"({"us":20000})", 3));
  const JobId exits = enqueue("poison", "\"exit\"", 3);
  for (int i = 0; i < 2; ++i) neighbours.push_back(enqueue("work", R"({"us":20000})", 3));

  const int deaths = work_until_all_is_finished(concurrency);
  EXPECT_GE(deaths, 3);
  EXPECT_LE(deaths, 4);
  expect_stopped_after(exits, deaths);
  for (const JobId id : neighbours) EXPECT_EQ(admin_.find(id).value_or(Job{}).state, JobState::success);
  judge({});
}

SQLQ_PLACES(Poison, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
