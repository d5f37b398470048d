// What doctor finds about schedules, over a database that says what a test wants.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/schedule.hpp>

#include "core/schedule_text.hpp"
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

class ScheduleDialect final : public FakeDialect {
 public:
  std::vector<backend::PeriodicRow> rows{};
  std::optional<bool> worked = true;  // whether a worker is listed; empty: there is no list
  std::vector<Job> jobs{};
  bool forbidden = false;

  std::vector<WaitingKind> waiting_kinds(std::size_t, backend::Now) override { return {}; }
  std::vector<Queue> queues(std::string_view, std::size_t) override { return {}; }
  std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx*) override {
    const auto at = std::ranges::find(jobs, ids.front(), &Job::id);
    return {at == jobs.end() ? std::nullopt : std::optional(*at)};
  }
  backend::Workers* workers() noexcept override { return worked ? this : nullptr; }
  std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t, std::size_t, backend::Now) override {
    if (!*worked || !after.empty()) return {};
    return {{.name = "w", .version = "1"}};
  }
  backend::Periodic* periodic() noexcept override { return this; }
  std::vector<backend::PeriodicRow> periodic_list(std::string_view after, std::size_t limit) override {
    if (forbidden) throw Error(Errc::permission, "no");
    std::vector<backend::PeriodicRow> some;
    for (const backend::PeriodicRow& row : rows) {
      if (row.name > after && some.size() < limit) some.push_back(row);
    }
    return some;
  }
};

class DoctorOfSchedules : public ::testing::Test {
 protected:
  [[nodiscard]] TimePoint now() const { return clock_->now(); }
  void add(const std::string& name, const core::Standing& standing, Overlap overlap = Overlap::skip) {
    add({.name = name, .rule = "@daily", .job = {"k", "{}", {}}, .overlap = overlap}, standing);
  }
  void add(const Schedule& schedule, const core::Standing& standing) {
    fake_.rows.push_back({.name = schedule.name, .version = 1, .next = standing.next,
                          .definition = core::definition_of(core::resolved(schedule, {})),
                          .state = core::state_of(standing)});
  }
  [[nodiscard]] std::vector<Finding> findings() const { return Admin{f_.db}.doctor(); }
  /// The only one.
  [[nodiscard]] Finding finding() const {
    const std::vector<Finding> all = findings();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Finding{} : all.front();
  }

  std::shared_ptr<HostClock> clock_ = std::make_shared<HostClock>();
  FakeDatabase<ScheduleDialect> f_{{.clock = clock_}};
  ScheduleDialect& fake_ = f_.fake;
};

TEST_F(DoctorOfSchedules, SaysNothingOfThoseThatFire) {
  add("a", {.next = now() + 1h, .last_tick = now() - 1h, .fired = 7, .skipped = 1});
  add("b", {.paused = true, .next = now() - 1h});
  add({.name = "over", .rule = "@daily", .job = {"k", "{}", {}}, .end = now() - 1h}, {});
  add({.name = "later", .rule = "@every 1h", .job = {"k", "{}", {}}, .start = now() + 24h}, {.next = now() + 24h});
  EXPECT_EQ(findings().size(), 0U);
}

TEST_F(DoctorOfSchedules, WhatCouldNotBeFired) {
  add("a b", {.next = now() + 1h, .trouble = "the database refuses\nthe job"});
  add("c", {.next = now() + 1h, .trouble = "another"});
  add("d", {.next = now() + 1h});
  add("e", {.next = now() + 1h, .trouble = "another"});
  const std::vector<Finding> all = findings();
  ASSERT_EQ(all.size(), 2U) << "one for each reason";
  EXPECT_EQ(all[0].code, "schedule_trouble");
  EXPECT_EQ(all[0].severity, Finding::Severity::warning);
  EXPECT_EQ(all[0].sentence, "the schedules 'c', 'e': the last tick could not be fired: another");
  EXPECT_EQ(all[1].sentence, "the schedule 'a b': the last tick could not be fired: the database refuses\\nthe job");
  EXPECT_TRUE(has(all[1].advice, "`sqlq schedule show 'a b'`")) << all[1].advice;
}

