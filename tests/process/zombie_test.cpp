// A worker that is stopped for longer than its lease and comes back: with an outcome, and with durable steps.

#include <memory>

#include "child.hpp"
#include "place.hpp"
#include "standstill.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Zombie : public Anywhere {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start_worker() const {
    auto worker = std::make_unique<Child>(
        "process_worker",
        std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=2", "sweep=100"});
    EXPECT_EQ(worker->line(long_enough), "ready");
    return worker;
  }

  void stop(const Child& worker) const { stand_still(worker, place().is_file() ? path() : ""); }

  /// What the worker counted, after it was asked to end.
  static nlohmann::json end(Child& worker) {
    worker.signal(SIGTERM);
    const std::string summary = worker.line(long_enough).value_or("");
    const auto exit = worker.wait(long_enough);
    EXPECT_TRUE(exit && exit->with_code(0));
    const std::string word = "summary ";
    return summary.starts_with(word) ? nlohmann::json::parse(summary.substr(word.size())) : nlohmann::json{};
  }
};

TEST_P(Zombie, ComesTooLateAndIsRefused) {
  const Database db = open(url());
  db.migrate();
  const Admin admin{db};
  EnqueueOptions options;
  options.keepalive = 3s;  // a busy machine must not end the lease of a worker that is not stopped
  const JobId id = Client{db}.enqueue(NewJob{"gate", "null", std::move(options)}).id;
  const std::string name = id.to_string();

  const auto zombie = start_worker();
  ASSERT_EQ(zombie->line(long_enough), "started " + name + " 1");
  // Its first line is stored; so it is the lease, not chance, that keeps the later one out.
  ASSERT_TRUE(eventually([&] { return admin.logs(id).size() == 1; }));
  stop(*zombie);

  const auto winner = start_worker();
  ASSERT_EQ(winner->line(long_enough), "started " + name + " 2");
  const Job held = admin.find(id).value_or(Job{});
  EXPECT_EQ(held.state, JobState::running);
  zombie->signal(SIGCONT);
  zombie->tell("");  // its handler returns while the winner's still runs
  EXPECT_EQ(end(*zombie)["lost"], 1);
  const Job after = admin.find(id).value_or(Job{});
  EXPECT_EQ(after.state, JobState::running) << "the zombie changed the winner's job";
  EXPECT_EQ(after.lease_token, held.lease_token);
  EXPECT_EQ(after.result, "");

  winner->tell("");
  const auto summary = end(*winner);
  EXPECT_EQ(summary["succeeded"], 1);
  EXPECT_EQ(summary["lost"], 0);

  const Job job = admin.find(id).value_or(Job{});
  EXPECT_EQ(job.state, JobState::success);
  EXPECT_EQ(job.claims, 2);
  EXPECT_EQ(job.crashes, 0) << "the zombie has told that it lives";
  EXPECT_EQ(job.lease_token, held.lease_token);
  EXPECT_EQ(nlohmann::json::parse(job.result), (nlohmann::json{{"claim", 2}, {"token", held.lease_token.value}}));
  const auto history = admin.history(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].cause, Cause::outage);
  EXPECT_EQ(history[0].claim, 1);
  EXPECT_EQ(history[0].worker, "process " + std::to_string(zombie->pid()));

  std::vector<std::string> lines;
  for (const LogLine& line : admin.logs(id)) lines.push_back(std::to_string(line.claim) + " " + line.text);
  ASSERT_EQ(lines.size(), 5u) << "the zombie's lines from behind the gate must not be there";
  EXPECT_EQ(lines[0], "1 before the gate, claim 1");
  EXPECT_TRUE(lines[1].starts_with("1 lease ended")) << lines[1];
  EXPECT_EQ(lines[2], "2 before the gate, claim 2");
  EXPECT_EQ(lines[3], "2 behind the gate, claim 2");
  EXPECT_EQ(lines[4], "2 far behind");
}

