// What explain says of a job that a durable step keeps, over a database that says what a test wants.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>

#include "core/text.hpp"
#include "core/words.hpp"
#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"
#include "support/host_clock.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;
using testing::FakeDatabase;
using testing::FakeDialect;
using testing::has;
using testing::HostClock;
using StepCodes = std::vector<std::string>;

JobId numbered(std::uint8_t n) { return JobId({0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n}); }

class SuspendedDialect final : public FakeDialect {
 public:
  std::vector<Job> jobs{};
  std::vector<StepRecord> recorded{};
  bool has_steps = true;
  bool denied = false;

  std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx*) override {
    std::vector<std::optional<Job>> found;
    for (const JobId id : ids) {
      const auto at = std::ranges::find(jobs, id, &Job::id);
      found.push_back(at == jobs.end() ? std::nullopt : std::optional(*at));
    }
    return found;
  }
  std::optional<Queue> queue(std::string_view) override { return Queue{.name = "mail"}; }
  backend::Steps* steps() noexcept override { return has_steps ? this : nullptr; }
  std::vector<StepRecord> read_steps(JobId id, const Tx* within) override {
    EXPECT_EQ(id, numbered(1));
    EXPECT_EQ(within, nullptr);
    if (denied) throw Error(Errc::permission, "permission denied");
    return recorded;
  }
};

