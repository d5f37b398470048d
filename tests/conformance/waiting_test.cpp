// Jobs that wait (JobState::waiting): nobody runs them, and an operator sees and ends them.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Cancel, AWaitingJobIsCancelledAtOnceAndClaimedByNobody) {
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().waiting_jobs_sql.empty()) return;
  const JobId id = enqueue({.retention = 1h});
  const JobId kept = enqueue();
  const auto connection = user();
  for (const std::string& sql : backend().waiting_jobs_sql) connection->execute(sql);
  const JobId plain = enqueue();

  EXPECT_EQ(state(id), JobState::waiting);
  EXPECT_FALSE(is_finished(state(id)));
  EXPECT_EQ(ids_of(claim(10)), std::vector<JobId>{plain});
  clock().advance(240h);
  client().reap();
  static_cast<void>(admin().purge());
  EXPECT_EQ(state(id), JobState::waiting) << "retention is for finished jobs";
  EXPECT_EQ(admin().requeue(id), RequeueStatus::not_finished);
  EXPECT_EQ(state(id), JobState::waiting);

  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(state(id), JobState::cancelled);
  EXPECT_EQ(client().cancel(id), CancelStatus::finished);
  ASSERT_EQ(admin().history(id).size(), 1u);
  EXPECT_EQ(admin().history(id).front().cause, Cause::cancelled);
  clock().advance(2h);
  static_cast<void>(admin().purge());
  EXPECT_FALSE(client().find(id));
  EXPECT_EQ(state(kept), JobState::waiting) << "the neighbour is left alone";
}

TEST_P(Cancel, AWaitingJobIsCancelledInATransactionOfTheUsers) {
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().waiting_jobs_sql.empty()) return;
  const JobId id = enqueue();
  const auto connection = user();
  for (const std::string& sql : backend().waiting_jobs_sql) connection->execute(sql);
  connection->begin();
  EXPECT_EQ(client().cancel(connection->tx(), id), CancelStatus::cancelled);
  connection->execute("COMMIT");
  EXPECT_EQ(state(id), JobState::cancelled);
}

}  // namespace sqlq::conformance
