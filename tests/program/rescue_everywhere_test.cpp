/// \file
/// Six situations in which jobs do not run, on each database. All looking and all repairing is done by the program:
/// `explain` names the cause first, and the command that its sentence or that of `doctor` tells is run as it stands.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "jobs.hpp"
#include "process/place.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

using process::eventually;
using process::mariadb_place;
using process::mysql_place;
using process::postgres_place;
using process::sqlite_place;
using Words = std::vector<std::string>;

class RescueEverywhere : public WithJobs<ProgramOn<process::Anywhere>> {
 protected:
  void SetUp() override { EXPECT_EQ(sqlq({"schema", "up"}).code, 0); }

  /// Enqueued by the program.
  std::string job(Words options) {
    options.insert(options.begin(), {"job", "enqueue"});
    const Result result = sqlq(options);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out.substr(0, result.out.find('\n'));
  }

  /// The first reason why it does not run, which the table tells with the same words.
  nlohmann::json why(const std::string& id, int code = 0) {
    const Result data = sqlq({"-o", "json", "explain", id});
    EXPECT_EQ(data.code, code) << data.err;
    const nlohmann::json reasons = nlohmann::json::parse(data.out, nullptr, false);
    if (!reasons.is_array() || reasons.empty()) {
      ADD_FAILURE() << data.out << data.err;
      return {{"code", ""}, {"sentence", ""}};
    }
    nlohmann::json first = reasons[0];
    const Result table = sqlq({"explain", id});
    EXPECT_EQ(table.code, code);
    // What differs between two looks comes after numbers: "last sign of life 3 s ago".
    EXPECT_TRUE(has(lines_of(table.out)[0], " 1. " + up_to_a_number(first["sentence"]))) << table.out;
    EXPECT_TRUE(harmless(table.out)) << table.out;
    return first;
  }

  /// What doctor says of it; the table has it, too.
  nlohmann::json finding(const std::string& code, int exit_code = 0) {
    const Result data = sqlq({"doctor", "-o", "json"});
    EXPECT_EQ(data.code, exit_code) << data.out << data.err;
    const Result table = sqlq({"doctor"});
    EXPECT_EQ(table.code, exit_code);
    const nlohmann::json findings = nlohmann::json::parse(data.out, nullptr, false);
    for (const auto& found : findings) {
      if (found["code"] != code) continue;
      EXPECT_TRUE(has(table.out, code + ": " + found["sentence"].get<std::string>())) << table.out;
      EXPECT_TRUE(has(table.out, found["advice"].get<std::string>())) << table.out;
      return found;
    }
    ADD_FAILURE() << code << " is not in " << data.out;
    return {{"sentence", ""}, {"advice", ""}};
  }

  /// The first command in the text: they stand in backquotes.
  static std::string command_in(const std::string& text) {
    const auto begin = text.find("`sqlq ");
    const auto end = begin == std::string::npos ? begin : text.find('`', begin + 1);
    if (end == std::string::npos) {
      ADD_FAILURE() << "no command: " << text;
      return "false";
    }
    return text.substr(begin + 1, end - begin - 1);
  }
  /// As an operator types it, who puts in a command of theirs where COMMAND stands.
  Running type(std::string command) {
    if (const auto at = command.find("COMMAND"); at != std::string::npos) command.replace(at, 7, "cat");
    Setting setting = here();
    const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
    setting.environment.push_back("PATH=" + std::filesystem::path(SQLQ_PROGRAM).parent_path().string() + ":" +
                                  (path == nullptr ? "/usr/bin:/bin" : path));
    return Running("/bin/bash", {"--norc", "-c", "exec " + command}, setting);
  }
  void repair(const std::string& command) {
    const Result result = type(command).wait();
    EXPECT_EQ(result.code, 0) << command << "\n" << result.out << result.err;
  }

  /// A worker that is listed.
  Running worker(Words options) {
    options.insert(options.begin(), {"work", "--name", "w-1"});
    return Running(options, here());
  }
  bool is_listed() {
    return eventually([&] { return json({"worker", "list"}).size() == 1; });
  }

  void drain(const std::string& queue) {
    const Result result = sqlq({"work", "--queue", escaped(queue), "--drain", "--", "cat"});
    EXPECT_EQ(result.code, 0) << result.err;
  }
  void expect_success(const std::string& id) {
    EXPECT_EQ(sqlq({"job", "wait", id, "--timeout", "60s"}).code, 0);
    const nlohmann::json reason = why(id);
    EXPECT_EQ(reason["code"], "finished");
    EXPECT_EQ(reason["state"], "success");
  }
  /// The worker of a sentence works until it is stopped.
  void expect_that_runs(const std::string& command, const std::string& id) {
    Running helper = type(command);
    expect_success(id);
    helper.signal(SIGTERM);
    const Result result = helper.wait();
    EXPECT_EQ(result.code, 0) << command << "\n" << result.err;
  }

 private:
  static std::string up_to_a_number(const std::string& sentence) {
    return sentence.substr(0, sentence.find_first_of("0123456789"));
  }
};
SQLQ_PLACES(RescueEverywhere, SQLQ_EVERYWHERE);

