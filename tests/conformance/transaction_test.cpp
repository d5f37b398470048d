// Promise I2: what is written inside the user's own transaction exists if and only if that commits; and sqlq does
// nothing else to his connection.

#include <set>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/migrator.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const char* const insert = "INSERT INTO user_rows VALUES (1)";
const char* const user_rows = "SELECT COUNT(*) FROM user_rows";

NewJob shipment() { return {.kind = "ship", .params = R"({"order":42})", .options = {.queue = "shipping"}}; }

}  // namespace

TEST_P(Transaction, CommitMakesTheJob) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.begin();
    user.execute(insert);
    const Enqueued made = client().enqueue(user.tx(), shipment());
    EXPECT_TRUE(made.inserted());
    EXPECT_FALSE(client().find(made.id)) << "visible before the commit";
    EXPECT_TRUE(admin().list({.queues = {"shipping"}, .states = {JobState::pending}}).empty());
    user.commit();
    EXPECT_EQ(user.query_int(user_rows), 1);
    const Job job = take({"shipping"});
    EXPECT_EQ(job.id, made.id);
    EXPECT_EQ(job.params, R"({"order":42})");
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  });
}

TEST_P(Transaction, RollbackLeavesNothing) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const std::size_t before = admin().list().size();
    user.begin();
    user.execute(insert);
    const JobId id = client().enqueue(user.tx(), shipment()).id;
    user.rollback();
    EXPECT_FALSE(client().find(id));
    EXPECT_EQ(user.query_int(user_rows), 0);
    EXPECT_EQ(admin().list().size(), before);
    EXPECT_TRUE(claim(10).empty());
  });
}

TEST_P(Transaction, AQueueMadeInARolledBackTransactionIsMadeAgain) {
  SQLQ_NEEDS(borrowed_transactions);
  int round = 0;
  for_each_handle([&](UserConnection& user) {
    NewJob job = shipment();
    job.options.queue = "fresh" + std::to_string(++round);
    user.begin();
    client().enqueue(user.tx(), job);
    user.rollback();  // whether the queue itself stays behind is the backend's affair
    EXPECT_TRUE(admin().list({.queues = {*job.options.queue}}).empty());
    const JobId plain = client().enqueue(job).id;
    EXPECT_EQ(take({*job.options.queue}).id, plain);

    *job.options.queue += "b";
    user.begin();
    client().enqueue(user.tx(), job);
    user.rollback();
    user.begin();
    const JobId again = client().enqueue(user.tx(), job).id;
    user.commit();
    EXPECT_EQ(take({*job.options.queue}).id, again);
  });
}

TEST_P(Transaction, TheConnectionIsLeftAsItWas) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    client().enqueue(shipment());
    const Job job = take({"shipping"});
    const std::string settings = user.settings();
    user.begin();
    const std::string inside = user.settings();
    user.execute(insert);
    const JobId id = client().enqueue(user.tx(), shipment()).id;
    EXPECT_TRUE(user.in_transaction());
    EXPECT_EQ(client().cancel(user.tx(), id), CancelStatus::cancelled);
    EXPECT_TRUE(user.in_transaction());
    EXPECT_EQ(client().success(user.tx(), job), FinishStatus::applied);
    EXPECT_TRUE(user.in_transaction());
    EXPECT_EQ(user.settings(), inside);
    EXPECT_EQ(user.query_int(user_rows), 1) << "the user's own row is still in his transaction";
    user.rollback();
    EXPECT_FALSE(user.in_transaction());
    EXPECT_EQ(user.query_int(user_rows), 0);
    EXPECT_EQ(user.settings(), settings);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  });
}

TEST_P(Transaction, AConnectionOutsideATransactionIsRefused) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    EXPECT_EQ(code_of([&] { return client().enqueue(user.tx(), shipment()); }), "misuse");
    client().enqueue(shipment());
    const Job job = take({"shipping"});
    EXPECT_EQ(code_of([&] { return client().success(user.tx(), job); }), "misuse");
    EXPECT_EQ(code_of([&] { return client().cancel(user.tx(), job.id); }), "misuse");
    EXPECT_FALSE(user.in_transaction());
    EXPECT_EQ(state(job.id), JobState::running);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  });
  EXPECT_EQ(admin().counts().at(JobState::pending).value, 0u);
}

