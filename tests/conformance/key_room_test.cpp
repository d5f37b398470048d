// So many jobs of a key are let in at once, and never more.

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

}  // namespace

TEST_P(KeyRoom, OneAtATime) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, waiting, waiting}));
  EXPECT_EQ(q.look(), 0u) << "who is let in uses the room before it runs";
  const Job job = take();
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{success, pending, waiting}));
  EXPECT_EQ(client().finish({Ending::success(take())}), std::vector{FinishStatus::applied});
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.states(ids), (States{success, success, success}));
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(KeyRoom, AsManyAsTheLimitSays) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 3});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(8);
  EXPECT_EQ(q.look(), 3u);
  EXPECT_EQ(q.states(ids), (States{pending, pending, pending, waiting, waiting, waiting, waiting, waiting}));
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(client().success(jobs[0]), FinishStatus::applied);
  EXPECT_EQ(client().success(jobs[2]), FinishStatus::applied);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(q.status().inside, 3u);
  EXPECT_EQ(q.status().waiting, 3u);
  EXPECT_EQ(claim(10).size(), 2u);
}

TEST_P(KeyRoom, NoneWhereTheLimitIsZero) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(1h);
  EXPECT_EQ(q.look(), 0u);
  admin().set_key_limits("q", {.concurrency = 1});
  EXPECT_EQ(q.look_around(), 1u) << "a change is looked at soon";
  EXPECT_EQ(q.states(ids), (States{pending, waiting}));
  admin().set_key_limits("q", {});
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, pending}));
}

TEST_P(KeyRoom, EachKeyHasItsOwn) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids a = q.add_many(2, {.key = "a"});
  const Ids b = q.add_many(2, {.key = "b"});
  const Ids c = q.add_many(2, {.key = "c"});
  EXPECT_EQ(q.look(), 3u);
  for (const Ids& ids : {a, b, c}) EXPECT_EQ(q.states(ids), (States{pending, waiting}));
  client().cancel(b[0]);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(a), (States{pending, waiting}));
  EXPECT_EQ(q.states(b), (States{cancelled, pending}));
}

TEST_P(KeyRoom, TheSameTextInTwoQueuesMeansTwoKeys) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("one", {.concurrency = 1});
  admin().set_key_limits("two", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids one = q.add_many(3, {.queue = "one"});
  const Ids two = q.add_many(3, {.queue = "two"});
  const Ids free = q.add_many(3, {.queue = "three"});
  EXPECT_EQ(q.look(), 6u);
  EXPECT_EQ(q.states(one), (States{pending, waiting, waiting}));
  EXPECT_EQ(q.states(two), (States{pending, pending, waiting}));
  EXPECT_EQ(q.states(free), (States{pending, pending, pending}));
  EXPECT_EQ(client().success(take({"two"})), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(one), (States{pending, waiting, waiting}));
}

TEST_P(KeyRoom, KeysAreBytes) {
  SQLQ_NEEDS(limits);
  const std::vector<std::string> names{"k",  "K",      " k",  "k ", "'; --",   "%_\\", "\xC3\xA9",    "e\xCC\x81",
                                       "[]", "\"a\":", "a/b", ".",  "\\u0041", "0",    "\xF0\x9F\x98\x80",
                                       std::string(255, 'k'), std::string(254, 'k') + "l"};
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  std::vector<Ids> ids;
  for (const std::string& name : names) ids.push_back({q.add_of(name), q.add_of(name)});
  EXPECT_EQ(q.look(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(q.states(ids[i]), (States{pending, waiting})) << names[i];
    EXPECT_EQ(key_of(row(ids[i][1])), names[i]);
    const KeyStatus status = q.status(names[i]);
    EXPECT_EQ(status.key, names[i]);
    EXPECT_EQ(status.jobs, Ids{ids[i][0]});
    EXPECT_EQ(status.waiting, 1u);
  }
  for (const Job& job : claim(100)) EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(q.look(), names.size());
}

TEST_P(KeyRoom, AnOddQueueHasKeysToo) {
  SQLQ_NEEDS(limits);
  const std::string name = "q' \xE2\x82\xAC\"\\%";
  admin().set_key_limits(name, {.concurrency = 1});
  KeyedQueue q(db(), clock(), name);
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, waiting}));
  EXPECT_EQ(admin().keys(name).size(), 1u);
}

