// Promise I17: a queue that is moved between databases arrives whole. Export, import, copy; what a backend does for
// them is in transfer_test.cpp.

#include <atomic>
#include <sstream>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/testing/memory_storage.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/transfer.hpp>

#include "transferred.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

std::string export_of(const Database& db, const TransferOptions& options = {}) {
  std::ostringstream stream;
  const TransferReport report = export_jobs(db, stream, options);
  EXPECT_EQ(report.refused, 0u);
  return stream.str();
}

TransferReport import_of(const std::string& text, const Database& db, const TransferOptions& options = {}) {
  std::istringstream stream(text);
  return import_jobs(stream, db, options);
}

std::size_t lines_of(const std::string& text, const std::string& beginning) {
  std::size_t n = 0;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) n += line.starts_with(beginning) ? 1U : 0U;
  return n;
}

constexpr std::uint64_t moving = 15;  // jobs of `fill` that may move
constexpr std::uint64_t holding = 2;  // and that are held

/// Jobs of every state as queues make them, and queues with every setting. Returns the leases that are held.
std::vector<Job> fill(Database db, testing::ManualClock& clock) {
  Client client{db};
  Admin admin{db};
  const auto sink = database_log_sink(db);
  admin.create_queue("limited \xC3\xA9\"\\", {.description = "line 1\nline 2", .concurrency = 0, .priority = -7});
  admin.create_queue("mail", {.concurrency = 4'294'967'295U});
  admin.create_queue("empty", {.priority = 2'147'483'647});
  admin.pause("empty");
  const auto add = [&](const std::string& kind, EnqueueOptions options) {
    clock.advance(1ms);
    if (!options.queue) options.queue = "mail";
    return client.enqueue({.kind = kind, .params = R"({"to": "\u00fc\ud83d\ude00 \\ \"", "n":1.50})",
                           .options = std::move(options)});
  };
  const auto take = [&] {
    std::vector<Job> jobs = client.claim(std::vector<std::string>{"mail"});
    EXPECT_EQ(jobs.size(), 1u);
    return jobs.at(0);
  };
  const auto write = [&](const Job& job, int lines) {
    JobLogger log(job, sink, system_clock());
    for (int i = 0; i < lines; ++i) log.warn("line {} of {}\n\t\x01", i, job.id.to_string());
    sink->flush();
  };
  add("success", {.unique_key = "again", .retention = unlimited_retention});
  Job job = take();
  write(job, 3);
  client.success(job, R"({"done": true})");
  add("errored", {.max_attempts = 2});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    job = take();
    write(job, attempt);
    client.error(job, "\xE2\x82\xAC \x1B[31m" + std::to_string(attempt), {.retry = RetryPolicy::constant(0s)});
  }
  add("discarded", {.timeout = 5s});
  client.error(take(), "", {.discard = true});
  client.cancel(add("cancelled", {.delay = 1h, .unique_key = "cancelled"}).id);
  add("requeued", {.max_crashes = 2});
  job = take();
  client.success(job, "[]");
  admin.requeue(job.id);
  static_cast<void>(take());  // and crashes
  clock.advance(31s);
  client.reap();
  add("snoozed", {.priority = -1});
  job = take();
  client.set_result(job, R"("half")");
  client.snooze(job, 90min);
  add("retried", {.priority = -1, .keepalive = 24h});
  client.error(take(), "later", {.retry = RetryPolicy::constant(2h)});
  for (const int priority : {-2, -3}) {
    add("held", {.priority = priority, .unique_key = "held " + std::to_string(priority)});
  }
  std::vector<Job> held{take(), take()};
  write(held[0], 1);
  client.cancel(held[1].id);
  add("again", {.unique_key = "again"});
  add("later", {.delay = 1000h, .unique_key = "l\xC3\xA4ter"});
  for (const int priority : {3, 1, 2}) add("pending", {.priority = priority});
  add("elsewhere", {.queue = "limited \xC3\xA9\"\\", .retention = 0s});
  const backend::StoredJob stored =
      equipped(travelled(JobState::waiting, clock.now(), "mail"), db.dialect().capabilities());
  static_cast<void>(db.ready().transfer()->store_jobs({&stored, 1}, clock.instant()));
  clock.advance(1ms);
  add("last", {});
  return held;
}

}  // namespace

TEST_P(Transfer, WithoutItEveryCallSaysSo) {
  SQLQ_NEEDS_NO(transfer);
  std::ostringstream to;
  std::istringstream from("{\"sqlq\":1}\n{\"end\":{\"queues\":0,\"jobs\":0,\"checksum\":\"0000000000000000\"}}\n");
  EXPECT_EQ(code_of([&] { return export_jobs(db(), to); }), "configuration");
  EXPECT_EQ(code_of([&] { return import_jobs(from, db()); }), "configuration");
  EXPECT_EQ(code_of([&] { return copy_jobs(db(), another()); }), "configuration");
  EXPECT_EQ(code_of([&] { return sum_of_jobs(db()); }), "configuration");
}

