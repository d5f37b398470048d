#include <gtest/gtest.h>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// A job that has begun and does what a test wants.
struct Running : Services {
  explicit Running(unsigned jobs = 1) : Services(jobs) {
    for (unsigned i = 0; i < jobs; ++i) database.add();
    runtime.fetcher.step();
    for (unsigned i = 0; i < jobs; ++i) {
      leases.push_back(runtime.shared.ready.try_take().value());
      std::optional<worker::Ending> instead;
      EXPECT_NE(runtime.executor.begin(leases.back(), instead), nullptr);
      impls.emplace_back(new JobContext::Impl(runtime.executor.context_of(leases.back())));
    }
  }
  JobContext context(std::size_t i = 0) { return JobContext(*impls.at(i)); }
  Job row(std::size_t i = 0) { return database.job(leases.at(i)->job().id); }
  void end(std::size_t i, Outcome outcome) {
    runtime.executor.deliver(leases.at(i), runtime.executor.conclude(*impls.at(i), outcome, HandlerOptions()));
    runtime.completer.step();
  }

  std::vector<worker::HeldPtr> leases{};
  std::vector<std::unique_ptr<JobContext::Impl>> impls{};
};

TEST(Interims, OnlyTheLastOfEachJobIsStoredAndAllInOneCall) {
  Running s(3);
  for (int i = 0; i < 100; ++i) {
    s.context(0).set_result(std::to_string(i));
    s.context(1).set_progress(i, 100, "going on");
  }
  EXPECT_TRUE(s.database.published.empty()) << "not on the handler's thread";
  EXPECT_EQ(s.runtime.log_shipper.step(), s.in(1s));
  EXPECT_EQ(s.database.published, std::vector<std::size_t>{2});
  EXPECT_EQ(s.row(0).result, "99");
  EXPECT_FALSE(s.row(0).progress);
  ASSERT_TRUE(s.row(1).progress);
  EXPECT_EQ(s.row(1).progress->done, 99);
  EXPECT_EQ(s.row(1).progress->note, "going on");
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.database.published.size(), 1U) << "nothing new, no call";
}

TEST(Interims, AJobThatEndsBeforeTheNextTurnCostsNoWrite) {
  Running s(2);
  s.context(0).set_result("7");
  s.context(0).set_progress(1, 2);
  s.end(0, Outcome::done());
  s.context(1).set_result("8");
  s.end(1, Outcome::error("no"));
  s.runtime.log_shipper.step();
  EXPECT_TRUE(s.database.published.empty());
  EXPECT_EQ(s.row(0).result, "7");
  EXPECT_EQ(s.row(0).state, JobState::success);
  EXPECT_EQ(s.row(1).result, "8") << "a failed attempt keeps it";
  EXPECT_EQ(s.row(1).state, JobState::scheduled);
}

TEST(Interims, WhatCouldNotBeStoredIsStoredLaterUnlessSomethingNewerWasSet) {
  Running s(2);
  s.context(0).set_result("1");
  s.context(0).set_progress(1);
  s.context(1).set_result("1");
  s.database.broken = {"publish"};
  EXPECT_THROW(s.runtime.log_shipper.step(), Error);
  s.context(0).set_result("2");
  s.end(1, Outcome::done());
  s.database.broken = {};
  s.database.rows_locked = true;
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.row(0).result, "");
  s.database.rows_locked = false;
  s.database.published.clear();
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.database.published, std::vector<std::size_t>{1}) << "the other one has ended";
  EXPECT_EQ(s.row(0).result, "2");
  EXPECT_EQ(s.row(0).progress->done, 1);
}

TEST(Interims, OneThatIsRefusedForGoodHoldsNoOtherBack) {
  Running s(8);
  for (std::size_t i = 0; i < 8; ++i) s.context(i).set_result(std::to_string(i));
  s.database.refuses_interim = [](const backend::Interim& item) { return item.result == "5"; };
  s.runtime.log_shipper.step();
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(s.row(i).result, i == 5 ? "" : std::to_string(i));
  ASSERT_EQ(s.events.size(), 1U);
  EXPECT_EQ(s.events[0].code, WorkerEvent::Code::outcome_refused);
  s.database.published.clear();
  s.runtime.log_shipper.step();
  EXPECT_TRUE(s.database.published.empty()) << "it is not tried for ever";
}

TEST(Interims, ALostLeasePublishesNothing) {
  Running s;
  s.database.steal(s.leases[0]->job().id);
  s.runtime.shared.lose(s.leases[0]);
  s.context().set_result("1");
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.row().result, "");
  s.database.published.clear();
  s.runtime.log_shipper.step();
  EXPECT_TRUE(s.database.published.empty());
}

}  // namespace
}  // namespace sqlq::testing
