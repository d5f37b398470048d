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

TEST_P(ListPages, WaitingJobsAreFoundByEachField) {
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().waiting_jobs_sql.empty()) return;
  const JobId id = enqueue({.queue = "w", .priority = 3, .unique_key = "key"});
  const auto connection = user();
  for (const std::string& sql : backend().waiting_jobs_sql) connection->execute(sql);
  static_cast<void>(enqueue({.queue = "w"}));
  static_cast<void>(enqueue({.queue = "other"}));

  const std::vector<JobFilter> filters{
      {.states = {JobState::waiting}},
      {.states = {JobState::running, JobState::waiting}},
      {.queues = {"w"}, .states = {JobState::waiting}},
      {.kinds = {row(id).kind}, .states = {JobState::waiting}, .lowest_priority = 3, .highest_priority = 3},
      {.ids = {id}},
      {.unique_key = "key"},
      {.highest_priority = 5}};
  for (std::size_t i = 0; i < filters.size(); ++i) {
    EXPECT_EQ(ids_of(admin().list(filters[i])), std::vector<JobId>{id}) << i;
  }
  EXPECT_EQ(admin().list({.queues = {"w"}}).size(), 2u);
  EXPECT_TRUE(admin().list({.queues = {"other"}, .states = {JobState::waiting}}).empty());
  EXPECT_TRUE(admin().list({.states = {JobState::waiting}, .error = "any"}).empty());

  for (const JobCounts& counts : {admin().counts(), admin().counts("w"), admin().stats("w").value().counts}) {
    EXPECT_EQ(counts.size(), 8u) << "every state is present";
    EXPECT_TRUE(counts.contains(JobState::waiting));
  }
  EXPECT_EQ(admin().counts("w").at(JobState::pending).value, 1u);
  EXPECT_EQ(admin().waiting_kinds().size(), 2u) << "of the two that a worker could take";
  const std::vector<Reason> reasons = admin().explain(id);
  ASSERT_FALSE(reasons.empty());
  EXPECT_EQ(reasons.front().code, Reason::Code::waiting);
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
