// Jobs with keys come and go between databases: the key stays theirs, and limits are those of where they are.

#include <algorithm>
#include <sstream>

#include <sqlq/transfer.hpp>

#include "keyed.hpp"
#include "transferred.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;
using Outcomes = std::vector<backend::StoreStatus>;

backend::StoredJob keyed_one(TimePoint now, JobState state, const std::string& queue = "q") {
  backend::StoredJob stored = plain(now, queue);
  stored.job.headers = {{"sqlq-key", "k"}};
  stored.job.state = state;
  if (state == scheduled) stored.job.run_at = now + 10s;
  if (is_finished(state)) stored.job.finished_at = now;
  return stored;
}

}  // namespace

TEST_P(KeyTravels, OnesThatAreStoredWaitForTheirKey) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(transfer);
  admin().set_key_limits("q", {.concurrency = 1});
  std::vector<backend::StoredJob> jobs;
  for (const JobState state : {waiting, pending, scheduled, success}) jobs.push_back(keyed_one(clock().now(), state));
  jobs.push_back(plain(clock().now(), "q"));
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()),
            Outcomes(jobs.size(), backend::StoreStatus::stored));
  Ids ids;
  for (const backend::StoredJob& stored : jobs) ids.push_back(stored.job.id);
  KeyedQueue q(db(), clock());
  EXPECT_EQ(q.states(ids), (States{waiting, waiting, waiting, success, pending}));
  EXPECT_EQ(row(ids[2]).run_at, clock().now() + 10s);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(key_of(row(ids[i])), "k");
  EXPECT_EQ(q.status().waiting, 3u);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()),
            Outcomes(jobs.size(), backend::StoreStatus::existing_id));
  EXPECT_EQ(q.status().inside, 1u) << "a replay";
  EXPECT_EQ(q.look_at({{"q", "k"}}), 0u);
  admin().set_key_limits("q", {});
  EXPECT_EQ(q.look_around(), 1u);
  clock().advance(10s);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(admin().requeue(ids[3]), RequeueStatus::requeued);
  EXPECT_EQ(state(ids[3]), waiting);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(claim(10).size(), 5u);
}

TEST_P(KeyTravels, ACopyKeepsTheKeyAndGetsTheLimitsOfItsNewPlace) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(transfer);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  const JobId late = q.add({.delay = 1h});
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);

  Database target = open(scratch());
  target.migrate();
  const TransferReport report = copy_jobs(db(), target);
  EXPECT_EQ(report.stored, 5u);
  Admin there{target};
  KeyedQueue moved(target, clock());
  EXPECT_EQ(moved.states(ids), (States{success, waiting, waiting, waiting}));
  EXPECT_EQ(moved.states({late}), States{waiting});
  for (const Job& job : there.list()) EXPECT_EQ(key_of(job), "k");
  EXPECT_EQ(there.key("q", "k").waiting, 4u);
  there.set_key_limits("q", {.concurrency = 1});
  EXPECT_EQ(moved.look_around(), 1u);
  EXPECT_EQ(moved.states(ids), (States{success, pending, waiting, waiting}));
  EXPECT_EQ(copy_jobs(db(), target).existing, 5u);
  EXPECT_EQ(moved.look_at({{"q", "k"}}), 0u);
  EXPECT_EQ(q.states(ids), (States{success, pending, pending, waiting})) << "the source is only read";
}

TEST_P(KeyTravels, AStreamKeepsTheKey) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(transfer);
  KeyedQueue q(db(), clock());
  const std::string odd = "k'\"\\ \xE2\x82\xAC";
  const JobId id = q.add_of(odd);
  std::stringstream stream;
  EXPECT_EQ(export_jobs(db(), stream).jobs, 1u);
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(admin().erase(id), ActionStatus::done);
  q.look();
  EXPECT_EQ(import_jobs(stream, db()).stored, 1u);
  EXPECT_EQ(key_of(row(id)), odd);
  EXPECT_EQ(state(id), waiting);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyTravels, AWaitingOneWithoutAKeyWaitsOn) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(transfer);
  backend::StoredJob stored = plain(clock().now(), "q");
  stored.job.state = waiting;
  EXPECT_EQ(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()),
            Outcomes{backend::StoreStatus::stored});
  KeyedQueue q(db(), clock());
  EXPECT_EQ(q.look_at({{"q", "k"}}), 0u);
  clock().advance(24h);
  EXPECT_EQ(q.look_around(), 0u);
  EXPECT_EQ(state(stored.job.id), waiting);
  EXPECT_TRUE(admin().keys("q").empty());
}

}  // namespace sqlq::conformance
