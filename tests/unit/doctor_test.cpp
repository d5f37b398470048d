// What Admin::doctor says by itself, whatever the database.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"
#include "support/host_clock.hpp"

namespace sqlq {
namespace {

using testing::FakeDatabase;
using testing::FakeDialect;
using testing::HostClock;
using testing::ManualClock;
using Severity = Finding::Severity;

class DoctorDialect final : public FakeDialect {
 public:
  std::vector<WaitingKind> waiting{};
  std::vector<Queue> all{};
  std::optional<std::vector<WorkerInfo>> list{std::vector<WorkerInfo>{}};  // empty: there is no list of workers
  std::vector<Finding> own{};
  std::optional<TimePoint> time{};
  std::optional<Errc> forbidden{};
  std::vector<std::pair<std::string, backend::GateRow>> keys{};  // queue and key

  backend::Gates* gates() noexcept override { return keys.empty() ? nullptr : this; }
  JobCounts counts(std::string_view, std::uint64_t) override {
    JobCounts some;
    some[JobState::waiting].value = 1;
    return some;
  }
  std::vector<backend::GateRow> gate_list(std::string_view queue, std::string_view, std::size_t,
                                          std::uint64_t) override {
    std::vector<backend::GateRow> rows;
    for (const auto& [name, row] : keys) {
      if (name == queue) rows.push_back(row);
    }
    return rows;
  }

  std::vector<Finding> self_check() override { return own; }
  std::vector<WaitingKind> waiting_kinds(std::size_t, backend::Now) override {
    if (forbidden) throw Error(*forbidden, "no");
    return waiting;
  }
  std::vector<Queue> queues(std::string_view after, std::size_t limit) override {
    std::vector<Queue> some;
    for (const Queue& q : all) {
      if (q.name > after && some.size() < limit) some.push_back(q);
    }
    return some;
  }
  backend::Workers* workers() noexcept override { return list ? this : nullptr; }
  std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t, std::size_t limit, backend::Now) override {
    std::vector<WorkerInfo> some;
    for (const WorkerInfo& w : *list) {
      if (w.name > after && some.size() < limit) some.push_back(w);
    }
    return some;
  }
  backend::Insight* insight() noexcept override { return time ? this : nullptr; }
  TimePoint clock_now() override { return *time; }
};

class Doctor : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<Finding> findings() const { return Admin{f_.db}.doctor(); }
  [[nodiscard]] std::vector<std::string> codes() const {
    std::vector<std::string> all;
    for (const Finding& f : findings()) all.push_back(std::string(to_string(f.severity)) + " " + f.code);
    return all;
  }
  /// The only one.
  [[nodiscard]] Finding finding() const {
    const std::vector<Finding> all = findings();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Finding{} : all.front();
  }

  std::shared_ptr<HostClock> clock_ = std::make_shared<HostClock>();
  FakeDatabase<DoctorDialect> f_{{.clock = clock_}};
  DoctorDialect& fake_ = f_.fake;
};

using Codes = std::vector<std::string>;

TEST_F(Doctor, SaysNothingWhenAllIsWell) {
  fake_.all = {{.name = "mail"}};
  fake_.waiting = {{"mail", "send"}};
  fake_.list = {{{.name = "w", .version = "1", .queues = {"mail"}, .kinds = {"send"}}}};
  fake_.time = clock_->now();
  EXPECT_EQ(codes(), Codes{});
}

TEST_F(Doctor, SaysHowTheSchemaStands) {
  fake_.status = {.current = 0, .latest = 2};
  EXPECT_EQ(codes(), Codes{"error schema_behind"});
  fake_.status = {.current = 1, .latest = 2};
  EXPECT_EQ(codes(), Codes{"error schema_behind"});
  EXPECT_EQ(finding().advice, "run `sqlq schema up`, or call migrate()");
  fake_.status = {.current = 3, .latest = 2, .problem = "newer"};
  EXPECT_EQ(codes(), Codes{"error schema_newer"});
  fake_.status = {.current = 2, .latest = 2, .problem = "another checksum"};
  EXPECT_EQ(codes(), Codes{"error schema_problem"});
  EXPECT_EQ(finding().sentence, "another checksum");
  fake_.status = {.current = 3, .latest = 2};
  EXPECT_EQ(codes(), Codes{"note schema_ahead"});
}

