// What a running job shows before it ends, its result and how far it is, is there for others at once and stays.

#include <algorithm>
#include <stdexcept>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::Interim;

Interim of(const Job& job, std::string_view result, std::optional<Progress> progress = {}) {
  return {.id = job.id, .token = job.lease_token, .result = result, .progress = std::move(progress)};
}

}  // namespace

TEST_P(Publish, IsReadByOthersWhileTheJobRuns) {
  enqueue();
  const Job job = take();
  EXPECT_FALSE(row(job.id).progress);
  EXPECT_TRUE(client().set_result(job, "[1]"));
  EXPECT_EQ(row(job.id).result, "[1]");
  EXPECT_EQ(state(job.id), JobState::running);
  EXPECT_TRUE(client().set_result(job, "[1,2]"));
  EXPECT_EQ(Client{another()}.find(job.id)->result, "[1,2]");
  clock().advance(3s);
  EXPECT_TRUE(client().set_progress(job, {.done = 3, .total = 7, .note = "half\nway"}));
  const auto progress = Client{another()}.find(job.id)->progress;
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->done, 3);
  EXPECT_EQ(progress->total, 7);
  EXPECT_EQ(progress->note, "half way");
  EXPECT_EQ(progress->at, clock().now());
  const auto list = admin().list();
  ASSERT_EQ(list.size(), 1u);
  ASSERT_TRUE(list[0].progress);
  EXPECT_EQ(list[0].progress->done, 3);
  EXPECT_EQ(row(job.id).result, "[1,2]") << "one leaves the other";
}

TEST_P(Publish, ManyInOneCallAndOnlyForTheHolderOfTheLease) {
  for (int i = 0; i < 600; ++i) enqueue();
  const std::vector<Job> jobs = claim(600);
  ASSERT_EQ(jobs.size(), 600u);
  std::vector<Interim> items;
  for (const Job& job : jobs) items.push_back(of(job, "1", Progress{.done = 1}));
  items[3].token = LeaseToken{items[3].token.value ^ 1};
  items[4].token = LeaseToken{};
  items[5].id = JobId::make(clock().now());
  ASSERT_EQ(client().success(jobs[6]), FinishStatus::applied);
  const std::vector<bool> answers = dialect().publish(items, std::nullopt);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool mine = i < 3 || i > 6;
    ASSERT_EQ(answers.at(i), mine) << i;
    if (i % 50 != 0 && i > 7) continue;
    EXPECT_EQ(row(jobs[i].id).result, mine ? "1" : "") << i;
    EXPECT_EQ(row(jobs[i].id).progress.has_value(), mine) << i;
  }
  EXPECT_TRUE(dialect().publish({}, std::nullopt).empty());
}

TEST_P(Publish, AResultStaysWhateverTheOutcomeIs) {
  const auto shown = [&] {
    enqueue({.max_attempts = 2});
    const Job job = take();
    EXPECT_TRUE(client().set_result(job, R"({"half":"done"})"));
    return job;
  };
  const auto kept = [&](const Job& job) { return row(job.id).result == R"({"half":"done"})"; };
  Job job = shown();
  client().error(job, "no", {.retry = RetryPolicy::constant(0s)});
  EXPECT_TRUE(kept(job));
  const Job again = take();
  EXPECT_EQ(again.result, R"({"half":"done"})") << "the next attempt can go on from there";
  client().error(again, "no");
  EXPECT_EQ(state(job.id), JobState::errored);
  EXPECT_TRUE(kept(job));

  job = shown();
  client().success(job);
  EXPECT_EQ(state(job.id), JobState::success);
  EXPECT_TRUE(kept(job));
  job = shown();
  client().success(job, "7");
  EXPECT_EQ(row(job.id).result, "7");
  job = shown();
  client().cancelled(job);
  EXPECT_TRUE(kept(job));
  job = shown();
  client().snooze(job, 5s);
  EXPECT_TRUE(kept(job));
  job = shown();
  client().release(job);
  EXPECT_TRUE(kept(job));
  (void)take();
  job = shown();
  admin().cancel(job.id);
  EXPECT_TRUE(client().set_result(job, "8")) << "a job that is being cancelled may still say what it has";
  client().success(job);
  EXPECT_EQ(state(job.id), JobState::cancelled);
  EXPECT_EQ(row(job.id).result, "8");
  EXPECT_FALSE(client().set_result(job, "9"));
  EXPECT_EQ(row(job.id).result, "8");
}

