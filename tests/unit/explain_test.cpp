// Why a job does not run, over a database that says what a test wants: each reason by itself, their order, what
// sentences may have in them, and what happens when a part cannot be read.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>

#include "core/gate.hpp"
#include "core/text.hpp"
#include "core/words.hpp"
#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"
#include "support/host_clock.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;
using testing::expect_error;
using testing::FakeDatabase;
using testing::FakeDialect;
using testing::has;
using testing::HostClock;
using Code = Reason::Code;
using Codes = std::vector<std::string>;

JobId id_of(std::uint8_t n) { return JobId({0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n}); }

class ExplainDialect final : public FakeDialect {
 public:
  std::optional<Job> job{};
  std::optional<Queue> mail{Queue{.name = "mail"}};
  std::vector<Job> held{};  // newest first
  AttemptRecord line{};
  std::optional<std::vector<WorkerInfo>> announced{std::vector<WorkerInfo>{}};  // empty: there is no list of workers
  std::optional<TimePoint> time{};                                              // empty: no part Insight
  CappedCount before{};
  std::optional<backend::GateRow> gate{};
  std::string limits{};  // of each key of the queue
  CappedCount in_line{};
  std::map<std::string, Errc> broken{};  // what operations throw

  MigrationStatus migration_status() override {
    fail("migration_status");
    return status;
  }
  std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx*) override {
    fail("get");
    return {job && job->id == ids.front() ? job : std::nullopt};
  }
  std::optional<Queue> queue(std::string_view name) override {
    fail("queue");
    EXPECT_EQ(name, "mail");
    return mail;
  }
  JobPage list(const JobFilter& filter, const Page& page) override {
    fail("list");
    EXPECT_EQ(filter.queues, std::vector<std::string>{"mail"});
    EXPECT_EQ(filter.states, (std::vector<JobState>{JobState::running, JobState::cancelling}));
    EXPECT_FALSE(page.payloads);
    JobPage found;
    for (const Job& one : held) {
      if (page.before && one.id >= *page.before) continue;
      if (found.jobs.size() < page.limit) found.jobs.push_back(one);
    }
    if (found.jobs.size() == page.limit) found.next = found.jobs.back().id;
    return found;
  }
  std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) override {
    fail("last_records");
    EXPECT_EQ(ids.size(), 1U);
    return {line};
  }
  backend::Workers* workers() noexcept override { return announced ? this : nullptr; }
  std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t, std::size_t limit, backend::Now) override {
    fail("list_workers");
    std::vector<WorkerInfo> some;
    for (const WorkerInfo& w : *announced) {
      if (w.name > after && some.size() < limit) some.push_back(w);
    }
    return some;
  }
  backend::Insight* insight() noexcept override { return time ? this : nullptr; }
  TimePoint clock_now() override {
    fail("clock_now");
    return *time;
  }
  CappedCount jobs_before(JobId, std::uint64_t cap, backend::Now) override {
    fail("jobs_before");
    EXPECT_EQ(cap, 10'000U);
    return before;
  }
  backend::Gates* gates() noexcept override { return this; }
  std::string gate_settings(std::string_view queue) override {
    EXPECT_EQ(queue, "mail");
    return limits;
  }
  std::optional<backend::GateRow> gate_get(const backend::GateName& name, std::uint64_t) override {
    fail("gate_get");
    EXPECT_EQ(name.queue + " " + name.key, "mail ada's");
    return gate;
  }
  CappedCount gate_before(JobId, std::uint64_t) override { return in_line; }

 private:
  void fail(const std::string& operation) const {
    if (const auto at = broken.find(operation); at != broken.end()) {
      throw Error(at->second, operation + ": permission denied\nfor a table");
    }
  }
};

class Explain : public ::testing::Test {
 protected:
  Explain() {
    fake_.time = now();
    fake_.job = Job{.id = id_of(1), .queue = "mail", .kind = "send", .state = JobState::pending,
                    .params = R"("payload")", .result = R"("payload")", .keepalive = 30s, .run_at = now()};
    fake_.announced = {worker("w1")};
  }
  [[nodiscard]] TimePoint now() const { return clock_->now(); }
  [[nodiscard]] WorkerInfo worker(std::string name) const {
    return {.name = std::move(name), .id = 1, .queues = {"mail"}, .kinds = {"send"}, .concurrency = 2,
            .seen_at = now() - 3s};
  }
  [[nodiscard]] Job held(std::uint8_t n, std::string worker, Duration silent = 1s) const {
    return {.id = id_of(n), .queue = "mail", .state = JobState::running, .worker = std::move(worker), .keepalive = 30s,
            .started_at = now() - 1h, .heartbeat_at = now() - silent};
  }
  Job& job() { return *fake_.job; }
  void wait_for_key() {
    job().state = JobState::waiting;
    job().headers = {{"sqlq-key", "ada's"}};
  }

