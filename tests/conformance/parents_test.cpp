// A workflow that waits for its children goes on as soon as the last one has ended, whoever ends it.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

using Children = std::vector<JobId>;

/// Nobody but the test ends the children: the worker has no handler for them, and sweeps once.
Handlers parents_of_two() {
  Handlers handlers;
  handlers.on("work", [](JobContext& job) {
    const EnqueueOptions options{.queue = "parts", .max_crashes = 1, .keepalive = 3s};
    const std::vector<NewJob> two(2, NewJob{.kind = "part", .options = options});
    job.set_result(std::to_string(job.all("parts", two).size()));
    return Outcome::done();
  });
  return handlers;
}
const WorkerOptions without_sweeps{.queues = {"default"}, .sweep = 1h};

}  // namespace

TEST_P(Workflow, AParentGoesOnWhoeverEndsItsLastChild) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(headers);
  Client own = client();
  const auto claim_both = [&] { return own.claim({}, {.kinds = {"part"}}, 2); };
  const std::vector<std::pair<const char*, std::function<void(const Children&)>>> ways{
      {"an own loop, one by one",
       [&](const Children&) {
         EXPECT_EQ(own.success(own.claim({}, {.kinds = {"part"}}).at(0)), FinishStatus::applied);
         EXPECT_EQ(own.error(own.claim({}, {.kinds = {"part"}}).at(0), "no", {.discard = true}),
                   FinishStatus::applied);
       }},
      {"an own loop, both at once",
       [&](const Children&) {
         std::vector<Ending> endings;
         for (const Job& job : claim_both()) endings.push_back(Ending::success(job));
         own.finish(endings);
       }},
      {"an own loop that was told to stop",
       [&](const Children& ids) {
         const std::vector<Job> jobs = claim_both();
         for (const JobId id : ids) EXPECT_EQ(own.cancel(id), CancelStatus::cancelling);
         for (const Job& job : jobs) EXPECT_EQ(own.success(job), FinishStatus::cancelled);
       }},
      {"a cancel",
       [&](const Children& ids) {
         for (const JobId id : ids) EXPECT_EQ(own.cancel(id), CancelStatus::cancelled);
       }},
      {"a cancel, after which they are deleted",
       [&](const Children& ids) {
         EXPECT_EQ(own.cancel(ids[0]), CancelStatus::cancelled);
         EXPECT_EQ(admin().erase(ids[0]), ActionStatus::done);
         EXPECT_EQ(own.cancel(ids[1]), CancelStatus::cancelled);
       }},
      {"a cancel of many",
       [&](const Children&) {
         EXPECT_EQ(Bulk(db()).apply(BulkAction::cancel(), {.kinds = {"part"}}).done, 2U);
       }},
      {"a queue that is deleted",
       [&](const Children&) {
         EXPECT_EQ(admin().delete_queue("parts", {.finished = true, .waiting = true}), DeleteQueueStatus::deleted);
       }},
      {"an operator who ends what runs",
       [&](const Children& ids) {
         EXPECT_EQ(claim_both().size(), 2U);
         for (const JobId id : ids) EXPECT_EQ(admin().take_away(id, AfterTaking::errored), ActionStatus::done);
       }},
      {"an operator who takes away what is being cancelled",
       [&](const Children& ids) {
         EXPECT_EQ(claim_both().size(), 2U);
         for (const JobId id : ids) {
           EXPECT_EQ(own.cancel(id), CancelStatus::cancelling);
           EXPECT_EQ(admin().take_away(id), ActionStatus::done);
           EXPECT_EQ(state(id), JobState::cancelled);
         }
       }},
  };
  QuietWorker worker{db(), parents_of_two(), without_sweeps};
  for (const auto& [who, end] : ways) {
    SCOPED_TRACE(who);
    const JobId id = enqueue();
    Children ids;
    ASSERT_TRUE(eventually([&] {
      ids.clear();
      for (const Job& job : admin().list({.kinds = {"part"}, .states = {JobState::pending}})) ids.push_back(job.id);
      return ids.size() == 2 && state(id) == JobState::scheduled;
    }));
    end(ids);
    ASSERT_TRUE(reaches(id, JobState::success)) << "and no time has passed";
    EXPECT_EQ(row(id).result, "2");
    EXPECT_EQ(row(id).claims, 2);
  }
}

// Its own look comes later: it has waited for half a minute, and so waits as long again.
TEST_P(Workflow, AParentGoesOnWhenTheLastChildHasDied) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(headers);
  QuietWorker worker{db(), parents_of_two(), without_sweeps};
  for (const bool by_worker : {false, true}) {
    SCOPED_TRACE(by_worker ? "a worker sweeps" : "an own loop reaps");
    const JobId id = enqueue();
    ASSERT_TRUE(eventually([&] { return state(id) == JobState::scheduled; }));
    EXPECT_EQ(client().claim({}, {.kinds = {"part"}}, 2).size(), 2U);
    clock().advance(31s);
    ASSERT_TRUE(eventually([&] { return state(id) == JobState::scheduled && row(id).run_at > clock().now() + 2s; }));
    if (by_worker) {
      QuietWorker sweeper{db(), parents_of_two(), {.queues = {"parts"}}};
      ASSERT_TRUE(reaches(id, JobState::success));
    } else {
      EXPECT_EQ(client().reap().errored.size(), 2U);
      ASSERT_TRUE(reaches(id, JobState::success));
    }
  }
}

}  // namespace sqlq::conformance
