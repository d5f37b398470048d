// What an operator sees of keys, and what he does to them.

#include <algorithm>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

std::vector<std::string> names_of(const std::vector<KeyStatus>& keys) {
  std::vector<std::string> names;
  for (const KeyStatus& key : keys) names.push_back(key.key);
  return names;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_P(KeySteering, LimitsAreReadAsTheyWereSet) {
  SQLQ_NEEDS(limits);
  EXPECT_EQ(admin().key_limits("q"), KeyLimits{});
  EXPECT_FALSE(admin().queue("q")) << "asking makes none";
  const std::vector<KeyLimits> all{
      {},
      {.concurrency = 0},
      {.concurrency = 4'294'967'295},
      {.rate = Rate{}},
      {.rate = Rate{.count = 1'000'000, .per = 24h * 366, .burst = 1'000'000}},
      {.concurrency = 3, .rate = Rate{.count = 7, .per = 1ms, .burst = 2}, .order = sqlq::KeyOrder::strict},
      {.order = sqlq::KeyOrder::strict, .after_error = AfterError::hold},
      {.rate = Rate{.count = 2, .per = 1234567us}}};
  for (const KeyLimits& limits : all) {
    admin().set_key_limits("q", limits);
    EXPECT_EQ(admin().key_limits("q"), limits);
    admin().set_key_limits("q", limits);
    EXPECT_EQ(admin().key_limits("q"), limits) << "a replay";
    admin().set_key_limits("q", "k", limits);
    EXPECT_EQ(admin().key("q", "k").own, limits);
    EXPECT_EQ(Admin{another()}.key_limits("q"), limits);
  }
  EXPECT_TRUE(admin().queue("q")) << "the queue is made";
  EXPECT_EQ(admin().key_limits("other"), KeyLimits{});
  admin().set_key_limits("q", {});
  EXPECT_EQ(admin().key("q", "k").own, all.back()) << "they are the key's own";
  admin().set_key_limits("q", "k", std::nullopt);
  admin().set_key_limits("q", "k", std::nullopt);
  EXPECT_FALSE(admin().key("q", "k").own);
}

TEST_P(KeySteering, AQueueIsMadeForLimitsOfAKeyToo) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", "k", KeyLimits{.concurrency = 1});
  ASSERT_TRUE(admin().queue("q"));
  EXPECT_FALSE(admin().queue("q")->concurrency);
  EXPECT_EQ(admin().key_limits("q"), KeyLimits{});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(2));
  static_cast<void>(q.add_many(2, {.key = "other"}));
  EXPECT_EQ(q.look(), 3u);
}

TEST_P(KeySteering, WhatIsOutOfRangeIsRefusedBeforeAnythingIsChanged) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 7});
  const std::vector<Rate> bad_rates{{.count = 0},
                                    {.count = 1'000'001},
                                    {.per = 0s},
                                    {.per = 999us},
                                    {.per = -1s},
                                    {.per = 24h * 366 + 1us},
                                    {.per = Duration::max()},
                                    {.count = 5, .burst = 0},
                                    {.count = 5, .burst = 6}};
  std::vector<KeyLimits> bad;
  for (const Rate& rate : bad_rates) bad.push_back({.rate = rate});
  bad.push_back({.after_error = AfterError::hold});
  bad.push_back({.order = static_cast<sqlq::KeyOrder>(0)});
  bad.push_back({.order = static_cast<sqlq::KeyOrder>(3)});
  bad.push_back({.order = sqlq::KeyOrder::strict, .after_error = static_cast<AfterError>(3)});
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(code_of([&] { return admin().set_key_limits("q", bad[i]), 0; }), "invalid_argument") << i;
    EXPECT_EQ(code_of([&] { return admin().set_key_limits("new", bad[i]), 0; }), "invalid_argument") << i;
    EXPECT_EQ(code_of([&] { return admin().set_key_limits("q", "k", bad[i]), 0; }), "invalid_argument") << i;
  }
  EXPECT_EQ(admin().key_limits("q"), KeyLimits{.concurrency = 7});
  EXPECT_FALSE(admin().key("q", "k").own);
  EXPECT_FALSE(admin().queue("new"));
}