TEST_P(KeyRoom, LimitsOfAKeyStandAboveThoseOfItsQueue) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  admin().set_key_limits("q", "large", KeyLimits{.concurrency = 3});
  admin().set_key_limits("q", "free", KeyLimits{});
  admin().set_key_limits("q", "none", KeyLimits{.concurrency = 0});
  KeyedQueue q(db(), clock());
  for (const char* key : {"large", "free", "none", "usual"}) static_cast<void>(q.add_many(5, {.key = key}));
  EXPECT_EQ(q.look(), 9u);
  EXPECT_EQ(q.status("large").inside, 3u);
  EXPECT_EQ(q.status("free").inside, 5u);
  EXPECT_EQ(q.status("none").inside, 0u);
  EXPECT_EQ(q.status("usual").inside, 1u);
  EXPECT_EQ(q.status("large").own, (KeyLimits{.concurrency = 3}));
  EXPECT_EQ(q.status("free").own, KeyLimits{});
  EXPECT_FALSE(q.status("usual").own);

  admin().set_key_limits("q", "none", std::nullopt);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.status("none").inside, 1u);
  EXPECT_FALSE(q.status("none").own);
  admin().set_key_limits("q", {.concurrency = 2});
  EXPECT_EQ(q.look_around(), 2u) << "of the two without their own";
  EXPECT_EQ(q.status("usual").inside, 2u);
  EXPECT_EQ(q.status("large").inside, 3u);
}

TEST_P(KeyRoom, ALoweredLimitStopsNobodyAndLetsNobodyIn) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 3});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(6));
  EXPECT_EQ(q.look(), 3u);
  admin().set_key_limits("q", {.concurrency = 1});
  EXPECT_EQ(q.look(), 0u);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 3u) << "they were let in before";
  for (const std::size_t i : {0u, 1u}) {
    EXPECT_EQ(client().success(jobs[i]), FinishStatus::applied);
    EXPECT_EQ(q.look(), 0u);
  }
  EXPECT_EQ(client().success(jobs[2]), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.status().inside, 1u);
}

TEST_P(KeyRoom, EveryEndFreesIt) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const std::vector<std::function<void(const Job&)>> ends{
      [&](const Job& job) { client().success(job); },
      [&](const Job& job) { client().error(job, "no", {.discard = true}); },
      [&](const Job& job) { client().error(job, "no"); },
      [&](const Job& job) { client().cancelled(job); },
      [&](const Job& job) {
        EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
        EXPECT_EQ(q.look(), 0u) << "its handler still runs";
        client().success(job);
      },
      [&](const Job& job) {
        static_cast<void>(client().cancel(job.id));
        admin().take_away(job.id);
      },
      [&](const Job& job) { admin().take_away(job.id, AfterTaking::errored); },
      [&](const Job& job) {
        static_cast<void>(client().cancel(job.id));
        clock().advance(31s);
        EXPECT_EQ(client().reap().cancelled, Ids{job.id});
      },
      [&](const Job& job) {
        clock().advance(31s);
        EXPECT_EQ(q.look(), 0u) << "nobody has taken it back yet";
        EXPECT_EQ(client().reap().errored, Ids{job.id});
      },
      [&](const Job& job) {
        client().success(job);
        EXPECT_EQ(admin().erase(job.id), ActionStatus::done);
      }};
  const Ids ids = q.add_many(ends.size() + 1, {.max_attempts = 1});
  for (std::size_t i = 0; i < ends.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(q.status().jobs, Ids{ids[i]});
    const Job job = take();
    EXPECT_EQ(job.id, ids[i]);
    ends[i](job);
    EXPECT_NE(q.status().jobs, Ids{ids[i]}) << "it is known before anybody looks";
  }
  EXPECT_EQ(q.look(), 1u);
}

TEST_P(KeyRoom, WhatWasFreedIsFoundInTheEndThoughNobodySaysSo) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  for (int round = 0; round < 5 && state(ids[1]) == waiting; ++round) {
    ASSERT_TRUE(q.last().next) << "somebody waits";
    EXPECT_LE(*q.last().next, clock().now() + 10min);
    if (*q.last().next > clock().now()) clock().advance(*q.last().next - clock().now());
    q.look_around();
  }
  EXPECT_EQ(state(ids[1]), pending);
}

