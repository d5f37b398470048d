/// \file
/// `sqlq work -- COMMAND`: what a command's end means for its job, how it is stopped, and when the worker ends.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "processes.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using process::eventually;

class Work : public ProgramTest {
 protected:
  /// `sqlq work --queue default OPTIONS... -- sh -c SCRIPT`.
  std::vector<std::string> words(std::vector<std::string> options, const std::string& script) {
    db();
    std::vector<std::string> all{"work", "--queue", "default"};
    all.insert(all.end(), options.begin(), options.end());
    all.insert(all.end(), {"--", "sh", "-c", script});
    return all;
  }
  Result work(std::vector<std::string> options, const std::string& script) {
    return sqlq(words(std::move(options), script));
  }
  JobId add(std::string params = "{}", EnqueueOptions options = {}) {
    return client().enqueue(NewJob{.kind = "k", .params = std::move(params), .options = std::move(options)}).id;
  }
  Job job(JobId id) { return admin().find(id).value(); }
  std::string last_message(JobId id) {
    const auto history = admin().history(id);
    return history.empty() ? std::string() : history.back().message;
  }
  /// The state and the message of a job that the script was run for once.
  std::pair<JobState, std::string> once(const std::string& script) {
    const JobId id = add();
    last = work({"--once"}, script);
    return {job(id).state, last_message(id)};
  }
  std::vector<std::string> log_of(JobId id) {
    std::vector<std::string> texts;
    for (const LogLine& line : admin().logs(id)) texts.push_back(line.text);
    return texts;
  }

  Result last{};
};

TEST_F(Work, ExitStatusDecides) {
  using State = JobState;
  EXPECT_EQ(once("exit 0"), (std::pair{State::success, std::string()}));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(once("echo bad address >&2; exit 65"), (std::pair{State::errored, "exit status 65: bad address"s}));
  EXPECT_EQ(last.code, 9);
  EXPECT_EQ(once("echo busy >&2; exit 75"), (std::pair{State::scheduled, "exit status 75: busy"s}));
  EXPECT_EQ(last.code, 9);
  EXPECT_EQ(once("exit 1"), (std::pair{State::scheduled, "exit status 1"s}));
  EXPECT_EQ(once("exit 126").second, "exit status 126 (cannot be executed)");
  EXPECT_EQ(once("no-such-command 2>/dev/null").second, "exit status 127 (a command was not found)");
  EXPECT_EQ(once("kill -KILL $$"), (std::pair{State::scheduled, "killed by signal 9 (SIGKILL)"s}));
  const JobId spent = add("{}", {.max_attempts = 1});
  EXPECT_EQ(work({"--once"}, "exit 75").code, 9);
  EXPECT_EQ(job(spent).state, State::errored) << "an attempt is charged like every other";
}

