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
    const Schedule schedule{.name = name, .rule = "@daily", .job = {"k", "{}", {}}, .overlap = overlap};
    fake_.rows.push_back({.name = name, .version = 1, .next = standing.next,
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
  add("c", {});
  EXPECT_EQ(findings().size(), 0U);
}

TEST_F(DoctorOfSchedules, WhatCouldNotBeFired) {
  add("a b", {.next = now() + 1h, .trouble = "the database refuses\nthe job"});
  add("c", {.next = now() + 1h, .trouble = "another"});
  add("d", {.next = now() + 1h});
  EXPECT_EQ(finding().code, "schedule_trouble");
  EXPECT_EQ(finding().severity, Finding::Severity::warning);
  EXPECT_EQ(finding().sentence, "the schedules 'a b', 'c': the last tick could not be fired; of the first: the "
                                "database refuses\\nthe job");
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule show 'a b'`")) << finding().advice;
}

TEST_F(DoctorOfSchedules, WhatWasFiredByAClockThatWasAhead) {
  add("a", {.next = now() + 25h, .last_tick = now() + 1s});
  EXPECT_EQ(findings().size(), 0U) << "clocks differ a little";
  add("b", {.next = now() + 25h, .last_tick = now() + 24h});
  EXPECT_EQ(finding().code, "schedule_ahead");
  EXPECT_TRUE(has(finding().sentence, "the schedule 'b': the last tick lies in the future (2024-01-02 00:00:00 UTC)"))
      << finding().sentence;
  EXPECT_TRUE(has(finding().advice, "`sqlq schedule run b`")) << finding().advice;
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

TEST_F(DoctorOfSchedules, ARowThatCannotBeReadIsInTrouble) {
  fake_.rows.push_back({.name = "a", .version = 1, .definition = "changed by hand", .state = "{}"});
  EXPECT_EQ(finding().code, "schedule_trouble");
}

TEST_F(DoctorOfSchedules, WhatMayNotBeReadIsANote) {
  fake_.forbidden = true;
  EXPECT_EQ(finding().code, "not_looked_at");
  EXPECT_TRUE(has(finding().sentence, "the schedules"));
}

}  // namespace
}  // namespace sqlq
