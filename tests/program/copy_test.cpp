/// \file
/// `sqlq copy`, `sqlq export`, `sqlq import` between files.

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "copying.hpp"
#include "prepared.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

namespace fs = std::filesystem;

class Copies : public ProgramTest {
 protected:
  [[nodiscard]] std::string other() const { return "sqlite://" + path("other.db"); }
  Database& target() {
    if (!target_) {
      target_ = open(other());
      target_->migrate();
    }
    return *target_;
  }
  [[nodiscard]] std::vector<std::string> copying(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"copy", "--from", url(), "--to", other(), "--migrate", "--yes"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// Expects the exit code, and reads what it says.
  nlohmann::json copied(int code, const std::vector<std::string>& more = {}, std::string* told = nullptr) {
    std::vector<std::string> words = copying(more);
    words.insert(words.begin(), {"-o", "json"});
    const Result result = run(words);
    EXPECT_EQ(result.code, code) << result.err;
    if (told != nullptr) *told = result.err;
    return nlohmann::json::parse(result.out, nullptr, false);
  }

 private:
  std::optional<Database> target_{};
};

TEST_F(Copies, AreVerifiedAndTheSame) {
  fill(db(), 50);
  std::string told;
  const auto said = copied(0, {}, &told);
  EXPECT_EQ(said["jobs"], 300);
  EXPECT_EQ(said["stored"], 300);
  EXPECT_EQ(said["queues"], 2);
  EXPECT_EQ(said["verified"], true);
  EXPECT_EQ(said["different"], 0);
  EXPECT_TRUE(has(told, "both sides have the same 300 jobs")) << told;
  EXPECT_EQ(exported(url()), exported(other()));
  const auto again = copied(0);
  EXPECT_EQ(again["stored"], 0);
  EXPECT_EQ(again["existing"], 300);
}

TEST_F(Copies, SayThatLimitsByKeyStay) {
  fill(db(), 2);
  std::string told;
  copied(0, {}, &told);
  EXPECT_FALSE(has(told, "limits by key")) << told;
  Admin{db()}.set_key_limits("calls", "ada", KeyLimits{.concurrency = 1});
  copied(0, {}, &told);
  EXPECT_TRUE(has(told, "limits by key are not copied, of the queues calls: ")) << told;
}

TEST_F(Copies, AskAndTakeTablesThatAreThere) {
  fill(db(), 2);
  const std::vector<std::string> words{"copy", "--from", url(), "--to", other()};
  std::vector<std::string> sure = words;
  sure.emplace_back("--yes");
  EXPECT_EQ(run(sure).code, 3) << "there is no such file";
  EXPECT_FALSE(std::filesystem::exists(path("other.db")));
  static_cast<void>(sqlq::open(other()));  // makes it
  EXPECT_EQ(run(words).code, 2) << "there is nobody to ask";
  const Result result = run(sure);
  EXPECT_EQ(result.code, 4) << result.err;
  EXPECT_TRUE(has(result.err, "--migrate")) << result.err;
  const Result empty = run({"copy", "--from", other(), "--to", url(), "--yes"});
  EXPECT_EQ(empty.code, 4) << empty.err;
  EXPECT_TRUE(has(empty.err, "--from: the schema is not there yet; run `sqlq schema up`")) << empty.err;
  sure.emplace_back("--dry-run");
  const Result dry = run(sure);
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_TRUE(has(dry.out, "12")) << dry.out;
}

TEST_F(Copies, OfAFilterAreOnlyThose) {
  fill(db(), 20);
  const auto said = copied(0, {"--state", "errored", "--no-queues"});
  EXPECT_EQ(said["stored"], 40);
  EXPECT_EQ(said["verified"], true);
  EXPECT_EQ(jobs_in(other()), 40U);
}

TEST_F(Copies, LeaveTheJobsOfTheTargetAlone) {
  fill(db(), 20, "ours");
  fill(target(), 10, "theirs");
  std::string told;
  const auto said = copied(0, {}, &told);
  EXPECT_EQ(said["verified"], true);
  EXPECT_EQ(said["missing"], 0);
  EXPECT_TRUE(has(told, "one by one")) << told;
  EXPECT_EQ(jobs_in(other()), 180U);
}

TEST_F(Copies, SayWhichJobsAreNotTheSame) {
  fill(db(), 2);
  static_cast<void>(copied(0));
  const Job changed = Admin{target()}.list({.states = {JobState::pending}}).front();
  static_cast<void>(Admin{target()}.cancel(changed.id));
  std::string told;
  const auto said = copied(1, {"--move"}, &told);
  EXPECT_EQ(said["verified"], false);
  EXPECT_EQ(said["different"], 1);
  EXPECT_EQ(said["moved"], 0);
  EXPECT_TRUE(has(told, changed.id.to_string())) << told;
  EXPECT_TRUE(has(told, "nothing was deleted")) << told;
  EXPECT_EQ(jobs_in(url()), 12U);
}

TEST_F(Copies, OfALiveSourceSayWhatIsLeft) {
  fill(db(), 2);
  const Job held = claimed(client(), "busy");
  std::string told;
  const auto said = copied(7, {}, &told);
  EXPECT_EQ(said["held"], 1);
  EXPECT_EQ(said["verified"], true) << told;
  EXPECT_TRUE(has(told, "left in the source, for they run: 1 job: ")) << told;
  EXPECT_EQ(client().success(held), FinishStatus::applied);
  EXPECT_EQ(copied(0)["stored"], 1) << "the second pass";
  EXPECT_EQ(exported(url()), exported(other()));
}

TEST_F(Copies, NameJobsWhoseUniqueKeyIsTaken) {
  const JobId ours = client().enqueue(NewJob{"send", "null", {.unique_key = "order-1"}}).id;
  Client{target()}.enqueue(NewJob{"send", "null", {.unique_key = "order-1"}});
  std::string told;
  const auto said = copied(7, {}, &told);
  EXPECT_EQ(said["conflicts"], 1);
  EXPECT_TRUE(has(told, "not stored: " + ours.to_string())) << told;
  EXPECT_EQ(jobs_in(other()), 1U);
}

TEST_F(Copies, ThatMoveLeaveOnlyWhatRuns) {
  fill(db(), 20);
  const std::string before = exported(url());
  const Job held = claimed(client(), "busy");
  const auto said = copied(7, {"--move", "--no-queues"});
  EXPECT_EQ(said["moved"], 120);
  EXPECT_EQ(said["held"], 1);
  EXPECT_EQ(jobs_in(url()), 1U);
  EXPECT_EQ(admin().find(held.id)->state, JobState::running);
  EXPECT_EQ(client().success(held), FinishStatus::applied);
  EXPECT_EQ(copied(0, {"--move"})["moved"], 1);
  EXPECT_EQ(jobs_in(url()), 0U);
  EXPECT_EQ(jobs_in(other()), 121U);
  for (const Queue& queue : admin().queues()) EXPECT_TRUE(queue.name.starts_with("mixed") || queue.name == "busy");
}

TEST_F(Copies, ThatMoveRefuseTheSameDatabase) {
  fill(db(), 2);
  fs::create_symlink(path(), path("link.db"));
  const Result result = run({"copy", "--from", url(), "--to", "sqlite://" + path("link.db"), "--move", "--yes"});
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_TRUE(has(result.err, "the same database")) << result.err;
  EXPECT_EQ(jobs_in(url()), 12U);
  EXPECT_EQ(admin().queues().size(), 2U);
}

TEST_F(Copies, ThatMoveRefuseASourceWithWorkers) {
  fill(db(), 2);
  Handlers handlers;
  handlers.on("nothing", [](JobContext&) {});
  Worker worker(db(), handlers, {.queues = {"none"}, .concurrency = 1, .name = "w-one"});
  worker.start();
  ASSERT_TRUE(process::eventually([&] { return !admin().workers().empty(); }));
  std::string told;
  static_cast<void>(copied(6, {"--move"}, &told));
  EXPECT_TRUE(has(told, "w-one")) << told;
  EXPECT_EQ(copied(0, {"--move", "--live"}, &told)["moved"], 12);
  EXPECT_TRUE(has(told, "the source is live")) << told;
  EXPECT_EQ(jobs_in(url()), 0U);
}

TEST_F(Copies, GoOnAfterAnInterruption) {
  fill(db(), 2000);
  Running running(copying());
  ASSERT_TRUE(running.wrote("copying: ")) << running.err();
  running.signal(SIGINT);
  const Result result = running.wait();
  EXPECT_TRUE(result.code == 7 || result.code == 130) << result.code << result.err;
  ASSERT_TRUE(has(result.err, "--after ")) << result.err;
  const std::string after = result.err.substr(result.err.rfind("--after ") + 8, 36);
  EXPECT_LT(jobs_in(other()), 12000U);
  const auto said = copied(0, {"--after", after});
  EXPECT_LT(said["jobs"], 12000);
  EXPECT_EQ(said["verified"], true);
  EXPECT_EQ(exported(url()), exported(other()));
}

TEST_F(Copies, ThatAreKilledEndTheSame) {
  fill(db(), 2000);
  static_cast<void>(target());
  Result last;
  const int killed = killed_on_the_way(copying(), 5, [&](int n) {
    return jobs_in(other()) >= static_cast<std::uint64_t>(n) * 2000 - 1999;
  }, last);
  EXPECT_GE(killed, 3);
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(exported(url()), exported(other()));
}

TEST_F(Copies, ThatMoveAndAreKilledLoseNothing) {
  fill(db(), 700);
  const std::string before = exported(url());
  static_cast<void>(copied(0));
  Result last;
  const int killed = killed_on_the_way(copying({"--move"}), 5, [&](int n) {
    return jobs_in(url()) < 4200U - static_cast<std::uint64_t>(n - 1) * 800;
  }, last);
  EXPECT_GE(killed, 2);
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(jobs_in(url()), 0U);
  EXPECT_EQ(exported(other()), before);
}

TEST_F(Copies, ThatMoveDeleteNothingThatOnlyAnotherTargetHas) {
  fill(db(), 2);
  // As a call leaves it that was killed on its way: parked jobs, and a target that is not this one.
  admin().create_queue("sqlq-moved-away");
  admin().pause("sqlq-moved-away");
  ASSERT_EQ(Bulk{db()}.apply(BulkAction::move("sqlq-moved-away"), {.queues = {"mixed"}}).done, 2U);
  const std::string before = exported(url());
  std::string told;
  static_cast<void>(copied(6, {"--move"}, &told));
  EXPECT_TRUE(has(told, "2 jobs in the queue sqlq-moved-away")) << told;
  EXPECT_EQ(exported(url()), before);
  EXPECT_EQ(jobs_in(other()), 0U);
  EXPECT_EQ(sqlq({"job", "move", "--queue", "sqlq-moved-away", "--to", "back", "--yes"}).code, 0);
  EXPECT_EQ(copied(0, {"--move"})["moved"], 12);
  EXPECT_EQ(jobs_in(url()), 0U);
  EXPECT_EQ(jobs_in(other()), 12U);
  EXPECT_FALSE(admin().queue("sqlq-moved-away"));
}

TEST_F(Copies, TakeUrlsFromFilesAndVariablesAndTellNoPassword) {
  fill(db(), 1);
  static_cast<void>(target());
  std::ofstream(path("from")) << url() << "\n";
  Setting setting;
  setting.environment = {"SQLQ_TO_URL=" + other()};
  const Result result = run({"copy", "--from-file", path("from"), "--yes"}, setting);
  EXPECT_EQ(result.code, 0) << result.err;
  const Result wrong = run({"copy", "--from", url(), "--to", "postgresql://ada:s3cr3t@127.0.0.1:1/app", "--yes"});
  EXPECT_NE(wrong.code, 0);
  EXPECT_FALSE(has(wrong.out + wrong.err, "s3cr3t")) << wrong.err;
  EXPECT_EQ(run({"copy", "--from", url(), "--yes"}).code, 2);
  EXPECT_EQ(run({"copy", "--from", url(), "--from-file", path("from"), "--to", other(), "--yes"}).code, 2);
}

TEST_F(Copies, AsFilesAreWholeAndPrivate) {
  fill(db(), 20);
  static_cast<void>(target());
  const std::string file = path("jobs.jsonl");
  EXPECT_EQ(json({"export", file, "-q"})["jobs"], 120);
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(sqlq({"export", file}).code, 2) << "it is there, and there is nobody to ask";
  EXPECT_EQ(sqlq({"export", file, "--yes"}).code, 0);
  for (const auto& entry : fs::directory_iterator(fs::path(file).parent_path())) {
    EXPECT_FALSE(has(entry.path().string(), ".partial")) << entry.path();
  }
  const Result in = run({"-d", other(), "-o", "json", "-q", "import", file});
  EXPECT_EQ(in.code, 0) << in.err;
  EXPECT_EQ(nlohmann::json::parse(in.out)["stored"], 120);
  EXPECT_EQ(exported(url()), exported(other()));
}

TEST_F(Copies, GoThroughAPipe) {
  fill(db(), 20);
  static_cast<void>(target());
  Setting setting;
  setting.input = exported(url());
  EXPECT_EQ(run({"-d", other(), "import", "-"}, setting).code, 0);
  EXPECT_EQ(exported(url()), exported(other()));
  const Result dry = run({"-d", other(), "-o", "json", "import", "--dry-run"}, setting);
  EXPECT_EQ(nlohmann::json::parse(dry.out)["would_read_jobs"], 120);
}

TEST_F(Copies, OfAStreamThatWasCutOffSaySo) {
  fill(db(), 20);
  static_cast<void>(target());
  Setting setting;
  setting.input = exported(url());
  setting.input.resize(setting.input.rfind("\n", setting.input.size() - 2) + 1);
  const Result result = run({"-d", other(), "import"}, setting);
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_EQ(jobs_in(other()), 120U) << "what was there is stored";
}

TEST_F(Copies, AreNotWrittenToATerminal) {
  fill(db(), 1);
  Setting setting = here();
  setting.terminal = Size{};
  const Result result = run({"export"}, setting);
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(has(result.out, "not written to a terminal")) << result.out;
}

}  // namespace
}  // namespace sqlq::program
