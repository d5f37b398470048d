#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/client.hpp>
#include <sqlq/json.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::FakeDatabase;
using testing::FakeDialect;
using testing::has;

// Records what reaches it, with texts copied, and answers what it was told to.
class RecordingDialect final : public FakeDialect {
 public:
  struct Stored {
    backend::EnqueueItem item;
    std::string queue, kind, params, unique_key;
    const char* params_at = nullptr;
  };
  struct Finished {
    backend::Finish item;
    std::string result, message;
  };

  int calls = 0;
  const Tx* within = nullptr;
  backend::Now at;
  std::vector<Stored> stored;
  std::vector<std::string> heads;  ///< key and headers of those that have any
  std::vector<Finished> finished;
  std::vector<std::string> claimed_queues, claimed_kinds, workers;
  std::vector<LeaseToken> tokens;
  std::vector<std::size_t> heartbeats;
  std::vector<std::size_t> reaps;
  std::vector<Job> ready_jobs;
  std::optional<Job> row;
  std::optional<Errc> unreadable;  ///< the error of each read
  EnqueueStatus answer = EnqueueStatus::inserted;
  bool forget_answers = false;

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* tx, backend::Now now) override {
    note(tx, now);
    std::vector<Enqueued> answers;
    for (const auto& item : items) {
      stored.push_back({item, std::string(item.queue), std::string(item.kind), std::string(item.params),
                        std::string(item.unique_key.value_or("")), item.params.data()});
      if (!item.headers.empty()) heads.push_back(std::string(item.key) + " " + std::string(item.headers));
      answers.push_back({.id = item.id, .status = answer});
    }
    if (forget_answers) answers.clear();
    return answers;
  }
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* tx, backend::Now now) override {
    note(tx, now);
    return std::vector<CancelStatus>(ids.size(), CancelStatus::cancelling);
  }
  backend::ClaimResult claim(const backend::ClaimRequest& request) override {
    note(nullptr, request.now);
    claimed_queues.assign(request.queues.begin(), request.queues.end());
    claimed_kinds.assign(request.kinds.begin(), request.kinds.end());
    tokens.push_back(request.token);
    workers.emplace_back(request.worker);
    return {ready_jobs, std::nullopt};
  }
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* tx, backend::Now now) override {
    note(tx, now);
    for (const auto& item : items) finished.push_back({item, std::string(item.result), std::string(item.message)});
    return std::vector<FinishStatus>(items.size(), FinishStatus::applied);
  }
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, backend::Now now) override {
    note(nullptr, now);
    heartbeats.push_back(leases.size());
    return std::vector<LeaseStatus>(leases.size(), LeaseStatus::renewed);
  }
  ReapReport reap(std::span<const std::string>, std::size_t limit, backend::Now now) override {
    note(nullptr, now);
    EXPECT_EQ(limit, 1000U);
    ReapReport report;
    report.returned.resize(reaps.empty() ? 0 : reaps.front());
    if (!reaps.empty()) reaps.erase(reaps.begin());
    return report;
  }
  std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* tx) override {
    note(tx, {});
    if (unreadable) throw Error(*unreadable, "the server has gone away", "fake", 7, "get");
    return std::vector<std::optional<Job>>(ids.size(), row);
  }

 private:
  void note(const Tx* tx, backend::Now now) {
    ++calls;
    within = tx;
    at = now;
  }
};

using RecordingFake = FakeDatabase<RecordingDialect>;

Job claimed_job(int attempt = 1, int max_attempts = 25) {
  Job job;
  job.id = JobId::make(system_clock()->now());
  job.attempt = attempt;
  job.max_attempts = max_attempts;
  job.lease_token = LeaseToken{42};
  return job;
}

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Mail, to)
};