TEST_F(Work, TheCommandGetsTheParametersAndTheFacts) {
  const std::string params = R"({"to":"Zo\u00eb","n":1})";
  const JobId id = add(params, {.priority = 3, .max_attempts = 7, .unique_key = "a key"});
  Setting setting;
  setting.environment = {"SQLQ_JOB_TIMEOUT=99", "MINE=kept"};
  const Result result = sqlq(words({"--once", "--name", "w1"},
                                   "cat >params; env | grep -E '^(SQLQ_JOB_|MINE)' | sort >facts"), setting);
  EXPECT_EQ(result.code, 0) << result.err;
  const auto read = [&](const std::string& name) {
    std::ifstream file(path(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(read("params"), params);
  const std::string facts = read("facts");
  EXPECT_TRUE(facts.starts_with("MINE=kept\nSQLQ_JOB_ATTEMPT=1\nSQLQ_JOB_CREATED=20")) << facts;
  EXPECT_TRUE(facts.ends_with("SQLQ_JOB_ID=" + id.to_string() + "\nSQLQ_JOB_KIND=k\nSQLQ_JOB_MAX_ATTEMPTS=7\n"
                              "SQLQ_JOB_PRIORITY=3\nSQLQ_JOB_QUEUE=default\nSQLQ_JOB_UNIQUE_KEY=a key\n"
                              "SQLQ_JOB_WORKER=w1\n")) << facts;
}

TEST_F(Work, LargeParametersArriveWhole) {
  const std::string params = '"' + std::string((std::size_t{1} << 20) - 2, 'x') + '"';
  const JobId id = add(params);
  EXPECT_EQ(work({"--once"}, "wc -c").code, 0);
  EXPECT_EQ(job(id).result, "1048576");
  const JobId unread = add(params);
  EXPECT_EQ(work({"--once"}, "exit 0").code, 0);
  EXPECT_EQ(job(unread).state, JobState::success) << "a command need not read them";
}

TEST_F(Work, WhatItPrintsIsTheResult) {
  const JobId id = add();
  EXPECT_EQ(work({"--once"}, "echo ' {\"sent\": 3} '").code, 0);
  EXPECT_EQ(job(id).result, R"({"sent": 3})");
  const JobId none = add();
  EXPECT_EQ(work({"--once"}, "echo").code, 0);
  EXPECT_EQ(job(none).result, "");
  const JobId failed = add();
  EXPECT_EQ(work({"--once"}, "echo 1; exit 1").code, 9);
  EXPECT_EQ(job(failed).result, "") << "what a command printed that failed is no result";
}

TEST_F(Work, WhatIsNoResultFailsTheAttemptAndIsNotQuoted) {
  for (const char* script : {"echo secret text", "printf 'secret\\000'", "printf '\"\\377secret\"'",
                             "head -c 5000000 /dev/zero | tr '\\0' s", "printf '{\"secret\":1'"}) {
    const auto [state, message] = once(script);
    EXPECT_EQ(state, JobState::scheduled) << script;
    EXPECT_TRUE(message.starts_with("exit status 0, but its standard output is no result: ")) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
    EXPECT_EQ(last.code, 9);
  }
  const JobId large = add();
  EXPECT_EQ(work({"--once"}, "printf '\"'; head -c 1048576 /dev/zero | tr '\\0' s; printf '\"'").code, 9);
  EXPECT_NE(last_message(large).find("larger than 1048576 bytes"), std::string::npos) << last_message(large);
}

TEST_F(Work, StandardErrorIsTheLog) {
  const JobId id = add();
  const Result result = work({"--once", "-v"}, "echo one >&2; printf 'two\\033[0m' >&2; exit 1");
  EXPECT_EQ(log_of(id), (std::vector<std::string>{"one", "two\033[0m"}));
  EXPECT_NE(result.err.find("sqlq: job " + id.to_string() + ": one\n"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find('\033'), std::string::npos) << "nothing of it steers a terminal";
  EXPECT_EQ(result.out, "");
  const JobId many = add();
  EXPECT_EQ(work({"--once"}, "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done >&2").code, 0);
  EXPECT_EQ(admin().logs(many, {0, 0}, 10000).size(), 3000U);
}

TEST_F(Work, LinesOfTheLogComeWhileTheCommandRuns) {
  const JobId id = add();
  Running worker(words({"--grace", "10s", "--stop-wait", "0s"}, "echo begun >&2; sleep 1000"), here());
  EXPECT_TRUE(eventually([&] { return log_of(id) == std::vector<std::string>{"begun"}; }));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait().code, 0);
}

TEST_F(Work, ACancelledJobIsStopped) {
  const JobId id = add();
  Running worker(words({"--once", "--grace", "60s"}, "echo $$ >pid; exec sleep 1000"), here());
  ASSERT_TRUE(eventually([&] { return job(id).state == JobState::running; }));
  admin().cancel(id);
  EXPECT_EQ(worker.wait().code, 9);
  EXPECT_EQ(job(id).state, JobState::cancelled);
}

TEST_F(Work, ACommandThatIgnoresItsTimeoutIsKilled) {
  const JobId id = add("{}", {.timeout = 200ms});
  EXPECT_EQ(work({"--once", "--grace", "100ms"}, "trap '' TERM; while :; do sleep 0.05; done").code, 9);
  EXPECT_EQ(admin().history(id).back().cause, Cause::timed_out);
  EXPECT_EQ(last_message(id), "the attempt ran longer than its timeout: killed by signal 9 (SIGKILL)");
}

TEST_F(Work, AStopGivesTheJobBackAndLeavesNoProcess) {
  const JobId id = add();
  Setting setting = here();
  setting.environment.push_back("SQLQ_TEST_MARK=" + path());
  Running worker(words({"--grace", "100ms", "--stop-wait", "0s"},
                       "trap '' TERM; sleep 1000 & while :; do echo up >&2; sleep 1000; done"), setting);
  ASSERT_TRUE(eventually([&] { return !log_of(id).empty(); }));
  EXPECT_GE(processes_with("SQLQ_TEST_MARK=" + path()).size(), 3U) << "the worker, the shell and its children";
  worker.signal(SIGTERM);
  const Result result = worker.wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("1 given back"), std::string::npos) << result.err;
  EXPECT_EQ(job(id).state, JobState::pending);
  EXPECT_EQ(job(id).attempt, 0) << "not charged";
  EXPECT_TRUE(eventually([&] { return processes_with("SQLQ_TEST_MARK=" + path()).empty(); }));
}

TEST_F(Work, AStopWaitsForCommandsThatEndInTime) {
  const JobId id = add();
  Running worker(words({"--stop-wait", "60s"}, "echo up >&2; while ! [ -e go ]; do sleep 0.01; done"), here());
  ASSERT_TRUE(eventually([&] { return !log_of(id).empty(); }));
  worker.signal(SIGINT);
  std::ofstream(path("go")) << "now";
  EXPECT_EQ(worker.wait().code, 0);
  EXPECT_EQ(job(id).state, JobState::success);
}

TEST_F(Work, AWorkerThatIsKilledLeavesNoProcess) {
  add();
  Setting setting = here();
  setting.environment.push_back("SQLQ_TEST_MARK=" + path());
  const std::string script = "sleep 1000 & sleep 1000 >/dev/null 2>&1 & echo up >up; wait";
  Running worker(words({}, script), setting);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path("up")); }));
  worker.signal(SIGKILL);
  EXPECT_EQ(worker.wait().code, 128 + SIGKILL);
  EXPECT_TRUE(eventually([&] { return processes_with("SQLQ_TEST_MARK=" + path()).empty(); }));
}