TEST_P(Publish, ManyJobsOfOneClaimThatSucceedKeepWhatTheyShowed) {
  for (int i = 0; i < 20; ++i) enqueue();
  const std::vector<Job> jobs = claim(20);
  std::vector<backend::Finish> ends;
  for (const Job& job : jobs) {
    EXPECT_TRUE(client().set_result(job, "1"));
    ends.push_back({.id = job.id, .token = job.lease_token});
  }
  dialect().finish(ends, nullptr, std::nullopt);
  for (const Job& job : jobs) {
    EXPECT_EQ(row(job.id).result, "1");
    EXPECT_EQ(state(job.id), JobState::success);
  }
}

TEST_P(Publish, AResultMayComeWithAnyOutcome) {
  using backend::FinishKind;
  for (const FinishKind kind : {FinishKind::success, FinishKind::retry, FinishKind::fail, FinishKind::cancel,
                                FinishKind::snooze, FinishKind::release}) {
    enqueue({.queue = "q" + std::to_string(static_cast<int>(kind))});
    const Job job = take();
    const backend::Finish item{.id = job.id, .token = job.lease_token, .kind = kind, .result = "5", .delay = 1h};
    EXPECT_EQ(dialect().finish({&item, 1}, nullptr, std::nullopt).at(0), FinishStatus::applied);
    EXPECT_EQ(row(job.id).result, "5") << static_cast<int>(kind);
    if (kind == FinishKind::release) client().success(take());
  }
}

TEST_P(Publish, ProgressIsOfTheExecutionThatRuns) {
  const JobId id = enqueue();
  Job job = take();
  EXPECT_TRUE(client().set_progress(job, {.done = 1}));
  client().release(job);
  EXPECT_FALSE(row(id).progress);
  job = take();
  EXPECT_FALSE(job.progress);
  EXPECT_FALSE(row(id).progress) << "what an earlier execution told is over";
  EXPECT_TRUE(client().set_progress(job, {.done = 2, .total = 4}));
  ASSERT_TRUE(row(id).progress);
  EXPECT_EQ(row(id).progress->done, 2);
  client().success(job);
  EXPECT_FALSE(row(id).progress);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(row(id).result, "");
}

TEST_P(Publish, AHandlersResultAndProgressAreReadWhileItRunsAndStayWhenItFails) {
  use_system_clock();
  Moment shown, may_end;
  Handlers handlers;
  handlers.on("work",
              Handlers::Function([&](JobContext& job) -> Outcome {
                for (int i = 1; i <= 1000; ++i) {
                  job.set_result(std::to_string(i));
                  job.set_progress(i, 1000, "step");
                }
                shown.happen();
                may_end.wait();
                job.set_result("1001");
                throw std::runtime_error("no more");
              }),
              {.retry = RetryPolicy::constant(1h)});
  QuietWorker worker{db(), handlers};
  const JobId id = enqueue();
  ASSERT_TRUE(shown.wait());
  EXPECT_TRUE(eventually([&] {
    const Job now = row(id);
    return now.state == JobState::running && now.result == "1000" && now.progress && now.progress->done == 1000;
  }));
  may_end.happen();
  ASSERT_TRUE(reaches(id, JobState::scheduled));
  EXPECT_EQ(row(id).result, "1001");
  EXPECT_FALSE(row(id).progress);
}

}  // namespace sqlq::conformance
