// A process that ends while the library is in use: static objects are destroyed, and threads go on until it is gone.

#include <memory>
#include <string>
#include <vector>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class ProcessExit : public Anywhere {
 protected:
  static constexpr int times = 10;

  void SetUp() override {
    db_ = std::make_unique<Database>(open(url()));
    db_->migrate();
  }
  void TearDown() override {
    db_.reset();
    Anywhere::TearDown();
  }

  /// What a process printed after "ready", line by line. Its end, other than by returning 0, is a failure.
  [[nodiscard]] std::vector<std::string> output_of(const std::string& how) const {
    Child child("process_exit", {"url=" + url(), "case=" + how});
    EXPECT_EQ(child.line(long_enough), "ready");
    std::vector<std::string> lines;
    while (const auto line = child.line(long_enough)) lines.push_back(*line);
    const auto exit = child.wait(long_enough);
    EXPECT_TRUE(exit && exit->with_code(0)) << (exit ? exit->to_string() : "it hangs");
    return lines;
  }
  /// How many of these are no jobs of the database.
  [[nodiscard]] int lost(const std::vector<std::string>& ids) const {
    int n = 0;
    for (const std::string& text : ids) {
      const auto id = JobId::parse(text);
      const bool there = id && Client(*db_).find(*id);
      if (!there) ADD_FAILURE() << text;
      n += there ? 0 : 1;
    }
    return n;
  }

  std::unique_ptr<Database> db_{};
};

TEST_P(ProcessExit, AStaticWorkerWritesTheOutcomesOfItsJobs) {
  for (int i = 0; i < times; ++i) {
    const JobId id = Client(*db_).enqueue(NewJob{"waits"}).id;
    EXPECT_TRUE(output_of("global").empty());
    const auto job = Client(*db_).find(id);
    ASSERT_TRUE(job.has_value());
    EXPECT_EQ(job->state, JobState::success) << "its handler had come to its end";
  }
}

TEST_P(ProcessExit, UnderABusyWorkerHarmsNothing) {
  const std::vector<NewJob> work(300, NewJob{"work", "null", {.max_crashes = 1000, .keepalive = 1s}});
  for (int i = 0; i < times; ++i) {
    Client(*db_).enqueue_many(work);
    EXPECT_TRUE(output_of("stack").empty());
  }
  Handlers handlers;
  handlers.on("work", [](JobContext&) {});
  Worker worker(*db_, std::move(handlers), {.concurrency = 8, .sweep = 100ms});
  worker.start();
  const auto successes = [&] { return Admin(*db_).counts()[JobState::success].value; };
  EXPECT_TRUE(eventually([&] { return successes() == std::size_t{times} * work.size(); })) << successes();
}

TEST_P(ProcessExit, AStaticObjectsDestructorMayEnqueue) {
  for (int i = 0; i < times; ++i) {
    const auto ids = output_of("last");
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_EQ(lost(ids), 0);
  }
}

TEST_P(ProcessExit, ThreadsThatOutliveMainMayEnqueue) {
  for (int i = 0; i < times; ++i) {
    const auto ids = output_of("threads");
    EXPECT_FALSE(ids.empty());
    EXPECT_EQ(lost(ids), 0);
  }
}

SQLQ_PLACES(ProcessExit, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
