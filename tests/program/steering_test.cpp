/// \file
/// schema, queue, worker, stats: for people and for programs, with names and errors that would harm a terminal.

#include <filesystem>
#include <string>
#include <vector>

#include "jobs.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class SchemaCommands : public Jobs {};
class QueueCommands : public Jobs {};
class WorkerCommands : public Jobs {};
class StatsCommands : public Jobs {};

// ---------------------------------------------------------------------------------------------------- schema

TEST_F(SchemaCommands, AFileThatIsNotThereIsMadeByUpOnly) {
  const std::vector<std::vector<std::string>> all{
      {"stats"},         {"schema", "status"},        {"schema", "drop", "--yes"},     {"queue", "create", "mail"},
      {"job", "list"},   {"job", "enqueue", "greet"}, {"schema", "up", "--dry-run"},   {"doctor"},
      {"worker", "list"}, {"top"},                    {"work", "--queue", "mail", "--drain", "--", "cat"}};
  for (const std::vector<std::string>& words : all) {
    const Result result = sqlq(words);
    EXPECT_EQ(result.code, 3) << words[0] << ' ' << result.err;
    EXPECT_TRUE(has(result.err, path()) && has(result.err, "`sqlq schema up` makes it")) << result.err;
    EXPECT_FALSE(std::filesystem::exists(path())) << words[0];
  }
  EXPECT_EQ(run({"-d", url("?create=true"), "stats"}).code, 4) << "who wants it made says so";
  std::filesystem::remove(path());
  EXPECT_EQ(sqlq({"schema", "up"}).code, 0);
  EXPECT_EQ(run({"-d", url("?busy_timeout=1s"), "--wait", "1s", "stats"}).code, 0);
}

TEST_F(SchemaCommands, UpAndDownAndStatusSayWhereItStands) {
  static_cast<void>(sqlq::open(url()));  // makes the file
  EXPECT_EQ(sqlq({"schema", "status", "--exit-code"}).code, 4);
  EXPECT_EQ(json({"schema", "status"})["state"], "missing");
  const nlohmann::json up = json({"schema", "up"});
  EXPECT_EQ(up["before"], 0);
  const int latest = up["current"];
  EXPECT_EQ(sqlq({"schema", "status", "--exit-code"}).code, 0);
  const nlohmann::json status = json({"schema", "status"});
  EXPECT_EQ(status["state"], "current");
  EXPECT_EQ(status["latest"], latest);
  EXPECT_EQ(status["problem"], nullptr);
  EXPECT_EQ(status["steps"].size(), static_cast<std::size_t>(latest));

  EXPECT_EQ(sqlq({"schema", "down", "--to", std::to_string(latest - 1), "--yes"}).code, 0);
  EXPECT_EQ(json({"schema", "status"})["state"], "behind");
  EXPECT_EQ(json({"schema", "status"})["steps"].back()["applied_at"], nullptr);
  EXPECT_EQ(sqlq({"stats"}).code, 4);
  EXPECT_EQ(sqlq({"schema", "up"}).err, "applied 1 step: the schema is at " + std::to_string(latest) + "\n");
}