TEST_P(RescueEverywhere, APausedQueue) {
  const std::string id = job({"report", "--queue", hostile_name});
  EXPECT_EQ(sqlq({"queue", "pause", hostile_name}).code, 0);
  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "queue_paused");
  EXPECT_EQ(reason["queue"], hostile_name);
  const std::string command = command_in(finding("queue_paused")["advice"]);
  EXPECT_EQ(command, command_in(reason["sentence"]));
  repair(command);
  EXPECT_NE(why(id)["code"], "queue_paused");
  drain(hostile_name);
  expect_success(id);
}

TEST_P(RescueEverywhere, ALimitThatAKilledWorkerHolds) {
  const std::string held = job({"report", "--queue", "mail", "--keepalive", "1h"});
  EXPECT_EQ(sqlq({"queue", "limit", "mail", "1"}).code, 0);
  Running doomed = worker({"--queue", "mail", "--", "tail", "-f", "/dev/null"});
  EXPECT_TRUE(eventually([&] { return json({"job", "show", held})["state"] == "running"; }));
  doomed.signal(SIGKILL);
  EXPECT_EQ(doomed.wait().code, 128 + SIGKILL);
  const std::string id = job({"report", "--queue", "mail"});

  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "limit_used");
  EXPECT_EQ(reason["worker"], "w-1");
  EXPECT_EQ(reason["jobs"], nlohmann::json::array({held}));
  EXPECT_TRUE(has(reason["sentence"], "'w-1'")) << reason["sentence"];
  const std::string command = command_in(reason["sentence"]);
  EXPECT_EQ(command, "sqlq job take-away --id " + held);
  repair(command);
  EXPECT_NE(why(id)["code"], "limit_used");
  drain("mail");
  expect_success(id);
  expect_success(held);
}

TEST_P(RescueEverywhere, AKindThatNobodyHandles) {
  const Running other = worker({"--queue", escaped(hostile_name), "--kind", "other", "--", "cat"});
  ASSERT_TRUE(is_listed());
  const std::string id = job({hostile_name, "--queue", hostile_name});
  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "none_of_kind");
  EXPECT_EQ(reason["workers"], nlohmann::json::array({"w-1"}));
  const std::string command = command_in(finding("kind_without_handler")["advice"]);
  EXPECT_EQ(command, command_in(reason["sentence"]));
  expect_that_runs(command, id);
}

TEST_P(RescueEverywhere, AWorkerOnAnotherQueue) {
  const Running other = worker({"--queue", "sms", "--", "cat"});
  ASSERT_TRUE(is_listed());
  const std::string id = job({"report", "--queue", hostile_name});
  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "none_of_queue");
  EXPECT_EQ(reason["workers"], nlohmann::json::array({"w-1"}));
  EXPECT_TRUE(has(command_in(finding("queue_without_worker")["advice"]), "sqlq work --queue "));
  expect_that_runs(command_in(reason["sentence"]), id);
}

TEST_P(RescueEverywhere, RetriesThatAreADayAway) {
  const std::string id = enqueue("report", {.queue = "mail"}).to_string();
  const RetryPolicy in_a_day = RetryPolicy::constant(std::chrono::hours(24));
  EXPECT_EQ(client().error(claim("mail"), hostile, {.retry = in_a_day}), FinishStatus::applied);
  const Running working = worker({"--queue", "mail", "--", "cat"});
  ASSERT_TRUE(is_listed());
  const nlohmann::json reason = why(id);
  EXPECT_EQ(reason["code"], "due_later");
  EXPECT_TRUE(has(reason["sentence"], "after 1 of 25 attempts")) << reason["sentence"];
  const std::string command = command_in(reason["sentence"]);
  EXPECT_EQ(command, "sqlq job run-now --id " + id);
  repair(command);
  expect_success(id);
}

TEST_P(RescueEverywhere, ASchemaOneStepBehind) {
  const std::string id = job({"report", "--queue", "mail"});
  Migrator migrator{db()};
  const int latest = migrator.status().latest;
  EXPECT_EQ(migrator.down(latest - 1), 1);
  const nlohmann::json reason = why(id, 4);
  EXPECT_EQ(reason["code"], "schema_behind");
  EXPECT_EQ(sqlq({"doctor", "-o", "jsonl"}).out.find(R"({"severity": "error", "code": "schema_behind")"), 0U);
  EXPECT_EQ(sqlq({"work", "--queue", "mail", "--drain", "--", "cat"}).code, 4);
  const Result refused = sqlq({"stats"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_TRUE(has(refused.err, "(in " + db().description() + ")")) << refused.err;
  const std::string command = command_in(refused.err);
  EXPECT_EQ(command, "sqlq schema up");
  EXPECT_EQ(command, command_in(reason["sentence"]));
  EXPECT_EQ(command, command_in(finding("schema_behind", 1)["advice"]));
  repair(command);
  drain("mail");
  expect_success(id);
}

}  // namespace
}  // namespace sqlq::program
