// Bulk on the storage in memory: steps, stops, limits, waits, and jobs that cannot be changed.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/backend/forwarding.hpp>
#include <sqlq/bulk.hpp>
#include <sqlq/client.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// Each list takes a second of the clock.
class Slow final : public backend::ForwardingDialect {
 public:
  Slow(std::unique_ptr<backend::Dialect> inner, ManualClock& clock)
      : ForwardingDialect(std::move(inner)), clock_(clock) {}
  JobPage list(const JobFilter& filter, const Page& page) override {
    EXPECT_FALSE(page.payloads) << "nobody needs them";
    clock_.advance(1s);
    return inner().list(filter, page);
  }

 private:
  ManualClock& clock_;
};

/// The waits of a clock: whoever waits is there at once.
struct Waits {
  std::vector<Duration> all{};
  std::function<void()> in_between{};  ///< called instead, once
};

/// A manual clock on which nobody really waits.
class Hasty final : public Clock {
 public:
  Hasty(std::shared_ptr<ManualClock> clock, Waits& waits) : clock_(std::move(clock)), waits_(waits) {}
  [[nodiscard]] TimePoint now() const override { return clock_->now(); }
  [[nodiscard]] SteadyPoint steady() const override { return clock_->steady(); }
  [[nodiscard]] std::string steady_epoch() const override { return clock_->steady_epoch(); }
  [[nodiscard]] bool simulated() const noexcept override { return true; }
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override { return std::make_unique<HastySignal>(*this); }

 private:
  class HastySignal final : public Signal {
   public:
    explicit HastySignal(Hasty& clock) : clock_(clock) {}
    void notify() noexcept override {}
    bool wait_until(SteadyPoint deadline) override {
      if (const auto call = std::exchange(clock_.waits_.in_between, {})) return call(), true;
      clock_.waits_.all.push_back(deadline - clock_.steady());
      clock_.clock_->advance(deadline - clock_.steady());
      return false;
    }

   private:
    Hasty& clock_;
  };

  const std::shared_ptr<ManualClock> clock_;
  Waits& waits_;
};

/// Answers nothing for the optional part.
class NoEditing final : public backend::ForwardingDialect {
 public:
  using ForwardingDialect::ForwardingDialect;
  [[nodiscard]] backend::Editing* editing() noexcept override { return nullptr; }
};

class BulkTest : public ::testing::Test {
 protected:
  BulkTest() { db.migrate(); }

  /// Ended ones, the oldest first, each with this result.
  std::vector<JobId> ended(std::size_t n, FinishStatus wanted = FinishStatus::applied, const std::string& result = {}) {
    std::vector<JobId> ids;
    for (std::size_t i = 0; i < n; ++i) {
      clock->advance(1s);
      ids.push_back(client.enqueue({.kind = "work"}).id);
      const backend::ClaimRequest request{.token = LeaseToken{static_cast<std::int64_t>(++tokens)}, .worker = "w"};
      EXPECT_EQ(db.dialect().claim(request).jobs.size(), 1u);
      const backend::Finish end{.id = ids.back(), .token = request.token, .kind = backend::FinishKind::fail,
                                .result = result, .message = "broken"};
      EXPECT_EQ(db.dialect().finish({&end, 1}, nullptr, {}).at(0), wanted);
    }
    return ids;
  }
  [[nodiscard]] JobState state(JobId id) { return client.find(id).value_or(Job{}).state; }
  [[nodiscard]] std::size_t count(JobState wanted) { return admin.list({.states = {wanted}}, {.limit = 1000}).size(); }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage{};
  Database db = storage.open({.clock = clock});
  Client client{db};
  Admin admin{db};
  Bulk bulk{db};
  int tokens = 0;
  const JobFilter errored{.states = {JobState::errored}};
  const BulkOptions unhurried{.step = 3, .share = 1};
};

TEST_F(BulkTest, GoesOnWhereItWasStopped) {
  const auto ids = ended(10);
  BulkOptions options = unhurried;
  std::vector<std::uint64_t> seen;
  options.on_progress = [&](const BulkReport& report) {
    seen.push_back(report.seen);
    EXPECT_TRUE(report.next);
    return report.seen < 6;
  };
  const BulkReport first = bulk.apply(BulkAction::retry(), errored, options);
  EXPECT_EQ(first.done, 6u);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{3, 6}));
  ASSERT_TRUE(first.next);
  EXPECT_EQ(state(ids[4]), JobState::pending) << "the newest first";
  EXPECT_EQ(state(ids[3]), JobState::errored);
  BulkOptions rest = unhurried;
  rest.before = first.next;
  const BulkReport second = bulk.apply(BulkAction::retry(), errored, rest);
  EXPECT_EQ(second.seen, 4u);
  EXPECT_EQ(second.done, 4u);
  EXPECT_FALSE(second.next);
  EXPECT_EQ(count(JobState::pending), 10u);
}