TEST_F(SchemaCommands, SqlIsAllOfStandardOutput) {
  static_cast<void>(db());
  const Result result = sqlq({"schema", "sql", "--form", "goose"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, Migrator{db()}.sql(0, Migrator{db()}.status().latest, SqlForm::goose));
  EXPECT_EQ(sqlq({"schema", "sql", "--from", "99"}).code, 2);
  EXPECT_EQ(sqlq({"schema", "sql", "--form", "mine"}).code, 2);
}

TEST_F(SchemaCommands, DropDoesNothingWithoutAnAnswer) {
  const JobId id = enqueue("kept");
  EXPECT_EQ(sqlq({"schema", "drop"}).code, 2);
  EXPECT_EQ(sqlq({"schema", "drop", "--dry-run"}).code, 0);
  Running no({"schema", "drop"}, here({.terminal = Size{}}));
  ASSERT_TRUE(no.wrote("[y/N]"));
  no.type("n\n");
  EXPECT_EQ(no.wait().code, 1);
  EXPECT_EQ(state(id), JobState::pending);
  Running yes({"schema", "drop"}, here({.terminal = Size{}}));
  ASSERT_TRUE(yes.wrote("[y/N]"));
  yes.type("y\n");
  EXPECT_EQ(yes.wait().code, 0);
  EXPECT_EQ(json({"schema", "status"})["current"], 0);
}

TEST_F(SchemaCommands, CheckFindsNothingInFreshTables) {
  static_cast<void>(db());
  EXPECT_EQ(json({"schema", "check"}), nlohmann::json::array());
  EXPECT_EQ(sqlq({"schema", "check"}).err, "the tables are as this program expects them\n");
}

// ----------------------------------------------------------------------------------------------------- queue

TEST_F(QueueCommands, SettingsAreMadeShownAndChanged) {
  static_cast<void>(db());
  EXPECT_EQ(sqlq({"queue", "create", "mail", "--limit", "3", "--description", "letters"}).code, 0);
  EXPECT_EQ(sqlq({"queue", "limit", "mail", "0"}).code, 0);
  EXPECT_EQ(sqlq({"queue", "priority", "--", "mail", "-7"}).code, 0);
  EXPECT_EQ(sqlq({"queue", "pause", "mail"}).code, 0);
  const nlohmann::json shown = json({"queue", "show", "mail"});
  EXPECT_EQ(shown["limit"], 0);
  EXPECT_EQ(shown["priority"], -7);
  EXPECT_EQ(shown["paused"], true);
  EXPECT_EQ(shown["description"], "letters");
  EXPECT_EQ(shown["pending"], 0);
  EXPECT_EQ(sqlq({"queue", "resume", "mail"}).code, 0);
  EXPECT_EQ(sqlq({"queue", "limit", "mail", "none"}).code, 0);
  const nlohmann::json all = json({"queue", "list"});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["paused"], false);
  EXPECT_EQ(all[0]["limit"], nullptr);
}

TEST_F(QueueCommands, CreateChangesOnlyWhatIsSaid) {
  admin().create_queue("mail", {.description = "letters", .concurrency = 3, .priority = -7});
  EXPECT_EQ(json({"queue", "create", "mail"})["created"], false);
  EXPECT_EQ(json({"queue", "create", "mail", "--priority", "2"})["created"], false);
  const std::optional<Queue> mail = admin().queue("mail");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->description, "letters");
  EXPECT_EQ(mail->concurrency, 3U);
  EXPECT_EQ(mail->priority, 2);
  EXPECT_EQ(sqlq({"queue", "create", "mail", "--limit", "none"}).code, 0);
  EXPECT_EQ(admin().queue("mail")->concurrency, std::nullopt);
}

TEST_F(QueueCommands, SeveralQueuesAreOneArrayAndHaveOneHeader) {
  for (const char* name : {"a", "b"}) admin().create_queue(name);
  const nlohmann::json paused = json({"queue", "pause", "a", "b"});
  ASSERT_EQ(paused.size(), 2U);
  EXPECT_EQ(paused[1]["queue"], "b");
  EXPECT_EQ(paused[1]["paused"], true);
  EXPECT_EQ(sqlq({"queue", "resume", "a", "b", "-o", "csv"}).out,
            "queue,priority,limit,paused\r\na,1,,false\r\nb,1,,false\r\n");
  EXPECT_EQ(json({"queue", "pause", "a"})["paused"], true) << "one thing is one object";
}

TEST_F(QueueCommands, ADryPurgeHasItsNumber) {
  const JobId id = enqueue("greet", {.queue = "mail"});
  EXPECT_EQ(admin().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(json({"queue", "purge", "mail", "--dry-run"})["would_delete"], 1);
  EXPECT_TRUE(admin().find(id));
  EXPECT_EQ(json({"prune", "--dry-run"})["would_delete"], nullptr) << "not known before";
}

TEST_F(QueueCommands, WhatIsThereIsChangedAndTheRestIsTold) {
  admin().create_queue("mail");
  admin().create_queue("sms");
  const auto some = sqlq({"queue", "pause", "mail", "nobody", "sms"});
  EXPECT_EQ(some.code, 7);
  EXPECT_TRUE(has(some.err, "sqlq: there is no queue 'nobody'\n")) << some.err;
  EXPECT_TRUE(has(some.err, "sqlq: done for 2 of 3 queues: repeat it")) << "how to go on: " << some.err;
  EXPECT_TRUE(admin().queue("mail")->paused);
  EXPECT_TRUE(admin().queue("sms")->paused);
  EXPECT_EQ(sqlq({"queue", "resume", "mail", "nobody", "--dry-run"}).code, 7);
  EXPECT_TRUE(admin().queue("mail")->paused);
  EXPECT_EQ(sqlq({"queue", "resume", "nobody", "somebody"}).code, 5);
  EXPECT_FALSE(admin().queue("nobody")) << "none is made";
}

TEST_F(QueueCommands, WhatIsNotThereChangesNothing) {
  admin().create_queue("mail");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"show", "nobody"}, {"limit", "nobody", "1"}, {"purge", "nobody", "--yes"}, {"delete", "nobody"}}) {
    std::vector<std::string> all{"queue"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(sqlq(all).code, 5) << words[0];
  }
  EXPECT_EQ(sqlq({"queue", "limit", "mail", "many"}).code, 2);
  EXPECT_EQ(sqlq({"queue", "limit", "mail", "-1"}).code, 2);
}