TEST_F(Work, WithoutItsGuardNothingIsRun) {
  Running worker(words({}, "echo up >up"), here());
  ASSERT_TRUE(eventually([&] { return !admin().workers().empty(); }));
  const std::vector<pid_t> children = children_of(worker.pid());
  ASSERT_EQ(children.size(), 1U);
  ::kill(children[0], SIGKILL);
  ASSERT_TRUE(process_is_gone(children[0]));
  const JobId id = add();
  const Result result = worker.wait();
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_FALSE(std::filesystem::exists(path("up")));
  EXPECT_EQ(job(id).attempt, 0) << "not charged";
  EXPECT_FALSE(is_finished(job(id).state));
}

TEST_F(Work, WhoeverStartsItMayIgnoreSignalsAndCloseDescriptors) {
  const JobId id = add("[1]");
  const std::string line = "trap '' CHLD PIPE; exec \"$0\" work --queue default --once -- cat <&- >&-";
  Running shell("/bin/bash", {"--norc", "-c", line, SQLQ_PROGRAM}, here());
  EXPECT_EQ(shell.wait().code, 0);
  EXPECT_EQ(job(id).result, "[1]");
}

TEST_F(Work, OnceRunsOneJob) {
  EXPECT_EQ(work({"--once"}, "exit 0").code, 5) << "none";
  const JobId later = add("{}", {.delay = 1h});
  EXPECT_EQ(work({"--once"}, "exit 0").code, 5) << "none is due";
  admin().run_now(later);
  add();
  const Result result = work({"--once", "-j", "4"}, "exit 0");
  EXPECT_EQ(result.code, 0);
  EXPECT_TRUE(result.err.starts_with("1 job: 1 succeeded; ")) << result.err;
  EXPECT_EQ(admin().counts()[JobState::pending].value, 1U);
}

TEST_F(Work, MaxJobsRunsSoMany) {
  for (int i = 0; i < 5; ++i) add();
  EXPECT_EQ(work({"--max-jobs", "3", "-j", "4"}, "exit 0").code, 0);
  EXPECT_EQ(admin().counts()[JobState::success].value, 3U);
  EXPECT_EQ(admin().counts()[JobState::pending].value, 2U);
}

TEST_F(Work, DrainEndsWhenNothingIsDueOrRuns) {
  for (int i = 0; i < 20; ++i) add(std::to_string(i));
  add("{}", {.queue = "other"});
  add("{}", {.delay = 1h});
  const Result result = work({"--drain", "-j", "4"}, "[ $(cat) != 7 ]");
  EXPECT_EQ(result.code, 0);
  EXPECT_TRUE(result.err.starts_with("20 jobs: 19 succeeded, 1 failed; ")) << result.err;
  EXPECT_EQ(admin().counts("other")[JobState::pending].value, 1U);
  EXPECT_EQ(admin().counts("default")[JobState::scheduled].value, 2U) << "the retry is due later";
}

TEST_F(Work, DrainWaitsForJobsThatRunElsewhere) {
  add();
  const auto held = client().claim_one("default");
  ASSERT_TRUE(held);
  Running worker(words({"--drain"}, "exit 0"), here());
  ASSERT_TRUE(eventually([&] { return !admin().workers().empty(); }));
  client().release(*held);
  EXPECT_TRUE(worker.wait().err.starts_with("1 job: 1 succeeded")) << "it came back";
}

TEST_F(Work, DrainDoesNotWaitForAQueueThatIsShut) {
  add();
  admin().pause("default");
  const Result result = work({"--drain"}, "exit 0");
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.err.find("queue 'default', which is paused"), std::string::npos) << result.err;
}