TEST_P(Transfer, WhatIsImportedIsExportedTheSame) {
  SQLQ_NEEDS(transfer);
  const std::vector<Job> leases = fill(db(), clock());
  std::ostringstream stream;
  const TransferReport out = export_jobs(db(), stream);
  const std::string text = stream.str();
  EXPECT_EQ(out.jobs, moving);
  EXPECT_EQ(out.held, holding);
  EXPECT_EQ(out.queues, 3u);
  EXPECT_EQ(out.next, std::nullopt);
  EXPECT_TRUE(text.starts_with("{\"sqlq\":1}\n{\"queue\":{\"name\":\"empty\""));
  EXPECT_EQ(lines_of(text, "{\"job\":"), moving);
  EXPECT_TRUE(text.ends_with("{\"end\":{\"queues\":3,\"jobs\":" + std::to_string(moving) + ",\"checksum\":\"" +
                             out.checksum + "\"}}\n"));

  Database second = open(scratch());
  second.migrate();
  const TransferReport in = import_of(text, second);
  EXPECT_EQ(in.jobs, moving);
  EXPECT_EQ(in.stored, moving);
  EXPECT_EQ(in.queues, 3u);
  EXPECT_EQ(in.existing + in.conflicts + in.refused + in.held, 0u);
  EXPECT_EQ(in.checksum, out.checksum);
  EXPECT_EQ(export_of(second), text);
  EXPECT_EQ(sum_of_jobs(second), (TransferSum{moving, 0, out.checksum}));
  EXPECT_EQ(sum_of_jobs(db()), (TransferSum{moving, holding, out.checksum}));

  const TransferReport again = import_of(text, second);
  EXPECT_EQ(again.existing, moving);
  EXPECT_EQ(again.stored + again.conflicts + again.refused, 0u);
  EXPECT_EQ(export_of(second), text) << "twice is once";
  EXPECT_EQ(import_of(text, db()).existing, moving) << "and back into where it comes from";
  EXPECT_EQ(export_of(db()), text);

  EXPECT_EQ(client().success(leases[0]), FinishStatus::applied) << "what was held has stayed, and goes on";
  EXPECT_EQ(client().success(leases[1]), FinishStatus::cancelled);
  EXPECT_EQ(copy_jobs(db(), second).stored, holding) << "moves once it has ended";
  EXPECT_EQ(sum_of_jobs(second), sum_of_jobs(db()));
}

TEST_P(Transfer, BothDatabasesClaimTheJobsInTheSameOrder) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  Database second = open(scratch());
  second.migrate();
  EXPECT_EQ(copy_jobs(db(), second).stored, moving);
  clock().advance(2h + 1s);
  Client there{second};
  int taken = 0;
  for (;; ++taken) {
    const std::vector<Job> here = claim(1, {"mail"});
    EXPECT_EQ(ids_of(there.claim(std::vector<std::string>{"mail"})), ids_of(here));
    if (here.empty()) break;
    EXPECT_EQ(client().success(here[0]), FinishStatus::applied);
  }
  EXPECT_EQ(taken, 8);
}

TEST_P(Transfer, ThroughAnotherKindOfDatabaseAndBackNothingChanges) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  const testing::MemoryStorage storage;
  Database middle = storage.open({.clock = shared_clock()});
  middle.migrate();
  Database second = open(scratch());
  second.migrate();
  const TransferReport there = copy_jobs(db(), middle);
  EXPECT_EQ(there.stored, moving);
  EXPECT_EQ(there.held, holding);
  EXPECT_EQ(copy_jobs(middle, second).stored, moving);
  const std::string text = export_of(db());
  EXPECT_EQ(export_of(middle), text);
  EXPECT_EQ(export_of(second), text);
  EXPECT_EQ(sum_of_jobs(middle).checksum, there.checksum);
  EXPECT_EQ(sum_of_jobs(second), sum_of_jobs(middle));
}