TEST(ClientEnqueue, ResolvesOptionsWithoutCopyingPayloads) {
  RecordingFake f;
  const JobId id = JobId::make(system_clock()->now());
  const NewJob job{.kind = "k",
                   .params = "[1,2]",
                   .options = {.queue = "q",
                               .priority = -3,
                               .max_attempts = 4,
                               .max_crashes = 5,
                               .delay = 6s,
                               .unique_key = "u",
                               .keepalive = 7s,
                               .retention = 8s,
                               .timeout = 9s,
                               .id = id}};
  const Enqueued answer = Client{f.db}.enqueue(job);
  EXPECT_EQ(answer.id, id);
  ASSERT_EQ(f.fake.stored.size(), 1U);
  const auto& [item, queue, kind, params, unique_key, params_at] = f.fake.stored.front();
  EXPECT_EQ(queue + kind + params + unique_key, "qk[1,2]u");
  EXPECT_EQ(params_at, job.params.data());
  EXPECT_EQ(item.id, id);
  EXPECT_EQ(item.priority, -3);
  EXPECT_EQ(item.max_attempts, 4);
  EXPECT_EQ(item.max_crashes, 5);
  EXPECT_EQ(item.delay, 6s);
  EXPECT_FALSE(item.run_at);
  EXPECT_EQ(item.keepalive, 7s);
  EXPECT_EQ(item.retention, Duration(8s));
  EXPECT_EQ(item.timeout, 9s);
  EXPECT_EQ(f.fake.within, nullptr);
  EXPECT_FALSE(f.fake.at) << "the backend's clock decides";
}

TEST(ClientEnqueue, AKeyIsAHeaderToo) {
  RecordingFake f;
  Client client{f.db};
  const auto with_key = [&] { client.enqueue(Mail{"ada"}, {.key = "customer-17"}); };
  EXPECT_TRUE(has(error_of(Errc::configuration, with_key), "capability `limits`"));
  f.fake.able.limits = f.fake.able.headers = true;
  with_key();
  client.enqueue(Mail{"bob"}, {.key = "b", .headers = {{"a", "c"}}});
  ASSERT_EQ(f.fake.heads.size(), 2U);
  EXPECT_EQ(f.fake.heads[0], R"(customer-17 {"sqlq-key":"customer-17"})");
  EXPECT_EQ(f.fake.heads[1], R"(b {"a":"c","sqlq-key":"b"})");
}

TEST(ClientEnqueue, MakesIdsAndDefaults) {
  RecordingFake f;
  Client client{f.db};
  const JobId first = client.enqueue(Mail{"ada"}).id;
  const JobId second = client.enqueue(Mail{"bob"}, {.delay = Duration::min()}).id;
  EXPECT_LT(first, second);
  EXPECT_EQ(f.fake.stored[0].params, R"({"to":"ada"})");
  EXPECT_EQ(codec<Mail>::decode(f.fake.stored[1].params).to, "bob");
  EXPECT_EQ(f.fake.stored[0].queue, "default");
  EXPECT_FALSE(f.fake.stored[0].item.unique_key);
  EXPECT_EQ(f.fake.stored[1].item.delay, 0s) << "negative means now";
}

TEST(ClientEnqueue, PassesTheTransactionOn) {
  RecordingFake f;
  int handle = 0;
  const Tx tx("test", &handle);
  Client client{f.db};
  client.enqueue(tx, Mail{"ada"});
  ASSERT_NE(f.fake.within, nullptr);
  client.cancel(tx, JobId{});
  ASSERT_NE(f.fake.within, nullptr);
  client.success(tx, claimed_job());
  EXPECT_NE(f.fake.within, nullptr);
}

TEST(ClientEnqueue, ARowThatIsGoneByThenIsAnEmptyAnswer) {
  RecordingFake f;
  Client client{f.db};
  const EnqueuedRow gone = client.enqueue_row(Mail{"ada"});
  EXPECT_TRUE(gone.inserted());
  EXPECT_FALSE(gone.id.nil());
  EXPECT_FALSE(gone.job);
  EXPECT_EQ(f.fake.calls, 2) << "one read more";
  f.fake.row = claimed_job();
  EXPECT_TRUE(client.enqueue_row(NewJob{.kind = "k"}).job);
  int handle = 0;
  EXPECT_TRUE(client.enqueue_row(Tx("test", &handle), Mail{"ada"}).job);
  EXPECT_NE(f.fake.within, nullptr) << "read inside";
}

