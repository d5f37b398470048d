/// \file
/// job list, show, logs, wait, tail.

#include <csignal>
#include <string>
#include <vector>

#include "jobs.hpp"

namespace sqlq::program {
namespace {

using std::chrono::hours;
using Names = std::vector<std::string>;

class JobList : public Jobs {};
class JobShow : public Jobs {};
class JobLogs : public Jobs {};
class JobWait : public Jobs {};
class JobTail : public Jobs {};


TEST_F(JobList, ATableForPeople) {
  static_cast<void>(db());  // has its tables
  const JobId failed = fail(hostile_name, hostile);
  const Result result = sqlq({"job", "list"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(harmless(result.out)) << result.out;
  const Names lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 2U) << result.out;
  EXPECT_EQ(lines[0].substr(0, 2), "ID");
  EXPECT_NE(lines[1].find(failed.to_string()), std::string::npos);
  EXPECT_NE(lines[1].find("errored"), std::string::npos);
  EXPECT_NE(lines[1].find("\\x1b[2Jred\\r\\n\\u202eevil\\x7f"), std::string::npos) << lines[1];
}

TEST_F(JobList, IsCutToATerminalButIdsAreNot) {
  const JobId failed = fail(hostile_name, hostile + std::string(500, 'x'));
  const Result result = sqlq({"job", "list"}, {.terminal = Size{80, 24}});
  EXPECT_EQ(result.code, 0);
  const Names rows = screen(result.out, {80, 24});
  const auto shown = static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const std::string& row) { return !row.empty(); }));
  EXPECT_EQ(shown, 2U) << result.out;
  EXPECT_NE(rows[1].find(failed.to_string()), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("[2J"), result.out.find("\\x1b[2J") + 4) << result.out;
}

TEST_F(JobList, JsonHasEverythingAsItIs) {
  const JobId failed = fail(hostile_name, hostile, {.queue = "mail", .unique_key = "k"});
  const nlohmann::json all = json({"job", "list"});
  ASSERT_EQ(all.size(), 1U);
  const nlohmann::json& job = all[0];
  EXPECT_EQ(job["id"], failed.to_string());
  EXPECT_EQ(job["queue"], "mail");
  EXPECT_EQ(job["kind"], hostile_name);
  EXPECT_EQ(job["state"], "errored");
  EXPECT_EQ(job["error"], hostile);
  EXPECT_EQ(job["cause"], "discarded");
  EXPECT_EQ(job["attempt"], 1);
  EXPECT_EQ(job["max_attempts"], 25);
  EXPECT_EQ(job["unique_key"], "k");
  EXPECT_TRUE(job["created_at"].get<std::string>().ends_with("Z"));
  EXPECT_TRUE(job["retention"].is_null());
  EXPECT_FALSE(job.contains("params"));
  EXPECT_EQ(json({"job", "list", "--queue", "other"}), nlohmann::json::array());
}

TEST_F(JobList, ParamsAreTheTextThatWasEnqueued) {
  const std::string params = R"({"n":123456789012345678901234567890,"f":1.10})";
  enqueue("k", {}, params);
  const Result result = sqlq({"job", "list", "--params", "-o", "jsonl"});
  EXPECT_NE(result.out.find(params), std::string::npos) << result.out;
  EXPECT_NE(sqlq({"job", "list", "--params"}).out.find(params), std::string::npos);
}

TEST_F(JobList, FiltersOfAllKinds) {
  enqueue("plain");
  enqueue("mail", {.queue = "q,1", .priority = -5});
  enqueue("late", {.queue = "q2", .delay = hours(1), .unique_key = "key"});
  const JobId failed = fail("bad", "it timed out: 100%_sure", {.queue = "q3"});
  const auto kinds = [this](Names words) {
    words.insert(words.begin(), {"job", "list"});
    return column(json(words), "kind");
  };
  EXPECT_EQ(kinds({}), (Names{"bad", "late", "mail", "plain"}));
  EXPECT_EQ(kinds({"--queue", "q2,q3"}), (Names{"bad", "late"}));
  EXPECT_EQ(kinds({"--queue", "q\\,1"}), (Names{"mail"}));
  EXPECT_EQ(kinds({"--kind", "plain", "--kind", "mail"}), (Names{"mail", "plain"}));
  EXPECT_EQ(kinds({"--state", "scheduled,errored"}), (Names{"bad", "late"}));
  EXPECT_EQ(kinds({"--key", "key"}), (Names{"late"}));
  EXPECT_EQ(kinds({"--unique-key", "key"}), (Names{"late"}));
  EXPECT_EQ(kinds({"--error", "100%_"}), (Names{"bad"}));
  EXPECT_EQ(kinds({"--error", "100__"}), (Names{}));
  EXPECT_EQ(kinds({"--priority", "..0"}), (Names{"mail"}));
  EXPECT_EQ(kinds({"--priority", "-5"}), (Names{"mail"}));
  EXPECT_EQ(kinds({"--older", "1h"}), (Names{}));
  EXPECT_EQ(kinds({"--newer", "1h", "--kind", "bad"}), (Names{"bad"}));
  EXPECT_EQ(kinds({"--id", failed.to_string()}), (Names{"bad"}));
  EXPECT_EQ(kinds({failed.to_string()}), (Names{"bad"}));
}