TEST_F(Doctor, SaysErrorsFirst) {
  fake_.own = {{.severity = Severity::note, .code = "a"},
               {.severity = Severity::warning, .code = "b"},
               {.severity = Severity::error, .code = "c"},
               {.severity = Severity::warning, .code = "d"}};
  EXPECT_EQ(codes(), (Codes{"error c", "warning b", "warning d", "note a"}));
}

TEST_F(Doctor, FindsKindsThatNobodyHandles) {
  fake_.all = {{.name = "a"}, {.name = "b"}};
  fake_.waiting = {{"a", "known"}, {"a", "typo"}, {"b", "known"}};
  const WorkerInfo first{.name = "1", .queues = {"a"}, .kinds = {"known"}};
  fake_.list = {first, {.name = "2", .queues = {"b"}, .kinds = {"known"}}};
  EXPECT_EQ(codes(), Codes{"warning kind_without_handler"});
  EXPECT_TRUE(testing::has(finding().sentence, "the kind 'typo'")) << finding().sentence;
  fake_.list = {first, {.name = "2", .queues = {"b"}, .kinds = {"typo"}}};
  EXPECT_TRUE(testing::has(finding().sentence, "the kinds 'known', 'typo'")) << "a handler elsewhere is of no use";
  fake_.list->push_back({.name = "3", .queues = {"b"}});
  EXPECT_TRUE(testing::has(finding().sentence, "the kind 'typo'")) << "the third handles all kinds";
}

TEST_F(Doctor, FindsQueuesThatNobodyWorks) {
  fake_.all = {{.name = "a"}, {.name = "b"}, {.name = "empty"}};
  fake_.waiting = {{"a", "k"}, {"b", "k"}};
  fake_.list = {{{.name = "w", .queues = {"b"}, .kinds = {"k"}}}};
  EXPECT_EQ(codes(), Codes{"warning queue_without_worker"});
  EXPECT_TRUE(testing::has(finding().sentence, "the queue 'a'")) << finding().sentence;
  fake_.list = {{{.name = "w", .kinds = {"k"}}}};
  EXPECT_EQ(codes(), Codes{}) << "it works all queues";
}

TEST_F(Doctor, FindsKeysThatAreHeld) {
  fake_.all = {{.name = "calls"}, {.name = "mail"}};
  fake_.list = {{{.name = "w", .version = "1"}}};
  fake_.keys = {{"calls", {.key = "ada", .waiting = {.value = 1}, .held = true}},
                {"calls", {.key = "bob", .held = true}},
                {"mail", {.key = "eve", .waiting = {.value = 1}}}};
  EXPECT_EQ(finding().code, "key_held");
  EXPECT_EQ(finding().sentence, "the key 'ada': shut until somebody opens it, and jobs wait, such as in queue 'calls'");
  EXPECT_EQ(finding().advice, "see why, then let its jobs in with `sqlq queue open-key calls ada` or Admin::open_key");
}

TEST_F(Doctor, KnowsThatJobsWaitForTheirKeys) {
  fake_.all = {{.name = "calls"}};
  fake_.keys = {{"calls", {.key = "ada", .waiting = {.value = 1}}}};
  EXPECT_EQ(codes(), Codes{"warning no_worker"});
  fake_.list = {{{.name = "w", .version = "1", .queues = {"mail"}}}};
  EXPECT_EQ(codes(), Codes{"warning queue_without_worker"});
  fake_.list = {{{.name = "w", .version = "1", .queues = {"calls"}}}};
  EXPECT_EQ(codes(), Codes{});
}