class ExplainSuspended : public ::testing::Test {
 protected:
  ExplainSuspended() {
    fake_.jobs = {{.id = numbered(1), .queue = "mail", .kind = "order", .state = JobState::scheduled, .claims = 1,
                   .queued_at = now(), .run_at = now() + 24h}};
  }
  [[nodiscard]] TimePoint now() const { return clock_->now(); }
  void recorded(StepKind kind, const std::string& name, std::optional<Duration> until = {}, std::int64_t number = 0,
                const std::string& value = {}) {
    fake_.recorded.push_back({.kind = kind, .name = name, .number = number, .claim = 1, .at = now(),
                              .until = until ? std::optional(now() + *until) : std::nullopt, .value = value});
  }
  [[nodiscard]] std::vector<Reason> reasons() const { return Admin{f_.db}.explain(numbered(1)); }
  [[nodiscard]] Reason reason() const { return reasons().front(); }
  void expect_only(const std::string& code) const {
    StepCodes all;
    for (const Reason& r : reasons()) {
      EXPECT_EQ(core::one_line(r.sentence, 100'000), r.sentence) << "control characters";
      all.emplace_back(to_string(r.code));
    }
    EXPECT_EQ(all, StepCodes{code});
  }

  std::shared_ptr<HostClock> clock_ = std::make_shared<HostClock>();
  FakeDatabase<SuspendedDialect> f_{{.clock = clock_}};
  SuspendedDialect& fake_ = f_.fake;
};

TEST_F(ExplainSuspended, ASleep) {
  recorded(StepKind::result, "charge", {}, 0, R"("secret")");
  recorded(StepKind::sleep, "cool-off", 24h);
  expect_only("sleeping");
  EXPECT_EQ(reason().step, "cool-off");
  EXPECT_EQ(reason().number, 0);
  EXPECT_EQ(reason().at, now() + 24h);
  EXPECT_EQ(reason().sentence, "the job sleeps until 2024-01-02 00:00:00 UTC (in 1 d) (step 'cool-off')");
}

TEST_F(ExplainSuspended, ASleepThatIsOverIsNoReason) {
  recorded(StepKind::sleep, "cool-off", 0s);
  expect_only("due_later");
}

TEST_F(ExplainSuspended, AWait) {
  recorded(StepKind::sleep, "cool-off", 0s);
  recorded(StepKind::wait, "approved", 24h);
  expect_only("waits_for_signal");
  EXPECT_EQ(reason().step, "approved");
  EXPECT_EQ(reason().at, now() + 24h);
  EXPECT_EQ(reason().sentence, "the job waits for the signal 'approved' until 2024-01-02 00:00:00 UTC (in 1 d); "
                               "Client::signal or `sqlq job signal " + numbered(1).to_string() +
                               " approved JSON` sends it");
}

TEST_F(ExplainSuspended, AWaitForALaterSignalOfAName) {
  recorded(StepKind::signal, "item");
  recorded(StepKind::wait, "item", 24h, 1);
  expect_only("waits_for_signal");
  EXPECT_EQ(reason().number, 1);
  EXPECT_TRUE(has(reason().sentence, "'item' number 1 until"));
  EXPECT_TRUE(has(reason().sentence, "`sqlq job signal --append " + numbered(1).to_string() + " item JSON`"));
}

TEST_F(ExplainSuspended, AWaitThatIsAnsweredOrOverIsNoReason) {
  recorded(StepKind::wait, "approved", 24h);
  recorded(StepKind::signal, "approved");
  expect_only("due_later");
  fake_.recorded.back().kind = StepKind::expired;
  expect_only("due_later");
  fake_.recorded.back().number = 1;
  expect_only("waits_for_signal");
  fake_.recorded.front().until = now();
  expect_only("due_later");
}

TEST_F(ExplainSuspended, ChildrenThatHaveNotFinished) {
  fake_.jobs.push_back({.id = numbered(2), .state = JobState::success});
  fake_.jobs.push_back({.id = numbered(3), .state = JobState::running});
  fake_.jobs.push_back({.id = numbered(4), .state = JobState::scheduled});
  const auto text = [](std::uint8_t n) { return "\"" + numbered(n).to_string() + "\""; };
  recorded(StepKind::children, "parts", {}, 0, "[" + text(2) + ", " + text(3) + "," + text(4) + "," + text(5) + "]");
  expect_only("waits_for_children");
  EXPECT_EQ(reason().step, "parts");
  EXPECT_EQ(reason().count, 2U);
  EXPECT_EQ(reason().jobs, (std::vector<JobId>{numbered(3), numbered(4)}));
  EXPECT_EQ(reason().sentence, "the job waits for 2 of 4 children (step 'parts'), such as " +
                                   numbered(3).to_string() + "; `sqlq explain " + numbered(3).to_string() +
                                   "` says why that one has not finished");
  for (Job& job : fake_.jobs) {
    if (job.id != numbered(1)) job.state = JobState::errored;
  }
  expect_only("due_later");
  fake_.recorded.back().value = "[\"";
  expect_only("due_later");
}

TEST_F(ExplainSuspended, AJobThatIsDueToLookAgainStillWaits) {
  fake_.jobs.push_back({.id = numbered(2), .state = JobState::running});
  recorded(StepKind::children, "parts", {}, 0, "[\"" + numbered(2).to_string() + "\"]");
  fake_.jobs.front().run_at = now();
  expect_only("waits_for_children");
  EXPECT_TRUE(has(reason().sentence, "waits for 1 of 1 child (step 'parts')"));
  fake_.jobs.front().state = JobState::pending;
  expect_only("waits_for_children");
}

TEST_F(ExplainSuspended, OnlyJobsThatWereHeldHaveSuchAReason) {
  recorded(StepKind::sleep, "cool-off", 24h);
  fake_.jobs.front().claims = 0;
  expect_only("due_later");
  fake_.jobs.front().claims = 1;
  fake_.has_steps = false;
  expect_only("due_later");
}

TEST_F(ExplainSuspended, NamesOfStepsHarmNoTerminal) {
  recorded(StepKind::wait, "a b\xe2\x80\xae'e", 24h);
  expect_only("waits_for_signal");
  EXPECT_EQ(reason().step, "a b\xe2\x80\xae'e") << "as it is stored";
}

TEST_F(ExplainSuspended, AJobThatFailedAfterItsWaitHasExpiredIsRestarted) {
  fake_.jobs.front().state = JobState::errored;
  recorded(StepKind::result, "charge");
  EXPECT_FALSE(has(reason().sentence, "restart")) << reason().sentence;
  recorded(StepKind::wait, "approved", 0s);
  recorded(StepKind::signal, "another");
  EXPECT_FALSE(has(reason().sentence, "restart")) << "nobody knows how it ended";
  recorded(StepKind::expired, "approved");
  expect_only("finished");
  EXPECT_TRUE(has(reason().sentence, "; its wait for the signal 'approved' has ended without one, and a retry does not "
                                     "wait anew: Admin::restart or `sqlq job restart " + numbered(1).to_string() +
                                     " --from=approved` does"))
      << reason().sentence;
  recorded(StepKind::decision, "new-rule");
  EXPECT_TRUE(has(reason().sentence, "--from=approved`"));
  recorded(StepKind::result, "refund");
  EXPECT_FALSE(has(reason().sentence, "restart")) << "it went on after that";
}

TEST_F(ExplainSuspended, AJobThatFailedAfterItReceivedASignalIsRestartedWithoutIt) {
  fake_.jobs.front().state = JobState::errored;
  recorded(StepKind::signal, "vote", {}, 2, R"("secret")");
  recorded(StepKind::wait, "vote", 24h, 2);
  expect_only("finished");
  EXPECT_TRUE(has(reason().sentence, "receive the signal 'vote' number 2: if that was wrong, Admin::restart or `sqlq "
                                     "job restart " + numbered(1).to_string() +
                                     " --from=vote --number=2 --forget-signals` waits for another"))
      << reason().sentence;
  EXPECT_FALSE(has(reason().sentence, "secret"));
  fake_.jobs.front().state = JobState::success;
  EXPECT_FALSE(has(reason().sentence, "restart")) << reason().sentence;
}

TEST_F(ExplainSuspended, AJobThatFailsAtASignalAndIsTriedAgainIsGivenAnother) {
  recorded(StepKind::wait, "-a b", 24h);
  recorded(StepKind::signal, "-a b");
  EXPECT_FALSE(has(reason().sentence, "--replace")) << "it has not failed";
  fake_.jobs.front().attempt = 1;
  expect_only("due_later");
  EXPECT_TRUE(has(reason().sentence, "SignalMode::replace or `sqlq job signal --replace " + numbered(1).to_string() +
                                     " -- '-a b' JSON` gives it another value"))
      << reason().sentence;
  fake_.recorded.back().at = now() + 1s;
  EXPECT_TRUE(has(reason().sentence, "; then it reads the signal '-a b', which was sent or replaced after")) << "anew";
  EXPECT_FALSE(has(reason().sentence, "has done is to receive")) << reason().sentence;
  fake_.recorded.back().at = now();
  for (StepRecord& step : fake_.recorded) step.number = 1;
  EXPECT_FALSE(has(reason().sentence, "--replace")) << "only number 0 can be replaced";
}

TEST_F(ExplainSuspended, AdviceHarmsNoTerminal) {
  fake_.jobs.front().state = JobState::errored;
  recorded(StepKind::expired, "a b\xe2\x80\xae`'e");
  expect_only("finished");
}

TEST_F(ExplainSuspended, StepsThatCannotBeReadEndNothing) {
  fake_.denied = true;
  expect_only("due_later");
  EXPECT_TRUE(has(reason().sentence, "not known: its steps (permission denied)"));
  fake_.jobs.front().state = JobState::errored;
  expect_only("finished");
  EXPECT_TRUE(has(reason().sentence, "not known: its steps (permission denied)"));
}

}  // namespace
}  // namespace sqlq
