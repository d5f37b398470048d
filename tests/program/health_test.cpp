/// \file
/// `sqlq explain`, `sqlq doctor`, `sqlq prune`, `sqlq bench`.

#include <csignal>
#include <string>

#include "prepared.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class Health : public ProgramTest {};

TEST_F(Health, ExplainNumbersTheReasons) {
  const JobId id = client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}}).id;
  admin().pause("mail");
  const Result result = sqlq({"explain", id.to_string()});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with(" 1. ")) << result.out;
  EXPECT_TRUE(has(result.out, "paused")) << result.out;
}

TEST_F(Health, ExplainHasAllFactsAsJson) {
  const JobId id = client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}}).id;
  admin().pause("mail");
  const auto reasons = json({"explain", id.to_string()});
  ASSERT_GE(reasons.size(), 1U);
  EXPECT_EQ(reasons[0]["id"], id.to_string());
  EXPECT_EQ(reasons[0]["number"], 1);
  EXPECT_EQ(reasons[0]["code"], "queue_paused");
  EXPECT_EQ(reasons[0]["queue"], "mail");
  EXPECT_TRUE(reasons[0]["workers"].is_array());
  EXPECT_TRUE(has(reasons[0]["sentence"], "paused"));
}

TEST_F(Health, ExplainTakesSeveralJobsAndSaysWhichAreNotThere) {
  const JobId id = failed(client(), "mail", hostile_text, hostile_text.substr(0, 4));
  const JobId none = JobId::make(system_clock()->now());
  const Result result = sqlq({"explain", id.to_string(), none.to_string()});
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_TRUE(has(result.out, id.to_string() + "\n 1. ")) << result.out;
  EXPECT_TRUE(has(result.out, none.to_string() + "\n 1. ")) << result.out;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << "the error's control characters";
  EXPECT_EQ(sqlq({"explain", "17"}).code, 2);
}

TEST_F(Health, DoctorSaysWhatItFinds) {
  client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}});
  const Result result = sqlq({"doctor"});
  EXPECT_TRUE(result.code == 0 || result.code == 1) << result.err;
  const Result again = sqlq({"doctor", "-o", "json"});
  const auto findings = nlohmann::json::parse(again.out);
  bool error = false;
  for (const auto& finding : findings) {
    EXPECT_TRUE(has(result.out, finding["code"].get<std::string>() + ": ")) << result.out;
    EXPECT_NE(finding["sentence"], "");
    error = error || finding["severity"] == "error";
  }
  EXPECT_EQ(again.code, error ? 1 : 0);
  EXPECT_EQ(result.code, again.code);
  if (findings.empty()) {
    EXPECT_TRUE(has(result.err, "found no fault")) << result.err;
  }
}

TEST_F(Health, DoctorFailsWhereNothingCanRun) {
  Migrator{db()}.teardown();
  const Result result = sqlq({"doctor"});
  EXPECT_TRUE(result.code == 1 || result.code == 4) << result.code << result.out << result.err;
  EXPECT_NE(result.out + result.err, "");
}

TEST_F(Health, PruneDeletesWhatIsPastItsRetention) {
  const Job job = claimed(client(), "mail");
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  client().enqueue(NewJob{"send_mail", "null", {.queue = "old", .retention = Duration::zero()}});
  const auto old = client().claim_one("old");
  ASSERT_TRUE(old);
  EXPECT_EQ(client().success(*old), FinishStatus::applied);
  EXPECT_EQ(sqlq({"prune", "--dry-run"}).code, 0);
  EXPECT_TRUE(admin().find(old->id));
  EXPECT_EQ(json({"prune", "-q"})["deleted"], 1);
  EXPECT_FALSE(admin().find(old->id));
  EXPECT_TRUE(admin().find(job.id)) << "its day has not passed";
}

TEST_F(Health, PruneByAFilterAsksOrTakesYes) {
  const JobId one = failed(client(), "mail", "away");
  const JobId other = failed(client(), "sms", "away");
  const JobId waits = client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}}).id;
  EXPECT_EQ(sqlq({"prune", "--queue", "mail"}).code, 2) << "there is nobody to ask";
  EXPECT_EQ(json({"prune", "--queue", "mail", "--dry-run"})["would_delete"], 1);
  EXPECT_TRUE(admin().find(one));
  EXPECT_EQ(json({"prune", "--queue", "mail", "--yes", "-q"})["deleted"], 1);
  EXPECT_FALSE(admin().find(one));
  EXPECT_TRUE(admin().find(other));
  EXPECT_TRUE(admin().find(waits));
  const Result wrong = sqlq({"prune", "--state", "pending", "--yes"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(has(wrong.err, "sqlq job cancel")) << wrong.err;
}

TEST_F(Health, PruneStopsAtItsLimit) {
  const JobId older = failed(client(), "mail", "away");
  const JobId newer = failed(client(), "mail", "away");
  EXPECT_EQ(json({"prune", "--queue", "mail", "--limit", "1", "--dry-run"})["would_delete"], 1);
  const Result result = sqlq({"prune", "--queue", "mail", "--limit", "1", "--yes", "-o", "json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_FALSE(has(result.err, "interrupted")) << result.err;
  EXPECT_TRUE(admin().find(older));
  EXPECT_FALSE(admin().find(newer)) << "the newest first";
  EXPECT_EQ(json({"prune", "--queue", "mail", "--limit", "5", "--yes", "-q"})["deleted"], 1);
  const Result wrong = sqlq({"prune", "--limit", "1", "--yes"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(has(wrong.err, "--limit needs a filter")) << wrong.err;
}

TEST_F(Health, BenchMeasuresAndLeavesNothing) {
  client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}});
  EXPECT_EQ(sqlq({"bench", "--jobs", "100"}).code, 2) << "there is nobody to ask";
  const Result result = sqlq({"bench", "--jobs", "300", "--singles", "5", "-j", "4", "--yes", "-o", "json", "-q"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto figures = nlohmann::json::parse(result.out);
  EXPECT_EQ(figures["jobs"], 300);
  for (const char* figure : {"enqueued_per_second", "worked_per_second", "enqueue_p50", "start_p50", "start_p99"}) {
    EXPECT_GT(figures[figure].get<double>(), 0.0) << figure;
  }
  ASSERT_EQ(admin().queues().size(), 1U) << "a queue is left";
  EXPECT_EQ(admin().counts().at(JobState::pending).value, 1U);
}

TEST_F(Health, BenchTellsOfAQueueThatWasLeft) {
  client().enqueue(NewJob{"k", "null", {.queue = "sqlq-bench-0"}});
  const Result result = sqlq({"bench", "--jobs", "1", "--singles", "0", "--yes"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(has(result.err, "`sqlq queue delete --waiting --finished sqlq-bench-0`")) << result.err;
  EXPECT_EQ(sqlq({"queue", "delete", "--waiting", "--finished", "sqlq-bench-0", "--yes"}).code, 0);
  EXPECT_TRUE(admin().queues().empty());
}

TEST_F(Health, BenchLeavesNothingWhenItIsInterrupted) {
  admin().create_queue("mail");
  Running bench({"bench", "--jobs", "10000000", "--yes"}, here());
  ASSERT_TRUE(bench.wrote("enqueueing: ")) << bench.err();
  bench.signal(SIGINT);
  const Result result = bench.wait();
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_EQ(admin().queues().size(), 1U);
  EXPECT_TRUE(admin().list().empty());
}

}  // namespace
}  // namespace sqlq::program
