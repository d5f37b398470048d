// Many look at the same gates at once, and whatever happens in whatever order: no key is ever over its limit (promise
// I12), and nobody is forgotten.

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <span>
#include <thread>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

/// Jobs of one key between a claim's return and the call that ends them: never more than are really inside.
struct Inside {
  std::uint32_t limit;
  std::atomic<std::uint32_t> held{0};
  std::atomic<std::uint32_t> peak{0};

  void enter() {
    const std::uint32_t now = ++held;
    std::uint32_t seen = peak;
    while (seen < now && !peak.compare_exchange_weak(seen, now)) {
    }
  }
};

}  // namespace

TEST_P(KeyRace, FourWhoLookAtOnceAreNeverOver) {
  SQLQ_NEEDS(limits);
  use_system_clock();
  std::array<Inside, 4> keys{Inside{1}, Inside{2}, Inside{3}, Inside{7}};
  std::vector<backend::GateName> gates;
  std::vector<NewJob> jobs;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string key = std::to_string(i);
    gates.push_back({"q", key});
    admin().set_key_limits("q", key, KeyLimits{.concurrency = keys[i].limit});
    for (int n = 0; n < 50; ++n) jobs.push_back({.kind = "work", .options = {.queue = "q", .key = key}});
  }
  client().enqueue_many(jobs);
  const std::vector<Database> handles{db(), another(), another(), another()};
  std::atomic<std::size_t> finished{0};
  in_threads(5, [&](int t) {
    if (t == 4) {  // the observer
      const Admin eye{handles[1]};
      while (finished < jobs.size()) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
          EXPECT_LE(eye.key("q", std::to_string(i)).inside, keys[i].limit);
        }
      }
      return;
    }
    const Database& handle = handles[static_cast<std::size_t>(t)];
    Client mine{handle};
    while (finished < jobs.size()) {
      static_cast<void>(handle.ready().gates()->gates_look(gates, 1000, {}));
      const std::vector<Job> claimed = mine.claim({}, {}, static_cast<std::size_t>(1 + t));
      for (const Job& job : claimed) keys.at(std::stoul(std::string(key_of(job)))).enter();
      std::this_thread::yield();
      for (const Job& job : claimed) {
        --keys.at(std::stoul(std::string(key_of(job)))).held;
        EXPECT_EQ(mine.success(job), FinishStatus::applied);
        ++finished;
      }
    }
  });
  for (const Inside& key : keys) EXPECT_LE(key.peak, key.limit);
  EXPECT_EQ(admin().counts("q").at(success).value, jobs.size());
}

TEST_P(KeyRace, StrictOrderHoldsForFourWhoLookAtOnce) {
  SQLQ_NEEDS(limits);
  use_system_clock();
  admin().set_key_limits("q", {.order = sqlq::KeyOrder::strict});
  std::vector<NewJob> jobs;
  Ids order;
  for (int i = 0; i < 40; ++i) {
    order.push_back(JobId::make(shared_clock()->now()));
    jobs.push_back({.kind = "work", .options = {.queue = "q", .key = "k", .id = order.back()}});
  }
  client().enqueue_many(jobs);
  const std::vector<Database> handles{db(), another()};
  std::atomic<std::size_t> finished{0};
  std::atomic<int> inside{0};
  const std::vector<backend::GateName> gates{{"q", "k"}};
  in_threads(4, [&](int t) {
    const Database& handle = handles[static_cast<std::size_t>(t) % handles.size()];
    Client mine{handle};
    while (finished < order.size()) {
      static_cast<void>(handle.ready().gates()->gates_look(gates, 10, {}));
      const std::vector<Job> claimed = mine.claim({}, {}, 3);
      ASSERT_LE(claimed.size(), 1u);
      if (claimed.empty()) continue;
      EXPECT_EQ(++inside, 1);
      EXPECT_EQ(claimed.front().id, order.at(finished));
      const bool again = claimed.front().claims == 1 && finished % 3 == 0;
      if (!again) ++finished;
      --inside;
      EXPECT_EQ(again ? mine.release(claimed.front()) : mine.success(claimed.front()), FinishStatus::applied);
    }
  });
  EXPECT_EQ(finished, order.size());
}

