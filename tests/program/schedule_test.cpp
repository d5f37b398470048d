/// \file
/// `sqlq schedule` on a file: what it makes, shows, changes and refuses.

#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/schedule.hpp>

#include "jobs.hpp"

namespace sqlq::program {
namespace {

using Words = std::vector<std::string>;

class ScheduleCommands : public Jobs {
 protected:
  void SetUp() override { static_cast<void>(db()); }
  Result schedule(Words words, const Setting& setting = {}) {
    words.insert(words.begin(), "schedule");
    return sqlq(words, setting);
  }
  nlohmann::json told(Words words) {
    words.insert(words.begin(), "schedule");
    return json(std::move(words));
  }
  void set(const std::string& name, const std::string& rule = "30 2 * * *", Words more = {}) {
    Words words{"set", "--rule", rule, "--kind", "cleanup"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", name});
    const Result result = schedule(words);
    EXPECT_EQ(result.code, 0) << result.err;
  }
};

TEST_F(ScheduleCommands, SetMakesAndChangesOnlyWhatIsSaid) {
  const nlohmann::json added = told({"set", "nightly", "--rule", "30 2 * * *", "--zone", "Europe/Berlin", "--kind",
                                     "cleanup", "--params", "{\"days\": 90}", "--queue", "maintenance", "--priority",
                                     "3", "--overlap", "queue_one", "--jitter", "10m", "--end", "2999-01-01",
                                     "--retention", "7d"});
  EXPECT_EQ(added["status"], "added");
  EXPECT_TRUE(added["next"].is_string());
  EXPECT_EQ(told({"set", "nightly", "--priority", "3"})["status"], "unchanged");
  EXPECT_EQ(told({"set", "nightly", "--missed", "skip", "--most-missed", "7"})["status"], "changed");
  const nlohmann::json shown = told({"show", "nightly"});
  EXPECT_EQ(shown["rule"], "30 2 * * *");
  EXPECT_EQ(shown["zone"], "Europe/Berlin");
  EXPECT_EQ(shown["kind"], "cleanup");
  EXPECT_EQ(shown["params"]["days"], 90);
  EXPECT_EQ(shown["queue"], "maintenance");
  EXPECT_EQ(shown["priority"], 3);
  EXPECT_EQ(shown["on_missed"], "skip");
  EXPECT_EQ(shown["most_missed"], 7);
  EXPECT_EQ(shown["on_overlap"], "queue_one");
  EXPECT_EQ(shown["jitter"], 600.0);
  EXPECT_EQ(shown["retention"], 604800.0);
  EXPECT_EQ(shown["start"], nullptr);
  EXPECT_EQ(shown["end"], "2999-01-01T00:00:00.000000Z");
  EXPECT_EQ(shown["paused"], false);
  EXPECT_EQ(shown["fired"], 0);
  EXPECT_EQ(shown["trouble"], nullptr);
  EXPECT_EQ(told({"set", "nightly", "--end", "none"})["status"], "changed");
  EXPECT_EQ(told({"show", "nightly"})["end"], nullptr);
  EXPECT_EQ(told({"list"}).size(), 1U);
}

TEST_F(ScheduleCommands, TheTableOfOneHasEverything) {
  set("nightly");
  const Result shown = schedule({"show", "nightly"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  for (const char* name : {"schedule", "rule", "zone", "on_missed", "on_overlap", "params", "fired", "trouble"}) {
    EXPECT_TRUE(has(shown.out, std::string(name) + " ")) << name << "\n" << shown.out;
  }
  const Result listed = schedule({"list"});
  EXPECT_TRUE(listed.out.starts_with("SCHEDULE  ")) << listed.out;
  EXPECT_EQ(lines_of(listed.out).size(), 2U) << listed.out;
}

TEST_F(ScheduleCommands, WhatIsWrongIsRefusedAndChangesNothing) {
  for (const Words& words : std::vector<Words>{
           {"set", "new"},
           {"set", "new", "--rule", "@daily"},
           {"set", "new", "--kind", "k"},
           {"set", "new", "--rule", "61 * * * *", "--kind", "k"},
           {"set", "new", "--rule", "0 0 30 feb *", "--kind", "k"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--zone", "Mars/Olympus"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--params", "{"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--missed", "never"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--overlap", "never"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--jitter", "soon"},
           {"set", "new", "--rule", "@daily", "--kind", "k", "--start", "soon"},
           {"set", "", "--rule", "@daily", "--kind", "k"},
           {"preview", "nonsense"},
           {"preview", "@daily", "-n", "0"},
           {"preview", "@daily", "--after", "soon"}}) {
    const Result result = schedule(words);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_TRUE(result.err.starts_with("sqlq: ")) << result.err;
  }
  EXPECT_EQ(told({"list"}), nlohmann::json::array());
}

TEST_F(ScheduleCommands, WhatIsNotThereIsSaid) {
  set("nightly");
  for (const Words& words : std::vector<Words>{{"show", "nobody"}, {"next", "nobody"}, {"run", "nobody"},
                                               {"run", "nobody", "--dry-run"}, {"pause", "nobody"},
                                               {"pause", "nobody", "--dry-run"}, {"resume", "nobody"},
                                               {"remove", "nobody", "--yes"}, {"remove", "nobody"},
                                               {"backfill", "nobody", "--from", "-1d"}}) {
    const Result result = schedule(words);
    EXPECT_EQ(result.code, 5) << words[0] << result.err;
    EXPECT_EQ(result.err, "sqlq: there is no schedule 'nobody'\n");
  }
  EXPECT_EQ(told({"show", "nightly"})["paused"], false);
}

TEST_F(ScheduleCommands, OfSeveralThoseThatAreThereAreChangedAndTheRestIsTold) {
  set("a");
  set("b");
  const auto some = [&](const Words& words) {
    Words all = words;
    for (const char* name : {"a", "nobody", "b"}) all.emplace_back(name);
    const Result result = schedule(all);
    EXPECT_EQ(result.code, 7) << words[0] << result.err;
    EXPECT_TRUE(has(result.err, "sqlq: there is no schedule 'nobody'\n")) << result.err;
    EXPECT_TRUE(has(result.err, "done for 2 of 3 schedules: repeat it")) << "how to go on: " << result.err;
    return result;
  };
  some({"pause", "--dry-run"});
  EXPECT_EQ(told({"show", "a"})["paused"], false);
  some({"pause"});
  for (const char* name : {"a", "b"}) EXPECT_EQ(told({"show", name})["paused"], true) << name;
  EXPECT_EQ(nlohmann::json::parse(some({"resume", "-o", "json"}).out).size(), 2U);
  EXPECT_EQ(told({"show", "b"})["paused"], false);
  EXPECT_EQ(lines_of(some({"run"}).out).size(), 2U);
  EXPECT_EQ(json({"job", "list"}).size(), 2U);
  some({"remove", "--dry-run"});
  EXPECT_EQ(told({"list"}).size(), 2U);
  some({"remove", "--yes"});
  EXPECT_EQ(told({"list"}).size(), 0U);
  EXPECT_EQ(schedule({"pause", "a", "b"}).code, 5);
}

TEST_F(ScheduleCommands, WhatCouldNeverFireIsRefused) {
  const auto refused = [&](const Words& words, const std::string& part) {
    for (const bool dry : {true, false}) {
      Words all{"set", "new", "--kind", "k"};
      all.insert(all.end(), words.begin(), words.end());
      if (dry) all.emplace_back("--dry-run");
      const Result result = schedule(all);
      EXPECT_EQ(result.code, 2) << result.err;
      EXPECT_TRUE(has(result.err, part)) << result.err;
    }
  };
  refused({"--rule", "0 0 1 jul *", "--start", "2030-08-01", "--end", "2031-06-01"}, "can never fire");
  refused({"--rule", "@daily", "--missed", "all"}, "missed `all` needs overlap `allow`");
  EXPECT_EQ(told({"list"}).size(), 0U);
  EXPECT_TRUE(has(schedule({"set", "over", "--kind", "k", "--rule", "@daily", "--end", "2020-01-01"}).err,
                  "was added, no later tick"));
}

TEST_F(ScheduleCommands, TicksAreShownBeforeAndAfterARuleIsSet) {
  Setting nowhere;
  nowhere.environment = {"PATH=/usr/bin:/bin"};
  const Result preview = run({"schedule", "preview", "30 2 * * *", "--zone", "Europe/Berlin", "--after", "2026-03-28",
                              "-n", "2", "-o", "csv"}, nowhere);
  EXPECT_EQ(preview.code, 0) << preview.err;
  EXPECT_EQ(preview.out, "local,at\r\n2026-03-28T02:30:00+01:00,2026-03-28T01:30:00.000000Z\r\n"
                         "2026-03-29T03:00:00+02:00,2026-03-29T01:00:00.000000Z\r\n") << "without a database";
  set("nightly", "30 2 * * *", {"--zone", "Asia/Kolkata"});
  const nlohmann::json next = told({"next", "nightly", "-n", "3"});
  ASSERT_EQ(next.size(), 3U);
  for (const auto& tick : next) {
    EXPECT_TRUE(has(tick["local"], "T02:30:00+05:30")) << tick;
    EXPECT_TRUE(has(tick["at"], "T21:00:00.000000Z")) << tick;
  }
  set("once", "@every 10s", {"--end", "+15s"});
  const Result few = schedule({"next", "once", "-n", "5"});
  EXPECT_EQ(few.code, 0);
  EXPECT_TRUE(has(few.err, "there is no later tick")) << few.err;
}

TEST_F(ScheduleCommands, SeveralArePausedAndResumed) {
  set("a");
  set("b");
  const nlohmann::json paused = told({"pause", "a", "b"});
  ASSERT_EQ(paused.size(), 2U);
  EXPECT_EQ(paused[1]["schedule"], "b");
  EXPECT_EQ(paused[1]["paused"], true);
  EXPECT_EQ(paused[1]["next"], nullptr);
  set("a", "@daily");
  EXPECT_EQ(told({"show", "a"})["paused"], true) << "a pause survives a deployment";
  EXPECT_TRUE(has(schedule({"next", "a"}).err, "'a' is paused"));
  EXPECT_EQ(told({"resume", "a"})["paused"], false);
  EXPECT_EQ(schedule({"resume", "b"}).err, "schedule 'b' goes on\n");
}

TEST_F(ScheduleCommands, ANameThatIsGivenTwiceCountsOnce) {
  set("a");
  const Result resumed = schedule({"resume", "a", "a", "nobody", "nobody"});
  EXPECT_EQ(resumed.code, 7);
  EXPECT_EQ(lines_of(resumed.err).size(), 3U) << resumed.err;
  EXPECT_EQ(lines_of(schedule({"run", "a", "a"}).out).size(), 1U);
  EXPECT_EQ(schedule({"remove", "a", "a", "--yes"}).code, 0);
}

TEST_F(ScheduleCommands, OfOneThatCannotBeReadNothingIsMadeUp) {
  set("a");
  backend::Periodic& part = *db().dialect().periodic();
  const backend::PeriodicRow row = part.periodic_get(std::vector<std::string>{"a"}).at(0).value();
  const backend::PeriodicChange damaged{.name = "a", .expected = row.version, .next = row.next, .definition = "[]",
                                        .state = row.state};
  ASSERT_TRUE(part.periodic_change({&damaged, 1}, {}).at(0).applied);
  const nlohmann::json shown = told({"show", "a"});
  for (const char* field : {"rule", "zone", "kind", "params", "on_missed", "next"}) {
    EXPECT_EQ(shown[field], nullptr) << field;
  }
  EXPECT_EQ(shown["fired"], 0);
  EXPECT_TRUE(has(shown["trouble"].get<std::string>(), "cannot be read")) << shown;
}

TEST_F(ScheduleCommands, RunEnqueuesTheJobNow) {
  set("nightly", "@yearly", {"--queue", "maintenance", "--unique-key", "one"});
  const Result ran = schedule({"run", "nightly"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const Words ids = lines_of(ran.out);
  ASSERT_EQ(ids.size(), 1U);
  EXPECT_EQ(json({"job", "show", ids[0]})["queue"], "maintenance");
  EXPECT_EQ(told({"show", "nightly"})["last_job"], ids[0]);
  const Result again = schedule({"run", "nightly", "-o", "jsonl"});
  EXPECT_EQ(again.code, 6) << again.err;
  EXPECT_EQ(nlohmann::json::parse(again.out)["status"], "existing_key");
}

TEST_F(ScheduleCommands, BackfillAsksAndStoresNothingTwice) {
  set("nightly");
  const Words range{"backfill", "nightly", "--from", "2026-03-01", "--to", "2026-03-08"};
  const auto with = [&](const char* word) {
    Words words = range;
    words.emplace_back(word);
    return words;
  };
  EXPECT_EQ(schedule(range).code, 2) << "nobody can be asked";
  EXPECT_EQ(told(with("--dry-run"))["would_enqueue"], 7);
  EXPECT_EQ(json({"job", "list"}).size(), 0U);
  nlohmann::json done = told(with("--yes"));
  EXPECT_EQ(done["ticks"], 7);
  EXPECT_EQ(done["enqueued"], 7);
  EXPECT_EQ(done["existing"], 0);
  done = told(with("--yes"));
  EXPECT_EQ(done["enqueued"], 0);
  EXPECT_EQ(done["existing"], 7);
  EXPECT_EQ(json({"job", "list"}).size(), 7U);
  EXPECT_EQ(schedule({"backfill", "nightly", "--from", "2026-03-08", "--to", "2026-03-01", "--yes"}).code, 2);
  EXPECT_EQ(schedule({"backfill", "nightly", "--from", "1900-01-01", "--yes"}).code, 2) << "more than 10,000 ticks";
  EXPECT_EQ(json({"job", "list"}).size(), 7U);
}

TEST_F(ScheduleCommands, RemoveAsksAndLeavesTheJobs) {
  set("nightly");
  EXPECT_EQ(schedule({"run", "nightly"}).code, 0);
  EXPECT_EQ(schedule({"remove", "nightly"}).code, 2) << "nobody can be asked";
  Running no({"schedule", "remove", "nightly"}, here({.terminal = Size{}}));
  ASSERT_TRUE(no.wrote("[y/N]")) << no.out();
  no.type("n\n");
  EXPECT_EQ(no.wait().code, 1);
  EXPECT_EQ(told({"list"}).size(), 1U);
  EXPECT_EQ(told({"remove", "nightly", "--yes"})["status"], "removed");
  EXPECT_EQ(told({"list"}).size(), 0U);
  EXPECT_EQ(json({"job", "list"}).size(), 1U);
}

TEST_F(ScheduleCommands, DryRunChangesNothing) {
  EXPECT_EQ(told({"set", "new", "--rule", "@daily", "--kind", "k", "--dry-run"})["status"], "would_add");
  EXPECT_EQ(schedule({"set", "new", "--rule", "@dayly", "--kind", "k", "--dry-run"}).code, 2);
  set("nightly");
  EXPECT_EQ(told({"set", "nightly", "--rule", "@daily", "--dry-run"})["status"], "would_change");
  EXPECT_EQ(told({"pause", "nightly", "--dry-run"})["paused"], true) << "what would be";
  EXPECT_EQ(told({"remove", "nightly", "--dry-run"})["status"], "dry_run");
  EXPECT_EQ(schedule({"run", "nightly", "--dry-run"}).code, 0);
  const nlohmann::json all = told({"list"});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["rule"], "30 2 * * *");
  EXPECT_EQ(all[0]["paused"], false);
  EXPECT_EQ(json({"job", "list"}).size(), 0U);
}

TEST_F(ScheduleCommands, HostileNamesHarmNoTerminal) {
  set(hostile_name);
  for (const Words& words : std::vector<Words>{{"list"}, {"show", hostile_name}, {"next", hostile_name},
                                               {"pause", hostile_name}, {"resume", hostile_name},
                                               {"backfill", hostile_name, "--from", "-7d", "--yes"},
                                               {"remove", hostile_name}, {"show", hostile}, {"preview", hostile},
                                               {"set", hostile, "--rule", "@daily", "--kind", "k"},
                                               {"set", "x", "--rule", hostile, "--kind", "k"},
                                               {"set", "x", "--rule", "@daily", "--zone", hostile, "--kind", "k"}}) {
    const Result result = schedule(words);
    EXPECT_TRUE(harmless(result.out)) << result.out;
    EXPECT_TRUE(harmless(result.err)) << result.err;
  }
  const nlohmann::json all = told({"list"});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["schedule"], hostile_name);
  Running drawn({"schedule", "list"}, here({.terminal = Size{.columns = 60, .rows = 24}}));
  for (const std::string& line : screen(drawn.wait().out, {.columns = 60, .rows = 24})) {
    EXPECT_TRUE(harmless(line)) << line;
  }
}

TEST_F(ScheduleCommands, NamesMayBeWordsOfTheProgram) {
  for (const std::string name : {"list", "schedule", "--yes"}) {
    set(name);
    EXPECT_EQ(schedule({"pause", "--", name}).code, 0) << name;
    EXPECT_EQ(json({"schedule", "show", "--", name})["paused"], true) << name;
  }
}

}  // namespace
}  // namespace sqlq::program
