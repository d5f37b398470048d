/// \file
/// job retry, cancel, delete, run-now, move, priority, take-away.

#include <csignal>
#include <iostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "command_line.hpp"
#include "jobs.hpp"

namespace sqlq::program {
namespace {

using std::chrono::hours;
using Names = std::vector<std::string>;

class JobChanges : public Jobs {
 protected:
  /// The answer for one id.
  std::string answer(Names words, int code) {
    words.insert(words.begin(), {"job"});
    words.insert(words.end(), {"-o", "jsonl"});
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, code) << words[1] << ": " << result.err;
    const nlohmann::json read = nlohmann::json::parse(result.out, nullptr, false);
    return read.is_object() ? read.value("answer", "") : result.out;
  }
  /// The report of a filter.
  nlohmann::json report(Names words, int code = 0) {
    words.insert(words.begin(), {"job"});
    words.insert(words.end(), {"-o", "json", "--yes"});
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, code) << result.err;
    return nlohmann::json::parse(result.out, nullptr, false);
  }
};


TEST_F(JobChanges, OfOneJobSayWhatCameOfIt) {
  const std::string failed = fail("a", hostile).to_string();
  EXPECT_EQ(answer({"retry", failed}, 0), "requeued");
  EXPECT_EQ(answer({"retry", failed}, 6), "not_finished");
  EXPECT_EQ(answer({"retry", nobody}, 5), "not_found");
  EXPECT_EQ(answer({"delete", failed}, 6), "unchanged");
  EXPECT_EQ(answer({"cancel", failed}, 0), "cancelled");
  EXPECT_EQ(answer({"cancel", failed}, 6), "finished");
  EXPECT_EQ(answer({"delete", failed}, 0), "done");
  EXPECT_EQ(answer({"delete", failed}, 5), "not_found");

  const JobId late = enqueue("b", {.delay = hours(1)});
  EXPECT_EQ(answer({"move", "--to", "other", late.to_string()}, 0), "done");
  EXPECT_EQ(client().find(late)->queue, "other");
  EXPECT_EQ(answer({"priority", "-7", late.to_string()}, 0), "done");
  EXPECT_EQ(client().find(late)->priority, -7);
  EXPECT_EQ(answer({"run-now", late.to_string()}, 0), "done");
  EXPECT_EQ(answer({"run-now", late.to_string()}, 6), "unchanged");
  EXPECT_EQ(answer({"take-away", late.to_string()}, 6), "unchanged");

  claim("other");
  EXPECT_EQ(answer({"move", "--to", "third", late.to_string()}, 6), "unchanged");
  EXPECT_EQ(answer({"move", "--to", "third", nobody}, 5), "not_found");
  EXPECT_EQ(answer({"take-away", late.to_string()}, 0), "done");
  EXPECT_EQ(state(late), JobState::pending);
  claim("other");
  EXPECT_EQ(answer({"take-away", "--errored", late.to_string()}, 0), "done");
  EXPECT_EQ(state(late), JobState::errored);
}

TEST_F(JobChanges, AKeyThatALiveJobHasIsAConflict) {
  const JobId failed = fail("a", "no", {.unique_key = "k"});
  enqueue("a", {.unique_key = "k"});
  EXPECT_EQ(answer({"retry", failed.to_string()}, 6), "duplicate");
  const nlohmann::json all = report({"retry", "--key", "k"}, 7);
  EXPECT_EQ(all["conflicts"], 1);
  EXPECT_EQ(all["done"], 0);
}

TEST_F(JobChanges, OfSeveralJobsAnswerForEach) {
  const std::string one = fail("a", "no").to_string();
  const std::string two = fail("a", "no").to_string();
  const Result result = sqlq({"job", "retry", one, nobody, "--id", two, "-o", "json"});
  EXPECT_EQ(result.code, 7);
  const nlohmann::json rows = nlohmann::json::parse(result.out);
  EXPECT_EQ(column(rows, "id"), (Names{one, nobody, two}));
  EXPECT_EQ(column(rows, "answer"), (Names{"requeued", "not_found", "requeued"}));
  EXPECT_NE(result.err.find("sqlq: done for 2 of 3 jobs: the answers say why"), std::string::npos) << result.err;
}