/// The zombie wakes up when the job is long done.
TEST_P(Zombie, DoesNotUndoWhatIsFinished) {
  const Database db = open(url());
  db.migrate();
  const Admin admin{db};
  EnqueueOptions options;
  options.keepalive = 3s;  // a busy machine must not end the lease of a worker that is not stopped
  const JobId id = Client{db}.enqueue(NewJob{"gate", "null", std::move(options)}).id;
  const auto zombie = start_worker();
  ASSERT_TRUE(zombie->line(long_enough).has_value());
  stop(*zombie);
  const auto winner = start_worker();
  ASSERT_TRUE(winner->line(long_enough).has_value());
  winner->tell("");
  ASSERT_TRUE(eventually([&] { return admin.find(id).value_or(Job{}).state == JobState::success; }));
  EXPECT_EQ(end(*winner)["succeeded"], 1);
  const Job done = admin.find(id).value_or(Job{});

  zombie->signal(SIGCONT);
  zombie->tell("");
  EXPECT_EQ(end(*zombie)["lost"], 1);
  const Job after = admin.find(id).value_or(Job{});
  EXPECT_EQ(after.state, JobState::success);
  EXPECT_EQ(after.result, done.result);
  EXPECT_EQ(after.lease_token, done.lease_token);
  EXPECT_EQ(after.finished_at, done.finished_at);
  EXPECT_EQ(after.claims, 2);
  EXPECT_EQ(admin.history(id).size(), 1u);
}

/// Of a job's steps, and who has recorded them.
std::vector<std::string> steps_of(const Admin& admin, JobId id) {
  std::vector<std::string> all;
  for (const StepRecord& step : admin.steps(id)) {
    const char* who = step.claim == 0 ? "from outside" : step.claim == 1 ? "by the zombie" : "later";
    all.push_back(std::string(to_string(step.kind)) + " " + step.name + " " + who);
  }
  return all;
}

const std::vector<std::string> without_zombie{"signal go from outside", "result gate later", "sleep rest later",
                                              "wait go later", "children parts later", "decision change later"};

class ZombieWithSteps : public Zombie {
 protected:
  /// Two workers have begun the job, the first one stands still.
  void SetUp() override {
    Zombie::SetUp();
    db_.migrate();
    EnqueueOptions options;
    options.keepalive = 3s;  // a busy machine must not end the lease of a worker that is not stopped
    id_ = client_.enqueue(NewJob{"durable", "null", std::move(options)}).id;
    zombie_ = start_worker();
    ASSERT_EQ(zombie_->line(long_enough), "started " + id_.to_string() + " 1");
    stop(*zombie_);
    winner_ = start_worker();
    ASSERT_EQ(winner_->line(long_enough), "started " + id_.to_string() + " 2");
  }
  /// Its handler comes out of its step, and tries what else it has to do.
  void resume_zombie() {
    zombie_->signal(SIGCONT);
    zombie_->tell("");
    for (const char* call : {"step", "sleep", "wait", "children", "decision"}) {
      EXPECT_EQ(zombie_->line(long_enough), std::string("refused ") + call);
    }
    EXPECT_EQ(end(*zombie_)["lost"], 1);
  }
  void let_winner_end() {
    EXPECT_EQ(client_.signal(id_, "go", true), SignalStatus::stored);
    winner_->tell("");
    EXPECT_TRUE(eventually([&] { return admin_.find(id_).value_or(Job{}).state == JobState::success; }));
    EXPECT_EQ(end(*winner_)["lost"], 0);
  }
  void expect_only_the_winners() {
    EXPECT_EQ(steps_of(admin_, id_), without_zombie);
    EXPECT_EQ(admin_.list({}, {.limit = 10}).size(), 2u) << "the job and its child";
    EXPECT_EQ(admin_.find(id_).value_or(Job{}).state, JobState::success);
  }

  Database db_ = open(url());
  Client client_{db_};
  Admin admin_{db_};
  JobId id_{};
  std::unique_ptr<Child> zombie_{};
  std::unique_ptr<Child> winner_{};
};

TEST_P(ZombieWithSteps, RecordsNothing) {
  resume_zombie();
  EXPECT_TRUE(steps_of(admin_, id_).empty());
  EXPECT_EQ(admin_.list({}, {.limit = 10}).size(), 1u) << "it has enqueued a child";
  let_winner_end();
  expect_only_the_winners();
}

/// The zombie wakes up when the job is long done.
TEST_P(ZombieWithSteps, DoesNotChangeWhatOthersHaveRecorded) {
  let_winner_end();
  expect_only_the_winners();
  resume_zombie();
  expect_only_the_winners();
}

SQLQ_PLACES(ZombieWithSteps, SQLQ_EVERYWHERE);
SQLQ_PLACES(Zombie, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
