// Counts: every state, each only as far as asked.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

/// Of jobs without a key.
const std::vector<JobState> all_states = {JobState::pending,  JobState::running,    JobState::success,
                                          JobState::errored,  JobState::cancelling, JobState::cancelled,
                                          JobState::scheduled};

}  // namespace

TEST_P(Counts, EveryStateIsPresent) {
  for (const std::string& queue : {std::string(), std::string("nowhere")}) {
    const JobCounts counts = admin().counts(queue);
    std::vector<JobState> present = all_states;
    present.push_back(JobState::waiting);
    EXPECT_EQ(counts.size(), present.size());
    for (const JobState s : present) {
      ASSERT_TRUE(counts.contains(s)) << to_string(s);
      EXPECT_EQ(counts.at(s).value, 0u);
      EXPECT_FALSE(counts.at(s).capped);
    }
  }
}

TEST_P(Counts, OneJobInEachState) {
  enqueue({.priority = 1});
  client().success(take());
  enqueue({.priority = 1});
  client().error(take(), "no", {.discard = true});
  client().cancel(enqueue());
  enqueue({.priority = 1});
  client().cancel(take().id);
  enqueue({.priority = 1});
  static_cast<void>(take());
  enqueue({.delay = std::chrono::hours(1)});
  enqueue();
  const JobCounts counts = admin().counts();
  for (const JobState s : all_states) EXPECT_EQ(counts.at(s).value, 1u) << to_string(s);
}

TEST_P(Counts, OfOneQueue) {
  enqueue({.queue = "a"});
  enqueue({.queue = "a"});
  enqueue({.queue = "b"});
  EXPECT_EQ(admin().counts("a").at(JobState::pending).value, 2u);
  EXPECT_EQ(admin().counts("b").at(JobState::pending).value, 1u);
  EXPECT_EQ(admin().counts().at(JobState::pending).value, 3u);
}

TEST_P(Counts, StopAtTheCap) {
  for (int i = 0; i < 10; ++i) enqueue({.queue = i % 2 == 0 ? "a" : "b"});
  const auto pending = [&](std::uint64_t cap) { return admin().counts({}, cap).at(JobState::pending); };
  EXPECT_EQ(pending(4).value, 4u);
  EXPECT_TRUE(pending(4).capped);
  EXPECT_EQ(pending(10).value, 10u);
  EXPECT_FALSE(pending(10).capped);
  EXPECT_EQ(pending(11).value, 10u);
  EXPECT_FALSE(pending(11).capped);
  const CappedCount of_one = admin().counts("a", 4).at(JobState::pending);
  EXPECT_EQ(of_one.value, 4u);
  EXPECT_TRUE(of_one.capped);
}

TEST_P(Counts, CapsOutOfRangeAreRefused) {
  EXPECT_EQ(code_of([&] { return admin().counts({}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().counts({}, 1'000'001); }), "invalid_argument");
}

}  // namespace sqlq::conformance
