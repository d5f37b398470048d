// Streams of jobs out of one storage and into another: what is moved, what is left, what is said.

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/backend/forwarding.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/transfer.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// A storage with a database over it.
struct Place {
  Place() { db.migrate(); }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage{};
  Database db = storage.open({.clock = clock});
  Client client{db};
  Admin admin{db};

  JobId enqueue(const std::string& params = "null", EnqueueOptions options = {}) {
    return client.enqueue(NewJob{.kind = "work", .params = params, .options = std::move(options)}).id;
  }
  std::vector<JobId> enqueue_many(int n) {
    std::vector<JobId> ids;
    for (int i = 0; i < n; ++i) ids.push_back(enqueue(std::to_string(i)));
    return ids;
  }
  Job claim() { return client.claim().at(0); }
  std::string text(const TransferOptions& options = {}) const {
    std::ostringstream out;
    export_jobs(db, out, options);
    return out.str();
  }
  TransferReport take(const std::string& text, const TransferOptions& options = {}) const {
    std::istringstream in(text);
    return import_jobs(in, db, options);
  }
};

/// One job of each sort, with what belongs to them.
void fill(Place& p) {
  p.admin.create_queue("default", {.description = "of all sorts", .concurrency = 3, .priority = 2});
  p.enqueue("\"succeeds\"", {.unique_key = "key"});
  const Job first = p.claim();
  const auto sink = database_log_sink(p.db);
  JobLogger log(first, sink, p.clock);
  log.info("\xC3\xA9 {}", 1);
  log.warn("two");
  sink->flush();
  p.client.success(first, "[1, 2]");
  p.enqueue("\"fails\"", {.max_attempts = 1, .retention = 1h});
  p.client.error(p.claim(), "no \"route\"\n");
  p.admin.cancel(p.enqueue("\"cancelled\""));
  p.enqueue("\"retried\"");
  p.client.error(p.claim(), "again");
  p.enqueue("\"later\"", {.delay = 1h, .unique_key = "key"});
  p.enqueue("\"now\"", {.priority = -5});
  p.admin.pause("default");
}

TEST(Transfer, AStreamMakesTheSameJobs) {
  Place from;
  fill(from);
  const std::string text = from.text();
  Place to;
  const TransferReport report = to.take(text);
  EXPECT_EQ(report.jobs, 6U);
  EXPECT_EQ(report.stored, 6U);
  EXPECT_EQ(report.queues, 1U);
  EXPECT_EQ(report.existing + report.conflicts + report.refused + report.held, 0U);
  EXPECT_FALSE(report.next);
  EXPECT_EQ(to.text(), text);
  EXPECT_EQ(sum_of_jobs(to.db), sum_of_jobs(from.db));
  EXPECT_EQ(sum_of_jobs(to.db).checksum, report.checksum);
  EXPECT_TRUE(to.admin.queue("default")->paused);
  EXPECT_EQ(to.admin.queue("default")->concurrency, 3U);
}

TEST(Transfer, ACopyDoesTheSame) {
  Place from;
  fill(from);
  Place to;
  const TransferReport report = copy_jobs(from.db, to.db);
  EXPECT_EQ(report.stored, 6U);
  EXPECT_EQ(to.text(), from.text());
  EXPECT_EQ(report.checksum, sum_of_jobs(to.db).checksum);
  const TransferReport again = copy_jobs(from.db, to.db);
  EXPECT_EQ(again.existing, 6U);
  EXPECT_EQ(again.stored, 0U);
  EXPECT_EQ(again.checksum, report.checksum);
}

TEST(Transfer, WhatWasMovedLivesOn) {
  Place from;
  fill(from);
  Place to;
  to.take(from.text());
  to.admin.resume("default");
  EXPECT_EQ(to.claim().params, "\"now\"");
  const auto jobs = to.admin.list({.states = {JobState::success}});
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(to.admin.requeue(jobs[0].id), RequeueStatus::duplicate) << "the job that comes later has its key";
  const auto failed = to.admin.list({.states = {JobState::errored}});
  ASSERT_EQ(failed.size(), 1U);
  to.clock->advance(59min);
  EXPECT_EQ(to.admin.purge().deleted, 0U);
  to.clock->advance(2min);
  EXPECT_EQ(to.admin.purge().deleted, 1U) << "its retention goes on";
  EXPECT_FALSE(to.admin.find(failed[0].id));
}