TEST_F(BulkTest, AStopTokenThatIsTrippedBeforeAndInBetween) {
  ended(7);
  sqlq::stop_source source;
  BulkOptions options = unhurried;
  options.stop = source.get_token();
  options.on_progress = [&](const BulkReport&) { return source.request_stop(), true; };
  BulkReport report = bulk.apply(BulkAction::retry(), errored, options);
  EXPECT_EQ(report.done, 3u);
  ASSERT_TRUE(report.next);
  options.before = report.next;
  report = bulk.apply(BulkAction::retry(), errored, options);
  EXPECT_EQ(report.seen, 0u);
  EXPECT_EQ(report.next, options.before);
  options.before.reset();
  report = bulk.apply(BulkAction::retry(), {}, options);
  ASSERT_TRUE(report.next) << "nothing was done yet";
  options.before = report.next;
  options.stop = {};
  EXPECT_EQ(bulk.apply(BulkAction::retry(), {}, options).seen, 7u);
}

TEST_F(BulkTest, NoMoreJobsThanTheLimit) {
  ended(10);
  BulkOptions options = unhurried;
  options.limit = 4;
  BulkReport report = bulk.apply(BulkAction::retry(), errored, options);
  EXPECT_EQ(report.seen, 4u);
  EXPECT_EQ(report.done, 4u);
  ASSERT_TRUE(report.next);
  EXPECT_EQ(count(JobState::pending), 4u);
  options.before = report.next;
  options.limit = 100;
  report = bulk.apply(BulkAction::retry(), errored, options);
  EXPECT_EQ(report.done, 6u);
  EXPECT_FALSE(report.next);
}

TEST_F(BulkTest, WhatTheStorageRefusesKeepsNoOtherFromBeingChanged) {
  auto ids = ended(5);
  const auto bad = ended(1, FinishStatus::applied, R"("forbidden")");
  const auto more = ended(5);
  storage.refuse("forbidden");
  const BulkReport report = bulk.apply(BulkAction::retry(), errored, {.step = 100, .share = 1});
  EXPECT_EQ(report.seen, 11u);
  EXPECT_EQ(report.done, 10u) << "innocents harmed: 0";
  EXPECT_EQ(report.refused, 1u);
  EXPECT_EQ(report.refused_ids, bad);
  EXPECT_EQ(state(bad[0]), JobState::errored);
  ids.insert(ids.end(), more.begin(), more.end());
  for (const JobId id : ids) EXPECT_EQ(state(id), JobState::pending);
}

