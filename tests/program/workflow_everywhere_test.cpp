/// \file
/// Schedules and workflows on each database: made, told, explained and restarted by the program.

#include <csignal>
#include <string>
#include <vector>

#include "process/place.hpp"
#include "workflow.hpp"

namespace sqlq::program {
namespace {

using process::eventually;
using process::mariadb_place;
using process::mysql_place;
using process::postgres_place;
using process::sqlite_place;
using Words = std::vector<std::string>;

class WorkflowEverywhere : public WithWorkflows<ProgramOn<process::Anywhere>> {
 protected:
  void SetUp() override { static_cast<void>(db()); }
  nlohmann::json why(JobId id) { return json({"explain", id.to_string()}).at(0); }
};
SQLQ_PLACES(WorkflowEverywhere, SQLQ_EVERYWHERE);

TEST_P(WorkflowEverywhere, AWorkerOfTheProgramFiresASchedule) {
  const std::string name = hostile_name;
  EXPECT_EQ(sqlq({"schedule", "set", name, "--rule", "@every 1s", "--kind", "greet", "--queue", "mail", "--params",
                  R"({"n":1})"}).code, 0);
  Running worker({"work", "--queue", "mail", "--", "cat"}, here());
  EXPECT_TRUE(eventually([&] { return json({"schedule", "show", name})["fired"] >= 1; }));
  EXPECT_EQ(json({"schedule", "pause", name})["paused"], true);
  const nlohmann::json shown = json({"schedule", "show", name});
  const std::string job = shown["last_job"];
  EXPECT_EQ(sqlq({"job", "wait", job, "--timeout", "60s"}).code, 0);
  EXPECT_EQ(json({"job", "show", job})["result"]["n"], 1);
  EXPECT_EQ(shown["trouble"], nullptr);
  EXPECT_EQ(json({"schedule", "backfill", name, "--from", "2026-03-01", "--to", "2026-03-01T00:00:10Z", "--yes"})
                .at("existing"), 0);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait().code, 0);
  EXPECT_EQ(json({"schedule", "remove", name, "--yes"})["status"], "removed");
  EXPECT_EQ(json({"schedule", "list"}).size(), 0U);
}

TEST_P(WorkflowEverywhere, TheSignalThatExplainAsksForLetsTheJobGoOn) {
  const JobId id = waiting_order();
  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "waits_for_signal");
  EXPECT_EQ(reason["step"], "approved");
  EXPECT_TRUE(has(reason["sentence"], "`sqlq job signal " + id.to_string() + " approved JSON`")) << reason;
  EXPECT_EQ(json({"job", "signal", id.to_string(), "approved", "\"ada\""})["status"], "stored");
  work_until(id, JobState::success);
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(json({"job", "show", id.to_string()})["result"], "ada");
  const nlohmann::json done = json({"job", "restart", id.to_string(), "--from", "ship"});
  EXPECT_EQ(done["answer"], "requeued");
  work_until(id, JobState::success, client().find(id)->claims);
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(shipped, 2);
}

TEST_P(WorkflowEverywhere, WhatExplainAdvisesHelpsAJobThatFailedAtAWrongSignal) {
  const JobId id = enqueue("order", {.max_attempts = 1});
  EXPECT_EQ(json({"job", "signal", id.to_string(), "approved", "17"})["status"], "stored");
  work_until(id, JobState::errored);
  const std::string advice = "job restart " + id.to_string() + " --from=approved --forget-signals";
  EXPECT_TRUE(has(why(id)["sentence"], "`sqlq " + advice + "`")) << why(id);
  EXPECT_EQ(json({"job", "restart", id.to_string(), "--from=approved", "--forget-signals"})["answer"], "requeued");
  work_until(id, JobState::scheduled, client().find(id)->claims);
  EXPECT_EQ(json({"job", "signal", id.to_string(), "approved", "\"ada\""})["status"], "stored");
  work_until(id, JobState::success);
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(json({"job", "show", id.to_string()})["result"], "ada");
}

TEST_P(WorkflowEverywhere, ExplainSaysWhatAJobSleepsOrWaitsFor) {
  const JobId nap = enqueue("nap");
  work_until(nap, JobState::scheduled);
  EXPECT_EQ(why(nap)["code"], "sleeping");
  EXPECT_EQ(why(nap)["step"], "cool-off");
  const JobId parent = enqueue("parent");
  work_until(parent, JobState::scheduled);
  const nlohmann::json reason = why(parent);
  EXPECT_EQ(reason["code"], "waits_for_children");
  EXPECT_EQ(reason["count"], 2);
  EXPECT_EQ(column(json({"job", "list", "--queue", "children"}), "id").size(), 2U);
  EXPECT_EQ(client().cancel(*JobId::parse(reason["jobs"][0].get<std::string>())), CancelStatus::cancelled);
  EXPECT_EQ(why(parent)["count"], 1);
}

}  // namespace
}  // namespace sqlq::program
