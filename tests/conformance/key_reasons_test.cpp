// Why a job with a key does not run: Admin::explain names what its key waits for, with its numbers.

#include <algorithm>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;
using Code = Reason::Code;

std::optional<Reason> reason(Database db, JobId id, Code code) {
  const std::vector<Reason> all = Admin{std::move(db)}.explain(id);
  EXPECT_FALSE(all.empty());
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Reason::code)) << "in the order of the codes";
  for (const Reason& one : all) EXPECT_FALSE(one.sentence.empty());
  const auto found = std::ranges::find(all, code, &Reason::code);
  return found == all.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

TEST_P(KeyReasons, ItsKeyIsUsed) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(take().id, ids[0]);
  const std::optional<Reason> used = reason(db(), ids[2], Code::key_used);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->key, "k");
  EXPECT_EQ(used->queue, "q");
  EXPECT_EQ(used->count, 2u);
  EXPECT_EQ(used->limit, 2u);
  Ids jobs = used->jobs;
  std::ranges::sort(jobs);
  EXPECT_EQ(jobs, (Ids{ids[0], ids[1]}));
  EXPECT_EQ(used->state, waiting);
  EXPECT_FALSE(reason(db(), ids[2], Code::key_line)) << "it is the next";
  EXPECT_FALSE(reason(db(), ids[2], Code::key_shut));
  EXPECT_FALSE(reason(db(), ids[2], Code::key_rate));
  const std::optional<Reason> line = reason(db(), ids[3], Code::key_line);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->count, 1u);
  EXPECT_EQ(line->key, "k");
  EXPECT_FALSE(line->capped);
  EXPECT_FALSE(reason(db(), ids[1], Code::key_used)) << "it was let in";
  EXPECT_FALSE(reason(db(), ids[1], Code::waiting));
}

TEST_P(KeyReasons, ALimitOfZeroIsSaidToo) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0});
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  q.look();
  const std::optional<Reason> used = reason(db(), id, Code::key_used);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->count, 0u);
  EXPECT_EQ(used->limit, 0u);
  EXPECT_TRUE(used->jobs.empty());
}

TEST_P(KeyReasons, ItsKeyHasStartedAsManyAsItsRateAllows) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  const TimePoint start = clock().now();
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  const std::optional<Reason> rate = reason(db(), ids[1], Code::key_rate);
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->key, "k");
  EXPECT_EQ(rate->at, start + 10s);
  EXPECT_FALSE(reason(db(), ids[1], Code::key_used));
}

TEST_P(KeyReasons, ItsKeyIsShut) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  admin().shut_key("q", "k", 1h);
  EXPECT_EQ(q.look(), 0u);
  std::optional<Reason> shut = reason(db(), id, Code::key_shut);
  ASSERT_TRUE(shut);
  EXPECT_EQ(shut->key, "k");
  EXPECT_EQ(shut->at, clock().now() + 1h);
  admin().shut_key("q", "k", Duration::max());
  shut = reason(db(), id, Code::key_shut);
  ASSERT_TRUE(shut);
  EXPECT_FALSE(shut->at) << "until somebody opens it";
  admin().open_key("q", "k");
  EXPECT_FALSE(reason(db(), id, Code::key_shut));
}

TEST_P(KeyReasons, ItsKeyIsHeldAfterAnError) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.order = sqlq::KeyOrder::strict, .after_error = AfterError::hold});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().error(take(), "no", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  const std::optional<Reason> shut = reason(db(), ids[1], Code::key_shut);
  ASSERT_TRUE(shut);
  EXPECT_FALSE(shut->at);
}

TEST_P(KeyReasons, AStrictJobWaitsForTheOneBeforeIt) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.order = sqlq::KeyOrder::strict});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  const std::optional<Reason> used = reason(db(), ids[1], Code::key_used);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->limit, 1u);
  EXPECT_EQ(used->jobs, Ids{ids[0]});
  EXPECT_EQ(client().snooze(take(), 1h), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  const std::optional<Reason> line = reason(db(), ids[2], Code::key_line);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->count, 2u);
  ASSERT_TRUE(reason(db(), ids[0], Code::due_later));
  EXPECT_EQ(reason(db(), ids[0], Code::due_later)->at, clock().now() + 1h);
}

TEST_P(KeyReasons, OneThatIsDueLaterSaysSo) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const JobId id = q.add({.delay = 1h});
  for (int looked = 0; looked < 2; ++looked) {
    const std::optional<Reason> later = reason(db(), id, Code::due_later);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->at, clock().now() + 1h);
    EXPECT_FALSE(reason(db(), id, Code::key_used));
    EXPECT_FALSE(reason(db(), id, Code::may_run));
    q.look();
  }
}

TEST_P(KeyReasons, PausesOfTheQueueAreSaidBesideIt) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  admin().pause("q");
  EXPECT_TRUE(reason(db(), ids[1], Code::key_used));
  EXPECT_TRUE(reason(db(), ids[1], Code::queue_paused));
  EXPECT_FALSE(reason(db(), ids[0], Code::key_used));
  EXPECT_TRUE(reason(db(), ids[0], Code::queue_paused));
}

TEST_P(KeyReasons, GatesKnowHowManyAreBefore) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(5);
  const JobId plain = enqueue({.queue = "q"});
  const auto before = [&](JobId id, std::uint64_t cap) { return dialect().gates()->gate_before(id, cap); };
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(before(ids[1], 10).value, 0u);
  EXPECT_EQ(before(ids[4], 10).value, 3u);
  EXPECT_FALSE(before(ids[4], 10).capped);
  EXPECT_EQ(before(ids[4], 2).value, 2u);
  EXPECT_TRUE(before(ids[4], 2).capped);
  EXPECT_FALSE(before(ids[4], 3).capped);
  EXPECT_EQ(before(ids[0], 10).value, 0u) << "it was let in";
  EXPECT_EQ(before(plain, 10).value, 0u);
  EXPECT_EQ(before(JobId::make(clock().now()), 10).value, 0u);
  const JobId late = q.add({.delay = 1h});
  EXPECT_EQ(before(late, 10).value, 4u) << "all of the line";
}

}  // namespace sqlq::conformance