TEST_F(JobChanges, AnIdThatIsNoneChangesNothing) {
  const JobId failed = fail("a", "no");
  EXPECT_EQ(sqlq({"job", "retry", failed.to_string(), "42"}).code, 2);
  EXPECT_EQ(state(failed), JobState::errored);
}

TEST_F(JobChanges, ByAFilterNeedAFilter) {
  const JobId failed = fail("a", "no");
  for (const char* verb : {"retry", "cancel", "delete", "run-now", "take-away"}) {
    const Result result = sqlq({"job", verb, "--yes"});
    EXPECT_EQ(result.code, 2) << verb;
    EXPECT_EQ(result.err, std::string("sqlq: job ") + verb + " needs ids or a filter; --all means all jobs\n");
  }
  EXPECT_EQ(sqlq({"job", "move", "--to", "x", "--yes"}).code, 2);
  EXPECT_EQ(sqlq({"job", "priority", "1", "--yes"}).code, 2);
  EXPECT_EQ(sqlq({"job", "priority", "--yes", "--queue", "a"}).code, 2) << "no number";
  EXPECT_EQ(sqlq({"job", "move", "--yes", "--queue", "a"}).code, 2) << "no queue";
  EXPECT_EQ(state(failed), JobState::errored);
  EXPECT_EQ(report({"retry", "--all"})["done"], 1);
  EXPECT_EQ(state(failed), JobState::pending);
}