TEST(Transfer, AWaitingJobIsNotClaimed) {
  Place from;
  from.enqueue("1");
  std::string text = from.text();
  text.replace(text.find("pending"), 7, "waiting");
  Place to;
  expect_error(Errc::invalid_argument, "end.checksum", [&] { to.take(text); });
  EXPECT_TRUE(to.client.claim().empty());
  for (const auto& [state, count] : to.admin.counts()) {
    EXPECT_EQ(count.value, state == JobState::waiting ? 1U : 0U) << to_string(state);
  }
  const auto jobs = to.admin.list({.states = {JobState::waiting}});
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(to.client.cancel(jobs[0].id), CancelStatus::cancelled);
}

TEST(Transfer, HeldJobsStayAndAreCounted) {
  Place from;
  from.enqueue_many(3);
  const Job held = from.claim();
  Place to;
  const TransferReport report = copy_jobs(from.db, to.db);
  EXPECT_EQ(report.held, 1U);
  EXPECT_EQ(report.stored, 2U);
  EXPECT_FALSE(to.admin.find(held.id));
  EXPECT_EQ(sum_of_jobs(from.db).held, 1U);
  EXPECT_EQ(sum_of_jobs(from.db).checksum, sum_of_jobs(to.db).checksum);
  from.client.success(held);
  EXPECT_EQ(copy_jobs(from.db, to.db).stored, 1U) << "the second pass";
  EXPECT_EQ(to.text(), from.text());
}

TEST(Transfer, AKeyThatIsTakenIsAConflictAndHarmsNobody) {
  Place from;
  const JobId mine = from.enqueue("1", {.unique_key = "order"});
  from.enqueue("2");
  Place to;
  to.enqueue("3", {.unique_key = "order"});
  const TransferReport report = copy_jobs(from.db, to.db);
  EXPECT_EQ(report.conflicts, 1U);
  EXPECT_EQ(report.stored, 1U);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems[0].id, mine);
  EXPECT_PRED2(has, report.problems[0].why, "unique key");
}

TEST(Transfer, RefusedJobsAreNamedAndTheOthersStored) {
  Place from;
  std::set<JobId> bad;
  for (int i = 0; i < 700; ++i) {
    const bool refused = i % 100 == 7;
    const JobId id = from.enqueue(refused ? "\"poison\"" : "\"good\"");
    if (refused) bad.insert(id);
  }
  Place to;
  to.storage.refuse("poison");
  const TransferReport report = copy_jobs(from.db, to.db);
  EXPECT_EQ(report.refused, bad.size());
  EXPECT_EQ(report.stored, 700 - bad.size()) << "no innocent is harmed";
  std::set<JobId> named;
  for (const TransferProblem& p : report.problems) named.insert(p.id);
  EXPECT_EQ(named, bad);
  std::istringstream in(from.text());
  Place other;
  other.storage.refuse("poison");
  EXPECT_EQ(import_jobs(in, other.db).refused, bad.size());
}

TEST(Transfer, OnlyTheFirstProblemsAreKept) {
  Place from;
  for (int i = 0; i < 150; ++i) from.enqueue(i == 0 ? "1" : "\"poison\"");
  Place to;
  to.storage.refuse("poison");
  const TransferReport report = copy_jobs(from.db, to.db);
  EXPECT_EQ(report.refused, 149U);
  EXPECT_EQ(report.problems.size(), 100U);
}