TEST(ClientEnqueue, AStoredJobThatCannotBeReadIsNamedAndNeverCalledRetryable) {
  RecordingFake f;
  Client client{f.db};
  f.fake.unreadable = Errc::connection;
  const std::string message = error_of(Errc::outcome_unknown, [&] { client.enqueue_row(Mail{"ada"}); });
  EXPECT_TRUE(has(message, "job " + f.fake.stored.front().item.id.to_string() + " is stored")) << message;
  EXPECT_TRUE(has(message, "the server has gone away")) << message;
  int handle = 0;
  error_of(Errc::connection, [&] { client.enqueue_row(Tx("test", &handle), Mail{"ada"}); });
  f.fake.answer = EnqueueStatus::existing_key;
  error_of(Errc::connection, [&] { client.enqueue_row(Mail{"ada"}); });
}

TEST(ClientEnqueue, ManyGoInOneCall) {
  RecordingFake f;
  Client client{f.db};
  const std::vector<Mail> mails(1000, Mail{"ada"});
  const auto answers = client.enqueue_many(std::span<const Mail>(mails), {.queue = "bulk"});
  EXPECT_EQ(f.fake.calls, 1);
  ASSERT_EQ(answers.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(answers.begin(), answers.end(), [](auto a, auto b) { return a.id < b.id; }));
  EXPECT_TRUE(client.enqueue_many(std::span<const NewJob>()).empty());
  EXPECT_EQ(f.fake.calls, 1);
}

TEST(ClientEnqueue, NothingIsSentWhenOneJobOfTheBatchIsBad) {
  RecordingFake f;
  Client client{f.db};
  std::vector<NewJob> jobs(3, NewJob{.kind = "k"});
  jobs[1].params = "{\"secret\":";
  const std::string message = error_of(Errc::invalid_argument, [&] { client.enqueue_many(jobs); });
  EXPECT_TRUE(has(message, "job 2 of 3: the job's params is not JSON")) << message;
  EXPECT_FALSE(has(message, "secret"));
  jobs.assign(100'001, NewJob{.kind = "k"});
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { client.enqueue_many(jobs); }), "at most 100000"));
  EXPECT_EQ(f.fake.calls, 0);
}

TEST(ClientEnqueue, RefusesBadInputBeforeAnythingIsSent) {
  RecordingFake f{{.limits = {.max_bytes = 10, .max_depth = 2}}};
  Client client{f.db};
  const std::vector<NewJob> bad{
      {.kind = ""},
      {.kind = "a\nb"},
      {.kind = "k", .params = ""},
      {.kind = "k", .params = "\"0123456789\""},
      {.kind = "k", .params = "[[[]]]"},
      {.kind = "k", .params = "\"\\u0000\""},
      {.kind = "k", .params = "\"\xFF\""},
      {.kind = "k", .options = {.queue = ""}},
      {.kind = "k", .options = {.keepalive = 0s}},
      {.kind = "k", .options = {.delay = 1s, .run_at = TimePoint{}}},
      {.kind = "k", .options = {.id = JobId{}}},
  };
  for (const NewJob& job : bad) {
    EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { client.enqueue(job); }).empty());
  }
  const std::vector<Mail> mails(2);
  const std::span<const Mail> span(mails);
  EXPECT_THROW(client.enqueue_many(span, {.unique_key = "u"}), Error);
  EXPECT_THROW(client.enqueue_many(span, {.id = JobId::make(f.db.clock().now())}), Error);
  EXPECT_EQ(f.fake.calls, 0);
}

TEST(ClientEnqueue, SchemaIsCheckedBeforeTheFirstCall) {
  RecordingFake f;
  f.fake.status.current = 0;
  EXPECT_TRUE(has(error_of(Errc::schema, [&] { Client{f.db}.enqueue(NewJob{.kind = "k"}); }), "call migrate()"));
  EXPECT_EQ(f.fake.calls, 0);
}

