/// \file
/// `sqlq job signal`, `sqlq job restart`, and the durable steps in `sqlq job show`, on a file.

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "workflow.hpp"

namespace sqlq::program {
namespace {

using Words = std::vector<std::string>;

class WorkflowCommands : public WithWorkflows<ProgramTest> {
 protected:
  Result signal(JobId id, const std::string& name, Words more = {}, Setting setting = {}) {
    Words words{"job", "signal", id.to_string(), name};
    words.insert(words.end(), more.begin(), more.end());
    return sqlq(words, std::move(setting));
  }
  nlohmann::json steps(JobId id, bool full = false) {
    Words words{"job", "show", id.to_string()};
    if (full) words.emplace_back("--full");
    return json(words).at("steps");
  }
};

TEST_F(WorkflowCommands, TheFirstSignalOfANameStays) {
  const JobId id = enqueue("order");
  const Result first = signal(id, "approved", {R"({"by": "ada"})"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "");
  EXPECT_EQ(first.err, "stored the signal 'approved' for job " + id.to_string() + "\n");
  const Result second = signal(id, "approved", {"2", "-o", "json"});
  EXPECT_EQ(second.code, 6) << second.err;
  EXPECT_EQ(nlohmann::json::parse(second.out),
            (nlohmann::json{{"id", id.to_string()}, {"signal", "approved"}, {"status", "existing"}}));
  EXPECT_EQ(signal(id, "approved", {"2", "--exist-ok"}).code, 0);
  EXPECT_EQ(signal(id, "approved", {"3", "--append"}).code, 0);
  EXPECT_EQ(signal(id, "other").code, 2) << "a value is given, be it null";
  EXPECT_EQ(signal(id, "other", {"null"}).code, 0);
  const nlohmann::json all = steps(id, true);
  ASSERT_EQ(all.size(), 3U) << all;
  EXPECT_EQ(all[0]["kind"], "signal");
  EXPECT_EQ(all[0]["value"]["by"], "ada");
  EXPECT_EQ(all[0]["claim"], 0) << "from outside";
  EXPECT_EQ(all[1]["number"], 1);
  EXPECT_EQ(all[1]["value"], 3);
  EXPECT_EQ(all[2]["value"], nullptr);
  EXPECT_EQ(all[2]["bytes"], 4);
}

TEST_F(WorkflowCommands, AWrongSignalIsReplaced) {
  const JobId id = enqueue("order");
  EXPECT_EQ(signal(id, "approved", {"1", "--replace"}).err,
            "stored the signal 'approved' for job " + id.to_string() + "\n");
  const Result refused = signal(id, "approved", {"2"});
  EXPECT_EQ(refused.code, 6);
  EXPECT_TRUE(has(refused.err, "--replace gives it this value")) << refused.err;
  const Result dry = signal(id, "approved", {"2", "--replace", "--dry-run", "-o", "jsonl"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_EQ(nlohmann::json::parse(dry.out)["status"], "would_be_replaced");
  EXPECT_EQ(steps(id, true)[0]["value"], 1);
  const Result done = signal(id, "approved", {R"({"by": "bob"})", "--replace"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.err, "replaced the value of the signal 'approved' of job " + id.to_string() + "\n");
  EXPECT_EQ(json({"job", "signal", id.to_string(), "approved", "3", "--replace"})["status"], "replaced");
  const nlohmann::json all = steps(id, true);
  ASSERT_EQ(all.size(), 1U) << all;
  EXPECT_EQ(all[0]["value"], 3);
  EXPECT_EQ(signal(id, "approved", {"4", "--replace", "--append"}).code, 2) << "one of both";
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(signal(id, "approved", {"5", "--replace"}).code, 6) << "it has finished";
}

TEST_F(WorkflowCommands, RestartForgetsSignalsWhenItIsAskedTo) {
  const JobId id = waiting_order();
  EXPECT_EQ(signal(id, "approved", {"\"ada\""}).code, 0);
  work_until(id, JobState::success);
  const nlohmann::json dry =
      json({"job", "restart", id.to_string(), "--from", "approved", "--forget-signals", "--dry-run"});
  EXPECT_EQ(dry["forgotten"], 3) << "the wait, its signal, ship";
  const nlohmann::json done = json({"job", "restart", id.to_string(), "--from", "approved", "--forget-signals"});
  EXPECT_EQ(done["answer"], "requeued");
  EXPECT_EQ(done["forgotten"], 3);
  EXPECT_EQ(column(steps(id), "kind"), (Words{"result", "result", "result"}));
  work_until(id, JobState::scheduled, client().find(id)->claims);
  EXPECT_EQ(signal(id, "approved", {"\"bob\""}).code, 0);
  work_until(id, JobState::success);
  EXPECT_EQ(client().find(id)->result, "\"bob\"");
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(shipped, 2);
}

TEST_F(WorkflowCommands, TheValueMayBeInAFileOrOnStandardInput) {
  const JobId id = enqueue("order");
  std::ofstream(path("value.json")) << " [1, 2]\n";
  EXPECT_EQ(signal(id, "file", {"@value.json"}).code, 0);
  EXPECT_EQ(signal(id, "input", {"-"}, {.input = "\"a\"\n"}).code, 0);
  const nlohmann::json all = steps(id, true);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["value"], nlohmann::json({1, 2}));
  EXPECT_EQ(all[1]["value"], "a");
}

TEST_F(WorkflowCommands, SignalsThatReachNobodyAreSaid) {
  const JobId id = enqueue("order");
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  const Result finished = signal(id, "approved", {"1", "-o", "jsonl"});
  EXPECT_EQ(finished.code, 6);
  EXPECT_EQ(nlohmann::json::parse(finished.out)["status"], "finished");
  EXPECT_TRUE(has(signal(id, "approved", {"1"}).err, "sqlq job restart " + id.to_string() + " --from=STEP"));
  EXPECT_EQ(sqlq({"job", "signal", nobody, "approved", "1"}).code, 5);
  EXPECT_EQ(sqlq({"job", "signal", "42", "approved", "1"}).code, 2);
  const JobId live = enqueue("order");
  EXPECT_EQ(signal(live, "approved", {"{"}).code, 2);
  EXPECT_EQ(signal(live, "approved", {"@nowhere.json"}).code, 2);
  EXPECT_EQ(signal(live, "a\nb").code, 2) << "a name has no control characters";
  EXPECT_EQ(signal(live, std::string(256, 'a')).code, 2);
  EXPECT_EQ(steps(live), nlohmann::json::array());
}

TEST_F(WorkflowCommands, ASignalAfterTheEndOfItsWaitIsSaidToBeReadByNobody) {
  const JobId id = enqueue("order");
  const Job job = client().claim({}, {.kinds = {"order"}}).at(0);
  backend::Steps& part = *db().dialect().steps();
  for (const std::int64_t number : {0, 1}) {
    for (const StepKind kind : {StepKind::wait, StepKind::expired}) {
      const backend::NewStep step{.id = id, .token = job.lease_token, .kind = kind, .name = "approved",
                                  .number = number, .delay = Duration::zero()};
      ASSERT_EQ(part.record_step(step, nullptr, {}).status, backend::RecordStatus::recorded);
    }
  }
  const std::string ended = "; its wait for that has ended, so nobody reads it: once the job has finished, `sqlq job "
                            "restart " + id.to_string() + " --from=approved";
  EXPECT_TRUE(has(signal(id, "approved", {"1", "--dry-run"}).err, ended + "` waits anew"));
  EXPECT_TRUE(has(signal(id, "approved", {"1"}).err, ended + "` waits anew"));
  EXPECT_TRUE(has(signal(id, "approved", {"1", "--append", "--dry-run"}).err, ended + " --number=1` waits anew"));
  EXPECT_TRUE(has(signal(id, "approved", {"1", "--append"}).err, ended + " --number=1` waits anew"));
  EXPECT_FALSE(has(signal(id, "approved", {"1", "--append"}).err, "ended")) << "number 2 is waited for by nobody yet";
  EXPECT_FALSE(has(signal(id, "other", {"1"}).err, "ended"));
}

TEST_F(WorkflowCommands, ASignalIsNoPlaceToBeginAtAndPuttingBackIsNoError) {
  const JobId id = enqueue("order");
  const Job job = client().claim({}, {.kinds = {"order"}}).at(0);
  EXPECT_EQ(signal(id, "approved", {"1"}).code, 0);
  EXPECT_EQ(client().error(job, "no", {.discard = true}), FinishStatus::applied);
  const Result refused = sqlq({"job", "restart", id.to_string(), "--from", "approved"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(has(refused.err, "a signal is no place to begin at")) << refused.err;
  EXPECT_TRUE(has(sqlq({"job", "restart", "--help"}).out, "--dry-run"));
  EXPECT_EQ(json({"job", "show", id.to_string()}).at("error"), "no");
  EXPECT_EQ(sqlq({"job", "restart", id.to_string()}).code, 0);
  EXPECT_EQ(json({"job", "show", id.to_string()}).at("error"), nullptr) << "an operator has put it back";
  EXPECT_EQ(json({"job", "show", id.to_string()}).at("cause"), "requeued");
}

TEST_F(WorkflowCommands, ShowHasTheSteps) {
  const JobId id = waiting_order();
  const nlohmann::json all = steps(id);
  ASSERT_EQ(all.size(), 4U) << all;
  EXPECT_EQ(column(all, "kind"), (Words{"result", "result", "result", "wait"}));
  EXPECT_EQ(column(all, "name"), (Words{"charge", "pack", "pack", "approved"}));
  EXPECT_EQ(all[2]["number"], 1);
  EXPECT_EQ(all[0]["bytes"], std::string(receipt).size() + 2);
  EXPECT_FALSE(all[0].contains("value"));
  EXPECT_EQ(all[0]["until"], nullptr);
  EXPECT_TRUE(all[3]["until"].is_string());
  EXPECT_EQ(all[0]["claim"], 1);
  EXPECT_EQ(steps(id, true)[0]["value"], receipt);
  const Result table = sqlq({"job", "show", id.to_string()});
  EXPECT_TRUE(has(table.out, "\nSteps\n")) << table.out;
  EXPECT_FALSE(has(table.out, receipt)) << "its value only when it is asked for";
  EXPECT_TRUE(has(table.out, "waits for the signal 'approved'")) << table.out;
  EXPECT_TRUE(has(table.out, "waits for the signal: 'approved'")) << "its history: " << table.out;
  EXPECT_EQ(json({"job", "show", id.to_string()}).at("error"), nullptr) << "that is no error";
  EXPECT_TRUE(has(sqlq({"job", "show", id.to_string(), "--full"}).out, receipt));
  EXPECT_FALSE(has(sqlq({"job", "show", enqueue("plain").to_string()}).out, "Steps"));
}

TEST_F(WorkflowCommands, RestartForgetsFromAStepOn) {
  const JobId id = waiting_order();
  const auto restart = [&](Words more, int code) {
    Words words{"job", "restart", id.to_string(), "-o", "jsonl"};
    words.insert(words.end(), more.begin(), more.end());
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, code) << result.err;
    return result.out.empty() ? nlohmann::json() : nlohmann::json::parse(result.out);
  };
  EXPECT_EQ(restart({}, 6)["answer"], "not_finished");
  EXPECT_EQ(signal(id, "approved", {"\"ada\""}).code, 0);
  work_until(id, JobState::success);
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(packed, 2);
  EXPECT_EQ(shipped, 1);

  restart({"--from", "nonsense"}, 2);
  restart({"--from", "pack", "--number", "2"}, 2);
  restart({"--number", "1"}, 2);
  EXPECT_EQ(state(id), JobState::success);
  const nlohmann::json dry = restart({"--from", "pack", "--number", "1", "--dry-run"}, 0);
  EXPECT_EQ(dry["answer"], "would_restart");
  EXPECT_EQ(dry["forgotten"], 3) << "pack 1, the wait, ship; the signal stays";
  EXPECT_EQ(state(id), JobState::success);

  const nlohmann::json done = restart({"--from", "pack", "--number", "1"}, 0);
  EXPECT_EQ(done["answer"], "requeued");
  EXPECT_EQ(done["forgotten"], 3);
  work_until(id, JobState::success, client().find(id)->claims);
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(packed, 3);
  EXPECT_EQ(shipped, 2);

  const Words kinds = column(steps(id), "kind");
  const auto recorded = static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), "result"));
  EXPECT_EQ(recorded, 4U);
  const Result anew = sqlq({"job", "restart", id.to_string()});
  EXPECT_EQ(anew.code, 0) << anew.err;
  EXPECT_TRUE(has(anew.err, "runs again, and has forgotten")) << anew.err;
  EXPECT_EQ(column(steps(id), "kind"), Words{"signal"});
  work_until(id, JobState::success, client().find(id)->claims);
  EXPECT_EQ(charged, 2);
  EXPECT_EQ(sqlq({"job", "restart", nobody}).code, 5);
  EXPECT_EQ(sqlq({"job", "restart", "42"}).code, 2);
}

TEST_F(WorkflowCommands, DryRunChangesNothing) {
  const JobId id = enqueue("order");
  EXPECT_EQ(json({"job", "signal", id.to_string(), "approved", "1", "--dry-run"})["status"], "would_be_stored");
  EXPECT_EQ(steps(id), nlohmann::json::array());
  EXPECT_EQ(signal(id, "approved", {"1"}).code, 0);
  EXPECT_EQ(signal(id, "approved", {"1", "--dry-run"}).code, 6);
  EXPECT_EQ(signal(id, "approved", {"1", "--dry-run", "--append"}).code, 0);
  EXPECT_EQ(steps(id).size(), 1U);
  EXPECT_EQ(sqlq({"job", "signal", nobody, "approved", "1", "--dry-run"}).code, 5);
}

TEST_F(WorkflowCommands, HostileNamesHarmNoTerminal) {
  const JobId id = enqueue("order");
  const std::string value = nlohmann::json(hostile).dump();
  for (const Result& result : {signal(id, hostile_name, {value}), signal(id, hostile_name, {value}),
                               signal(id, hostile),
                               sqlq({"job", "show", id.to_string(), "--full"}),
                               sqlq({"job", "restart", id.to_string(), "--from", hostile})}) {
    EXPECT_TRUE(harmless(result.out)) << result.out;
    EXPECT_TRUE(harmless(result.err)) << result.err;
  }
  const nlohmann::json all = steps(id, true);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["name"], hostile_name);
  EXPECT_EQ(all[0]["value"], hostile);
}

}  // namespace
}  // namespace sqlq::program
