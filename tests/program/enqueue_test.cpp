/// \file
/// job enqueue.

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "jobs.hpp"

namespace sqlq::program {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Names = std::vector<std::string>;

class Enqueue : public Jobs {
 protected:
  /// The job whose id is all that was printed.
  Job stored(const Result& result) {
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(result.out.size(), 37U) << result.out;
    const auto id = JobId::parse(result.out.substr(0, 36));
    return id ? client().find(*id).value_or(Job{}) : Job{};
  }
  std::uint64_t pending() { return admin().counts({}, 1'000'000)[JobState::pending].value; }
};

TEST_F(Enqueue, PrintsTheId) {
  static_cast<void>(db());  // has its tables
  const Job job = stored(sqlq({"job", "enqueue", "mail"}));
  EXPECT_EQ(job.kind, "mail");
  EXPECT_EQ(job.queue, "default");
  EXPECT_EQ(job.params, "{}");
  EXPECT_EQ(job.priority, 10);
  EXPECT_EQ(json({"job", "enqueue", "mail"})[0]["status"], "inserted");
}

TEST_F(Enqueue, TakesAllOptions) {
  static_cast<void>(db());
  const Job job = stored(sqlq({"job", "enqueue", hostile_name, "[1, 2]", "--queue", hostile_name, "--priority", "-4",
                               "--in", "10m", "--unique-key", "k", "--max-attempts", "7", "--max-crashes", "2",
                               "--timeout", "90s", "--retention", "7d", "--keepalive", "60s", "--id",
                               "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47"}));
  EXPECT_EQ(job.id.to_string(), "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  EXPECT_EQ(job.kind, hostile_name);
  EXPECT_EQ(job.queue, hostile_name);
  EXPECT_EQ(job.params, "[1, 2]");
  EXPECT_EQ(job.priority, -4);
  EXPECT_EQ(job.state, JobState::scheduled);
  EXPECT_EQ(job.unique_key, "k");
  EXPECT_EQ(job.max_attempts, 7);
  EXPECT_EQ(job.max_crashes, 2);
  EXPECT_EQ(job.timeout, seconds(90));
  EXPECT_EQ(job.retention, hours(168));
  EXPECT_EQ(job.keepalive, minutes(1));
  EXPECT_EQ(job.headers, Headers{});
  const Job traced = stored(sqlq({"job", "enqueue", "--header", "traceparent=00-1-2", "a", "[3]", "--header", "b=c=d",
                                  "--header=" + hostile_name + "=", "--header", "e=[f,g]"}));
  EXPECT_EQ(traced.params, "[3]");
  EXPECT_EQ(traced.headers,
            (Headers{{"traceparent", "00-1-2"}, {"b", "c=d"}, {hostile_name, ""}, {"e", "[f,g]"}}));
  const Job later = stored(sqlq({"job", "enqueue", "a", "--at", "2199-01-02T03:04:05Z"}));
  EXPECT_EQ(later.run_at, TimePoint(std::chrono::sys_days(std::chrono::year(2199) / 1 / 2) + hours(3) + minutes(4) +
                                    seconds(5)));
}

TEST_F(Enqueue, ParamsFromAnArgumentAFileAndStandardInput) {
  static_cast<void>(db());
  const std::string text = R"({"n":123456789012345678901234567890, "s":"\u00e9"})";
  std::ofstream(path("params.json")) << text << "\n";
  EXPECT_EQ(stored(sqlq({"job", "enqueue", "a", text})).params, text);
  EXPECT_EQ(stored(sqlq({"job", "enqueue", "a", "@params.json"})).params, text);
  EXPECT_EQ(stored(sqlq({"job", "enqueue", "a", "-"}, {.input = "\n" + text + "\r\n"})).params, text);
}

TEST_F(Enqueue, WhatCannotBeStoredIsNotStored) {
  static_cast<void>(db());
  for (const Names& words : std::vector<Names>{{"a", "{"},
                                               {"a", "@missing.json"},
                                               {"a", "--at", "soon"},
                                               {"a", "--in", "soon"},
                                               {"a", "--in", "1m", "--at", "now"},
                                               {"a", "--id", "42"},
                                               {"a", "--priority", "high"},
                                               {"a", "--keepalive", "1ms"},
                                               {"a", "--max-attempts", "0"},
                                               {"a", "--retention", "ever"},
                                               {"a\x1b", "{}"},
                                               {"a", "--queue", "b\n"},
                                               {"a", "--skip", "1"},
                                               {"a", "--header", "name"},
                                               {"a", "--header", "=value"},
                                               {"a", "--header", "b=1", "--header", "b=2"},
                                               {"a", "--header", "b=1\n"},
                                               {"a", "--header", "sqlq-tick=1"},
                                               {"-", "{}"},
                                               {"-", "--unique-key", "k"},
                                               {}}) {
    Names all{"job", "enqueue"};
    all.insert(all.end(), words.begin(), words.end());
    const Result result = sqlq(all);
    EXPECT_EQ(result.code, 2) << (words.empty() ? "nothing" : words.back()) << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(harmless(result.err)) << result.err;
  }
  EXPECT_EQ(pending(), 0U);
}

TEST_F(Enqueue, ErrorsDoNotQuoteParams) {
  static_cast<void>(db());
  const Result result = sqlq({"job", "enqueue", "a", R"({"password":"s3cr3t")"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err.find("s3cr3t"), std::string::npos) << result.err;
}

TEST_F(Enqueue, AKeyThatALiveJobHasIsAConflict) {
  const JobId first = enqueue("a", {.unique_key = "k"});
  const Result result = sqlq({"job", "enqueue", "a", "--unique-key", "k"});
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(result.out, first.to_string() + "\n");
  EXPECT_EQ(result.err, "existing_key: a live job has this unique key; nothing was stored\n");
  EXPECT_EQ(sqlq({"job", "enqueue", "a", "--unique-key", "k", "--exist-ok"}).code, 0);
  const Result again = sqlq({"job", "enqueue", "a", "--id", first.to_string(), "-o", "jsonl"});
  EXPECT_EQ(again.code, 6);
  EXPECT_EQ(nlohmann::json::parse(again.out)["status"], "existing_id");
}

/// Whoever tries again would store it twice.
TEST_F(Enqueue, WhatWasStoredIsSaidWhereItCannotBePrinted) {
  static_cast<void>(db());
  const auto to_full_disk = [&](const std::string& words) {
    return Running("/bin/bash", {"-c", words + " '" SQLQ_PROGRAM "' job enqueue $WORDS >/dev/full; echo $?"}, here())
        .wait();
  };
  const Result one = to_full_disk("WORDS=greet;");
  EXPECT_EQ(one.out, "1\n");
  const std::vector<Job> jobs = admin().list();
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_TRUE(has(one.err, "the job " + jobs[0].id.to_string() + " was stored")) << one.err;
  EXPECT_TRUE(has(one.err, "No space left")) << one.err;
  const Result lines = to_full_disk("WORDS=-; printf '%s\\n' '{\"kind\":\"a\"}' '{\"kind\":\"a\"}' |");
  EXPECT_EQ(lines.out, "1\n");
  EXPECT_EQ(admin().list().size(), 3U);
  EXPECT_TRUE(has(lines.err, "the lines up to 2 were stored: go on with --skip 2")) << lines.err;
}

TEST_F(Enqueue, ADryRunStoresNothing) {
  static_cast<void>(db());
  EXPECT_EQ(sqlq({"job", "enqueue", "a", "{}", "--dry-run"}).code, 0);
  EXPECT_EQ(sqlq({"job", "enqueue", "a", "{", "--dry-run"}).code, 2);
  const Result lines = sqlq({"job", "enqueue", "-", "--dry-run"}, {.input = "{\"kind\":\"a\"}\n"});
  EXPECT_EQ(lines.code, 0);
  EXPECT_EQ(lines.err, "1 job would be enqueued\n");
  EXPECT_EQ(pending(), 0U);
}

/// Lines 1 to n, each a job whose params are its number.
std::string lines(std::size_t n) {
  std::string text;
  for (std::size_t i = 1; i <= n; ++i) text += "{\"kind\":\"a\",\"params\":" + std::to_string(i) + "}\n";
  return text;
}

TEST_F(Enqueue, JsonLines) {
  static_cast<void>(db());
  const std::string big = R"({"n":123456789012345678901234567890})";
  const Result result = sqlq({"job", "enqueue", "-", "--queue", "mail", "-o", "json"},
                             {.input = "{\"kind\":\"a\",\"params\":" + big + "}\n\n" +
                                       R"({"kind":"b","queue":"sms","delay":"1h","priority":1})"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "2 jobs enqueued\n");
  const nlohmann::json rows = nlohmann::json::parse(result.out);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["line"], 1);
  EXPECT_EQ(rows[1]["line"], 3);
  const Job first = client().find(*JobId::parse(rows[0]["id"].get<std::string>())).value();
  EXPECT_EQ(first.params, big);
  EXPECT_EQ(first.queue, "mail");
  const Job second = client().find(*JobId::parse(rows[1]["id"].get<std::string>())).value();
  EXPECT_EQ(second.queue, "sms");
  EXPECT_EQ(second.state, JobState::scheduled);
  EXPECT_EQ(second.priority, 1);
}

TEST_F(Enqueue, ABadLineIsToldAndNothingOfItsBatchIsStored) {
  static_cast<void>(db());
  std::string text = lines(2500);
  const std::string good = "{\"kind\":\"a\",\"params\":2100}\n";
  const std::size_t at = text.find(good);
  text.replace(at, good.size(), "{\"kind\":\"a\",\"prio\":2100,\"params\":\"s3cr3t\"}\n");
  const Result bad = sqlq({"job", "enqueue", "-", "-q"}, {.input = text});
  EXPECT_EQ(bad.code, 7);
  EXPECT_EQ(bad.err,
            "sqlq: line 2100: the field 'prio' is unknown; there are kind, params, queue, priority, run_at, delay, "
            "unique_key, key, max_attempts, max_crashes, keepalive, retention, timeout, id, headers; the lines up to "
            "2000 were stored: go on with --skip 2000\n");
  EXPECT_EQ(pending(), 2000U);
  EXPECT_EQ(lines_of(bad.out).size(), 2000U);
  const Result rest = sqlq({"job", "enqueue", "-", "-q", "--skip", "2000"}, {.input = lines(2500)});
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(rest.err, "");
  EXPECT_EQ(pending(), 2500U);
}

TEST_F(Enqueue, AValueThatTheLibraryRefusesIsToldWithItsLine) {
  static_cast<void>(db());
  const Result result =
      sqlq({"job", "enqueue", "-"},
           {.input = lines(2) + "{\"kind\":\"a\",\"keepalive\":0.001}\n" + lines(1)});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err, "sqlq: line 3: keepalive must be 1 s to 24 h; nothing was stored\n");
  EXPECT_EQ(sqlq({"job", "enqueue", "-"}, {.input = "{\"kind\":\"a\",\"keepalive\":0.001}\n"}).err,
            "sqlq: line 1: keepalive must be 1 s to 24 h; nothing was stored\n");
  const Result json = sqlq({"job", "enqueue", "-"}, {.input = lines(1) + "{\"kind\":\"a\",\"params\":\"s3cr3t}\n"});
  EXPECT_EQ(json.code, 2);
  EXPECT_EQ(json.err.find("sqlq: line 2: "), 0U) << json.err;
  EXPECT_EQ(json.err.find("s3cr3t"), std::string::npos) << json.err;
  EXPECT_EQ(pending(), 0U);
}

TEST_F(Enqueue, LinesThatAreThereAlreadyAreCounted) {
  const JobId first = enqueue("a", {.unique_key = "k"});
  const std::string text = "{\"kind\":\"a\",\"unique_key\":\"k\"}\n{\"kind\":\"a\"}\n";
  const Result result = sqlq({"job", "enqueue", "-", "-o", "json"}, {.input = text});
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(result.err, "1 job enqueued; 1 there already\n");
  const nlohmann::json rows = nlohmann::json::parse(result.out);
  EXPECT_EQ(rows[0]["id"], first.to_string());
  EXPECT_EQ(column(rows, "status"), (Names{"existing_key", "inserted"}));
  EXPECT_EQ(sqlq({"job", "enqueue", "-", "--exist-ok"}, {.input = text}).code, 0);
  EXPECT_EQ(sqlq({"job", "enqueue", "-"}, {.input = "{\"kind\":\"a\",\"unique_key\":\"k\"}\n"}).code, 6);
}

TEST_F(Enqueue, NoLinesAreNoJobs) {
  static_cast<void>(db());
  const Result result = sqlq({"job", "enqueue", "-"}, {.input = "\n"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "0 jobs enqueued\n");
}

/// It waits for more input, amid a line.
TEST_F(Enqueue, LinesThatDoNotComeAreNotWaitedForAfterASignal) {
  static_cast<void>(db());
  const std::string script = "mkfifo f; exec 3<>f; for i in {1..1000}; do echo '{\"kind\":\"a\"}' >&3; done; "
                             "printf '{\"ki' >&3; exec '" SQLQ_PROGRAM "' job enqueue - <&3";
  Running waiting("/bin/bash", {"--norc", "-c", script}, here());
  ASSERT_TRUE(waiting.wrote("1,000 jobs")) << waiting.err();
  waiting.signal(SIGINT);
  const Result result = waiting.wait();
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_TRUE(has(result.err, "interrupted")) << result.err;
  EXPECT_TRUE(has(result.err, "--skip 1000")) << result.err;
}

TEST_F(Enqueue, AClosedStandardInputIsAnEmptyOne) {
  static_cast<void>(db());
  const std::string line = "exec \"$0\" -d \"$1\" job enqueue - <&-";
  Running shell("/bin/bash", {"--norc", "-c", line, SQLQ_PROGRAM, url()}, {});
  const Result result = shell.wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "0 jobs enqueued\n");
}

}  // namespace
}  // namespace sqlq::program