TEST_P(KeyRace, JobsThatComeWhileOthersLookAreAllLetIn) {
  SQLQ_NEEDS(limits);
  use_system_clock();
  constexpr std::size_t producers = 2;
  constexpr std::size_t each = 40;
  const std::vector<Database> handles{db(), another(), another(), another()};
  std::atomic<std::size_t> finished{0};
  in_threads(4, [&](int t) {
    const Database& handle = handles[static_cast<std::size_t>(t)];
    Client mine{handle};
    if (t < static_cast<int>(producers)) {
      for (std::size_t i = 0; i < each; ++i) {
        mine.enqueue(NewJob{.kind = "work", .options = {.queue = "q", .key = std::to_string(i % 3)}});
      }
      return;
    }
    const SteadyPoint until = system_clock()->steady() + 60s;
    while (finished < producers * each && system_clock()->steady() < until) {
      static_cast<void>(handle.ready().gates()->gates_look({}, 1000, {}));
      for (const Job& job : mine.claim({}, {}, 5)) {
        EXPECT_EQ(mine.success(job), FinishStatus::applied);
        ++finished;
      }
    }
  });
  EXPECT_EQ(finished, producers * each);
  EXPECT_EQ(admin().counts("q").at(waiting).value, 0u);
}

TEST_P(KeyRace, WhoHasLockedAJobHarmsNoOtherKey) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(database_clock);  // where there is one writer, all wait for it
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids guilty = q.add_many(3, {.key = "guilty"});
  const Ids innocent = q.add_many(2, {.key = "innocent"});
  EXPECT_EQ(q.look(), 2u);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 2u);
  const auto connection = user();
  connection->begin();
  EXPECT_EQ(client().cancel(connection->tx(), guilty[1]), CancelStatus::cancelled);
  for (const Job& job : jobs) EXPECT_EQ(client().success(job), FinishStatus::applied);
  static_cast<void>(q.add_of("new"));
  const SteadyPoint before = system_clock()->steady();
  q.look();
  EXPECT_LT(system_clock()->steady() - before, 2s) << "it waits for nobody";
  EXPECT_EQ(state(innocent[1]), pending) << "innocents";
  EXPECT_EQ(q.status("new").inside, 1u) << "innocents";
  EXPECT_EQ(state(guilty[1]), waiting);
  EXPECT_LE(q.status("guilty").inside, 1u);
  connection->rollback();
  q.look();
  clock().advance(2s);
  q.look_around();
  EXPECT_EQ(q.status("guilty").inside, 1u) << "it is looked at again soon";
}

TEST_P(KeyRace, WhoEndsAJobInATransactionHarmsNobody) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(database_clock);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  EXPECT_EQ(q.look(), 2u);
  const std::vector<Job> jobs{take(), take()};  // by two claims: ends of one claim may wait for each other
  const auto connection = user();
  connection->begin();
  EXPECT_EQ(client().success(connection->tx(), jobs[0]), FinishStatus::applied);
  EXPECT_EQ(client().success(jobs[1]), FinishStatus::applied);
  static_cast<void>(q.add_of("new"));
  const SteadyPoint before = system_clock()->steady();
  EXPECT_EQ(q.look(), 2u) << "innocents: one of this key, one of another";
  EXPECT_LT(system_clock()->steady() - before, 2s) << "it waits for nobody";
  EXPECT_EQ(q.states(ids), (States{running, success, pending, waiting}));
  connection->commit();
  EXPECT_EQ(q.look(), 1u);
}