TEST_P(Transfer, AJobThatLivesHereAndHasEndedInTheStreamIsLeftAlone) {
  SQLQ_NEEDS(transfer);
  Database second = open(scratch());
  second.migrate();
  const JobId id = enqueue({.unique_key = "k"});
  EXPECT_EQ(copy_jobs(db(), second).stored, 1u);
  EXPECT_EQ(client().success(take(), "1"), FinishStatus::applied);
  const JobId next = enqueue({.unique_key = "k"});
  const TransferReport report = copy_jobs(db(), second);
  EXPECT_EQ(report.existing, 1u);
  EXPECT_EQ(report.conflicts, 1u);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].id, next);
  EXPECT_FALSE(report.problems[0].why.empty());
  Client there{second};
  EXPECT_EQ(there.find(id)->state, JobState::pending);
  EXPECT_EQ(there.find(id)->result, "");
  EXPECT_FALSE(there.find(next));
  const std::optional<Job> job = there.claim_one("default");
  ASSERT_TRUE(job);
  EXPECT_EQ(there.success(*job), FinishStatus::applied);
  EXPECT_EQ(copy_jobs(db(), second).stored, 1u) << "the key is free";
}

TEST_P(Transfer, OneThatIsRefusedIsNamedAndKeepsNoOtherOut) {
  SQLQ_NEEDS(transfer);
  SQLQ_NEEDS(borrowed_transactions);
  const testing::MemoryStorage storage;
  Database source = storage.open({.clock = shared_clock()});
  source.migrate();
  std::vector<backend::StoredJob> jobs;
  for (int i = 0; i < 20; ++i) {
    jobs.push_back(travelled(JobState::success, clock().now()));
    jobs.back().job.result = i == 11 ? R"("forbidden s3cret")" : std::to_string(i);
  }
  static_cast<void>(source.ready().transfer()->store_jobs(jobs, clock().instant()));
  for (const Breakage& refusal : backend().refusals) {
    SCOPED_TRACE(refusal.name);
    Migrator{blank()}.teardown();
    blank().migrate();
    enqueue_kind("before");
    ASSERT_EQ(client().success(take(), R"("first")"), FinishStatus::applied);
    const std::unique_ptr<UserConnection> connection = user();
    for (const std::string& sql : refusal.sql) connection->execute(sql);
    const TransferReport report = copy_jobs(source, db());
    EXPECT_EQ(report.stored, 19u) << "innocents harmed: 0";
    EXPECT_EQ(report.refused, 1u);
    ASSERT_EQ(report.problems.size(), 1u);
    EXPECT_EQ(report.problems[0].id, jobs[11].job.id);
    EXPECT_EQ(report.problems[0].why.find("s3cret"), std::string::npos);
    EXPECT_EQ(report.next, std::nullopt);
  }
  Migrator{blank()}.teardown();
}

TEST_P(Transfer, TheSettingsOfQueuesMoveUnlessTheyAreToStay) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  Database second = open(scratch());
  second.migrate();
  Admin there{second};
  there.create_queue("mail", {.description = "mine", .concurrency = 3, .priority = 9});
  there.pause("mail");
  EXPECT_EQ(copy_jobs(db(), second, {.queues = false}).queues, 0u);
  EXPECT_EQ(there.queue("mail")->description, "mine");
  EXPECT_EQ(there.queue("mail")->concurrency, 3u);
  EXPECT_TRUE(there.queue("mail")->paused);
  EXPECT_EQ(there.queue("empty"), std::nullopt);

  EXPECT_EQ(copy_jobs(db(), second, {.filter = {.queues = {"mail", "nobody's"}}}).queues, 1u);
  EXPECT_EQ(there.queue("mail")->description, "");
  EXPECT_EQ(there.queue("mail")->concurrency, 4'294'967'295U);
  EXPECT_EQ(there.queue("mail")->priority, 1);
  EXPECT_FALSE(there.queue("mail")->paused);
  EXPECT_EQ(there.queue("nobody's"), std::nullopt);

  EXPECT_EQ(copy_jobs(db(), second).queues, 3u);
  EXPECT_TRUE(there.queue("empty")->paused);
  EXPECT_EQ(there.queue("empty")->concurrency, std::nullopt);
  const std::optional<Queue> limited = there.queue("limited \xC3\xA9\"\\");
  ASSERT_TRUE(limited);
  EXPECT_EQ(limited->description, "line 1\nline 2");
  EXPECT_EQ(limited->concurrency, 0u);
  EXPECT_EQ(limited->priority, -7);
}

TEST_P(Transfer, AFilterChoosesOnTheWayOutAndOnTheWayIn) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  const std::string text = export_of(db());
  Database second = open(scratch());
  second.migrate();
  const TransferOptions ended{.filter = {.states = {JobState::success, JobState::errored, JobState::cancelled}}};
  EXPECT_EQ(lines_of(export_of(db(), ended), "{\"job\":"), 4u);
  EXPECT_EQ(import_of(text, second, ended).stored, 4u);
  EXPECT_EQ(sum_of_jobs(second), sum_of_jobs(db(), ended.filter));
  EXPECT_EQ(sum_of_jobs(db(), {.kinds = {"held"}}).held, holding);
  EXPECT_EQ(import_of(text, second, {.filter = {.kinds = {"pending"}}}).stored, 3u);
  EXPECT_EQ(import_of(export_of(db()), second).stored, moving - 7);
  EXPECT_EQ(sum_of_jobs(second).checksum, sum_of_jobs(db()).checksum);
}