TEST_P(KeySteering, NamesThatNobodyCanHaveAreRefused) {
  SQLQ_NEEDS(limits);
  const std::vector<std::string> bad{"", std::string(256, 'k'), "a\nb", std::string("a\0b", 3), "\x7F", "\xFF",
                                     "\xC3"};
  for (const std::string& name : bad) {
    SCOPED_TRACE(name);
    const auto refused = [](const auto& call) { EXPECT_EQ(code_of(call), "invalid_argument"); };
    refused([&] { return enqueue({.queue = "q", .key = name}); });
    refused([&] { return admin().set_key_limits("q", name, KeyLimits{}), 0; });
    refused([&] { return admin().set_key_limits("q", name, std::nullopt), 0; });
    refused([&] { return admin().key("q", name); });
    refused([&] { return admin().shut_key("q", name, 1s), 0; });
    refused([&] { return admin().open_key("q", name), 0; });
    refused([&] { return admin().set_key_limits(name, {}), 0; });
    refused([&] { return admin().set_key_limits(name, "k", KeyLimits{}), 0; });
    refused([&] { return admin().key_limits(name); });
    refused([&] { return admin().keys(name); });
    refused([&] { return admin().key(name, "k"); });
    refused([&] { return admin().shut_key(name, "k", 1s), 0; });
    refused([&] { return admin().open_key(name, "k"), 0; });
  }
  EXPECT_EQ(code_of([&] { return admin().keys("q", {}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().keys("q", {}, 1001); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return enqueue({.queue = "q", .headers = {{"sqlq-key", "k"}}}); }), "invalid_argument");
  const std::vector<NewJob> jobs{{.kind = "work"}, {.kind = "work", .options = {.key = ""}}};
  EXPECT_EQ(code_of([&] { return client().enqueue_many(jobs); }), "invalid_argument");
  EXPECT_TRUE(admin().queues().empty());
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(KeySteering, KeysAreListedInOrderAndInPages) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  Texts names{"B", "a", "a b", "aa", "b", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};  // by bytes
  for (const std::size_t i : {5u, 0u, 7u, 3u}) static_cast<void>(q.add_of(names[i]));
  admin().set_key_limits("q", names[1], KeyLimits{});
  admin().set_key_limits("q", names[6], KeyLimits{.concurrency = 3});
  admin().shut_key("q", names[2], 1h);
  static_cast<void>(q.add({.delay = 1h, .key = names[4]}));
  static_cast<void>(q.add({.queue = "another", .key = "c"}));
  admin().set_key_limits("q", {.concurrency = 1});
  for (int looked = 0; looked < 2; ++looked) {
    EXPECT_EQ(names_of(admin().keys("q")), names) << "looked at " << looked << " times";
    EXPECT_EQ(names_of(admin().keys("another")), Texts{"c"});
    Texts walked;
    for (std::string after;;) {
      const Texts page = names_of(admin().keys("q", after, 3));
      EXPECT_LE(page.size(), 3u);
      if (page.empty()) break;
      walked.insert(walked.end(), page.begin(), page.end());
      after = page.back();
    }
    EXPECT_EQ(walked, names);
    q.look();
  }
  EXPECT_EQ(names_of(admin().keys("q", "ab", 2)), (Texts{"b", "\xC3\xA9"})) << "after a key that is not there";
  EXPECT_TRUE(admin().keys("q", names.back()).empty());
  EXPECT_TRUE(admin().keys("nobody").empty());
  const std::vector<KeyStatus> all = admin().keys("q");
  for (const KeyStatus& listed : all) {
    const KeyStatus one = admin().key("q", listed.key);
    EXPECT_EQ(one.own, listed.own);
    EXPECT_EQ(one.inside, listed.inside);
    EXPECT_EQ(one.waiting, listed.waiting);
    EXPECT_EQ(one.jobs, listed.jobs);
    EXPECT_EQ(one.opens_at, listed.opens_at);
    EXPECT_EQ(one.held, listed.held);
  }
}

TEST_P(KeySteering, AKeyWithNothingToRememberIsListedNoMore) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  admin().set_key_limits("q", "own", KeyLimits{.concurrency = 1});
  KeyedQueue q(db(), clock());
  for (const char* key : {"a", "own"}) static_cast<void>(q.add_many(2, {.key = key}));
  EXPECT_EQ(q.look(), 2u);
  for (int round = 0; round < 2; ++round) {
    for (const Job& job : claim(10)) EXPECT_EQ(client().success(job), FinishStatus::applied);
    q.look();
  }
  EXPECT_EQ(names_of(admin().keys("q")), Texts{"own"});
  admin().set_key_limits("q", "own", std::nullopt);
  q.look();
  EXPECT_TRUE(admin().keys("q").empty());
  EXPECT_EQ(admin().key_limits("q").concurrency, 1u) << "those of the queue stay";
}