TEST_F(DoctorOfSchedules, WhatWasFiredByAClockThatWasAhead) {
  add("a", {.next = now() + 24h, .last_tick = now() + 1s});
  EXPECT_EQ(findings().size(), 0U) << "clocks differ a little";
  add("b", {.next = now() + 25h, .last_tick = now() + 24h});
  EXPECT_EQ(finding().code, "schedule_ahead");
  EXPECT_TRUE(has(finding().sentence, "the schedule 'b': the last tick lies in the future (2024-01-02 00:00:00 UTC)"))
      << finding().sentence;
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule run b`")) << finding().advice;
}

TEST_F(DoctorOfSchedules, WhatWasDecidedOnByAClockThatWasAhead) {
  const TimePoint then = now() + 24h * 365;
  add("owed", {.next = then + 24h, .owed = then, .past = then, .last_tick = now() - 24h}, Overlap::queue_one);
  EXPECT_EQ(finding().code, "schedule_ahead");
}

TEST_F(DoctorOfSchedules, WhatWasBegunByAClockThatWasAhead) {
  const TimePoint then = now() + 24h * 365;
  add("resumed then", {.next = then + 24h, .last_tick = now() - 24h});
  EXPECT_EQ(finding().code, "schedule_asleep");
  EXPECT_TRUE(has(finding().sentence, "the schedule 'resumed then'")) << finding().sentence;
  EXPECT_TRUE(has(finding().sentence, "2024-01-02 00:00:00 UTC")) << finding().sentence;
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule pause 'resumed then'`")) << finding().advice;
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule resume 'resumed then'`")) << finding().advice;
  fake_.rows.clear();
  add({.name = "synced then", .rule = "@every 1h", .job = {"k", "{}", {}}}, {.anchor = then, .next = then + 1h});
  EXPECT_EQ(finding().code, "schedule_asleep");
}

TEST_F(DoctorOfSchedules, WhoseNextLookWasChangedByHand) {
  add("a", {.next = now() + 24h});
  fake_.rows.back().next = now() + 25h;
  EXPECT_EQ(finding().code, "schedule_asleep");
  fake_.rows.back().next.reset();
  EXPECT_EQ(finding().code, "schedule_asleep") << "nobody looks at it at all";
  fake_.rows.back().next = TimePoint::min();
  EXPECT_EQ(findings().size(), 0U) << "it is looked at, and mended then";
  fake_.rows.clear();
  add("a", {});
  EXPECT_EQ(finding().code, "schedule_asleep") << "its state has no tick";
}

TEST_F(DoctorOfSchedules, WhatIsLate) {
  add("a", {.next = now() - 1min});
  EXPECT_EQ(findings().size(), 0U) << "a minute is borne";
  add("b", {.next = now() - 2h});
  add("c", {.next = now() - 3h});
  EXPECT_EQ(finding().code, "schedule_late");
  EXPECT_EQ(finding().sentence, "the schedules 'b', 'c': due since 2023-12-31 21:00:00 UTC and not fired, although "
                                "workers are listed");
  fake_.worked = false;
  EXPECT_TRUE(has(finding().sentence, "no worker is listed")) << finding().sentence;
  fake_.worked.reset();
  EXPECT_EQ(findings().size(), 0U) << "who works is not known";
}

TEST_F(DoctorOfSchedules, ATickMayWaitForTheLastJob) {
  const JobId last({0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 7});
  add("a", {.next = now() - 1h, .last_job = last}, Overlap::queue_one);
  fake_.jobs = {{.id = last, .state = JobState::running}};
  EXPECT_EQ(findings().size(), 0U);
  fake_.jobs.front().state = JobState::success;
  EXPECT_EQ(finding().code, "schedule_late");
  fake_.jobs.clear();
  EXPECT_EQ(finding().code, "schedule_late");
}

TEST_F(DoctorOfSchedules, WhatCannotBeReadOrHasARuleZoneOrParamsThatAreWrong) {
  const Schedule good{.name = "-a", .rule = "@daily", .job = {"k", "{}", {}}};
  const auto expect_unreadable = [&](const Schedule& schedule, const std::string& why) {
    fake_.rows.clear();
    add(schedule, {.next = now() + 24h});
    EXPECT_EQ(finding().code, "schedule_unreadable") << why;
    EXPECT_EQ(finding().severity, Finding::Severity::warning);
    EXPECT_TRUE(has(finding().sentence, "the schedule '-a'")) << finding().sentence;
    EXPECT_TRUE(has(finding().sentence, why)) << finding().sentence;
    EXPECT_FALSE(has(finding().sentence, "secret")) << finding().sentence;
    EXPECT_TRUE(has(finding().advice, "`sqlq schedule remove -- '-a'`")) << finding().advice;
  };
  Schedule bad = good;
  bad.rule = "61 * * * *";
  expect_unreadable(bad, "column 1");
  bad = good;
  bad.zone = "Europe/Nowhere";
  expect_unreadable(bad, "Europe/Nowhere");
  bad = good;
  bad.job.params = R"({"password": "secret)";
  expect_unreadable(bad, "the params of its job");
  fake_.rows.back().definition = "secret";
  EXPECT_EQ(finding().code, "schedule_unreadable");
  EXPECT_FALSE(has(finding().sentence, "secret")) << finding().sentence;
}

TEST_F(DoctorOfSchedules, EachReasonIsAFindingUpToANumber) {
  const auto damage = [&](const std::string& name, const std::string& definition) {
    add(name, {.next = now() + 1h});
    fake_.rows.back().definition = definition;
  };
  damage("a", "[]");
  damage("b", R"({"v":1})");
  damage("c", "no JSON");
  damage("n", R"({"v":3})");
  const std::vector<Finding> all = findings();
  ASSERT_EQ(all.size(), 3U);
  for (const Finding& f : all) EXPECT_EQ(f.code, "schedule_unreadable");
  EXPECT_EQ(all[0].sentence, "the schedule 'n' cannot be read: the definition was written by a newer program");
  EXPECT_TRUE(has(all[0].advice, "newer sqlq") && !has(all[0].advice, "schedule set")) << all[0].advice;
  EXPECT_TRUE(has(all[1].sentence, "the schedule 'b' cannot be read: a field of the definition")) << all[1].sentence;
  EXPECT_EQ(all[2].sentence, "the schedules 'a', 'c' cannot be read: the definition is no JSON object");
  fake_.rows.clear();
  for (int i = 10; i < 30; ++i) {
    add({.name = "s" + std::to_string(i), .rule = std::to_string(i + 60) + " * * * *", .job = {"k", "{}", {}}}, {});
  }
  ASSERT_EQ(findings().size(), 6U);
  EXPECT_TRUE(has(findings()[5].sentence, "the schedules 's15', ")) << findings()[5].sentence;
  EXPECT_TRUE(has(findings()[5].sentence, "`sqlq schedule show NAME`")) << findings()[5].sentence;
}

TEST_F(DoctorOfSchedules, WhosePoliciesAreAtOdds) {
  Schedule s{.name = "a", .rule = "@daily", .job = {"k", "{}", {}}};
  s.missed = Missed::all;
  add(s, {.next = now() + 1h});
  EXPECT_EQ(finding().code, "schedule_at_odds");
  EXPECT_TRUE(has(finding().sentence, "the schedule 'a': missed `all` needs overlap `allow`")) << finding().sentence;
  fake_.rows.clear();
  s.overlap = Overlap::allow;
  add(s, {.next = now() + 1h});
  EXPECT_EQ(findings().size(), 0U);
  fake_.rows.clear();
  s.job.options.unique_key = "k";
  add(s, {.next = now() + 1h});
  EXPECT_EQ(finding().code, "schedule_at_odds");
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule set --missed one a`")) << finding().advice;
}

TEST_F(DoctorOfSchedules, WhatMayNotBeReadIsANote) {
  fake_.forbidden = true;
  EXPECT_EQ(finding().code, "not_looked_at");
  EXPECT_TRUE(has(finding().sentence, "the schedules"));
}

}  // namespace
}  // namespace sqlq