TEST(Transfer, AFilterChoosesAmongJobsAndQueues) {
  Place from;
  fill(from);
  from.enqueue("7", {.queue = "other"});
  Place to;
  const TransferReport report = copy_jobs(from.db, to.db, {.filter = {.queues = {"other"}}});
  EXPECT_EQ(report.jobs, 1U);
  EXPECT_EQ(report.queues, 1U);
  EXPECT_FALSE(to.admin.queue("default"));
  Place third;
  const TransferOptions failed{.filter = {.error = "route"}, .queues = false};
  EXPECT_EQ(third.take(from.text(), failed).stored, 1U);
  EXPECT_EQ(third.admin.list({.states = {JobState::errored}}).size(), 1U);
  EXPECT_FALSE(third.admin.queue("default")->paused) << "made by the job, with default settings";
  const auto some = from.admin.list();
  const JobFilter two{.ids = {some[2].id, some[0].id, some[2].id}};
  EXPECT_EQ(sum_of_jobs(from.db, two).jobs, 2U);
  expect_error(Errc::invalid_argument, "queue", [&] { from.text({.filter = {.queues = {""}}}); });
  std::istringstream in;
  expect_error(Errc::invalid_argument, "queue", [&] { import_jobs(in, to.db, {.filter = {.queues = {""}}}); });
}

TEST(Transfer, MoreJobsThanAPartHas) {
  Place from;
  const auto ids = from.enqueue_many(1203);
  std::vector<std::uint64_t> seen;
  Place to;
  const TransferReport report = copy_jobs(from.db, to.db, {.on_progress = [&](const TransferReport& so_far) {
                                            EXPECT_TRUE(so_far.next);
                                            seen.push_back(so_far.jobs);
                                            return true;
                                          }});
  EXPECT_EQ(report.stored, ids.size());
  EXPECT_GE(seen.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(to.text(), from.text());
}

/// Moves in calls of one part each.
using Call = std::function<TransferReport(const TransferOptions&)>;
TransferReport in_parts(const Call& call) {
  TransferReport all;
  TransferOptions options{.on_progress = [](const TransferReport&) { return false; }};
  for (;;) {
    const TransferReport part = call(options);
    all.jobs += part.jobs;
    all.stored += part.stored;
    if (!part.next) return all;
    if (options.after && *part.next <= *options.after) {
      ADD_FAILURE() << "it does not get on";
      return all;
    }
    options.after = part.next;
  }
}

TEST(Transfer, WhatWasStoppedGoesOn) {
  Place from;
  from.enqueue_many(1203);
  Place to;
  const TransferReport copied = in_parts([&](const auto& options) { return copy_jobs(from.db, to.db, options); });
  EXPECT_EQ(copied.stored, 1203U) << "nothing twice";
  EXPECT_EQ(to.text(), from.text());
  Place third;
  const std::string text = from.text();
  const TransferReport read = in_parts([&](const auto& options) { return third.take(text, options); });
  EXPECT_EQ(read.stored, 1203U);
  EXPECT_EQ(third.text(), text);
  Place fourth;
  const TransferReport parts = in_parts([&](const TransferOptions& options) {
    std::ostringstream out;
    const TransferReport report = export_jobs(from.db, out, options);
    fourth.take(out.str());  // a part is a stream by itself
    return report;
  });
  EXPECT_EQ(parts.jobs, 1203U);
  EXPECT_EQ(fourth.text(), text);
}

TEST(Transfer, AStopBeforeTheBeginMovesNothing) {
  Place from;
  from.enqueue_many(3);
  sqlq::stop_source stop;
  stop.request_stop();
  Place to;
  const TransferReport report = copy_jobs(from.db, to.db, {.stop = stop.get_token()});
  EXPECT_EQ(report.jobs, 0U);
  ASSERT_TRUE(report.next);
  EXPECT_EQ(copy_jobs(from.db, to.db, {.after = report.next}).stored, 3U);
  EXPECT_TRUE(to.take(from.text(), {.stop = stop.get_token()}).next);
}

TEST(Transfer, WhatComesBeforeABadLineIsStored) {
  Place from;
  from.enqueue_many(3);
  std::string text = from.text();
  const auto bad = text.rfind("\"worker\":\"\"");
  text.replace(bad, 11, "\"worker\":7");
  Place to;
  expect_error(Errc::invalid_argument, "line 5 of the stream: job.worker must be a string", [&] { to.take(text); });
  EXPECT_EQ(to.admin.list().size(), 2U);
  EXPECT_EQ(to.take(from.text()).stored, 1U) << "the same stream, mended";
}

TEST(Transfer, AStreamThatWasCutOffIsStoredAndTold) {
  Place from;
  from.enqueue_many(3);
  std::string text = from.text();
  text.resize(text.rfind("{\"end\""));
  Place to;
  expect_error(Errc::invalid_argument, "cut off after line 5", [&] { to.take(text); });
  EXPECT_EQ(to.admin.list().size(), 3U);
  text.resize(text.size() - 20);
  expect_error(Errc::invalid_argument, "line 5 of the stream: the line is not JSON", [&] { to.take(text); });
}

TEST(Transfer, TheLinesOfAStreamAreInOrderAndWhole) {
  Place from;
  fill(from);
  const std::string text = from.text();
  Place to;
  const auto says = [&](const std::string& what, const std::string& changed) {
    expect_error(Errc::invalid_argument, what, [&] { to.take(changed); });
  };
  const auto line = [&](std::size_t n) {  // the first is 0
    std::size_t begin = 0;
    while (n-- > 0) begin = text.find('\n', begin) + 1;
    return text.substr(begin, text.find('\n', begin) + 1 - begin);
  };
  const auto without = [&](const std::string& part) {
    std::string changed = text;
    return changed.erase(changed.find(part), part.size());
  };
  says("the stream is empty", "");
  says("line 1 of the stream: it is none of this library's", line(1) + text);
  says("line 2 of the stream: sqlq is in the first line only", line(0) + text);
  says("line 1 of the stream: sqlq is not 1", "{\"sqlq\":2}\n");
  says("end.jobs is not the number of jobs", without(line(3)));
  says("end.queues is not the number of queues", without(line(1)));
  says("job.id must be greater", text.substr(0, text.find(line(4))) + line(2) + line(4));
  says("queue comes after a job", without(line(1)).insert(without(line(1)).find(line(3)), line(1)));
  says("there is more after the last line", text + "\n");
  std::string changed = text;
  changed.replace(changed.find("succeeds"), 8, "exceeds!");
  says("end.checksum is not that of the jobs", changed);
}

TEST(Transfer, ATextThatFailsIsTold) {
  Place from;
  from.enqueue_many(2);
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  expect_error(Errc::internal, "the stream that is written to has failed", [&] { export_jobs(from.db, out); });
  std::istringstream in("{\"sqlq\":1}\n");
  in.setstate(std::ios::badbit);
  expect_error(Errc::internal, "the stream that is read failed", [&] { import_jobs(in, from.db); });
}

/// A storage as backends were before headers and steps.
class Older final : public backend::ForwardingDialect {
 public:
  using ForwardingDialect::ForwardingDialect;
  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able_; }

 private:
  const backend::Capabilities able_{.transfer = true};
};

