// Cancelling: at once while the job waits, by asking while it runs, and only the job that is meant.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Cancel, APendingJobEndsAtOnce) {
  const JobId id = enqueue();
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  const Job job = row(id);
  EXPECT_EQ(job.state, JobState::cancelled);
  EXPECT_EQ(job.finished_at, clock().now());
  EXPECT_EQ(job.attempt, 0);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::cancelled});
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(Cancel, AScheduledJobEndsAtOnce) {
  const JobId id = enqueue({.delay = 1h});
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(state(id), JobState::cancelled);
  clock().advance(2h);
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(Cancel, ARunningJobIsAsked) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_FALSE(client().is_cancelled(id));
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  EXPECT_EQ(state(id), JobState::cancelling);
  EXPECT_FALSE(row(id).finished_at);
  EXPECT_TRUE(client().is_cancelled(id));
  EXPECT_EQ(client().ping(job), LeaseStatus::cancel_requested);

  clock().advance(1s);
  EXPECT_EQ(client().cancelled(job), FinishStatus::cancelled);
  EXPECT_EQ(state(id), JobState::cancelled);
  EXPECT_EQ(row(id).finished_at, clock().now());
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::cancelled});
}

TEST_P(Cancel, OneLeavesTheOthers) {
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(enqueue({.queue = i % 2 == 0 ? "a" : "b"}));
  const Job running = take();
  const JobId later = enqueue({.delay = 1h});
  EXPECT_EQ(client().cancel(ids[3]), CancelStatus::cancelled);
  for (const JobId id : ids) {
    if (id == ids[3]) continue;
    EXPECT_EQ(state(id), id == running.id ? JobState::running : JobState::pending);
  }
  EXPECT_EQ(state(later), JobState::scheduled);
}

TEST_P(Cancel, AFinishedJobStaysAsItIs) {
  const JobId id = enqueue();
  EXPECT_EQ(client().success(take(), "1"), FinishStatus::applied);
  const Job before = row(id);
  EXPECT_EQ(client().cancel(id), CancelStatus::finished);
  EXPECT_EQ(state(id), JobState::success);
  EXPECT_EQ(row(id).finished_at, before.finished_at);
  EXPECT_TRUE(causes(id).empty());

  const JobId twice = enqueue();
  EXPECT_EQ(client().cancel(twice), CancelStatus::cancelled);
  EXPECT_EQ(client().cancel(twice), CancelStatus::finished);
  EXPECT_EQ(causes(twice).size(), 1u);
}

TEST_P(Cancel, AnUnknownJobIsNotFound) {
  EXPECT_EQ(client().cancel(JobId::make(clock().now())), CancelStatus::not_found);
  EXPECT_EQ(admin().cancel(JobId{}), CancelStatus::not_found);
}

TEST_P(Cancel, WhateverTheHandlerSaysAJobBeingCancelledEndsCancelled) {
  for (int i = 0; i < 4; ++i) enqueue();
  const std::vector<Job> jobs = claim(4);
  for (const Job& job : jobs) EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
  EXPECT_EQ(client().success(jobs[0], R"("kept")"), FinishStatus::cancelled);
  EXPECT_EQ(client().error(jobs[1], "no"), FinishStatus::cancelled);
  EXPECT_EQ(client().error(jobs[2], "no", {.discard = true}), FinishStatus::cancelled);
  EXPECT_EQ(client().cancelled(jobs[3]), FinishStatus::cancelled);
  for (const Job& job : jobs) EXPECT_EQ(state(job.id), JobState::cancelled);
  EXPECT_EQ(row(jobs[0].id).result, R"("kept")");
}

TEST_P(Cancel, SayingCancelledUnaskedEndsTheJobAsWell) {
  const JobId id = enqueue();
  EXPECT_TRUE(accepted(client().cancelled(take())));
  EXPECT_EQ(state(id), JobState::cancelled);
}

TEST_P(Cancel, SeveralInOneCallAnswerInOrder) {
  const JobId pending = enqueue({.priority = 20});
  const JobId running = enqueue({.priority = 1});
  static_cast<void>(take());
  const JobId unknown = JobId::make(clock().now());
  EXPECT_EQ(dialect().cancel(std::vector<JobId>{unknown, running, pending, pending}, nullptr, clock().instant()),
            (std::vector<CancelStatus>{CancelStatus::not_found, CancelStatus::cancelling, CancelStatus::cancelled,
                                       CancelStatus::finished}));
}

TEST_P(Cancel, AgainstAClaimOneOfThemWins) {
  use_system_clock();
  std::vector<NewJob> jobs(60, NewJob{.kind = "work"});
  std::vector<Enqueued> made = client().enqueue_many(jobs);
  std::vector<CancelStatus> said(made.size());
  std::vector<Job> claimed;
  const Database second = another();
  in_threads(2, [&](int t) {
    if (t == 0) {
      Client mine{second};
      for (std::size_t i = 0; i < made.size(); ++i) said[i] = mine.cancel(made[i].id);
    } else {
      for (int i = 0; i < 30; ++i) {
        for (Job& job : Client{db()}.claim({}, {}, 2)) claimed.push_back(std::move(job));
      }
    }
  });
  std::size_t stopped = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (said[i] == CancelStatus::cancelled) ++stopped;
    EXPECT_EQ(state(made[i].id), said[i] == CancelStatus::cancelled ? JobState::cancelled : JobState::cancelling);
  }
  for (const Job& job : claimed) EXPECT_EQ(client().ping(job), LeaseStatus::cancel_requested);
  EXPECT_EQ(stopped + claimed.size(), made.size());
}

}  // namespace sqlq::conformance