TEST_F(Doctor, FindsThatNobodyWorksAtAll) {
  fake_.all = {{.name = "a"}};
  fake_.waiting = {{"a", "k"}};
  EXPECT_EQ(codes(), Codes{"warning no_worker"});
  fake_.waiting = {};
  EXPECT_EQ(codes(), Codes{}) << "and nothing waits";
}

TEST_F(Doctor, SaysNothingOfWorkersWhereThereIsNoListOfThem) {
  fake_.all = {{.name = "a"}};
  fake_.waiting = {{"a", "k"}};
  fake_.list = std::nullopt;
  EXPECT_EQ(codes(), Codes{});
}

TEST_F(Doctor, FindsQueuesThatAreStopped) {
  fake_.all = {{.name = "empty", .concurrency = 0, .paused = true},
               {.name = "none", .concurrency = 0},
               {.name = "paused", .paused = true}};
  fake_.waiting = {{"none", "k"}, {"paused", "k"}};
  EXPECT_EQ(codes(), (Codes{"warning queue_closed", "note queue_paused"})) << "and no word of workers";
  EXPECT_TRUE(testing::has(findings().front().sentence, "the queue 'none'"));
  EXPECT_TRUE(testing::has(findings().back().sentence, "the queue 'paused'"));
}

TEST_F(Doctor, FindsMixedVersionsAndWhoIsBeingDrained) {
  fake_.list = {{{.name = "1", .version = "0.4.0"}, {.name = "2", .version = "0.5.0", .draining = true}}};
  EXPECT_EQ(codes(), (Codes{"warning mixed_versions", "note worker_draining"}));
  EXPECT_TRUE(testing::has(findings().front().sentence, "'0.4.0', '0.5.0'"));
}

TEST_F(Doctor, NamesAtMostTen) {
  for (int i = 10; i < 35; ++i) {
    fake_.all.push_back({.name = "q" + std::to_string(i)});
    fake_.waiting.push_back({"q" + std::to_string(i), "k"});
  }
  const std::string sentence = finding().sentence;
  EXPECT_TRUE(testing::has(sentence, "'q19' and 15 more")) << sentence;
  EXPECT_FALSE(testing::has(sentence, "'q20'")) << sentence;
}

TEST_F(Doctor, ReadsAllPages) {
  for (int i = 0; i < 2500; ++i) fake_.list->push_back({.name = std::to_string(100'000 + i), .version = "1"});
  fake_.list->back().version = "2";
  EXPECT_EQ(codes(), Codes{"warning mixed_versions"});
}

TEST_F(Doctor, ComparesTheClocks) {
  const auto said = [&](Duration ahead) {
    fake_.time = clock_->now() + ahead;
    return codes();
  };
  using namespace std::chrono_literals;
  EXPECT_EQ(said(900ms), Codes{});
  EXPECT_EQ(said(-900ms), Codes{});
  EXPECT_EQ(said(2s), Codes{"warning clock_offset"});
  EXPECT_TRUE(testing::has(finding().sentence, "2 s ahead of")) << finding().sentence;
  EXPECT_EQ(said(-31s), Codes{"error clock_offset"});
  EXPECT_TRUE(testing::has(finding().sentence, "31 s behind")) << finding().sentence;
}

TEST(DoctorClock, SaysNothingWhereATestOwnsTheTime) {
  const auto clock = std::make_shared<ManualClock>();
  FakeDatabase<DoctorDialect> f{{.clock = clock}};
  f.fake.time = clock->now() + std::chrono::hours(1);
  EXPECT_TRUE(Admin{f.db}.doctor().empty());
}

TEST_F(Doctor, SaysWhatItMayNotLookAt) {
  fake_.forbidden = Errc::permission;
  EXPECT_EQ(codes(), Codes{"note not_looked_at"});
  fake_.forbidden = Errc::connection;
  EXPECT_THROW(static_cast<void>(codes()), Error);
}

}  // namespace
}  // namespace sqlq