TEST_P(KeySteering, AStatusHasTheNumbersOfThisMoment) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 12});
  KeyedQueue q(db(), clock());
  const KeyStatus unknown = q.status("nobody");
  EXPECT_EQ(unknown.key, "nobody");
  EXPECT_EQ(unknown.inside + unknown.waiting, 0u);
  EXPECT_FALSE(unknown.own || unknown.opens_at || unknown.held);
  const Ids ids = q.add_many(15);
  static_cast<void>(q.add({.delay = 1h}));
  EXPECT_EQ(q.status().waiting, 16u);
  EXPECT_EQ(q.look(), 12u);
  EXPECT_EQ(q.status().inside, 12u);
  EXPECT_EQ(q.status().waiting, 4u);
  Ids shown = q.status().jobs;
  EXPECT_EQ(shown.size(), 10u);
  std::ranges::sort(shown);
  EXPECT_EQ(std::ranges::adjacent_find(shown), shown.end());
  for (const JobId id : shown) EXPECT_EQ(state(id), pending);
  const std::vector<Job> jobs = claim(3);
  admin().set_key_limits("q", {.concurrency = 0});
  EXPECT_EQ(client().cancel(jobs[0].id), CancelStatus::cancelling);
  EXPECT_EQ(q.status().inside, 12u) << "those that run are inside";
  EXPECT_EQ(client().success(jobs[1]), FinishStatus::applied);
  EXPECT_EQ(client().snooze(jobs[2], 1h), FinishStatus::applied);
  EXPECT_EQ(q.status().inside, 10u);
  EXPECT_EQ(q.status().waiting, 5u);
  client().cancel(ids[14]);
  EXPECT_EQ(q.status().waiting, 4u);
}

TEST_P(KeySteering, AShutKeyLetsNobodyInUntilThen) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  const Ids others = q.add_many(4, {.key = "other"});
  EXPECT_EQ(q.look(), 4u);
  const TimePoint begin = clock().now();
  admin().shut_key("q", "k", 10s);
  EXPECT_EQ(q.status().opens_at, begin + 10s);
  EXPECT_FALSE(q.status().held);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 4u) << "those that were let in go on";
  for (const Job& job : jobs) EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(q.states({others[2], others[3]}), (States{pending, pending}));
  admin().shut_key("q", "k", 1s);
  EXPECT_EQ(q.status().opens_at, begin + 10s) << "never earlier than was said";
  clock().advance(5s);
  EXPECT_EQ(q.look(), 0u);
  ASSERT_TRUE(q.last().next);
  EXPECT_LE(*q.last().next, begin + 10s);
  admin().shut_key("q", "k", 10s);
  EXPECT_EQ(q.status().opens_at, begin + 15s);
  clock().advance(10s - 1us);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(1us);
  EXPECT_EQ(q.look_around(), 2u);
  EXPECT_EQ(q.states(ids), (States{success, success, pending, pending}));
}

TEST_P(KeySteering, AShutKeyIsOpened) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  admin().create_queue("q");
  admin().shut_key("q", "k", 1h);
  admin().shut_key("q", "k", 1h);
  EXPECT_EQ(names_of(admin().keys("q")), Texts{"k"}) << "it has a state";
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(state(id), waiting);
  admin().open_key("q", "k");
  admin().open_key("q", "k");
  EXPECT_LE(q.status().opens_at.value_or(clock().now()), clock().now());
  EXPECT_EQ(q.look_around(), 1u);
  admin().open_key("q", "nobody");
  EXPECT_EQ(q.status("nobody").inside, 0u);
}

TEST_P(KeySteering, AKeyIsShutUntilItIsOpened) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  admin().shut_key("q", "k", Duration::max());
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(q.status().held);
  EXPECT_FALSE(q.status().opens_at);
  admin().shut_key("q", "k", 1s);
  clock().advance(24h * 3650);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(q.status().held) << "a shorter pause does not open it";
  admin().open_key("q", "k");
  EXPECT_FALSE(q.status().held);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeySteering, OpeningDoesNotForgetStarts) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.rate = Rate{.count = 1, .per = 10s}});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(2));
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  admin().shut_key("q", "k", 1h);
  admin().open_key("q", "k");
  EXPECT_EQ(q.look(), 0u);
  clock().advance(10s);
  EXPECT_EQ(q.look(), 1u);
}

TEST_P(KeySteering, ShuttingAndOpeningLeaveLimitsAlone) {
  SQLQ_NEEDS(limits);
  const KeyLimits own{.concurrency = 3, .rate = Rate{.count = 9, .per = 1min}};
  admin().set_key_limits("q", "k", own);
  admin().shut_key("q", "k", 1h);
  EXPECT_EQ(admin().key("q", "k").own, own);
  admin().set_key_limits("q", "k", KeyLimits{});
  EXPECT_EQ(admin().key("q", "k").opens_at, clock().now() + 1h) << "and the other way round";
  admin().open_key("q", "k");
  EXPECT_EQ(admin().key("q", "k").own, KeyLimits{});
}

}  // namespace sqlq::conformance
