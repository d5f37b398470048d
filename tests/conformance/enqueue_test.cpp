// Promise I1 begins here: what an enqueue returned is stored, field by field.

#include <set>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Greeting {
  static constexpr std::string_view kind = "greeting";
  std::string to;
  int times = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Greeting, to, times)
};

}  // namespace

TEST_P(Enqueue, StoresEveryField) {
  const Enqueued made = client().enqueue(NewJob{.kind = "send-email",
                                                .params = R"({"to":"ada"})",
                                                .options = {.queue = "mail",
                                                            .priority = -7,
                                                            .max_attempts = 4,
                                                            .max_crashes = 2,
                                                            .delay = 90s,
                                                            .unique_key = "ada",
                                                            .keepalive = 45s,
                                                            .retention = 3h,
                                                            .timeout = 10min}});
  ASSERT_TRUE(made.inserted());
  ASSERT_FALSE(made.id.nil());

  const Job job = row(made.id);
  EXPECT_EQ(job.id, made.id);
  EXPECT_EQ(job.queue, "mail");
  EXPECT_EQ(job.kind, "send-email");
  EXPECT_EQ(job.state, JobState::scheduled);
  EXPECT_EQ(job.priority, -7);
  EXPECT_EQ(job.params, R"({"to":"ada"})");
  EXPECT_EQ(job.result, "");
  EXPECT_EQ(job.unique_key, "ada");
  EXPECT_EQ(job.attempt, 0);
  EXPECT_EQ(job.max_attempts, 4);
  EXPECT_EQ(job.crashes, 0);
  EXPECT_EQ(job.max_crashes, 2);
  EXPECT_EQ(job.claims, 0);
  EXPECT_EQ(job.lease_token, LeaseToken{});
  EXPECT_EQ(job.worker, "");
  EXPECT_EQ(job.keepalive, 45s);
  EXPECT_EQ(job.timeout, 10min);
  EXPECT_EQ(job.retention, Duration(3h));
  EXPECT_EQ(job.created_at, clock().now());
  EXPECT_EQ(job.queued_at, clock().now());
  EXPECT_EQ(job.run_at, clock().now() + 90s);
  EXPECT_FALSE(job.started_at || job.heartbeat_at || job.finished_at);
}

TEST_P(Enqueue, DefaultsAreTheDocumentedOnes) {
  const Job job = row(client().enqueue(NewJob{.kind = "work"}).id);
  EXPECT_EQ(job.queue, "default");
  EXPECT_EQ(job.params, "null");
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.priority, 10);
  EXPECT_EQ(job.max_attempts, 25);
  EXPECT_EQ(job.max_crashes, 3);
  EXPECT_EQ(job.keepalive, 30s);
  EXPECT_EQ(job.timeout, 0s);
  EXPECT_EQ(job.unique_key, "");
  EXPECT_FALSE(job.retention);
  EXPECT_EQ(job.run_at, clock().now());
}

TEST_P(Enqueue, MakesTheQueueOnFirstUse) {
  EXPECT_FALSE(admin().queue("fresh"));
  enqueue({.queue = "fresh"});
  const std::optional<Queue> queue = admin().queue("fresh");
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->description, "");
  EXPECT_EQ(queue->concurrency, std::nullopt);
  EXPECT_EQ(queue->priority, 1);
  EXPECT_FALSE(queue->paused);
  EXPECT_EQ(queue->created_at, clock().now());
}

TEST_P(Enqueue, TypedArgumentsTravelAsJson) {
  const Greeting sent{"ada", 3};
  const Job job = row(client().enqueue(sent, {.queue = "mail"}).id);
  EXPECT_EQ(job.kind, "greeting");
  const Greeting received = codec<Greeting>::decode(job.params);
  EXPECT_EQ(received.to, sent.to);
  EXPECT_EQ(received.times, sent.times);
}

TEST_P(Enqueue, OwnIdIsKeptAndTheSecondEnqueueChangesNothing) {
  const JobId id = JobId::make(clock().now());
  const Enqueued first = client().enqueue(NewJob{.kind = "work", .params = "1", .options = {.id = id}});
  const Enqueued again = client().enqueue(NewJob{.kind = "other", .params = "2", .options = {.id = id}});
  EXPECT_TRUE(first.inserted());
  EXPECT_EQ(again.status, EnqueueStatus::existing_id);
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(row(id).kind, "work");
  EXPECT_EQ(row(id).params, "1");
}