TEST_P(KeyRace, WhoStoresAJobInATransactionHarmsNobody) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(database_clock);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  const auto connection = user();
  connection->begin();
  const JobId stored =
      client().enqueue(connection->tx(), NewJob{.kind = "work", .options = {.queue = "q", .key = "k"}}).id;
  const JobId other = q.add();
  const JobId of_new = q.add_of("new");
  const SteadyPoint before = system_clock()->steady();
  EXPECT_EQ(q.look(), 2u) << "innocents";
  EXPECT_LT(system_clock()->steady() - before, 2s) << "it waits for nobody";
  EXPECT_EQ(q.states({ids[0], other, of_new}), (States{success, pending, pending}));
  connection->commit();
  EXPECT_EQ(state(stored), waiting);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_GE(q.look(), 1u);
  EXPECT_EQ(state(stored), pending);
}

TEST_P(KeyRace, WhoHasLockedAGateHarmsNoOther) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(database_clock);
  admin().set_key_limits("guilty", {.concurrency = 1});
  admin().set_key_limits("innocent", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  for (const char* queue : {"guilty", "innocent"}) static_cast<void>(q.add_many(2, {.queue = queue}));
  EXPECT_EQ(q.look(), 2u);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 2u);
  const auto connection = user();
  connection->begin();
  connection->execute(
      "UPDATE sqlq_gates SET turn = turn + 1 WHERE queue_id = (SELECT id FROM sqlq_queues WHERE name = 'guilty')");
  for (const Job& job : jobs) EXPECT_EQ(client().success(job), FinishStatus::applied);
  const SteadyPoint before = system_clock()->steady();
  const std::vector<backend::GateName> both{{"guilty", "k"}, {"innocent", "k"}};
  EXPECT_TRUE(dialect().gates()->gates_look(both, 1000, clock().instant()).more) << "nobody has seen that it has room";
  EXPECT_TRUE(dialect().gates()->gates_look(std::span(both).first(1), 1000, clock().instant()).more) << "nor now";
  const backend::GatesLooked around = dialect().gates()->gates_look({}, 1000, clock().instant());
  EXPECT_FALSE(around.more) << "who does not name it would look at nothing else, again and again";
  EXPECT_LT(system_clock()->steady() - before, 2s) << "it waits for nobody";
  EXPECT_EQ(admin().key("innocent", "k").inside, 1u);
  EXPECT_EQ(admin().key("guilty", "k").inside, 0u);
  static_cast<void>(q.add({.queue = "guilty"}));
  connection->commit();
  EXPECT_EQ(q.look(), 2u) << "of each key one was let in";
  EXPECT_EQ(admin().key("guilty", "k").inside, 1u);
}