TEST_P(Transaction, AHandleOfAnotherKindIsRefused) {
  int not_a_connection = 0;
  const Tx wrong{"sqlq::conformance::unknown_handle", &not_a_connection};
  enqueue();
  const Job job = take();
  for (const Tx& tx : {wrong, Tx{"", nullptr}}) {
    EXPECT_EQ(code_of([&] { return client().enqueue(tx, shipment()); }), "invalid_argument");
    EXPECT_EQ(code_of([&] { return client().success(tx, job); }), "invalid_argument");
    EXPECT_EQ(code_of([&] { return client().cancel(tx, job.id); }), "invalid_argument");
  }
  EXPECT_EQ(state(job.id), JobState::running);
  EXPECT_EQ(admin().list().size(), 1u);
}

TEST_P(Transaction, ADatabaseWithoutTablesIsRefused) {
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db().ready());
  Migrator{another()}.teardown();  // behind the back of db(), which has looked before
  for_each_handle([&](UserConnection& user) {
    user.begin();
    user.execute(insert);
    EXPECT_EQ(code_of([&] { return client().enqueue(user.tx(), shipment()); }), "schema");
    user.rollback();
    EXPECT_EQ(user.query_int(user_rows), 0);
  });
  EXPECT_EQ(Migrator{blank()}.status().current, 0);
}

TEST_P(Transaction, ADatabaseElsewhereIsRefused) {
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  for (const Handle& handle : backend().handles) {
    const std::unique_ptr<UserConnection> elsewhere = handle.open(scratch());
    elsewhere->execute("CREATE TABLE user_rows (n INTEGER)");
    elsewhere->begin();
    elsewhere->execute(insert);
    const std::string code = code_of([&] { return client().enqueue(elsewhere->tx(), shipment()); });
    // Where the other database's user may not even look at the tables, that is what is said.
    const std::set<std::string> right{"invalid_argument", "schema", "permission"};
    EXPECT_TRUE(right.contains(code)) << handle.name << ": " << code;
    EXPECT_TRUE(elsewhere->in_transaction());
    elsewhere->rollback();
  }
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(Transaction, AWrongJobLeavesTheTransactionUsable) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.begin();
    user.execute(insert);
    NewJob wrong = shipment();
    wrong.params = "{";
    EXPECT_EQ(code_of([&] { return client().enqueue(user.tx(), wrong); }), "invalid_argument");
    const JobId id = client().enqueue(user.tx(), shipment()).id;
    user.commit();
    EXPECT_EQ(user.query_int(user_rows), 1);
    EXPECT_EQ(take({"shipping"}).id, id);
  });
}

TEST_P(Transaction, ManyJobsInOrder) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    std::vector<NewJob> jobs(50, shipment());
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].params = std::to_string(i);
    user.begin();
    const std::vector<Enqueued> made = client().enqueue_many(user.tx(), jobs);
    user.commit();
    const std::vector<Job> claimed = claim(100, {"shipping"});
    ASSERT_EQ(claimed.size(), 50u);
    for (std::size_t i = 0; i < claimed.size(); ++i) {
      EXPECT_EQ(claimed[i].id, made[i].id);
      EXPECT_EQ(claimed[i].params, std::to_string(i));
    }
  });
}

TEST_P(Transaction, OwnIdsAndUniqueKeysHoldInside) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    NewJob job = shipment();
    job.options.unique_key = "k";
    user.begin();
    const Enqueued first = client().enqueue(user.tx(), job);
    const Enqueued second = client().enqueue(user.tx(), job);
    EXPECT_TRUE(first.inserted());
    EXPECT_FALSE(second.inserted());
    EXPECT_EQ(second.id, first.id);
    user.commit();
    EXPECT_FALSE(client().enqueue(job).inserted());
    EXPECT_EQ(client().success(take({"shipping"})), FinishStatus::applied);
  });
}