TEST_F(BulkTest, ConflictsAndJobsInNoStateForIt) {
  const JobId first = client.enqueue({.kind = "work", .options = {.unique_key = "k"}}).id;
  EXPECT_EQ(client.cancel(first), CancelStatus::cancelled);
  clock->advance(1s);
  const JobId second = client.enqueue({.kind = "work", .options = {.unique_key = "k"}}).id;
  const BulkReport report = bulk.apply(BulkAction::retry(), {.unique_key = "k"});
  EXPECT_EQ(report.seen, 2u);
  EXPECT_EQ(report.conflicts, 1u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(report.done, 0u);
  EXPECT_EQ(state(first), JobState::cancelled);
  EXPECT_EQ(state(second), JobState::pending);
}

TEST_F(BulkTest, EachAction) {
  const JobId waits = client.enqueue({.kind = "work", .options = {.queue = "a"}}).id;
  const JobId later = client.enqueue({.kind = "work", .options = {.queue = "a", .delay = 1h}}).id;
  const JobFilter a{.queues = {"a", "b"}};
  EXPECT_EQ(bulk.apply(BulkAction::set_priority(3), a).done, 2u);
  EXPECT_EQ(bulk.apply(BulkAction::set_priority(3), a).unchanged, 2u);
  EXPECT_EQ(bulk.apply(BulkAction::move("b"), a).done, 2u);
  EXPECT_EQ(client.find(waits)->queue, "b");
  EXPECT_EQ(client.find(later)->queue, "b");
  EXPECT_EQ(client.find(later)->priority, 3);
  EXPECT_EQ(client.find(later)->state, JobState::scheduled);
  EXPECT_EQ(bulk.apply(BulkAction::run_now(), a).done, 1u);
  EXPECT_EQ(state(later), JobState::pending);
  EXPECT_EQ(bulk.apply(BulkAction::cancel(), a).done, 2u);
  EXPECT_EQ(bulk.apply(BulkAction::cancel(), a).unchanged, 2u);
  EXPECT_EQ(bulk.apply(BulkAction::erase(), a).done, 2u);
  EXPECT_FALSE(client.find(waits));
  EXPECT_EQ(bulk.apply(BulkAction::erase(), a).seen, 0u);
}

TEST_F(BulkTest, APreviewCountsUpToItsCapAndChangesNothing) {
  const auto ids = ended(12);
  BulkPreview preview = bulk.preview(errored, 12, 3);
  EXPECT_EQ(preview.count.value, 12u);
  EXPECT_FALSE(preview.count.capped);
  ASSERT_EQ(preview.sample.size(), 3u);
  EXPECT_EQ(preview.sample[0].id, ids.back());
  EXPECT_TRUE(preview.sample[0].params.empty());
  preview = bulk.preview(errored, 11, 0);
  EXPECT_EQ(preview.count.value, 11u);
  EXPECT_TRUE(preview.count.capped);
  EXPECT_TRUE(preview.sample.empty());
  EXPECT_EQ(bulk.preview(errored, 1, 1000).sample.size(), 12u);
  EXPECT_EQ(count(JobState::errored), 12u);
}

TEST_F(BulkTest, WhatCannotBeMeantIsRefused) {
  const auto refuse = [&](const BulkAction& action, const JobFilter& filter, const BulkOptions& options) {
    expect_error(Errc::invalid_argument, "", [&] { static_cast<void>(bulk.apply(action, filter, options)); });
  };
  refuse(BulkAction::move(""), {}, {});
  refuse(BulkAction::move("a\n"), {}, {});
  refuse(BulkAction::retry(), {.queues = {""}}, {});
  refuse(BulkAction::retry(), {}, {.step = 0});
  refuse(BulkAction::retry(), {}, {.step = 1001});
  refuse(BulkAction::retry(), {}, {.share = 0});
  refuse(BulkAction::retry(), {}, {.share = 1.5});
  expect_error(Errc::invalid_argument, "cap", [&] { static_cast<void>(bulk.preview({}, 0)); });
  expect_error(Errc::invalid_argument, "cap", [&] { static_cast<void>(bulk.preview({}, 1'000'001)); });
  expect_error(Errc::invalid_argument, "sample", [&] { static_cast<void>(bulk.preview({}, 1, 1001)); });
  expect_error(Errc::invalid_argument, "errors", [&] { static_cast<void>(bulk.preview({.error = "\xFF"})); });
}

class BulkWaits : public BulkTest {
 protected:
  BulkWaits() { ended(9); }

  Waits waits{};
  Database slow{std::make_unique<Slow>(storage.connect(clock), *clock),
                {.clock = std::make_shared<Hasty>(clock, waits)}};
};

TEST_F(BulkWaits, WorkIsItsShareOfTheTime) {
  const BulkReport report = Bulk(slow).apply(BulkAction::retry(), errored, {.step = 4, .share = 0.25});
  EXPECT_EQ(report.done, 9u);
  EXPECT_EQ(report.slowest, 1s);
  EXPECT_EQ(waits.all, (std::vector<Duration>{3s, 3s})) << "between three steps, and not after the last";
}

TEST_F(BulkWaits, NobodyWaitsWithAShareOfOne) {
  EXPECT_EQ(Bulk(slow).apply(BulkAction::retry(), errored, {.step = 4, .share = 1}).done, 9u);
  EXPECT_TRUE(waits.all.empty());
}

TEST_F(BulkWaits, NobodyWaitsForAStepThatIsNotToCome) {
  EXPECT_EQ(Bulk(slow).apply(BulkAction::retry(), errored, {.limit = 4, .step = 4}).done, 4u);
  EXPECT_EQ(Bulk(slow).apply(BulkAction::retry(), errored,
                             {.step = 4, .on_progress = [](const BulkReport&) { return false; }}).done, 4u);
  EXPECT_TRUE(waits.all.empty());
}

TEST_F(BulkWaits, AStopEndsAWait) {
  sqlq::stop_source source;
  waits.in_between = [&] { source.request_stop(); };
  const BulkReport report =
      Bulk(slow).apply(BulkAction::retry(), errored, {.step = 4, .stop = source.get_token()});
  EXPECT_EQ(report.done, 4u);
  EXPECT_TRUE(report.next);
  EXPECT_TRUE(waits.all.empty());
}

TEST_F(BulkTest, WithoutTheOptionalPartJobsAreNotMoved) {
  const JobId id = client.enqueue({.kind = "work"}).id;
  Bulk without{Database(std::make_unique<NoEditing>(storage.connect(clock)), {.clock = clock})};
  for (const BulkAction& action : {BulkAction::move("b"), BulkAction::set_priority(1)}) {
    expect_error(Errc::configuration, "editing", [&] { static_cast<void>(without.apply(action, {})); });
  }
  EXPECT_EQ(without.apply(BulkAction::cancel(), {}).done, 1u);
  EXPECT_EQ(state(id), JobState::cancelled);
}

}  // namespace
}  // namespace sqlq::testing