TEST_P(KeyRace, WhateverHappensNoKeyIsOverAndNobodyIsForgotten) {
  SQLQ_NEEDS(limits);
  const std::uint64_t seed = random_seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto number = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  const std::vector<std::string> queues{"q", "r"};
  const std::vector<std::string> keys{"a", "b", "c"};
  KeyedQueue q(db(), clock());
  std::map<backend::GateName, std::uint32_t> limits;
  std::map<backend::GateName, std::size_t> inside;
  std::map<backend::GateName, std::size_t> lowered;  // so many were inside when the limit was set, or fewer
  std::vector<backend::GateName> gates;
  for (const std::string& queue : queues) {
    for (const std::string& key : keys) {
      gates.push_back({queue, key});
      limits[gates.back()] = 2;
    }
    admin().set_key_limits(queue, {.concurrency = 2});
  }
  std::vector<Job> leases;
  std::string story;
  const auto done = [&](const std::string& what) { story += what + "\n"; };
  const auto check = [&](bool looked) {
    std::map<backend::GateName, std::size_t> ready;
    inside.clear();
    for (const Job& job : admin().list({}, {.limit = 1000})) {
      const backend::GateName gate{job.queue, std::string(key_of(job))};
      if (job.state == waiting) ready[gate] += job.run_at <= clock().now() ? 1u : 0u;
      if (job.state != waiting && !is_finished(job.state)) ++inside[gate];
      ASSERT_NE(job.state, scheduled) << story;
    }
    for (const auto& [gate, limit] : limits) {
      lowered[gate] = std::min(lowered[gate], inside[gate]);
      ASSERT_LE(inside[gate], std::max<std::size_t>(limit, lowered[gate])) << gate.queue << gate.key << "\n" << story;
      if (looked) {
        ASSERT_TRUE(ready[gate] == 0 || inside[gate] >= limit) << gate.queue << gate.key << " has room\n" << story;
      }
      const KeyStatus status = admin().key(gate.queue, gate.key);
      ASSERT_EQ(status.inside, inside[gate]) << gate.queue << gate.key << "\n" << story;
    }
  };
  for (int step = 0; step < 150; ++step) {
    const backend::GateName gate = gates[static_cast<std::size_t>(number(0, static_cast<int>(gates.size()) - 1))];
    switch (number(0, 11)) {
      case 0:
      case 1:
      case 2:
        done("enqueue " + gate.queue + gate.key);
        static_cast<void>(q.add({.queue = gate.queue,
                                 .priority = number(0, 3),
                                 .max_attempts = number(1, 3),
                                 .max_crashes = number(1, 2),
                                 .delay = number(0, 3) == 0 ? 1s * number(1, 20) : 0s,
                                 .key = gate.key}));
        break;
      case 3:
      case 4:
        for (Job& job : claim(static_cast<std::size_t>(number(1, 3)))) {
          done("claimed " + job.queue + std::string(key_of(job)));
          leases.push_back(std::move(job));
        }
        break;
      case 5:
      case 6:
      case 7: {
        if (leases.empty()) break;
        const Job job = leases[static_cast<std::size_t>(number(0, static_cast<int>(leases.size()) - 1))];
        const int way = number(0, 6);
        done("end by " + std::to_string(way) + " " + job.queue + std::string(key_of(job)));
        if (way == 0) client().error(job, "no", {.retry = RetryPolicy::constant(1s * number(0, 5))});
        if (way == 1) client().snooze(job, 1s * number(0, 5));
        if (way == 2) client().release(job);
        if (way == 3) admin().take_away(job.id);
        if (way == 4) client().ping(job);
        if (way > 4) client().success(job);
        break;
      }
      case 8: {
        const std::vector<Job> all = admin().list({}, {.limit = 1000});
        if (all.empty()) break;
        const JobId id = all[static_cast<std::size_t>(number(0, static_cast<int>(all.size()) - 1))].id;
        const int way = number(0, 2);
        done("operator " + std::to_string(way));
        if (way == 0) client().cancel(id);
        if (way == 1) admin().requeue(id);
        if (way == 2) admin().erase(id);
        break;
      }
      case 9: {
        const auto limit = static_cast<std::uint32_t>(number(0, 3));
        done("limit of " + gate.queue + gate.key + " " + std::to_string(limit));
        check(false);
        limits[gate] = limit;
        lowered[gate] = inside[gate];
        admin().set_key_limits(gate.queue, gate.key, KeyLimits{.concurrency = limit});
        break;
      }
      case 10:
        done("time");
        clock().advance(1s * number(0, 8));
        if (number(0, 3) == 0) clock().advance(31s);
        client().reap();
        break;
      default:
        done("look");
        q.look();
        check(true);
        break;
    }
    if (HasFatalFailure()) return;
    if (number(0, 9) == 0) check(false);
    if (HasFatalFailure()) return;
  }
  for (const backend::GateName& gate : gates) admin().set_key_limits(gate.queue, gate.key, KeyLimits{.concurrency = 3});
  clock().advance(31s);
  client().reap();
  for (int round = 0; round < 100; ++round) {
    q.look_at(gates);
    const std::vector<Job> jobs = claim(1000);
    if (jobs.empty()) break;
    for (const Job& job : jobs) client().success(job);
  }
  EXPECT_EQ(admin().counts().at(waiting).value, 0u) << "nobody is forgotten\n" << story;
}

}  // namespace sqlq::conformance