TEST_F(QueueCommands, DryRunChangesNothing) {
  admin().create_queue("mail");
  for (const char* verb : {"pause", "delete"}) EXPECT_EQ(sqlq({"queue", verb, "mail", "--dry-run"}).code, 0) << verb;
  EXPECT_EQ(sqlq({"queue", "create", "other", "--dry-run"}).code, 0);
  EXPECT_EQ(json({"queue", "pause", "mail", "--dry-run"})["paused"], true) << "what would be";
  EXPECT_EQ(json({"queue", "limit", "mail", "4", "--dry-run"})["limit"], 4);
  EXPECT_EQ(json({"queue", "priority", "mail", "7", "--dry-run"})["priority"], 7);
  const std::optional<Queue> mail = admin().queue("mail");
  ASSERT_TRUE(mail);
  EXPECT_FALSE(mail->paused);
  EXPECT_EQ(mail->concurrency, std::nullopt);
  EXPECT_EQ(mail->priority, 1);
  EXPECT_FALSE(admin().queue("other"));
}

TEST_F(QueueCommands, HostileNamesHarmNoTerminal) {
  enqueue("k", {.queue = hostile_name});
  admin().set_description(hostile_name, hostile);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"queue", "list"}, {"queue", "show", hostile_name}, {"queue", "pause", hostile_name}, {"stats"},
           {"stats", "--by", "kind"}, {"queue", "delete", hostile_name}, {"queue", "show", hostile}}) {
    const Result result = sqlq(words);
    EXPECT_TRUE(harmless(result.out)) << result.out;
    EXPECT_TRUE(harmless(result.err)) << result.err;
  }
  const nlohmann::json all = json({"queue", "list"});
  EXPECT_EQ(all[0]["queue"], hostile_name);
  EXPECT_EQ(all[0]["description"], hostile);
  Running drawn({"queue", "list"}, here({.terminal = Size{.columns = 60, .rows = 24}}));
  for (const std::string& line : screen(drawn.wait().out, {.columns = 60, .rows = 24})) {
    EXPECT_TRUE(harmless(line)) << line;
  }
}

/// Names that are words of the command line are names.
TEST_F(QueueCommands, NamesMayBeWordsOfTheProgram) {
  for (const std::string name : {"list", "queue", "stats", "--yes"}) {
    admin().create_queue(name);
    EXPECT_EQ(sqlq({"queue", "pause", "--", name}).code, 0) << name;
    EXPECT_TRUE(admin().queue(name)->paused) << name;
  }
  EXPECT_EQ(sqlq({"queue", "resume", "list"}).code, 0);
  EXPECT_FALSE(admin().queue("list")->paused);
}

TEST_F(QueueCommands, PurgeDeletesFinishedJobsOfOneQueue) {
  const JobId failed = fail("k", "no", {.queue = "mail"});
  const JobId waits = enqueue("k", {.queue = "mail"});
  const JobId other = fail("k", "no", {.queue = "sms"});
  EXPECT_EQ(sqlq({"queue", "purge", "mail"}).code, 2);  // nobody can be asked
  EXPECT_EQ(json({"queue", "purge", "mail", "--state", "success", "--yes"})["deleted"], 0);
  EXPECT_EQ(json({"queue", "purge", "mail", "--older", "1d", "--yes"})["deleted"], 0);
  EXPECT_EQ(sqlq({"queue", "purge", "mail", "--older", "soon", "--yes"}).code, 2);
  EXPECT_TRUE(client().find(failed));
  const nlohmann::json done = json({"queue", "purge", "mail", "--yes"});
  EXPECT_EQ(done["deleted"], 1);
  EXPECT_EQ(done["complete"], true);
  EXPECT_FALSE(client().find(failed));
  EXPECT_TRUE(client().find(waits));
  EXPECT_TRUE(client().find(other));
}