TEST_P(Enqueue, ReplayAfterTheJobFinishedDoesNotRunItAgain) {
  const JobId id = JobId::make(clock().now());
  enqueue({.id = id});
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_FALSE(client().enqueue(NewJob{.kind = "work", .options = {.id = id}}).inserted());
  EXPECT_EQ(state(id), JobState::success);
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(Enqueue, GivesBackTheWholeRowWhenAsked) {
  const JobId id = JobId::make(clock().now());
  const EnqueuedRow made = client().enqueue_row(Greeting{"ada", 3}, {.queue = "mail", .delay = 90s, .id = id});
  EXPECT_TRUE(made.inserted());
  EXPECT_EQ(made.id, id);
  ASSERT_TRUE(made.job);
  EXPECT_EQ(made.job->id, id);
  EXPECT_EQ(made.job->queue, "mail");
  EXPECT_EQ(made.job->kind, "greeting");
  EXPECT_EQ(codec<Greeting>::decode(made.job->params).to, "ada");
  EXPECT_EQ(made.job->state, JobState::scheduled);
  EXPECT_EQ(made.job->run_at, clock().now() + 90s);
  EXPECT_EQ(made.job->created_at, clock().now());
}

TEST_P(Enqueue, GivesBackTheRowThatWasThere) {
  const JobId id = enqueue({.unique_key = "k"});
  const Job held = take();
  EXPECT_TRUE(client().set_result(held, "7"));
  const EnqueuedRow by_key = client().enqueue_row(NewJob{.kind = "other", .options = {.unique_key = "k"}});
  EXPECT_EQ(by_key.status, EnqueueStatus::existing_key);
  EXPECT_EQ(by_key.id, id);
  ASSERT_TRUE(by_key.job);
  EXPECT_EQ(by_key.job->id, id);
  EXPECT_EQ(by_key.job->kind, "work");
  EXPECT_EQ(by_key.job->state, JobState::running);
  EXPECT_EQ(by_key.job->result, "7");
  EXPECT_EQ(by_key.job->worker, held.worker);

  EXPECT_EQ(client().success(held), FinishStatus::applied);
  const EnqueuedRow by_id = client().enqueue_row(NewJob{.kind = "other", .options = {.id = id}});
  EXPECT_EQ(by_id.status, EnqueueStatus::existing_id);
  ASSERT_TRUE(by_id.job);
  EXPECT_EQ(by_id.job->kind, "work");
  EXPECT_EQ(by_id.job->state, JobState::success);
  EXPECT_EQ(admin().list().size(), 1u);
}

TEST_P(Enqueue, AnUnknownIdIsAnEmptyAnswer) {
  EXPECT_FALSE(client().find(JobId::make(clock().now())));
  EXPECT_FALSE(client().find(JobId{}));
  EXPECT_FALSE(client().is_cancelled(JobId::make(clock().now())));
}

TEST_P(Enqueue, OptionsOutOfRangeAreRefused) {
  const std::vector<EnqueueOptions> wrong = {
      {.max_attempts = 0},
      {.max_attempts = -1},
      {.max_attempts = 1'000'001},
      {.max_crashes = 0},
      {.max_crashes = -1},
      {.unique_key = ""},
      {.unique_key = std::string(256, 'k')},
      {.keepalive = 0s},
      {.keepalive = -30s},
      {.keepalive = 999ms},
      {.keepalive = 24h + 1us},
      {.retention = -1us},
      {.retention = Duration::min()},
  };
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    EXPECT_EQ(code_of([&] { return client().enqueue(NewJob{.kind = "work", .options = wrong[i]}); }),
              "invalid_argument")
        << "options " << i;
  }
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(Enqueue, OptionsAtTheirLimitsAreAccepted) {
  const JobId least = enqueue({.max_attempts = 1, .max_crashes = 1, .keepalive = 1s, .retention = 0s});
  const JobId most = enqueue({.max_attempts = 1'000'000,
                              .max_crashes = 1'000'000,
                              .unique_key = std::string(255, 'k'),
                              .keepalive = 24h,
                              .retention = Duration::max(),
                              .timeout = Duration::max()});
  EXPECT_EQ(row(least).max_attempts, 1);
  EXPECT_EQ(row(least).retention, Duration(0));
  EXPECT_EQ(row(most).max_attempts, 1'000'000);
  EXPECT_EQ(row(most).max_crashes, 1'000'000);
  EXPECT_EQ(row(most).keepalive, 24h);
  EXPECT_GE(*row(most).retention, 24h * 365 * 1000) << "for ever, as good as";
  EXPECT_EQ(row(most).unique_key, std::string(255, 'k'));
  for (const Job& job : claim(2)) EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(state(most), JobState::success);
}

TEST_P(Enqueue, SurvivesTheLastHandle) {
  SQLQ_NEEDS(survives_reopen);
  JobId id;
  {
    Database alone = open(url());
    alone.migrate();
    id = Client{alone}.enqueue(NewJob{.kind = "work"}).id;
  }
  use_system_clock();  // drops the fixture's own handle as well
  EXPECT_EQ(state(id), JobState::pending);
}

TEST_P(Enqueue, ManyThreadsAtOnce) {
  use_system_clock();
  const std::vector<Database> handles = {db(), another(), another(), another()};
  std::vector<std::vector<JobId>> made(16);
  in_threads(16, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    for (int i = 0; i < 20; ++i) {
      made[static_cast<std::size_t>(t)].push_back(mine.enqueue(NewJob{.kind = "work"}).id);
    }
  });
  std::set<JobId> all;
  for (const std::vector<JobId>& part : made) all.insert(part.begin(), part.end());
  EXPECT_EQ(all.size(), 320u);
  EXPECT_EQ(admin().counts().at(JobState::pending).value, 320u);
  EXPECT_EQ(admin().list({}, {.limit = 1000}).size(), 320u);
}

}  // namespace sqlq::conformance