TEST_P(Transfer, WhatWasStoppedGoesOnWhereItWas) {
  SQLQ_NEEDS(transfer);
  constexpr std::size_t n = 2500;
  const std::vector<NewJob> jobs(n, {.kind = "work", .options = {.queue = "q"}});
  static_cast<void>(client().enqueue_many(jobs));
  EXPECT_EQ(claim(3).size(), 3u);
  const TransferSum whole = sum_of_jobs(db());
  EXPECT_EQ(whole.jobs, n - 3);

  Database second = open(scratch());
  second.migrate();
  const auto stops_after = [](int calls) {
    return [calls](const TransferReport&) mutable { return --calls > 0; };
  };
  TransferOptions options{.on_progress = stops_after(2)};
  std::ostringstream part;
  const TransferReport first = export_jobs(db(), part, options);
  ASSERT_TRUE(first.next);
  EXPECT_GT(first.jobs, 0u);
  EXPECT_LT(first.jobs, whole.jobs);
  EXPECT_EQ(import_of(part.str(), second).stored, first.jobs) << "a part is a stream by itself";

  sqlq::stop_source source;
  source.request_stop();
  TransferReport report;
  for (int calls = 0; calls < 1000; ++calls) {
    options = {.after = first.next, .on_progress = stops_after(1)};
    if (calls > 0) options.after = report.next;
    if (calls == 1) options.stop = source.get_token();
    report = copy_jobs(db(), second, options);
    if (!report.next) break;
  }
  EXPECT_EQ(report.next, std::nullopt);
  EXPECT_EQ(sum_of_jobs(second).jobs, whole.jobs);
  EXPECT_EQ(sum_of_jobs(second).checksum, whole.checksum);
}

TEST_P(Transfer, AStreamThatWasCutOffIsToldAndWhatItHadIsThere) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  const std::string text = export_of(db());
  Database second = open(scratch());
  second.migrate();
  const std::string no_end = text.substr(0, text.rfind("{\"end\""));
  EXPECT_EQ(code_of([&] { return import_of(no_end, second); }), "invalid_argument");
  EXPECT_EQ(sum_of_jobs(second).jobs, moving);

  Database third = open(scratch());
  third.migrate();
  const std::size_t value = text.rfind("\"keepalive\":") + std::string("\"keepalive\":").size();
  std::string bad_line = text;
  bad_line.replace(value, text.find(',', value) - value, "\"s3cret\"");
  const auto error = error_of([&] { return import_of(bad_line, third); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::invalid_argument);
  const std::string what = error->what();
  EXPECT_NE(what.find("line " + std::to_string(4 + moving)), std::string::npos) << what;
  EXPECT_NE(what.find("keepalive"), std::string::npos) << what;
  EXPECT_EQ(what.find("s3cret"), std::string::npos) << what;
  EXPECT_EQ(sum_of_jobs(third).jobs, moving - 1) << "the lines before it are stored";
  EXPECT_EQ(import_of(text, third).stored, 1u);
  EXPECT_EQ(export_of(third), text);
}

TEST_P(Transfer, TwoImportsAtOnceStoreEachJobOnce) {
  SQLQ_NEEDS(transfer);
  fill(db(), clock());
  std::vector<NewJob> jobs(600, {.kind = "work"});
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].options.unique_key = "key " + std::to_string(i);
  static_cast<void>(client().enqueue_many(jobs));
  const std::string text = export_of(db());
  const std::string url = scratch();
  Database second = open(url);
  second.migrate();
  Database again = capabilities().shared_storage ? open(url) : second;
  std::atomic<std::uint64_t> stored{0};
  std::atomic<std::uint64_t> existing{0};
  std::atomic<std::uint64_t> others{0};
  in_threads(2, [&](int t) {
    const TransferReport report = import_of(text, t == 0 ? second : again);
    stored += report.stored;
    existing += report.existing;
    others += report.conflicts + report.refused;
  });
  EXPECT_EQ(stored, moving + jobs.size());
  EXPECT_EQ(existing, moving + jobs.size());
  EXPECT_EQ(others, 0u);
  EXPECT_EQ(export_of(second), text);
}

}  // namespace sqlq::conformance