TEST_F(Work, IdleExitEndsAWorkerWithoutJobs) {
  add();
  const Result result = work({"--idle-exit", "50ms"}, "exit 0");
  EXPECT_EQ(result.code, 0);
  EXPECT_TRUE(result.err.starts_with("1 job: 1 succeeded")) << result.err;
}

TEST_F(Work, OnlyTheKindsThatWereNamed) {
  const JobId other = client().enqueue(NewJob{.kind = "other"}).id;
  const JobId mine = add();
  EXPECT_EQ(work({"--drain", "--kind", "k"}, "exit 0").code, 0);
  EXPECT_EQ(job(mine).state, JobState::success);
  EXPECT_EQ(job(other).state, JobState::pending);
}

TEST_F(Work, IsListedAsAWorkerOfAllKinds) {
  Running worker(words({"--name", "shell", "-j", "3"}, "exit 0"), here());
  ASSERT_TRUE(eventually([&] { return !admin().workers().empty(); }));
  const WorkerInfo info = admin().workers().front();
  EXPECT_EQ(info.name, "shell");
  EXPECT_EQ(info.concurrency, 3U);
  EXPECT_EQ(info.queues, std::vector<std::string>{"default"});
  EXPECT_TRUE(info.kinds.empty());
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait().code, 0);
  EXPECT_TRUE(admin().workers().empty());
}

TEST_F(Work, ManyAtOnceLeaveNoDescriptorOpen) {
  for (int i = 0; i < 200; ++i) add(std::to_string(i));
  // Each command counts the worker's descriptors; what grows is seen in the last ones.
  const JobId first = add("{}", {.priority = -1});
  EXPECT_EQ(work({"--once"}, "ls /proc/$PPID/fd | wc -l").code, 0);
  EXPECT_EQ(work({"--drain", "-j", "16"}, "ls /proc/$PPID/fd | wc -l").code, 0);
  EXPECT_EQ(admin().counts()[JobState::success].value, 201U);
  const int alone = std::stoi(job(first).result);
  for (const Job& each : admin().list({}, {.limit = 1000})) {
    // Nine for each command that runs, and a few connections more; one that each command left open would be 200.
    EXPECT_LE(std::stoi(each.result), alone + 15 * 9 + 40);
  }
}

TEST_F(Work, WhatTheWorkerLacksIsChargedToNoJob) {
  for (int i = 0; i < 60; ++i) add("{}", {.max_attempts = 1});
  const std::string script = "ulimit -n 160; exec '" SQLQ_PROGRAM
                             "' work --queue default -j 60 --idle-exit 3s -- sleep 0.2";
  Running worker("/bin/bash", {"--norc", "-c", script}, here());
  const Result result = worker.wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(has(result.err, "cannot start as many commands")) << result.err;
  EXPECT_EQ(admin().counts()[JobState::errored].value, 0U);
  EXPECT_EQ(admin().counts()[JobState::success].value, 60U);
}

TEST_F(Work, WrongCommandLinesAreToldBeforeAnythingRuns) {
  add();
  EXPECT_EQ(sqlq({"work", "--queue", "default"}).code, 2) << "no command";
  EXPECT_EQ(sqlq({"work", "--", "true"}).code, 2) << "no queue";
  EXPECT_EQ(sqlq({"work", "--queue", "default", "--drain", "true"}).code, 2) << "no --";
  const Result missing = sqlq({"work", "--queue", "default", "--drain", "--", "no-such-command", "x"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_NE(missing.err.find("'no-such-command'"), std::string::npos) << missing.err;
  EXPECT_EQ(work({"--once", "--drain"}, "exit 0").code, 2);
  EXPECT_EQ(work({"-j", "0"}, "exit 0").code, 2);
  EXPECT_EQ(work({"--grace", "soon"}, "exit 0").code, 2);
  EXPECT_EQ(admin().counts()[JobState::pending].value, 1U);
  const Result dry = work({"--dry-run"}, "exit 0");
  EXPECT_EQ(dry.code, 0);
  EXPECT_NE(dry.err.find("would run /"), std::string::npos) << dry.err;
  EXPECT_EQ(admin().counts()[JobState::pending].value, 1U);
}

TEST_F(Work, OptionsOfTheCommandAreItsOwn) {
  const JobId id = add();
  const std::string script = "printf '[\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"]' \"$@\"";
  EXPECT_EQ(sqlq({"work", "--queue", "default", "--once", "--", "sh", "-c", script, "sh", "--drain", "[a,b]", "", "{}",
                  "--"}).code, 0);
  EXPECT_EQ(job(id).result, R"(["--drain","[a,b]","","{}","--"])");
}

}  // namespace
}  // namespace sqlq::program