TEST_P(Transaction, GivesBackTheRowAsItIsInside) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    NewJob job = shipment();
    job.options.unique_key = "k";
    user.begin();
    const EnqueuedRow made = client().enqueue_row(user.tx(), job);
    EXPECT_TRUE(made.inserted());
    ASSERT_TRUE(made.job);
    EXPECT_EQ(made.job->id, made.id);
    EXPECT_EQ(made.job->params, job.params);
    EXPECT_EQ(made.job->state, JobState::pending);
    EXPECT_FALSE(client().find(made.id)) << "visible before the commit";
    job.params = "2";
    const EnqueuedRow second = client().enqueue_row(user.tx(), job);
    EXPECT_EQ(second.status, EnqueueStatus::existing_key);
    ASSERT_TRUE(second.job);
    EXPECT_EQ(second.job->id, made.id);
    EXPECT_EQ(second.job->params, R"({"order":42})");
    EXPECT_EQ(client().cancel(user.tx(), made.id), CancelStatus::cancelled);
    EXPECT_EQ(client().enqueue_row(user.tx(), job).status, EnqueueStatus::inserted) << "its key is free";
    user.rollback();
    EXPECT_FALSE(client().find(made.id));
  });
}

TEST_P(Transaction, SuccessCommitsWithTheUsersRows) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const JobId id = client().enqueue(shipment()).id;
    const Job job = take({"shipping"});
    user.begin();
    user.execute(insert);
    EXPECT_EQ(client().success(user.tx(), job, R"("shipped")"), FinishStatus::applied);
    EXPECT_EQ(state(id), JobState::running) << "visible before the commit";
    user.commit();
    EXPECT_EQ(state(id), JobState::success);
    EXPECT_EQ(row(id).result, R"("shipped")");
    EXPECT_EQ(client().success(job), FinishStatus::already_applied);
  });
}

TEST_P(Transaction, ARolledBackSuccessNeverWas) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const JobId id = client().enqueue(shipment()).id;
    const Job job = take({"shipping"});
    user.begin();
    EXPECT_EQ(client().success(user.tx(), job, "1"), FinishStatus::applied);
    user.rollback();
    EXPECT_EQ(state(id), JobState::running);
    EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
    EXPECT_EQ(client().success(job, "2"), FinishStatus::applied);
    EXPECT_EQ(row(id).result, "2");
  });
}

TEST_P(Transaction, ErrorCancelledAndCancelWorkInside) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    for (int i = 0; i < 3; ++i) client().enqueue(shipment());
    const std::vector<Job> jobs = claim(2, {"shipping"});
    const JobId waiting = admin().list({.states = {JobState::pending}}).at(0).id;
    user.begin();
    EXPECT_EQ(client().error(user.tx(), jobs[0], "no", {.retry = RetryPolicy::constant(1h)}), FinishStatus::applied);
    EXPECT_TRUE(accepted(client().cancelled(user.tx(), jobs[1])));
    EXPECT_EQ(client().cancel(user.tx(), waiting), CancelStatus::cancelled);
    user.commit();
    EXPECT_EQ(state(jobs[0].id), JobState::scheduled);
    EXPECT_EQ(state(jobs[1].id), JobState::cancelled);
    EXPECT_EQ(state(waiting), JobState::cancelled);
  });
}

TEST_P(Transaction, AStaleSuccessSaysSoSoThatTheUserRollsBack) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    client().enqueue(shipment());
    const Job stale = take({"shipping"});
    clock().advance(31s);
    ASSERT_EQ(client().reap().total(), 1u);
    user.begin();
    user.execute(insert);
    EXPECT_EQ(client().success(user.tx(), stale, "1"), FinishStatus::stale);
    EXPECT_TRUE(user.in_transaction());
    user.rollback();
    EXPECT_EQ(client().success(take({"shipping"})), FinishStatus::applied);
  });
}

TEST_P(Transaction, ManyTransactionsOneAfterTheOtherOnOneConnection) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const std::size_t before = admin().list({}, {.limit = 1000}).size();
    for (int i = 0; i < 40; ++i) {
      user.begin();
      client().enqueue(user.tx(), shipment());
      if (i % 2 == 0) {
        user.commit();
      } else {
        user.rollback();
      }
    }
    EXPECT_EQ(admin().list({}, {.limit = 1000}).size(), before + 20);
  });
}

}  // namespace sqlq::conformance
