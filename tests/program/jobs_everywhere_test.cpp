/// \file
/// The commands of jobs on each database: what they show, change and enqueue.

#include <csignal>
#include <string>
#include <vector>

#include "jobs.hpp"
#include "process/place.hpp"

namespace sqlq::program {
namespace {

using std::chrono::hours;
using Names = std::vector<std::string>;
using process::mariadb_place;
using process::mysql_place;
using process::postgres_place;
using process::sqlite_place;

class JobsEverywhere : public WithJobs<ProgramOn<process::Anywhere>> {
 protected:
  nlohmann::json report(Names words, int code = 0) {
    words.insert(words.begin(), {"job"});
    words.insert(words.end(), {"-o", "json", "--yes"});
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, code) << result.err;
    return nlohmann::json::parse(result.out, nullptr, false);
  }
  Names kinds(Names words) {
    words.insert(words.begin(), {"job", "list"});
    return column(json(words), "kind");
  }
};

TEST_P(JobsEverywhere, ListsAndShows) {
  const std::string params = R"({"n":123456789012345678901234567890,"s":"\u00e9"})";
  enqueue("late", {.queue = "q,1", .priority = -5, .delay = hours(1), .unique_key = "Key"}, params);
  const JobId failed = fail(hostile_name, hostile, {.queue = "mail"});
  EXPECT_EQ(kinds({}), (Names{hostile_name, "late"}));
  EXPECT_EQ(kinds({"--queue", "q\\,1"}), (Names{"late"}));
  EXPECT_EQ(kinds({"--kind", "late", "--state", "scheduled", "--key", "Key", "--priority", "..0", "--newer", "1h"}),
            (Names{"late"}));
  EXPECT_EQ(kinds({"--key", "key"}), (Names{}));
  EXPECT_EQ(kinds({"--error", hostile}), (Names{hostile_name}));
  EXPECT_EQ(kinds({"--error", "RED"}), (Names{}));
  EXPECT_EQ(kinds({"--older", "1h"}), (Names{}));
  EXPECT_NE(sqlq({"job", "list", "--params", "-o", "jsonl"}).out.find(params), std::string::npos);

  const nlohmann::json job = json({"job", "show", failed.to_string()});
  EXPECT_EQ(job["kind"], hostile_name);
  EXPECT_EQ(job["history"][0]["message"], hostile);
  EXPECT_TRUE(job["reasons"].empty());
  EXPECT_TRUE(harmless(sqlq({"job", "show", failed.to_string()}).out));
  EXPECT_EQ(sqlq({"job", "wait", failed.to_string()}).code, 9);
}

TEST_P(JobsEverywhere, Logs) {
  const JobId id = enqueue("mail");
  const Job job = claim();
  const auto sink = database_log_sink(db());
  JobLogger log(job, sink);
  for (int i = 0; i < 1200; ++i) log.info("line {} of {}", i, hostile);
  sink->flush();
  client().success(job, "[1]");
  const nlohmann::json lines = json({"job", "logs", "--follow", id.to_string()});
  ASSERT_EQ(lines.size(), 1200U);
  EXPECT_EQ(lines[1199]["text"], "line 1199 of " + hostile);
  const nlohmann::json waited = json({"job", "wait", id.to_string()});
  EXPECT_EQ(waited[0]["result"], nlohmann::json::array({1}));
}

TEST_P(JobsEverywhere, TailSaysWhatHappens) {
  static_cast<void>(db());  // has its tables
  Running tail({"job", "tail", "--interval", "100ms"}, here());
  ASSERT_TRUE(tail.wrote("watching")) << tail.err();
  const JobId id = enqueue("mail");
  ASSERT_TRUE(tail.wrote(id.to_string() + " enqueued")) << tail.out();
  client().error(claim(), hostile);
  ASSERT_TRUE(tail.wrote("\\x1b[2Jred\\r\\n\\u202eevil\\x7f")) << tail.out();
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().code, 0);
}

TEST_P(JobsEverywhere, ChangesByIdAndByFilter) {
  const JobId failed = fail("a", "it timed out", {.queue = "mail"});
  const JobId other = fail("b", "it is broken", {.queue = "mail"});
  const JobId late = enqueue("a", {.queue = "mail", .delay = hours(1)});
  const JobId bystander = enqueue("a", {.queue = "sms", .delay = hours(1)});
  EXPECT_EQ(report({"retry", "--error", "timed out"})["done"], 1);
  EXPECT_EQ(state(failed), JobState::pending);
  EXPECT_EQ(state(other), JobState::errored);
  EXPECT_EQ(report({"retry", other.to_string()})[0]["answer"], "requeued");
  EXPECT_EQ(report({"run-now", "--queue", "mail"})["done"], 1);
  EXPECT_EQ(state(late), JobState::pending);
  EXPECT_EQ(report({"move", "--to", "slow", "--queue", "mail", "--kind", "a"})["done"], 2);
  EXPECT_EQ(report({"priority", "3", "--queue", "slow"})["done"], 2);
  EXPECT_EQ(client().find(late)->priority, 3);
  EXPECT_EQ(claim("slow").id, failed) << "it waited for longer, at the same priority";
  EXPECT_EQ(report({"take-away", "--queue", "slow"})["done"], 1);
  EXPECT_EQ(report({"cancel", "--queue", "slow,mail"})["done"], 3);
  EXPECT_EQ(report({"delete", "--kind", "a"})["done"], 2);
  EXPECT_FALSE(client().find(late));
  EXPECT_EQ(state(other), JobState::cancelled);
  EXPECT_EQ(state(bystander), JobState::scheduled);
  EXPECT_EQ(report({"delete", late.to_string()}, 5)[0]["answer"], "not_found");
}

TEST_P(JobsEverywhere, EnqueuesLines) {
  static_cast<void>(db());
  std::string lines;
  for (int i = 1; i <= 1500; ++i) lines += "{\"kind\":\"a\",\"params\":[" + std::to_string(i) + "e1]}\n";
  const Result result = sqlq({"job", "enqueue", "-", "--queue", "mail"}, {.input = lines + "{\"kind\":\"a\",\"x\":1}"});
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(lines_of(result.out).size(), 1000U);
  EXPECT_NE(result.err.find("line 1501: the field 'x' is unknown"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("--skip 1000"), std::string::npos) << result.err;
  EXPECT_EQ(sqlq({"job", "enqueue", "-", "--queue", "mail", "--skip", "1000"}, {.input = lines}).code, 0);
  EXPECT_EQ(admin().counts("mail")[JobState::pending].value, 1500U);
  EXPECT_EQ(claim("mail").params, "[1e1]");

  const JobId first = enqueue("a", {.unique_key = "k"});
  const Result key = sqlq({"job", "enqueue", "a", "--unique-key", "k"});
  EXPECT_EQ(key.code, 6);
  EXPECT_EQ(key.out, first.to_string() + "\n");
}

SQLQ_PLACES(JobsEverywhere, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::program