TEST_P(KeyRoom, NobodyIsForgottenWhenFewGatesAreLookedAtAtATime) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  constexpr std::size_t keys = 7;
  for (std::size_t i = 0; i < 2 * keys; ++i) static_cast<void>(q.add_of("key " + std::to_string(i % keys)));
  std::size_t in = 0;
  std::size_t rounds = 0;
  for (bool more = true; more && rounds < 100; ++rounds) {
    const backend::GatesLooked looked = dialect().gates()->gates_look({}, 2, clock().instant());
    in += looked.let_in;
    more = looked.more;
  }
  EXPECT_EQ(in, keys);
  EXPECT_LT(rounds, 100u);
  EXPECT_EQ(admin().counts("q").at(pending).value, keys);
}

TEST_P(KeyRoom, ALongLineIsWalkedToItsEnd) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 40});
  KeyedQueue q(db(), clock());
  std::vector<NewJob> jobs(300, NewJob{.kind = "work", .options = {.queue = "q", .key = "k"}});
  client().enqueue_many(jobs);
  std::size_t done = 0;
  for (int round = 0; round < 12 && done < jobs.size(); ++round) {
    q.look_at({{"q", "k"}});
    const std::vector<Job> claimed = claim(1000);
    EXPECT_LE(claimed.size(), 40u);
    std::vector<Ending> endings;
    for (const Job& job : claimed) endings.push_back(Ending::success(job));
    if (!endings.empty()) client().finish(endings);
    done += claimed.size();
  }
  EXPECT_EQ(done, jobs.size());
}

TEST_P(KeyRoom, ManyKeysAtOnce) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  std::vector<NewJob> jobs;
  for (int i = 0; i < 400; ++i) {
    jobs.push_back({.kind = "work", .options = {.queue = "q", .key = std::to_string(i / 2)}});
  }
  client().enqueue_many(jobs);
  KeyedQueue q(db(), clock());
  EXPECT_EQ(q.look_around(), 200u);
  const std::vector<Job> first = claim(1000);
  ASSERT_EQ(first.size(), 200u);
  std::vector<Ending> endings;
  std::vector<backend::GateName> gates;
  for (const Job& job : first) {
    endings.push_back(Ending::success(job));
    gates.push_back({job.queue, std::string(key_of(job))});
  }
  client().finish(endings);
  EXPECT_EQ(q.look_at(gates), 200u);
  EXPECT_EQ(claim(1000).size(), 200u);
}

TEST_P(KeyRoom, ALookAtWhatIsNotThereDoesNothing) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  EXPECT_EQ(q.look_at({{"nobody", "k"}, {"q", "k"}, {"q", "k"}}), 0u);
  EXPECT_FALSE(admin().queue("nobody"));
  EXPECT_TRUE(admin().keys("q").empty());
  EXPECT_FALSE(q.last().next) << "nothing will come";
  const JobId id = q.add();
  EXPECT_EQ(q.look_at({{"q", "k"}, {"q", "k"}, {"q", "other"}, {"nobody", "k"}}), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(state(id), success);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(admin().keys("q").empty()) << "there is nothing to remember";
}

TEST_P(KeyRoom, WatchersAreToldOfThoseLetIn) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  Moment told;
  const auto subscription = dialect().subscribe([&] { told.happen(); });
  EXPECT_EQ(q.look(), 1u);
  EXPECT_TRUE(told.wait());
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyRoom, QueuesKeepTheirOwnLimitsAndPauses) {
  SQLQ_NEEDS(limits);
  admin().create_queue("q", {.concurrency = 2});
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(2, {.key = "a"}));
  static_cast<void>(q.add_many(2, {.key = "b"}));
  EXPECT_EQ(q.look(), 4u);
  admin().pause("q");
  EXPECT_TRUE(claim(10).empty());
  admin().resume("q");
  EXPECT_EQ(claim(10).size(), 2u);
  EXPECT_TRUE(claim(10).empty());
  EXPECT_EQ(q.look(), 0u);
}

}  // namespace sqlq::conformance
