// What the dialect over a server does about conflicts, lost connections and unknown outcomes.

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>

#include "fake_server.hpp"

namespace sqlq::sql {
namespace {

using Events = std::vector<std::string>;

class ServerDialectTest : public ::testing::Test {
 protected:
  ServerDialectTest() {
    auto server = std::make_unique<FakeServer>(script);
    fake = server.get();
    dialect = make_server_dialect(std::move(server), {.size = 1, .wait = Duration(0)}, clock);
    script.events.clear();
  }

  std::vector<Enqueued> enqueue() {
    const backend::EnqueueItem item{.id = JobId::make(TimePoint{}), .queue = "q", .kind = "k"};
    return dialect->enqueue({&item, 1}, nullptr, {});
  }
  /// Makes the lane and forgets what happened.
  void warm_up() {
    enqueue();
    script.events.clear();
  }
  /// Lets `event` fail so many times.
  void fail(const std::string& event, Errc code, int times = 1) {
    script.before = [this, event, code, times](const std::string& happening) mutable {
      if (happening != event || times == 0) return;
      --times;
      const Error error(code, "provoked");
      if (error.connection_lost()) script.lost = true;
      throw error;
    };
  }
  template <class Call>
  static Errc code_of(Call call) {
    try {
      call();
    } catch (const Error& e) {
      return e.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
  }

  /// Somebody has the jobs' table: whoever wants to write to it gives up after a second.
  void lock_table() {
    script.before = [this](const std::string& event) {
      if (event != "heartbeat" && event != "reap") return;
      clock->advance(std::chrono::seconds(1));
      throw Error(Errc::retry_transaction, "lock timeout", "fake", FakeServer::lock_timeout);
    };
  }
  void unlock_table() {
    script.before = [](const std::string&) {};
  }
  void heartbeat() const {
    const backend::LeaseRef lease{.id = JobId::make(TimePoint{}), .token = LeaseToken{1}};
    EXPECT_EQ(dialect->heartbeat({&lease, 1}, {}), std::vector{LeaseStatus::renewed});
  }
  /// How far back from now a sweep leaves leases alone.
  Duration spared() const {
    static_cast<void>(dialect->reap({}, 10, {}));
    return Duration(fake->spared);
  }

  const std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
  Script script;
  FakeServer* fake = nullptr;
  std::unique_ptr<backend::Dialect> dialect;
};

TEST_F(ServerDialectTest, AHeartbeatNeedsNoneOfTheConnectionsThatOthersUse) {
  warm_up();
  const backend::LeaseRef lease{.id = JobId::make(TimePoint{}), .token = LeaseToken{1}};
  std::size_t answers = 0;
  script.before = [&](const std::string& event) {
    if (event == "enqueue") answers = dialect->heartbeat({&lease, 1}, {}).size();
  };
  enqueue();
  EXPECT_EQ(answers, 1U) << "the only connection of the pool was in use";
}

TEST_F(ServerDialectTest, WhileATableIsLockedNoLeaseEnds) {
  using namespace std::chrono_literals;
  heartbeat();
  EXPECT_EQ(spared(), 0s);
  EXPECT_FALSE(dialect->outages()->locked_since());
  const SteadyPoint begin = clock->steady();
  lock_table();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(code_of([&] { heartbeat(); }), Errc::retry_transaction);
    clock->advance(400ms);
    EXPECT_EQ(dialect->outages()->locked_since(), begin);
  }
  unlock_table();
  EXPECT_EQ(spared(), clock->steady() - begin) << "nobody has had time to renew";
  EXPECT_EQ(dialect->outages()->locked_since(), begin) << "for a moment, in which we renew";
  clock->advance(1999ms);
  EXPECT_EQ(spared(), clock->steady() - begin);
  clock->advance(1ms);
  EXPECT_EQ(spared(), 0s);
  EXPECT_FALSE(dialect->outages()->locked_since());
}

TEST_F(ServerDialectTest, ASweepThatWaitedForATableTakesWhatHadEndedBefore) {
  using namespace std::chrono_literals;
  const SteadyPoint begin = clock->steady();
  lock_table();
  EXPECT_EQ(code_of([&] { spared(); }), Errc::retry_transaction);
  unlock_table();
  EXPECT_EQ(spared(), clock->steady() - begin);
  EXPECT_GE(spared(), 5s);
}

TEST_F(ServerDialectTest, ASweepThatWaitedAndGotThroughSparesTheNextOne) {
  using namespace std::chrono_literals;
  const SteadyPoint begin = clock->steady();
  script.before = [this](const std::string& event) {
    if (event == "reap") clock->advance(20s);
  };
  EXPECT_EQ(spared(), 0s) << "by its statement's own time, which is that of its beginning";
  unlock_table();
  EXPECT_EQ(spared(), clock->steady() - begin);
}

TEST_F(ServerDialectTest, OtherConflictsSayNothingAboutTheTable) {
  fail("heartbeat", Errc::retry_transaction, 100);
  EXPECT_EQ(code_of([&] { heartbeat(); }), Errc::retry_transaction);
  EXPECT_FALSE(dialect->outages()->locked_since());
  EXPECT_EQ(spared(), Duration(0));
}

TEST_F(ServerDialectTest, LanesAreMadeOnce) {
  enqueue();
  enqueue();
  EXPECT_EQ(script.events, (Events{"lane q/k", "begin", "enqueue", "commit", "begin", "enqueue", "commit"}));
}

TEST_F(ServerDialectTest, LanesAreMadeAnewWhenTheSchemaWas) {
  warm_up();
  fail("enqueue", Errc::schema);
  EXPECT_TRUE(enqueue().front().inserted());
  EXPECT_EQ(script.count("lane q/k"), 1);
  fail("enqueue", Errc::schema, 100);
  EXPECT_EQ(code_of([&] { enqueue(); }), Errc::schema);
}

TEST_F(ServerDialectTest, AConflictRunsTheTransactionAgain) {
  warm_up();
  fail("enqueue", Errc::retry_transaction, 2);
  enqueue();
  EXPECT_EQ(script.events, (Events{"begin", "enqueue", "rollback", "begin", "enqueue", "rollback", "begin", "enqueue",
                                   "commit"}));
}

TEST_F(ServerDialectTest, AConflictAtCommitToo) {
  warm_up();
  fail("commit", Errc::retry_transaction);
  enqueue();
  EXPECT_EQ(script.count("enqueue"), 2);
}

TEST_F(ServerDialectTest, ConflictsWithoutEndAreToldAfterFiveTries) {
  warm_up();
  fail("enqueue", Errc::retry_transaction, 100);
  EXPECT_EQ(code_of([&] { enqueue(); }), Errc::retry_transaction);
  EXPECT_EQ(script.count("enqueue"), 5);
}

TEST_F(ServerDialectTest, WhatIsNobodysFaultIsNotTriedAgain) {
  warm_up();
  for (const Errc code : {Errc::busy, Errc::invalid_argument, Errc::corrupt, Errc::internal}) {
    script.events.clear();
    fail("enqueue", code, 100);
    EXPECT_EQ(code_of([&] { enqueue(); }), code);
    EXPECT_EQ(script.count("enqueue"), 1);
  }
}

TEST_F(ServerDialectTest, ALostConnectionIsNeverUsedAgain) {
  warm_up();
  fail("enqueue", Errc::connection);
  enqueue();
  EXPECT_EQ(script.events,
            (Events{"begin", "enqueue", "rollback", "close", "connect", "begin", "enqueue", "commit"}));
}

TEST_F(ServerDialectTest, AnUnknownOutcomeIsResolvedByTheSameIds) {
  warm_up();
  fail("commit", Errc::outcome_unknown);
  enqueue();
  EXPECT_EQ(script.count("enqueue"), 2);
  EXPECT_EQ(script.count("connect"), 1);
}

TEST_F(ServerDialectTest, AClaimOfUnknownOutcomeIsLookedForFirst) {
  fake->taken = {Job{.kind = "taken before"}};
  fail("commit", Errc::outcome_unknown);
  const auto result = dialect->claim({.token = LeaseToken{1}});
  ASSERT_EQ(result.jobs.size(), 1u);
  EXPECT_EQ(result.jobs[0].kind, "taken before");
  EXPECT_EQ(result.next_due, TimePoint{}) << "what it saw beside them is not known: the caller shall ask again";
  EXPECT_EQ(script.count("claim"), 1);

  fake->taken.clear();  // it had not been committed
  fail("commit", Errc::outcome_unknown);
  EXPECT_EQ(dialect->claim({.token = LeaseToken{2}}).jobs.at(0).kind, "claimed now");
  EXPECT_EQ(script.count("claim"), 3);
}

/// The first try is still under way, on a server that has not noticed that its client is gone.
TEST_F(ServerDialectTest, WhatALateClaimHasTakenIsReleased) {
  const auto job = [] { return Job{.id = JobId::make(TimePoint{}), .kind = "k"}; };
  const Job late = job();
  fail("commit", Errc::outcome_unknown);
  EXPECT_EQ(dialect->claim({.token = LeaseToken{1}}).jobs.at(0).kind, "claimed now");
  fake->taken = {late, Job{.kind = "claimed now"}};
  script.events.clear();
  EXPECT_EQ(dialect->claim({.token = LeaseToken{2}}).jobs.size(), 1u);
  EXPECT_EQ(script.events, (Events{"claimed", "finish 1", "begin", "claim", "commit"}));
  EXPECT_EQ(fake->ends.at(0).id, late.id);
  EXPECT_EQ(fake->ends.at(0).token, LeaseToken{1});
  EXPECT_EQ(fake->ends.at(0).kind, backend::FinishKind::release);
}

TEST_F(ServerDialectTest, WhatAClaimThatWasGivenUpHasTakenIsReleasedBeforeOthersAreReaped) {
  fail("commit", Errc::outcome_unknown, 100);
  EXPECT_EQ(code_of([&] { static_cast<void>(dialect->claim({.token = LeaseToken{1}})); }), Errc::outcome_unknown);
  script.before = [](const std::string&) {};
  fake->taken = {Job{.id = JobId::make(TimePoint{}), .kind = "k"}};
  script.events.clear();
  static_cast<void>(dialect->reap({}, 10, {}));
  EXPECT_EQ(script.count("finish 1"), 1);
}

TEST_F(ServerDialectTest, WhoClaimsWithTheSameTokenAgainHoldsWhatItFinds) {
  fail("commit", Errc::outcome_unknown, 100);
  EXPECT_EQ(code_of([&] { static_cast<void>(dialect->claim({.token = LeaseToken{1}})); }), Errc::outcome_unknown);
  script.before = [](const std::string&) {};
  fake->taken = {Job{.id = JobId::make(TimePoint{}), .kind = "k"}};
  static_cast<void>(dialect->claim({.token = LeaseToken{1}}));
  EXPECT_EQ(script.count("finish 1"), 0);
}

TEST_F(ServerDialectTest, InsertedIsSaidOfWhatAnEarlierTryOfTheCallHasStored) {
  warm_up();
  const backend::EnqueueItem chosen{.id = JobId::make(TimePoint{}), .queue = "q", .kind = "k"};
  const auto enqueue_chosen = [&] { return dialect->enqueue({&chosen, 1}, nullptr, {}).front(); };
  fake->there_after = 1;  // the first try stores it, the second finds it
  fail("commit", Errc::outcome_unknown);
  EXPECT_TRUE(enqueue_chosen().inserted());

  fake->there_after = 0;  // it was there before
  fail("commit", Errc::outcome_unknown);
  EXPECT_FALSE(enqueue_chosen().inserted());

  fake->there_after = 1;  // somebody else has stored it while ours was undone
  fail("commit", Errc::retry_transaction);
  EXPECT_FALSE(enqueue_chosen().inserted());

  fake->there_after = 0;  // the answer was lost; nobody else can have stored an id that we have just made
  backend::EnqueueItem fresh = chosen;
  fresh.fresh_id = true;
  EXPECT_TRUE(dialect->enqueue({&fresh, 1}, nullptr, {}).front().inserted());
}

TEST_F(ServerDialectTest, AHandOverIsOneTransaction) {
  const std::vector<backend::Success> ends{{.id = JobId::make(TimePoint{}), .token = LeaseToken{1}, .queue = "q"}};
  const backend::HandOverRequest request{.claim = {.token = LeaseToken{2}}, .ends = ends};
  EXPECT_EQ(dialect->hand_over()->finish_and_claim(request).ended, std::vector{FinishStatus::applied});
  EXPECT_EQ(script.events, (Events{"begin", "finish 1", "claim for 1 of q", "commit"}));

  script.events.clear();
  fake->finished = FinishStatus::already_applied;  // an earlier try has done it: others may have the places
  EXPECT_EQ(dialect->hand_over()->finish_and_claim(request).ended, std::vector{FinishStatus::already_applied});
  EXPECT_EQ(script.events, (Events{"begin", "finish 1", "claim", "commit"}));
}

TEST_F(ServerDialectTest, TheClaimOfAHandOverIsLookedForWhenItsOutcomeIsUnknown) {
  const std::vector<backend::Success> ends{{.id = JobId::make(TimePoint{}), .token = LeaseToken{1}, .queue = "q"}};
  fake->taken = {Job{.kind = "taken before"}};
  fail("commit", Errc::outcome_unknown);
  const auto result = dialect->hand_over()->finish_and_claim({.claim = {.token = LeaseToken{2}}, .ends = ends});
  EXPECT_EQ(result.claim.jobs.at(0).kind, "taken before");
  EXPECT_EQ(result.ended.size(), 1u);
  EXPECT_EQ(script.count("claim for 1 of q"), 1);
}

TEST_F(ServerDialectTest, WhenTheServerIsAwayTheCallerIsToldAtOnce) {
  warm_up();
  script.lost = true;
  script.before = [this](const std::string& event) {
    script.lost = true;
    if (event == "connect" || event == "enqueue") throw Error(Errc::connection, "refused");
  };
  // The connection in the pool is found lost while a transaction is open: nothing was done.
  EXPECT_EQ(code_of([&] { enqueue(); }), Errc::connection);
  EXPECT_EQ(script.count("connect"), 1);
}

TEST_F(ServerDialectTest, AnOutcomeThatStaysUnknownIsCalledSo) {
  warm_up();
  script.before = [this](const std::string& event) {
    if (event != "connect" && event != "commit") return;
    script.lost = true;
    throw Error(event == "commit" ? Errc::outcome_unknown : Errc::connection, "gone");
  };
  EXPECT_EQ(code_of([&] { enqueue(); }), Errc::outcome_unknown);
}

TEST_F(ServerDialectTest, AStatementThatCommitsByItselfMayHaveDoneSo) {
  warm_up();
  fake->begins = false;
  script.before = [this](const std::string& event) {
    if (event != "connect" && event != "enqueue") return;
    script.lost = true;
    throw Error(Errc::connection, "gone");
  };
  EXPECT_EQ(code_of([&] { enqueue(); }), Errc::outcome_unknown);
}

TEST_F(ServerDialectTest, ABorrowedTransactionIsNeitherBegunNorRepeated) {
  warm_up();
  int handle = 0;
  const Tx tx{"fake", &handle};
  const backend::EnqueueItem item{.id = JobId::make(TimePoint{}), .queue = "q", .kind = "k"};
  dialect->enqueue({&item, 1}, &tx, {});
  EXPECT_EQ(script.events, Events{"enqueue"});
  fail("enqueue", Errc::retry_transaction);
  EXPECT_EQ(code_of([&] { dialect->enqueue({&item, 1}, &tx, {}); }), Errc::retry_transaction);
  EXPECT_EQ(script.count("enqueue"), 2);
}

TEST_F(ServerDialectTest, AnEmptyPoolIsBusy) {
  script.before = [this](const std::string& event) {
    if (event != "claim") return;
    EXPECT_EQ(code_of([&] { static_cast<void>(dialect->queue("q")); }), Errc::busy);
  };
  EXPECT_EQ(dialect->claim({.token = LeaseToken{1}}).jobs.size(), 1u);
}

}  // namespace
}  // namespace sqlq::sql