TEST_F(QueueCommands, DeleteKeepsAQueueWithJobs) {
  enqueue("k", {.queue = "mail"});
  EXPECT_EQ(sqlq({"queue", "delete", "mail"}).code, 6);
  EXPECT_EQ(sqlq({"queue", "delete", "mail", "--waiting", "--finished", "--yes"}).code, 0);
  EXPECT_FALSE(admin().queue("mail"));
}

// ---------------------------------------------------------------------------------------------------- worker

TEST_F(WorkerCommands, AreListedAndDrained) {
  Handlers handlers;
  handlers.on("greet", [](JobContext&) {});
  Worker worker{db(), handlers, {.queues = {"mail"}, .concurrency = 2, .name = "w'\\1"}};
  worker.start();
  ASSERT_TRUE(process::eventually([&] { return json({"worker", "list"}).size() == 1; }));
  const nlohmann::json listed = json({"worker", "list"})[0];
  EXPECT_EQ(listed["worker"], "w'\\1");
  EXPECT_EQ(listed["queues"], nlohmann::json({"mail"}));
  EXPECT_EQ(listed["kinds"], nlohmann::json({"greet"}));
  EXPECT_EQ(listed["slots"], 2);
  EXPECT_EQ(listed["draining"], false);
  const Result table = sqlq({"worker", "list"});
  EXPECT_NE(table.out.find("w'\\1"), std::string::npos) << table.out;
  EXPECT_EQ(json({"worker", "drain", "w'\\1"})["draining"], true);
  EXPECT_EQ(json({"worker", "list"})[0]["draining"], true);
  EXPECT_EQ(sqlq({"worker", "drain", "w'\\1", "--undo"}).code, 0);
  EXPECT_EQ(json({"worker", "list"})[0]["draining"], false);
  EXPECT_EQ(json({"worker", "drain", "w'\\1", "--dry-run"})["draining"], true);
  EXPECT_EQ(json({"worker", "list"})[0]["draining"], false);
  const auto drained = sqlq({"worker", "drain", "w'\\1", "nobody"});
  EXPECT_EQ(drained.code, 7);
  EXPECT_TRUE(has(drained.err, "sqlq: done for 1 of 2 workers: repeat it")) << "how to go on: " << drained.err;
  EXPECT_EQ(sqlq({"worker", "drain", "nobody"}).code, 5);
  EXPECT_EQ(sqlq({"worker", "drain", "nobody", "--dry-run"}).code, 5);
  worker.stop();
}

// ----------------------------------------------------------------------------------------------------- stats

TEST_F(StatsCommands, CountByQueueKindAndError) {
  fail("mail", "timeout after 31 s\nmore", {.queue = "q"});
  fail("mail", "timeout after 7 s", {.queue = "q"});
  fail("mail", hostile, {.queue = "q"});
  enqueue("greet", {.queue = "q"});

  const nlohmann::json queues = json({"stats"});
  ASSERT_EQ(queues.size(), 1U);
  EXPECT_EQ(queues[0]["errored"], 3);
  EXPECT_EQ(queues[0]["errored_capped"], false);
  EXPECT_EQ(queues[0]["pending"], 1);
  EXPECT_TRUE(queues[0]["oldest"].is_number());
  const nlohmann::json capped = json({"stats", "--cap", "2"});
  EXPECT_EQ(capped[0]["errored"], 2);
  EXPECT_EQ(capped[0]["errored_capped"], true);
  EXPECT_NE(sqlq({"stats", "--cap", "2"}).out.find(" 2+ "), std::string::npos);

  const nlohmann::json kinds = json({"stats", "--by", "kind"});
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[1]["kind"], "mail");
  EXPECT_EQ(kinds[1]["errored"], 3);
  EXPECT_NE(sqlq({"stats", "--by", "kind", "--limit", "1"}).err.find("of the newest 1 job;"), std::string::npos);

  const nlohmann::json errors = json({"stats", "--by", "error"});
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0]["jobs"], 2);
  EXPECT_EQ(errors[0]["error"], "timeout after # s");
  const Result table = sqlq({"stats", "--by", "error"});
  EXPECT_TRUE(harmless(table.out)) << table.out;
  EXPECT_EQ(sqlq({"stats", "--by", "colour"}).code, 2);
}

}  // namespace
}  // namespace sqlq::program
