// A whole workflow whose process dies at each of its calls of the database in turn, and steps in transactions of the
// handler's own.

#include <stdexcept>

#include <gtest/gtest.h>

#include "worker/workflow.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// Charges, books in a transaction of its own (a booking is a job of kind "booking"), sleeps, waits for an approval,
/// and ships by two children.
struct KilledTest : WorkflowTest {
  void order(JobContext& job) {
    const int receipt = job.step("charge", [&] { return ++charged; });
    book(job);
    job.sleep("cool-off", 24h);
    const auto approval = job.wait<bool>("approved", std::chrono::days(7));
    const auto parts = job.all("ship", std::vector<NewJob>{{"child", "1"}, {"child", "2"}});
    job.step("tell", [&] { told = {receipt, approval.value_or(false), parts.size()}; });
  }
  void book(JobContext& job) {
    MemoryConnection mine(storage);
    mine.begin();
    job.step(mine.tx(), "book", [&] { client.enqueue(mine.tx(), NewJob{"booking", "null"}); });
    mine.commit();
  }
  std::size_t count(const std::string& kind) { return Admin(db).list({.kinds = {kind}}).size(); }

  struct Told {
    int receipt = 0;
    bool approved = false;
    std::size_t parts = 0;
    bool operator==(const Told&) const = default;
  };
  int charged = 0;
  Told told{};
};

TEST_F(KilledTest, AtEveryCallItGoesOnWhereItWas) {
  int deaths = 0;
  for (const bool before : {true, false}) {
    for (int n = 1;; ++n) {
      charged = 0;
      told = {};
      const std::size_t bookings = count("booking");
      const std::size_t shipped = count("child");
      const JobId id = start();
      client.signal(id, "approved", true);
      bool died = false;
      {
        PlayedWorker dying = worker([this](JobContext& job) { order(job); });
        dying.die_at(n, before);
        dying.work();
        clock->advance(24h);
        if (!dying.killed) dying.work();
        died = dying.killed;
      }
      take_back();
      PlayedWorker w = worker([this](JobContext& job) { order(job); });
      w.work();
      clock->advance(24h + 2s);
      w.work();
      EXPECT_EQ(find(id).state, JobState::success) << "died at call " << n;
      EXPECT_EQ(count("booking"), bookings + 1) << "booked in the transaction of the step: exactly once";
      EXPECT_EQ(count("child"), shipped + 2);
      EXPECT_EQ(told.parts, 2U);
      EXPECT_TRUE(told.approved);
      EXPECT_EQ(told.receipt, charged) << "the charge that is recorded is the last one";
      EXPECT_LE(charged, 2) << "a charge is repeated only by a death before its record";
      const bool at_the_charge = before && n == 1;
      EXPECT_EQ(charged, at_the_charge ? 2 : 1) << n;
      if (!died) break;
      ++deaths;
    }
  }
  EXPECT_GE(deaths, 16) << "it did not die at each call";
}

TEST_F(KilledTest, AStepInATransactionThatIsRolledBackMayBeRepeated) {
  int tries = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    for (;;) {
      MemoryConnection mine(storage);
      mine.begin();
      job.step(mine.tx(), "book", [&] { client.enqueue(mine.tx(), NewJob{"booking", "null"}); });
      if (++tries == 2) return mine.commit();
    }
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(count("booking"), 1U);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
}

TEST_F(KilledTest, OneThatWasCommittedIsMisuseASecondTime) {
  PlayedWorker w = worker([&](JobContext& job) {
    book(job);
    expect_error(Errc::misuse, "'book'", [&] { book(job); });
    expect_error(Errc::misuse, "'book'", [&] { job.step("book", [] {}); });
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(count("booking"), 1U);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
}

TEST_F(KilledTest, AHandlerThatReturnsWithoutACommitHasFailed) {
  PlayedWorker w = worker([&](JobContext& job) {
    if (job.attempt() == 2) return book(job);
    MemoryConnection mine(storage);
    mine.begin();
    job.step(mine.tx(), "book", [&] { client.enqueue(mine.tx(), NewJob{"booking", "null"}); });
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_TRUE(has(last_message(id), "'book' was not committed")) << last_message(id);
  EXPECT_EQ(count("booking"), 1U);
}

TEST_F(KilledTest, TheNextCallFindsATransactionThatIsNotCommitted) {
  int refused = 0;
  int harmed = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    MemoryConnection mine(storage);
    mine.begin();
    job.step(mine.tx(), "book", [&] { client.enqueue(mine.tx(), NewJob{"booking", "null"}); });
    const auto refuses = [&](auto call) {
      ++refused;
      expect_error(Errc::misuse, "'book' is not committed: commit it before the next call", call);
    };
    MemoryConnection another(storage);
    another.begin();
    refuses([&] { job.step("next", [&] { ++harmed; }); });
    refuses([&] { job.step(another.tx(), "next", [&] { ++harmed; }); });
    refuses([&] { job.sleep("nap", 1h); });
    refuses([&] { (void)job.wait<int>("go", 1h); });
    refuses([&] { (void)job.all("parts", std::vector<NewJob>{{"child", "1"}}); });
    refuses([&] { (void)job.since("change"); });
    refuses([&] { (void)job.complete_in(another.tx()); });
    another.rollback();
    job.step(mine.tx(), "also", [] {});  // in the same one
    mine.commit();
    job.step("next", [] {});
    expect_error(Errc::misuse, "'also'", [&] { job.step("also", [&] { ++harmed; }); });
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(refused, 7);
  EXPECT_EQ(harmed, 0);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
  EXPECT_EQ(count("booking"), 1U);
  EXPECT_EQ(count("child"), 0U);
  EXPECT_EQ(w.admin().steps(id).size(), 3U);
}

TEST_F(KilledTest, AStepAndTheSuccessMayShareATransaction) {
  PlayedWorker w = worker([&](JobContext& job) {
    MemoryConnection mine(storage);
    mine.begin();
    job.step(mine.tx(), "book", [&] { client.enqueue(mine.tx(), NewJob{"booking", "null"}); });
    EXPECT_TRUE(job.complete_in(mine.tx()));
    mine.commit();
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
  EXPECT_EQ(count("booking"), 1U);
}

TEST_F(KilledTest, WhatOneWithoutALeaseCommitsMeanwhileIsNotDoneTwice) {
  PlayedWorker w = worker([&](JobContext& job) {
    if (job.job().claims == 2) return;
    MemoryConnection zombie(storage);
    zombie.begin();
    job.step(zombie.tx(), "book", [&] { client.enqueue(zombie.tx(), NewJob{"booking", "null"}); });
    take_back();
    PlayedWorker other = worker([&](JobContext& now) { book(now); });
    other.work();
    EXPECT_THROW(zombie.commit(), Error);
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(count("booking"), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
}

}  // namespace
}  // namespace sqlq::testing