TEST_F(JobList, GoesOnWhereItEnded) {
  for (const char* kind : {"a", "b", "c"}) enqueue(kind);
  const Result first = sqlq({"job", "list", "--limit", "2", "-o", "jsonl"});
  EXPECT_EQ(first.code, 0);
  const std::string words = "more jobs may follow: --before ";
  ASSERT_EQ(first.err.find(words), 0U) << first.err;
  const std::string before = first.err.substr(words.size(), 36);
  EXPECT_EQ(column(json({"job", "list", "--before", before}), "kind"), (Names{"a"}));
}

TEST_F(JobList, WrongValuesAreNamedBeforeTheDatabaseIsAsked) {
  static_cast<void>(db());  // has its tables
  for (const Names& words : std::vector<Names>{{"--state", "broken"}, {"--id", "42"}, {"--older", "soon"},
                                               {"--priority", "x"}, {"--before", "42"}, {"--limit", "many"}}) {
    Names all{"job", "list"};
    all.insert(all.end(), words.begin(), words.end());
    const Result result = sqlq(all);
    EXPECT_EQ(result.code, 2) << words[0];
    EXPECT_EQ(result.out, "") << words[0];
    EXPECT_NE(result.err.find(words[0]), std::string::npos) << result.err;
  }
}

TEST_F(JobShow, EverythingOfOneJob) {
  const JobId id = enqueue("mail", {.queue = "q", .headers = {{"traceparent", "00-1"}, {"b", "\xC3\xA9 \""}}},
                           R"({"to":"ada"})");
  const Job first = claim("q");
  const auto sink = database_log_sink(db());
  JobLogger log(first, sink);
  log.info("first " + hostile);
  log.warn("second");
  sink->flush();
  client().error(first, hostile);

  const nlohmann::json job = json({"job", "show", id.to_string()});
  EXPECT_EQ(job["state"], "scheduled");
  EXPECT_EQ(job["params"]["to"], "ada");
  EXPECT_EQ(job["headers"], (nlohmann::json{{"traceparent", "00-1"}, {"b", "\xC3\xA9 \""}}));
  ASSERT_EQ(job["history"].size(), 1U);
  EXPECT_EQ(job["history"][0]["cause"], "failed");
  EXPECT_EQ(job["history"][0]["message"], hostile);
  ASSERT_EQ(job["log"].size(), 2U);
  EXPECT_EQ(job["log"][0]["text"], "first " + hostile);
  EXPECT_EQ(job["log"][1]["level"], "warn");
  ASSERT_FALSE(job["reasons"].empty());
  EXPECT_TRUE(job["reasons"][0]["sentence"].is_string());

  const Result table = sqlq({"job", "show", id.to_string(), "--lines", "1"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_TRUE(harmless(table.out)) << table.out;
  EXPECT_NE(table.out.find("\nHistory\n"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("\"traceparent\":\"00-1\""), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find("first "), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("second"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("\nWhy it has not finished\n"), std::string::npos) << table.out;
}

TEST_F(JobShow, WhatIsNotThere) {
  static_cast<void>(db());  // has its tables
  const Result result = sqlq({"job", "show", nobody});
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "sqlq: there is no job " + nobody + ": it was deleted, or never enqueued\n");
  EXPECT_EQ(sqlq({"job", "show", "42"}).code, 2);
  EXPECT_EQ(sqlq({"job", "show"}).code, 2);
}

TEST_F(JobLogs, LinesInOrder) {
  const JobId id = enqueue("mail");
  const Job job = claim();
  const auto sink = database_log_sink(db());
  JobLogger log(job, sink);
  for (int i = 0; i < 2500; ++i) log.info("line {} of {}", i, hostile);
  sink->flush();
  const Result table = sqlq({"job", "logs", id.to_string()});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_TRUE(harmless(table.out));
  const Names lines = lines_of(table.out);
  ASSERT_EQ(lines.size(), 2500U);
  EXPECT_NE(lines[2499].find(" info  line 2499 of \\x1b[2Jred"), std::string::npos) << lines[2499];
  const nlohmann::json read = json({"job", "logs", id.to_string()});
  ASSERT_EQ(read.size(), 2500U);
  EXPECT_EQ(read[7]["text"], "line 7 of " + hostile);
  EXPECT_EQ(sqlq({"job", "logs", nobody}).code, 5);
}

TEST_F(JobLogs, FollowsUntilTheJobHasFinished) {
  const JobId id = enqueue("mail");
  const Job job = claim();
  const auto sink = database_log_sink(db());
  JobLogger log(job, sink);
  log.info("begun");
  sink->flush();
  Running follow({"job", "logs", "--follow", id.to_string()}, here());
  ASSERT_TRUE(follow.wrote("begun")) << follow.err();
  log.info("going on");
  sink->flush();
  ASSERT_TRUE(follow.wrote("going on"));
  log.info("the end");
  sink->flush();
  client().success(job);
  const Result result = follow.wait();
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(lines_of(result.out).size(), 3U) << result.out;
}

TEST_F(JobLogs, FollowingEndsAtASignal) {
  const JobId id = enqueue("mail");
  const Job job = claim();
  const auto sink = database_log_sink(db());
  JobLogger(job, sink).info("begun");
  sink->flush();
  Running follow({"job", "logs", "-f", id.to_string(), "-o", "json"}, here());
  ASSERT_TRUE(follow.wrote("begun")) << follow.err();
  follow.signal(SIGINT);
  const Result result = follow.wait();
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(nlohmann::json::parse(result.out).size(), 1U) << "the array has its end";
}

TEST_F(JobWait, ExitCodesSayHowItEnded) {
  const JobId good = enqueue("good");
  client().success(claim(), R"({"sum":12345678901234567890123})");
  const JobId bad = fail("bad", hostile);
  const JobId stopped = enqueue("stopped");
  client().cancel(stopped);
  const JobId waiting = enqueue("waiting");

  const Result well = sqlq({"job", "wait", good.to_string(), "-o", "jsonl"});
  EXPECT_EQ(well.code, 0) << well.err;
  EXPECT_NE(well.out.find(R"({"sum":12345678901234567890123})"), std::string::npos) << well.out;

  const Result failed = sqlq({"job", "wait", bad.to_string()});
  EXPECT_EQ(failed.code, 9);
  EXPECT_TRUE(harmless(failed.out)) << failed.out;
  EXPECT_NE(failed.out.find("\\x1b[2Jred"), std::string::npos) << failed.out;
  EXPECT_EQ(sqlq({"job", "wait", stopped.to_string()}).code, 9);

  EXPECT_EQ(sqlq({"job", "wait", waiting.to_string(), "--timeout", "50ms"}).code, 8);
  EXPECT_EQ(sqlq({"job", "wait", nobody}).code, 5);
  EXPECT_EQ(sqlq({"job", "wait", good.to_string(), bad.to_string()}).code, 9);
  EXPECT_EQ(sqlq({"job", "wait", bad.to_string(), waiting.to_string(), "--timeout", "50ms"}).code, 8);
  EXPECT_EQ(sqlq({"job", "wait", nobody, good.to_string(), waiting.to_string(), "--timeout", "0s"}).code, 5);
  EXPECT_EQ(sqlq({"job", "wait", "42"}).code, 2);
  EXPECT_EQ(sqlq({"job", "wait", good.to_string(), "--timeout", "soon"}).code, 2);
}

TEST_F(JobWait, WaitsForTheEnd) {
  const JobId id = enqueue("mail");
  Running waiting({"job", "wait", id.to_string(), "-o", "json"}, here());
  client().success(claim(), "42");
  const Result result = waiting.wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)[0]["result"], 42);
}

TEST_F(JobTail, SaysWhatHappens) {
  enqueue("old");
  Running tail({"job", "tail", "--interval", "100ms"}, here());
  ASSERT_TRUE(tail.wrote("watching")) << tail.err();
  const JobId id = enqueue(hostile_name, {.queue = "mail"});
  ASSERT_TRUE(tail.wrote(id.to_string() + " enqueued")) << tail.out();
  const Job job = claim("mail");
  ASSERT_TRUE(tail.wrote(id.to_string() + " running")) << tail.out();
  client().error(job, hostile);
  ASSERT_TRUE(tail.wrote(id.to_string() + " scheduled")) << tail.out();
  ASSERT_TRUE(tail.wrote("\\x1b[2Jred\\r\\n\\u202eevil\\x7f")) << tail.out();
  admin().cancel(id);
  ASSERT_TRUE(tail.wrote(id.to_string() + " cancelled")) << tail.out();
  tail.signal(SIGINT);
  const Result result = tail.wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(harmless(result.out)) << result.out;
  EXPECT_EQ(lines_of(result.out).size(), 4U) << result.out;
}

TEST_F(JobTail, OfAFilter) {
  static_cast<void>(db());  // has its tables
  Running tail({"job", "tail", "--interval", "100ms", "--state", "errored", "--error", "100%", "-o", "jsonl"}, here());
  ASSERT_TRUE(tail.wrote("watching")) << tail.err();
  fail("other", "something else");
  const JobId id = fail("this", "it is 100% broken");
  ASSERT_TRUE(tail.wrote(id.to_string())) << tail.out();
  tail.signal(SIGTERM);
  const Result result = tail.wait();
  const Names lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 1U) << result.out;
  const nlohmann::json happening = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(happening["event"], "errored");
  EXPECT_EQ(happening["error"], "it is 100% broken");
}

TEST_F(JobTail, EndsAfterItsTime) {
  static_cast<void>(db());  // has its tables
  const Result result = sqlq({"job", "tail", "--for", "10ms", "-o", "json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "[]\n");
  EXPECT_EQ(sqlq({"job", "tail", "--interval", "1ms"}).code, 2);
}

}  // namespace
}  // namespace sqlq::program