  [[nodiscard]] std::vector<Reason> reasons() const {
    std::vector<Reason> all = Admin{f_.db}.explain(id_of(1));
    EXPECT_FALSE(all.empty());
    for (const Reason& r : all) {
      EXPECT_FALSE(r.sentence.empty()) << to_string(r.code);
      EXPECT_EQ(core::one_line(r.sentence, 100'000), r.sentence) << "control characters";
      EXPECT_FALSE(has(r.sentence, "payload")) << r.sentence;
    }
    return all;
  }
  [[nodiscard]] Codes codes() const {
    Codes all;
    for (const Reason& r : reasons()) all.emplace_back(to_string(r.code));
    return all;
  }
  /// The first one.
  [[nodiscard]] Reason reason() const { return reasons().front(); }
  void expect_only(const std::string& code) const { EXPECT_EQ(codes(), Codes{code}); }

  std::shared_ptr<HostClock> clock_ = std::make_shared<HostClock>();
  FakeDatabase<ExplainDialect> f_{{.clock = clock_}};
  ExplainDialect& fake_ = f_.fake;
};

// ------------------------------------------------------------------------------------------------ each by itself

TEST_F(Explain, NothingIsInItsWay) {
  expect_only("may_run");
  EXPECT_EQ(reason().sentence, "nothing known is in its way: a worker that has a handler for it takes it at its next "
                               "claim; of those 'w1' was seen last, 3 s ago");
}

TEST_F(Explain, TheSchemaIsOfAnotherVersion) {
  fake_.status = {.current = 1, .latest = 2};
  fake_.broken["get"] = Errc::schema;
  expect_only("schema_behind");
  EXPECT_EQ(reason().sentence, "the sqlq tables have version 1, this library needs 2: call migrate(), or run "
                               "`sqlq schema up`");
  fake_.status = {.current = 0, .latest = 2};
  expect_only("schema_behind");
  fake_.status = {.current = 3, .latest = 2, .problem = "too new:\nupdate"};
  expect_only("schema_behind");
  EXPECT_EQ(reason().sentence, "too new:\\nupdate");
}

TEST_F(Explain, TheSchemaIsLookedAtEachTime) {
  expect_only("may_run");
  fake_.status = {.current = 1, .latest = 2};
  expect_only("schema_behind");
}

TEST_F(Explain, NoSuchJob) {
  fake_.job.reset();
  expect_only("not_found");
  EXPECT_TRUE(has(reason().sentence, id_of(1).to_string()));
}

TEST_F(Explain, AFinishedJob) {
  job().state = JobState::success;
  job().finished_at = now() - 2h - 5min;
  fake_.line = {.message = "an earlier error"};
  expect_only("finished");
  EXPECT_EQ(reason().state, JobState::success);
  EXPECT_EQ(reason().at, now() - 2h - 5min);
  EXPECT_EQ(reason().message, "");
  EXPECT_EQ(reason().sentence, "the job has ended: success since 2023-12-31 21:55:00 UTC (2 h 5 min ago)");
}

TEST_F(Explain, AFinishedJobHasItsLastError) {
  job().state = JobState::errored;
  job().attempt = 3;
  job().max_attempts = 3;
  job().finished_at = now();
  fake_.line = {.message = "no\x1b[2J route\n"};
  expect_only("finished");
  EXPECT_EQ(reason().message, "no\x1b[2J route\n") << "as it is stored";
  EXPECT_TRUE(has(reason().sentence, "errored since 2024-01-01 00:00:00 UTC (0 s ago), after 3 of 3 attempts"));
  EXPECT_TRUE(has(reason().sentence, "sqlq job retry --id " + id_of(1).to_string()));
  EXPECT_TRUE(has(reason().sentence, "last error: no\\x1b[2J route\\n"));
}

TEST_F(Explain, ARunningJob) {
  job() = held(1, "w1");
  expect_only("running");
  EXPECT_EQ(reason().worker, "w1");
  EXPECT_EQ(reason().at, now() - 1h);
  EXPECT_EQ(reason().state, JobState::running);
  EXPECT_TRUE(has(reason().sentence, "on worker 'w1' since 2023-12-31 23:00:00 UTC (1 h ago)")) << reason().sentence;
  EXPECT_TRUE(has(reason().sentence, "last sign of life 1 s ago"));
}

TEST_F(Explain, AJobOfAWorkerThatIsSilentForLongerThanTheLease) {
  job() = held(1, "w1", 5min);
  expect_only("stuck");
  EXPECT_EQ(reason().worker, "w1");
  EXPECT_EQ(reason().at, now() - 5min);
  EXPECT_TRUE(has(reason().sentence, "the next sweep of any worker puts it back"));
  job() = held(1, "w1", 29s);
  expect_only("running");
}

TEST_F(Explain, TheDatabasesClockSaysWhenALeaseEnds) {
  job() = held(1, "w1", 29s);
  fake_.time = now() + 1s;
  expect_only("stuck");
}

TEST_F(Explain, AJobThatIsBeingCancelled) {
  job() = held(1, "w1");
  job().state = JobState::cancelling;
  expect_only("cancelling");
  EXPECT_EQ(reason().worker, "w1");
  job().heartbeat_at = now() - 1min;
  expect_only("stuck");
  EXPECT_EQ(reason().state, JobState::cancelling);
  EXPECT_TRUE(has(reason().sentence, "ends it as cancelled"));
}

TEST_F(Explain, AJobInStateWaiting) {
  job().state = JobState::waiting;
  expect_only("waiting");
}

TEST_F(Explain, AKeyThatHasRoom) {
  wait_for_key();
  expect_only("may_run");
  EXPECT_TRUE(has(reason().sentence, "its key 'ada's' has room: the next look of any worker lets it in"));
  fake_.gate = backend::GateRow{.key = "ada's"};
  fake_.before = {.value = 3};
  expect_only("behind");
}

TEST_F(Explain, AKeyThatIsUsed) {
  wait_for_key();
  fake_.limits = core::key_limits_text({.concurrency = 2});
  fake_.gate = backend::GateRow{.key = "ada's", .inside = {.value = 2}, .jobs = {id_of(7), id_of(8)}};
  fake_.in_line = {.value = 1};
  EXPECT_EQ(codes(), (Codes{"key_used", "key_line"}));
  const Reason used = reason();
  EXPECT_EQ(used.key, "ada's");
  EXPECT_EQ(used.queue, "mail");
  EXPECT_EQ(used.state, JobState::waiting);
  EXPECT_EQ(used.count, 2U);
  EXPECT_EQ(used.limit, 2U);
  EXPECT_EQ(used.jobs, (std::vector<JobId>{id_of(7), id_of(8)}));
  EXPECT_TRUE(has(used.sentence, "2, is used up: 2 jobs are let in, such as " + id_of(7).to_string())) << used.sentence;
  EXPECT_TRUE(has(used.sentence, R"(`sqlq queue limit-keys --key='ada'\''s' --concurrency N mail`)")) << used.sentence;
  EXPECT_EQ(reasons().back().sentence, "1 job of key 'ada's' comes before it");
  fake_.gate->settings = core::key_limits_text({.concurrency = 3});
  expect_only("key_line");
  fake_.gate->settings = core::key_limits_text({.concurrency = 0});
  EXPECT_TRUE(has(reason().sentence, "has the limit 0, which lets none of its jobs in"));
  fake_.gate->settings = core::key_limits_text({.order = KeyOrder::strict});
  EXPECT_EQ(reason().limit, 1U);
  EXPECT_TRUE(has(reason().sentence, "one at a time, in order"));
}

TEST_F(Explain, AKeyWhoseRateIsUsed) {
  wait_for_key();
  fake_.limits = core::key_limits_text({.rate = Rate{.count = 1, .per = 10s}});
  fake_.gate = backend::GateRow{.key = "ada's", .next_start = now() + 7s};
  expect_only("key_rate");
  EXPECT_EQ(reason().at, now() + 7s);
  EXPECT_TRUE(has(reason().sentence, "as its rate allows, 1 in 10 s: the next may start at ")) << reason().sentence;
  fake_.gate->next_start = now() - 1s;
  expect_only("may_run");
}

TEST_F(Explain, AKeyThatIsShut) {
  wait_for_key();
  fake_.gate = backend::GateRow{.key = "ada's", .shut_until = now() + 1h};
  expect_only("key_shut");
  EXPECT_EQ(reason().at, now() + 1h);
  EXPECT_TRUE(has(reason().sentence, R"(`sqlq queue open-key mail 'ada'\''s'` opens it earlier)")) << reason().sentence;
  fake_.gate = backend::GateRow{.key = "ada's", .held = true};
  expect_only("key_shut");
  EXPECT_FALSE(reason().at);
  EXPECT_TRUE(has(reason().sentence, "until somebody opens it"));
}

TEST_F(Explain, AJobWithAKeyThatComesLater) {
  wait_for_key();
  job().run_at = now() + 1h;
  fake_.mail->paused = true;
  EXPECT_EQ(codes(), (Codes{"queue_paused", "due_later"}));
  fake_.broken["gate_get"] = Errc::permission;
  EXPECT_TRUE(has(reasons().back().sentence, "; not known: its key"));
}

TEST_F(Explain, APausedQueue) {
  fake_.mail->paused = true;
  expect_only("queue_paused");
  EXPECT_EQ(reason().queue, "mail");
  EXPECT_EQ(reason().sentence, "queue 'mail' is paused: resume it with Admin::resume or `sqlq queue resume mail`");
}

TEST_F(Explain, AQueueThatIsNotThere) {
  fake_.mail.reset();
  expect_only("may_run");
}

TEST_F(Explain, ALimitThatLetsNoneRun) {
  fake_.mail->concurrency = 0;
  expect_only("limit_used");
  EXPECT_EQ(reason().queue, "mail");
  EXPECT_EQ(reason().count, 0U);
  EXPECT_TRUE(has(reason().sentence, "sqlq queue limit mail N"));
}

TEST_F(Explain, ALimitWithRoom) {
  fake_.mail->concurrency = 2;
  fake_.held = {held(9, "w1")};
  expect_only("may_run");
}

TEST_F(Explain, ALimitThatALivingWorkerUsesUp) {
  fake_.mail->concurrency = 2;
  fake_.held = {held(9, "w1"), held(8, "w1", 2s), held(7, "w2", 0s)};
  fake_.announced = {worker("w1"), worker("w2")};
  expect_only("limit_used");
  const Reason r = reason();
  EXPECT_EQ(r.limit, 2U);
  EXPECT_EQ(r.count, 3U) << "the limit was lowered";
  EXPECT_EQ(r.worker, "w1");
  EXPECT_EQ(r.jobs, (std::vector<JobId>{id_of(8), id_of(9)}));
  EXPECT_TRUE(has(r.sentence, "3 jobs are held, 2 of them by worker 'w1', such as " + id_of(8).to_string() +
                                  ", last sign of life 2 s ago")) << r.sentence;
  EXPECT_TRUE(has(r.sentence, "or at once with Admin::take_away or `sqlq job take-away --id " + id_of(8).to_string() +
                                  "`")) << "it may have been killed a moment ago";
}

TEST_F(Explain, ALimitThatADeadWorkerUsesUp) {
  fake_.mail->concurrency = 2;
  fake_.held = {held(9, "w1", 20s), held(8, "dead", 10s)};
  expect_only("limit_used");
  EXPECT_EQ(reason().worker, "dead");
  EXPECT_EQ(reason().jobs, std::vector<JobId>{id_of(8)});
  EXPECT_TRUE(has(reason().sentence, "no worker of that name is listed; if it is dead, the job comes back when its "
                                     "lease ends, at 2024-01-01 00:00:20 UTC (in 20 s)")) << reason().sentence;
  fake_.held.pop_back();
  fake_.mail->concurrency = 1;
  EXPECT_EQ(reason().worker, "w1");
  EXPECT_TRUE(has(reason().sentence, "last sign of life 20 s ago; if it is dead, the job comes back when its lease "
                                     "ends, at 2024-01-01 00:00:10 UTC (in 10 s)")) << reason().sentence;
  fake_.held[0].heartbeat_at = now() - 30s;
  EXPECT_TRUE(has(reason().sentence, "whose lease has ended: the next sweep of any worker puts it back"));
}

TEST_F(Explain, OfManyJobsThatAreHeldTenAreNamed) {
  fake_.mail->concurrency = 20;
  for (std::uint8_t n = 30; n > 10; --n) fake_.held.push_back(held(n, "w1"));
  expect_only("limit_used");
  EXPECT_EQ(reason().count, 20U);
  EXPECT_EQ(reason().jobs.size(), 10U);
}

TEST_F(Explain, NoWorker) {
  fake_.announced->clear();
  expect_only("no_worker");
  EXPECT_TRUE(has(reason().sentence, "queue 'mail'"));
  EXPECT_TRUE(has(reason().sentence, "kind 'send'"));
}

TEST_F(Explain, NobodyWorksTheQueue) {
  fake_.announced->front().queues = {"letters"};
  expect_only("none_of_queue");
  EXPECT_EQ(reason().queue, "mail");
  EXPECT_EQ(reason().workers, std::vector<std::string>{"w1"});
}

TEST_F(Explain, NobodyHasAHandler) {
  WorkerInfo other = worker("w0");
  other.queues = {"letters"};
  fake_.announced->front().kinds = {"other"};
  fake_.announced->push_back(other);
  expect_only("none_of_kind");
  EXPECT_EQ(reason().queue, "mail");
  EXPECT_EQ(reason().kind, "send");
  EXPECT_EQ(reason().workers, std::vector<std::string>{"w1"});
}

TEST_F(Explain, AWorkerOfAllQueuesAndKinds) {
  fake_.announced->front().queues.clear();
  fake_.announced->front().kinds.clear();
  expect_only("may_run");
}

TEST_F(Explain, AllAreBeingDrained) {
  fake_.announced = {worker("w1"), worker("w2")};
  fake_.announced->at(0).draining = true;
  expect_only("may_run");
  fake_.announced->at(1).draining = true;
  expect_only("draining");
  EXPECT_EQ(reason().workers, (std::vector<std::string>{"w1", "w2"}));
}

TEST_F(Explain, AllAreBusy) {
  fake_.announced = {worker("w1"), worker("w2")};
  fake_.announced->at(0).busy = 2;
  expect_only("may_run");
  fake_.announced->at(1).draining = true;
  expect_only("all_busy");
  EXPECT_EQ(reason().workers, std::vector<std::string>{"w1"});
  EXPECT_TRUE(has(reason().sentence, "and are not being drained"));
}

TEST_F(Explain, TenWorkersAreNamed) {
  fake_.announced->clear();
  for (char c = 'a'; c <= 'm'; ++c) fake_.announced->push_back(worker({c}));
  for (WorkerInfo& w : *fake_.announced) w.draining = true;
  EXPECT_EQ(reason().workers.size(), 10U);
  EXPECT_TRUE(has(reason().sentence, "'j' and others"));
}

TEST_F(Explain, ADueTimeThatIsToCome) {
  job().state = JobState::scheduled;
  job().run_at = now() + 24h;
  job().attempt = 4;
  fake_.before = {.value = 3};
  expect_only("due_later");
  EXPECT_EQ(reason().at, now() + 24h);
  EXPECT_TRUE(has(reason().sentence, "due in 1 d, at 2024-01-02 00:00:00 UTC, after 4 of 25 attempts")) <<
      reason().sentence;
  EXPECT_TRUE(has(reason().sentence, "sqlq job run-now --id " + id_of(1).to_string()));
}

TEST_F(Explain, ADueTimeThatHasCome) {
  job().state = JobState::scheduled;
  expect_only("may_run");
}

// A limit that is used and workers that are busy now say nothing about tomorrow.
TEST_F(Explain, WhatPassesIsNoReasonBeforeTheJobIsDue) {
  job().state = JobState::scheduled;
  job().run_at = now() + 24h;
  fake_.mail->concurrency = 1;
  fake_.held = {held(9, "w1")};
  fake_.announced->front().busy = 2;
  expect_only("due_later");
}

TEST_F(Explain, ASuspect) {
  job().crashes = 2;
  expect_only("suspect");
  EXPECT_EQ(reason().count, 2U);
  job().crashes = 1;
  expect_only("may_run");
}

TEST_F(Explain, JobsThatComeFirstAreNoObstacle) {
  fake_.before = {.value = 1};
  expect_only("behind");
  EXPECT_EQ(reason().queue, "mail");
  EXPECT_EQ(reason().count, 1U);
  EXPECT_EQ(reason().sentence, "1 job of queue 'mail' comes first");
  fake_.before = {.value = 10'000, .capped = true};
  EXPECT_TRUE(reason().capped);
  EXPECT_EQ(reason().sentence, "10000 or more jobs of queue 'mail' come first");
}

TEST_F(Explain, ClocksThatDiffer) {
  fake_.time = now() + 1s;
  expect_only("may_run");
  fake_.time = now() + 90s;
  EXPECT_EQ(codes(), (Codes{"clocks_differ", "may_run"}));
  EXPECT_EQ(reason().difference, 90s);
  EXPECT_TRUE(has(reason().sentence, "1 min 30 s ahead of this host's"));
  job().run_at = now() - 10s;
  fake_.time = now() - 5s;
  EXPECT_EQ(reason().difference, -5s);
  EXPECT_TRUE(has(reason().sentence, "5 s behind this host's"));
}

// ------------------------------------------------------------------------------------------------ together

TEST_F(Explain, WhatIsToBeSeenToFirstIsFirst) {
  job().state = JobState::scheduled;
  job().run_at = now() + 1h;
  job().crashes = 2;
  fake_.mail = Queue{.name = "mail", .concurrency = 0, .paused = true};
  fake_.announced->clear();
  fake_.time = now() - 1min;
  EXPECT_EQ(codes(), (Codes{"queue_paused", "limit_used", "no_worker", "due_later", "suspect", "clocks_differ"}));
  job().state = JobState::pending;
  job().run_at = now() - 1h;
  fake_.before = {.value = 7};
  fake_.mail->concurrency = 1;
  fake_.held = {held(9, "w1")};
  EXPECT_EQ(codes(),
            (Codes{"queue_paused", "limit_used", "no_worker", "suspect", "behind", "clocks_differ"}));
  job().state = JobState::waiting;
  EXPECT_EQ(codes(), (Codes{"waiting", "queue_paused", "no_worker", "suspect", "clocks_differ"}));
}

// ------------------------------------------------------------------------------------------------ what is not known

TEST_F(Explain, WithoutAListNothingIsSaidOfWorkers) {
  fake_.announced.reset();
  expect_only("may_run");
  EXPECT_FALSE(has(reason().sentence, "seen"));
  fake_.mail->concurrency = 1;
  fake_.held = {held(9, "anybody")};
  EXPECT_FALSE(has(reason().sentence, "listed"));
}

TEST_F(Explain, WithoutInsightTheHostsClockIsTaken) {
  fake_.time.reset();
  expect_only("may_run");
  job() = held(1, "w1", 30s);
  expect_only("stuck");
}

TEST_F(Explain, APartThatCannotBeReadEndsNothing) {
  fake_.mail->paused = true;
  for (const char* operation : {"list_workers", "clock_now", "jobs_before"}) {
    fake_.broken = {{operation, Errc::permission}};
    expect_only("queue_paused");
  }
  fake_.broken = {{"list_workers", Errc::permission}, {"jobs_before", Errc::permission}};
  EXPECT_TRUE(has(reason().sentence, "; not known: the workers (list_workers: permission denied\\nfor a table)")) <<
      reason().sentence;
  EXPECT_TRUE(has(reason().sentence, "; not known: how many jobs come first"));
  fake_.broken = {{"queue", Errc::permission}};
  expect_only("may_run");
  EXPECT_TRUE(has(reason().sentence, "; not known: its queue"));
  fake_.broken = {{"last_records", Errc::permission}};
  job().state = JobState::errored;
  expect_only("finished");
}

TEST_F(Explain, TheRecordOfTheSchemaMayBeHidden) {
  fake_.broken = {{"migration_status", Errc::permission}};
  expect_only("may_run");
  EXPECT_TRUE(has(reason().sentence, "; not known: the version of the tables"));
}

TEST_F(Explain, ADatabaseThatIsAwayIsAnError) {
  fake_.broken = {{"queue", Errc::connection}};
  expect_error(Errc::connection, "queue", [&] { static_cast<void>(Admin{f_.db}.explain(id_of(1))); });
  fake_.broken = {{"get", Errc::permission}};
  expect_error(Errc::permission, "get", [&] { static_cast<void>(Admin{f_.db}.explain(id_of(1))); });
}

// ------------------------------------------------------------------------------------------------ names

TEST_F(Explain, NamesAreQuotedAndShown) {
  job().worker = "w\x1b[31m";
  job().state = JobState::running;
  job().started_at = now();
  EXPECT_TRUE(has(reason().sentence, "on worker 'w\\x1b[31m'")) << reason().sentence;
}

TEST(ReasonCodes, HaveStableNames) {
  EXPECT_EQ(to_string(Code::schema_behind), "schema_behind");
  EXPECT_EQ(to_string(Code::none_of_kind), "none_of_kind");
  EXPECT_EQ(to_string(Code::may_run), "may_run");
  for (int n = 0; n <= static_cast<int>(Code::may_run); ++n) {
    EXPECT_NE(to_string(static_cast<Code>(n)), "unknown") << n;
  }
}

}  // namespace
}  // namespace sqlq