TEST_F(JobChanges, WithoutATerminalTheyNeedYes) {
  const JobId failed = fail(hostile_name, hostile);
  const Result result = sqlq({"job", "retry", "--queue", "default"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("--yes"), std::string::npos) << result.err;
  EXPECT_TRUE(harmless(result.err)) << result.err;
  EXPECT_NE(result.err.find(failed.to_string()), std::string::npos) << "a sample is shown";
  EXPECT_EQ(state(failed), JobState::errored);
}

TEST_F(JobChanges, OnATerminalTheyAsk) {
  const JobId failed = fail(hostile_name, hostile);
  Running no({"job", "retry", "--kind", escaped(hostile_name)}, here({.terminal = Size{}}));
  ASSERT_TRUE(no.wrote("retry 1 job? [y/N]")) << no.out();
  no.type("n\n");
  EXPECT_EQ(no.wait().code, 1);
  EXPECT_EQ(state(failed), JobState::errored);
  Running yes({"job", "retry", "--kind", escaped(hostile_name)}, here({.terminal = Size{}}));
  ASSERT_TRUE(yes.wrote("retry 1 job? [y/N]")) << yes.out();
  yes.type("y\n");
  const Result result = yes.wait();
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_EQ(state(failed), JobState::pending);
}

TEST_F(JobChanges, ADryRunChangesNothing) {
  const JobId failed = fail("a", "no");
  const JobId waiting = enqueue("a");
  for (const char* verb : {"retry", "cancel", "delete"}) {
    const Result result = sqlq({"job", verb, "--kind", "a", "--dry-run", "-o", "json"});
    EXPECT_EQ(result.code, 0) << result.err;
    const nlohmann::json read = nlohmann::json::parse(result.out);
    EXPECT_EQ(read["action"], verb);
    EXPECT_EQ(read["dry_run"], true);
    EXPECT_EQ(read["count"], 1) << verb;
    EXPECT_EQ(read["count_capped"], false);
  }
  EXPECT_EQ(answer({"retry", failed.to_string(), "--dry-run"}, 0), "would_retry");
  EXPECT_EQ(answer({"retry", waiting.to_string(), "--dry-run"}, 6), "pending");
  EXPECT_EQ(answer({"cancel", waiting.to_string(), "--dry-run"}, 0), "would_cancel");
  EXPECT_EQ(answer({"cancel", nobody, "--dry-run"}, 5), "not_found");
  EXPECT_EQ(state(failed), JobState::errored);
  EXPECT_EQ(state(waiting), JobState::pending);
}

TEST_F(JobChanges, ByAFilterTouchNoOthers) {
  const JobId failed = fail("a", "it timed out", {.queue = "mail"});
  const JobId other = fail("b", "it is broken", {.queue = "mail"});
  const JobId done = enqueue("a", {.queue = "mail"});
  client().success(claim("mail"));
  const JobId late = enqueue("a", {.queue = "mail", .delay = hours(1)});
  const JobId bystander = enqueue("a", {.queue = "sms", .delay = hours(1)});

  nlohmann::json said = report({"retry", "--error", "timed out"});
  EXPECT_EQ(said["action"], "retry");
  EXPECT_EQ(said["done"], 1);
  EXPECT_TRUE(said["next"].is_null());
  EXPECT_EQ(state(failed), JobState::pending);
  EXPECT_EQ(state(other), JobState::errored);

  EXPECT_EQ(report({"retry", "--queue", "mail"})["done"], 1);
  EXPECT_EQ(state(other), JobState::pending);
  EXPECT_EQ(state(done), JobState::success) << "what went well is not run again by a filter that does not say so";

  EXPECT_EQ(report({"run-now", "--queue", "mail"})["done"], 1);
  EXPECT_EQ(state(late), JobState::pending);
  EXPECT_EQ(report({"move", "--to", "slow", "--queue", "mail", "--kind", "a"})["done"], 2);
  EXPECT_EQ(client().find(late)->queue, "slow");
  EXPECT_EQ(report({"priority", "3", "--queue", "slow"})["done"], 2);
  EXPECT_EQ(client().find(late)->priority, 3);
  EXPECT_EQ(report({"cancel", "--queue", "slow,mail"})["done"], 3);
  EXPECT_EQ(state(late), JobState::cancelled);
  EXPECT_EQ(report({"delete", "--queue", "slow"})["done"], 2);
  EXPECT_FALSE(client().find(late));
  EXPECT_TRUE(client().find(done));
  EXPECT_EQ(state(bystander), JobState::scheduled);
  EXPECT_EQ(client().find(bystander)->queue, "sms");
}

TEST_F(JobChanges, TakeAwayByAFilter) {
  const JobId one = enqueue("a", {.queue = "mail"});
  const JobId two = enqueue("a", {.queue = "sms"});
  claim("mail");
  claim("sms");
  EXPECT_EQ(report({"take-away", "--queue", "mail"})["done"], 1);
  EXPECT_EQ(state(one), JobState::pending);
  EXPECT_EQ(state(two), JobState::running);
}

TEST_F(JobChanges, OfStatesThatCannotBeAreTold) {
  enqueue("a");
  const nlohmann::json said = report({"delete", "--state", "pending"}, 7);
  EXPECT_EQ(said["seen"], 1);
  EXPECT_EQ(said["unchanged"], 1);
  EXPECT_EQ(report({"delete", "--queue", "nothing"})["seen"], 0);
}

/// Enqueues `n` jobs that errored.
void fail_many(Client client, std::size_t n) {
  std::vector<NewJob> jobs(n, NewJob{"a", "{}", {}});
  client.enqueue_many(jobs);
  std::vector<Ending> endings;
  for (const Job& job : client.claim({}, {}, n)) endings.push_back(Ending::error(job, "no", {.discard = true}));
  ASSERT_EQ(endings.size(), n);
  client.finish(endings);
}

/// The command behind "go on with: sqlq ", as words of a shell.
std::string going_on(const std::string& err) {
  const std::string mark = "go on with: sqlq ";
  const std::size_t at = err.find(mark);
  if (at == std::string::npos) return {};
  return err.substr(at + mark.size(), err.find('\n', at) - at - mark.size());
}

TEST_F(JobChanges, ALimitIsGoneOnFrom) {
  fail_many(client(), 500);
  const Result first = sqlq({"job", "retry", "--kind", "a", "--limit", "200", "--yes", "-o", "json"});
  EXPECT_EQ(first.code, 0) << first.err;
  const nlohmann::json read = nlohmann::json::parse(first.out);
  EXPECT_GE(read["done"], 200);
  EXPECT_LT(read["done"], 500);
  const std::string words = going_on(first.err);
  EXPECT_NE(words.find("job retry --kind a --before "), std::string::npos) << first.err;
  Running rest("/bin/bash", {"-c", std::string(SQLQ_PROGRAM) + " " + words}, here());
  EXPECT_EQ(rest.wait().code, 0) << rest.err();
  EXPECT_EQ(admin().counts()[JobState::pending].value, 500U);
}

TEST_F(JobChanges, ALimitIsCountedAndIsNeverAll) {
  fail_many(client(), 12);
  EXPECT_EQ(json({"job", "retry", "--kind", "a", "--limit", "3", "--dry-run", "-q"})["count"], 3);
  const Result asked = sqlq({"job", "retry", "--kind", "a", "--limit", "3"});
  EXPECT_EQ(asked.code, 2);
  EXPECT_TRUE(has(asked.err, "retry 3 jobs?")) << asked.err;
  for (const char* none : {"0", "-1"}) {
    EXPECT_EQ(sqlq({"job", "retry", "--kind", "a", "--limit", none, "--yes"}).code, 2) << none;
  }
  EXPECT_EQ(admin().counts()[JobState::errored].value, 12U);
}

TEST_F(JobChanges, WhatGoesOnNamesTheDatabase) {
  fail_many(client(), 300);
  const std::string here_is = url();
  Setting nowhere;
  nowhere.environment = {"SQLQ_DATABASE_URL=sqlite:///nowhere/else.db"};
  const Result first = run({"job", "retry", "-d", here_is, "--kind", "a", "--limit", "100", "--yes"}, nowhere);
  EXPECT_EQ(first.code, 0) << first.err;
  Running rest("/bin/bash", {"-c", std::string(SQLQ_PROGRAM) + " " + going_on(first.err)}, nowhere);
  EXPECT_EQ(rest.wait().code, 0) << rest.err();
  EXPECT_EQ(admin().counts()[JobState::pending].value, 300U);
}

/// Standard error that sends a signal at the first line of progress, and waits until it was heard.
class Interrupting : public std::streambuf {
 public:
  explicit Interrupting(tool::Context*& context) : context_(context) {}
  std::string text{};

 protected:
  int overflow(int c) override {
    if (c != traits_type::eof()) text += static_cast<char>(c);
    return c;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize n) override {
    text.append(bytes, static_cast<std::size_t>(n));
    if (!sent_ && text.find("retry: 2") != std::string::npos) {
      sent_ = true;
      const sqlq::stop_token stop = context_->stop();
      ::kill(::getpid(), SIGINT);
      EXPECT_TRUE(process::eventually([&] { return stop.stop_requested(); }));
    }
    return n;
  }

 private:
  tool::Context*& context_;
  bool sent_ = false;
};

TEST_F(JobChanges, AnInterruptionSaysHowToGoOn) {
  fail_many(client(), 700);
  tool::Context* place = nullptr;
  Interrupting buffer(place);
  std::ostream err(&buffer);
  std::ostringstream out;
  std::istringstream in;
  {
    tool::Context context(out, err, in);
    place = &context;
    const auto root = tool::make_command_line(context);
    Names words{"-d", url(), "job", "retry", "--kind", "a", "--yes", "-o", "json"};
    std::reverse(words.begin(), words.end());
    root->parse(words);
    EXPECT_EQ(context.run(), tool::ExitCode::partly_done);
  }
  const nlohmann::json read = nlohmann::json::parse(out.str());
  EXPECT_LT(read["done"], 700);
  EXPECT_TRUE(read["next"].is_string());
  const std::string words = going_on(buffer.text);
  ASSERT_NE(words, "") << buffer.text;
  Running rest("/bin/bash", {"-c", std::string(SQLQ_PROGRAM) + " " + words}, here());
  EXPECT_EQ(rest.wait().code, 0) << rest.err();
  EXPECT_EQ(admin().counts()[JobState::pending].value, 700U);
}

}  // namespace
}  // namespace sqlq::program