TEST(ClientEnqueue, ABackendThatForgetsAnswersIsADefect) {
  RecordingFake f;
  f.fake.forget_answers = true;
  EXPECT_FALSE(error_of(Errc::internal, [&] { Client{f.db}.enqueue(NewJob{.kind = "k"}); }).empty());
}

TEST(Client, CarriesATestsTime) {
  const auto clock = std::make_shared<testing::ManualClock>();
  RecordingFake f{{.clock = clock}};
  Client client{f.db};
  clock->advance(90s);
  client.enqueue(NewJob{.kind = "k"});
  ASSERT_TRUE(f.fake.at);
  EXPECT_EQ(f.fake.at->wall, clock->now());
  EXPECT_EQ(f.fake.at->steady, clock->steady());
  static_cast<void>(client.claim());
  EXPECT_TRUE(f.fake.at);
}

TEST(ClientClaim, HasANewTokenEachTimeAndNamesTheProcess) {
  RecordingFake f;
  Client client{f.db};
  static_cast<void>(client.claim());
  static_cast<void>(client.claim());
  EXPECT_NE(f.fake.tokens[0], f.fake.tokens[1]);
  EXPECT_NE(f.fake.tokens[0], LeaseToken{});
  EXPECT_FALSE(f.fake.workers[0].empty());
  EXPECT_EQ(f.fake.workers[0], f.fake.workers[1]);
}

