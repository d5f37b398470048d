// Many threads and handles claim at once: no job is given to two of them, no limit is ever exceeded (promise I5).

#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

constexpr int racers = 32;

/// What the threads know: jobs of one queue between a claim's return and the call that finishes it. Never more than
/// are really held, so exceeding the limit here is exceeding it in the database.
struct Lane {
  std::string queue;
  std::uint32_t limit;  ///< 0: none
  std::atomic<std::uint32_t> held{0};
  std::atomic<std::uint32_t> peak{0};

  void enter() {
    const std::uint32_t now = ++held;
    std::uint32_t seen = peak;
    while (seen < now && !peak.compare_exchange_weak(seen, now)) {
    }
  }
  void leave() { --held; }
};

}  // namespace

TEST_P(ClaimRace, ThirtyTwoThreadsShareNoJobAndExceedNoLimit) {
  use_system_clock();
  std::array<Lane, 4> lanes{Lane{"one", 1}, Lane{"two", 2}, Lane{"five", 5}, Lane{"free", 0}};
  std::vector<NewJob> jobs;
  for (const Lane& lane : lanes) {
    admin().create_queue(lane.queue, {.concurrency = lane.limit == 0 ? std::optional<std::uint32_t>{} : lane.limit});
    for (int i = 0; i < 60; ++i) jobs.push_back({.kind = "work", .options = {.queue = lane.queue}});
  }
  std::map<JobId, std::atomic<int>> owners;
  for (const Enqueued& e : client().enqueue_many(jobs)) owners[e.id] = 0;

  const std::vector<Database> handles = {db(), another(), another(), another()};
  std::atomic<std::size_t> finished{0};
  std::atomic<int> working{racers};
  in_threads(racers + 1, [&](int t) {
    if (t == racers) {  // the observer: one snapshot after the other
      Admin eye{handles[1]};
      while (working > 0) {
        for (const Lane& lane : lanes) {
          if (lane.limit == 0) continue;
          const JobCounts counts = eye.counts(lane.queue);
          EXPECT_LE(counts.at(JobState::running).value + counts.at(JobState::cancelling).value, lane.limit)
              << lane.queue;
        }
      }
      return;
    }
    struct Leave {
      std::atomic<int>& working;
      ~Leave() { --working; }
    } leave{working};
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    while (finished < jobs.size()) {
      const std::vector<Job> claimed = mine.claim({}, {}, static_cast<std::size_t>(1 + t % 3));
      for (const Job& job : claimed) {
        EXPECT_EQ(owners.at(job.id).fetch_add(1), 0) << "two owners of job " << job.id.to_string();
        for (Lane& lane : lanes) {
          if (lane.queue == job.queue) lane.enter();
        }
      }
      std::this_thread::yield();
      for (const Job& job : claimed) {
        for (Lane& lane : lanes) {
          if (lane.queue == job.queue) lane.leave();
        }
        EXPECT_EQ(mine.success(job), FinishStatus::applied);
        ++finished;
      }
    }
  });

  for (const Lane& lane : lanes) {
    if (lane.limit == 0) continue;
    EXPECT_LE(lane.peak, lane.limit) << lane.queue;
  }
  for (const auto& [id, count] : owners) EXPECT_EQ(count, 1) << id.to_string();
  EXPECT_EQ(admin().counts().at(JobState::success).value, jobs.size());
  EXPECT_EQ(held(), 0u);
}

TEST_P(ClaimRace, JobsGivenBackGoToOneOwnerAtATime) {
  use_system_clock();
  constexpr int rounds = 20;
  admin().create_queue("one", {.concurrency = 1});
  const JobId id = enqueue({.queue = "one"});
  const std::vector<Database> handles = {db(), another()};
  std::atomic<int> inside{0};
  std::atomic<int> turns{0};
  in_threads(8, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    while (turns < rounds) {
      const std::optional<Job> job = mine.claim_one("one");
      if (!job) continue;
      EXPECT_EQ(++inside, 1);
      ++turns;
      --inside;
      EXPECT_EQ(mine.release(*job), FinishStatus::applied);
    }
  });
  const Job job = row(id);
  EXPECT_EQ(job.claims, turns);
  EXPECT_EQ(job.attempt, 0);
  EXPECT_EQ(job.state, JobState::pending);
}

TEST_P(ClaimRace, ALimitLoweredMidwayBindsWhateverIsClaimedLater) {
  use_system_clock();
  admin().create_queue("q", {.concurrency = 8});
  std::vector<NewJob> jobs(80, NewJob{.kind = "work", .options = {.queue = "q"}});
  client().enqueue_many(jobs);
  std::vector<Job> first = claim(8, {"q"});
  ASSERT_EQ(first.size(), 8u);
  admin().set_concurrency("q", 2);
  for (const Job& job : first) client().success(job);

  std::atomic<std::size_t> finished{0};
  Lane lane{"q", 2};
  in_threads(8, [&](int) {
    Client mine{db()};
    while (finished < 72) {
      for (const Job& job : mine.claim(std::vector<std::string>{"q"}, {}, 4)) {
        lane.enter();
        std::this_thread::yield();
        lane.leave();
        EXPECT_EQ(mine.success(job), FinishStatus::applied);
        ++finished;
      }
    }
  });
  EXPECT_LE(lane.peak, 2u);
}

TEST_P(ClaimRace, EveryFinishIsAppliedOnce) {
  use_system_clock();
  std::vector<NewJob> jobs(40, NewJob{.kind = "work"});
  client().enqueue_many(jobs);
  const std::vector<Job> claimed = claim(40);
  const std::vector<Database> handles = {db(), another()};
  std::atomic<int> applied{0};
  in_threads(6, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    for (const Job& job : claimed) {
      const FinishStatus status = t % 2 == 0 ? mine.success(job) : mine.error(job, "no", {.discard = true});
      EXPECT_NE(status, FinishStatus::stale);
      if (status == FinishStatus::applied) ++applied;
    }
  });
  EXPECT_EQ(applied, 40);
  EXPECT_EQ(held(), 0u);
}

}  // namespace sqlq::conformance