TEST(Transfer, AJobWithMoreThanTheTargetStoresIsNamed) {
  Place from;
  const JobId plain = from.enqueue();
  const JobId with_headers = from.enqueue("null", {.headers = {{"traceparent", "s3cret"}}});
  backend::StoredJob workflow{.job = *from.client.find(plain)};
  workflow.job.id = JobId::make(from.clock->now());
  workflow.steps.push_back({.name = "charge", .claim = 1, .at = from.clock->now(), .value = "\"s3cret\""});
  static_cast<void>(from.db.ready().transfer()->store_jobs({&workflow, 1}, from.clock->instant()));

  const Database to(std::make_unique<Older>(MemoryStorage{}.connect(from.clock)), {.clock = from.clock});
  Migrator(to).up();
  const TransferReport copied = copy_jobs(from.db, to);
  EXPECT_EQ(copied.jobs, 3u);
  EXPECT_EQ(copied.stored, 1u);
  EXPECT_EQ(copied.refused, 2u);
  std::istringstream stream(from.text());
  const TransferReport imported = import_jobs(stream, to);
  EXPECT_EQ(imported.existing, 1u);
  EXPECT_EQ(imported.refused, 2u);
  for (const TransferReport& report : {copied, imported}) {
    ASSERT_EQ(report.problems.size(), 2u);
    EXPECT_EQ(report.problems[0].id, with_headers);
    EXPECT_TRUE(has(report.problems[0].why, "capability `headers`")) << report.problems[0].why;
    EXPECT_EQ(report.problems[1].id, workflow.job.id);
    EXPECT_TRUE(has(report.problems[1].why, "capability `steps`")) << report.problems[1].why;
  }
}

}  // namespace
}  // namespace sqlq::testing
