// The toolbox of programs that run their own loop.

#include <sqlq/conformance/suite.hpp>

#include <sqlq/stop_token.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(OwnLoop, ManyLeasesEndInOneCallEachInItsWay) {
  for (int i = 0; i < 7; ++i) enqueue();
  const std::vector<Job> jobs = claim(7);
  const std::vector<Ending> endings = {Ending::success(jobs[0], "1"),
                                       Ending::error(jobs[1], "later", {.retry = RetryPolicy::constant(60s)}),
                                       Ending::error(jobs[2], "never", {.discard = true}),
                                       Ending::cancelled(jobs[3]),
                                       Ending::snooze(jobs[4], 60s),
                                       Ending::release(jobs[5])};
  EXPECT_EQ(client().finish(endings), std::vector(6, FinishStatus::applied));
  EXPECT_EQ(row(jobs[0].id).result, "1");
  EXPECT_EQ(state(jobs[0].id), JobState::success);
  EXPECT_EQ(state(jobs[1].id), JobState::scheduled);
  EXPECT_EQ(state(jobs[2].id), JobState::errored);
  EXPECT_EQ(causes(jobs[2].id), std::vector{Cause::discarded});
  EXPECT_EQ(state(jobs[3].id), JobState::cancelled);
  EXPECT_EQ(state(jobs[4].id), JobState::scheduled);
  EXPECT_EQ(state(jobs[5].id), JobState::pending);
  EXPECT_EQ(state(jobs[6].id), JobState::running);
  EXPECT_EQ(client().finish({Ending::success(Job{.id = jobs[6].id}), Ending::success(jobs[0])}),
            (std::vector{FinishStatus::stale, FinishStatus::already_applied}));
  EXPECT_EQ(code_of([&] { return client().finish({Ending::success(jobs[6], "no JSON")}); }), "invalid_argument");
  EXPECT_EQ(state(jobs[6].id), JobState::running);
}

TEST_P(OwnLoop, ManyLeasesEndInATransactionOfTheUsers) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const JobId a = enqueue();
    const JobId b = enqueue();
    const std::vector<Job> jobs = claim(2);
    const std::vector<Ending> endings = {Ending::success(jobs[0]), Ending::error(jobs[1], "no", {.discard = true})};
    user.begin();
    EXPECT_EQ(client().finish(user.tx(), endings), std::vector(2, FinishStatus::applied));
    EXPECT_EQ(client().find(user.tx(), a)->state, JobState::success);
    user.rollback();
    EXPECT_EQ(state(a), JobState::running);
    EXPECT_EQ(state(b), JobState::running);
    EXPECT_EQ(client().finish(endings), std::vector(2, FinishStatus::applied));
  });
}

TEST_P(OwnLoop, ATransactionSeesItsOwnJobs) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.begin();
    const JobId id = client().enqueue(user.tx(), NewJob{.kind = "work"}).id;
    ASSERT_TRUE(client().find(user.tx(), id));
    EXPECT_EQ(client().find(user.tx(), id)->kind, "work");
    EXPECT_FALSE(client().is_cancelled(user.tx(), id));
    client().cancel(user.tx(), id);
    EXPECT_TRUE(client().is_cancelled(user.tx(), id));
    user.rollback();
    EXPECT_EQ(client().find(id), std::nullopt);
  });
}

TEST_P(OwnLoop, AClaimThatWaitsTakesWhatComes) {
  use_system_clock();
  enqueue();
  EXPECT_EQ(client().claim({}, {}, 5, 20s).size(), 1u) << "what is there it takes at once";
  sqlq::jthread producer([&] { enqueue(); });
  EXPECT_EQ(client().claim({}, {}, 5, 20s).size(), 1u);
}

TEST_P(OwnLoop, AClaimThatWaitsGivesUpWhenItIsTimeOrIsToldTo) {
  use_system_clock();
  enqueue({.delay = 1h});
  EXPECT_TRUE(client().claim({}, {}, 5, 20ms).empty());
  sqlq::stop_source stop;
  sqlq::jthread operator_of_it([&] { stop.request_stop(); });
  EXPECT_TRUE(client().claim({}, {}, 5, 1h, stop.get_token()).empty());
}

TEST_P(OwnLoop, TheEndOfAJobCanBeWaitedFor) {
  use_system_clock();
  const JobId id = enqueue();
  EXPECT_EQ(client().wait(id, 10ms), std::nullopt);
  sqlq::jthread worker([&] { client().success(take(), "7"); });
  const std::optional<Job> job = client().wait(id, 20s);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, JobState::success);
  EXPECT_EQ(job->result, "7");
  EXPECT_EQ(client().wait(JobId::make(clock().now()), 1h), std::nullopt) << "there is no such job";
}

TEST_P(OwnLoop, AClientHasDefaultsForItsJobs) {
  Client mine{db(), {.queue = "mail", .max_attempts = 4, .max_crashes = 2, .keepalive = 7s, .retention = 5s}};
  const Job plain = row(mine.enqueue(NewJob{.kind = "work"}).id);
  EXPECT_EQ(plain.queue, "mail");
  EXPECT_EQ(plain.max_attempts, 4);
  EXPECT_EQ(plain.max_crashes, 2);
  EXPECT_EQ(plain.keepalive, 7s);
  EXPECT_EQ(plain.retention, 5s);
  const EnqueueOptions own{.queue = "post", .max_attempts = 1, .keepalive = 8s, .retention = unlimited_retention};
  const JobId id = mine.enqueue(NewJob{.kind = "work", .options = own}).id;
  EXPECT_EQ(row(id).queue, "post");
  EXPECT_EQ(row(id).max_attempts, 1);
  EXPECT_EQ(row(id).keepalive, 8s);
  client().success(take({"post"}));
  clock().advance(std::chrono::hours(24) * 365 * 100);
  EXPECT_EQ(admin().purge().deleted, 0u);
  EXPECT_EQ(code_of([&] { return Client{db(), {.queue = ""}}; }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return Client{db(), {.max_attempts = 0}}; }), "invalid_argument");
}

}  // namespace sqlq::conformance