TEST(ClientClaim, NamesEachQueueOnce) {
  RecordingFake f;
  f.fake.ready_jobs = {claimed_job()};
  Client client{f.db};
  const std::vector<std::string> queues{"b", "a", "b"};
  EXPECT_EQ(client.claim(queues, {.kinds = {"k", "k"}}, 5).size(), 1U);
  EXPECT_EQ(f.fake.claimed_queues, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(f.fake.claimed_kinds, std::vector<std::string>{"k"});
  EXPECT_TRUE(client.claim_one("a"));
  EXPECT_EQ(f.fake.claimed_queues, std::vector<std::string>{"a"});
  f.fake.ready_jobs.clear();
  EXPECT_FALSE(client.claim_one("a"));
}

TEST(ClientClaim, RefusesBadInput) {
  RecordingFake f;
  Client client{f.db};
  const auto refuse = [&](auto call) { EXPECT_FALSE(error_of(Errc::invalid_argument, call).empty()); };
  refuse([&] { static_cast<void>(client.claim({}, {}, 0)); });
  refuse([&] { static_cast<void>(client.claim({}, {}, 10'001)); });
  refuse([&] { static_cast<void>(client.claim({}, {.kinds = {""}})); });
  refuse([&] { static_cast<void>(client.claim_one("")); });
  refuse([&] { client.reap(std::vector<std::string>{"\xFF"}); });
  EXPECT_EQ(f.fake.calls, 0);
}

TEST(ClientFinish, ErrorDecidesBetweenRetryAndEnd) {
  RecordingFake f;
  Client client{f.db};
  client.error(claimed_job(24, 25), "broken", {.retry = RetryPolicy::constant(5s)});
  client.error(claimed_job(25, 25), "broken", {.retry = RetryPolicy::constant(5s)});
  client.error(claimed_job(1, 25), "broken", {.discard = true});
  ASSERT_EQ(f.fake.finished.size(), 3U);
  EXPECT_EQ(f.fake.finished[0].item.kind, backend::FinishKind::retry);
  EXPECT_EQ(f.fake.finished[0].item.delay, 5s);
  EXPECT_EQ(f.fake.finished[0].item.cause, Cause::failed);
  EXPECT_EQ(f.fake.finished[0].message, "broken");
  EXPECT_EQ(f.fake.finished[1].item.kind, backend::FinishKind::fail);
  EXPECT_EQ(f.fake.finished[1].item.cause, Cause::failed);
  EXPECT_EQ(f.fake.finished[2].item.kind, backend::FinishKind::fail);
  EXPECT_EQ(f.fake.finished[2].item.cause, Cause::discarded);
}

TEST(ClientFinish, CleansMessagesAndChecksResults) {
  RecordingFake f;
  Client client{f.db};
  client.error(claimed_job(), std::string(100'000, 'x') + '\0');
  client.error(claimed_job(), "a\xFF");
  EXPECT_EQ(f.fake.finished[0].message.size(), std::size_t{64} << 10);
  EXPECT_EQ(f.fake.finished[1].message, "a\xEF\xBF\xBD");
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { client.success(claimed_job(), "{"); }).empty());
  EXPECT_EQ(f.fake.finished.size(), 2U);
  EXPECT_EQ(client.success(claimed_job(), "{}"), FinishStatus::applied);
  EXPECT_EQ(f.fake.finished[2].result, "{}");
}

TEST(ClientFinish, EveryWayHasItsKind) {
  RecordingFake f;
  Client client{f.db};
  const Job job = claimed_job();
  client.success(job);
  client.cancelled(job);
  client.snooze(job, -5s);
  client.release(job);
  ASSERT_EQ(f.fake.finished.size(), 4U);
  EXPECT_EQ(f.fake.finished[0].item.kind, backend::FinishKind::success);
  EXPECT_EQ(f.fake.finished[1].item.kind, backend::FinishKind::cancel);
  EXPECT_EQ(f.fake.finished[2].item.kind, backend::FinishKind::snooze);
  EXPECT_EQ(f.fake.finished[2].item.delay, 0s);
  EXPECT_EQ(f.fake.finished[3].item.kind, backend::FinishKind::release);
  for (const auto& finish : f.fake.finished) {
    EXPECT_EQ(finish.item.id, job.id);
    EXPECT_EQ(finish.item.token, job.lease_token);
  }
}

TEST(ClientFinish, AJobWithoutLeaseIsStaleWithoutAsking) {
  RecordingFake f;
  Client client{f.db};
  Job job = claimed_job();
  job.lease_token = {};
  EXPECT_EQ(client.success(job), FinishStatus::stale);
  EXPECT_EQ(client.error(job, "x"), FinishStatus::stale);
  EXPECT_EQ(client.ping(job), LeaseStatus::lost);
  EXPECT_EQ(f.fake.calls, 0);
}

TEST(ClientPing, AnswersInOrderAndInBatches) {
  RecordingFake f;
  std::vector<Job> jobs(20'002, claimed_job());
  jobs[3].lease_token = {};
  const auto answers = Client{f.db}.ping(jobs);
  EXPECT_EQ(f.fake.heartbeats, (std::vector<std::size_t>{10'000, 10'000, 1}));
  ASSERT_EQ(answers.size(), jobs.size());
  EXPECT_EQ(answers[3], LeaseStatus::lost);
  EXPECT_EQ(std::count(answers.begin(), answers.end(), LeaseStatus::renewed), 20'001);
  EXPECT_TRUE(Client{f.db}.ping(std::span<const Job>()).empty());
}

TEST(ClientReap, GoesOnUntilABatchIsNotFull) {
  RecordingFake f;
  f.fake.reaps = {1000, 1000, 5, 7};
  EXPECT_EQ(Client{f.db}.reap().total(), 2005U);
  EXPECT_EQ(f.fake.calls, 3);
}

TEST(ClientLook, IsCancelledReadsTheState) {
  RecordingFake f;
  const Client client{f.db};
  EXPECT_FALSE(client.is_cancelled(JobId{}));
  EXPECT_FALSE(client.find(JobId{}));
  f.fake.row = claimed_job();
  for (const auto& [state, expected] : {std::pair(JobState::running, false), std::pair(JobState::cancelling, true),
                                       std::pair(JobState::cancelled, true), std::pair(JobState::success, false)}) {
    f.fake.row->state = state;
    EXPECT_EQ(client.is_cancelled(f.fake.row->id), expected) << to_string(state);
  }
}

}  // namespace
}  // namespace sqlq
