// What explanations ask of a backend: how many jobs come first, and which time it is.

#include <map>
#include <random>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

/// How many come before this job.
struct Place {
  std::uint64_t value = 0;
  bool capped = false;
  friend bool operator==(const Place&, const Place&) = default;
  friend void PrintTo(const Place& place, std::ostream* out) {
    *out << place.value << (place.capped ? " or more" : "");
  }
};

struct Insights {
  Insights(backend::Dialect& dialect, testing::ManualClock& clock) : part(*dialect.insight()), time(clock) {}
  [[nodiscard]] Place before(JobId id, std::uint64_t cap = 1000) {
    const CappedCount count = part.jobs_before(id, cap, time.instant());
    return {count.value, count.capped};
  }

  backend::Insight& part;
  testing::ManualClock& time;
};

}  // namespace

TEST_P(Insight, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().insight() != nullptr, capabilities().insight); }

TEST_P(Insight, TheClockIsTheOneThatDecidesWhenJobsAreDue) {
  SQLQ_NEEDS(insight);
  use_system_clock();
  const TimePoint before = shared_clock()->now();
  const TimePoint now = dialect().insight()->clock_now();
  const TimePoint after = shared_clock()->now();
  const Duration apart = capabilities().database_clock ? 1min : 0s;  // a server's may differ from the host's
  EXPECT_GE(now, before - apart);
  EXPECT_LE(now, after + apart);
}

TEST_P(Insight, JobsBeforeAreThoseThatClaimsTakeFirst) {
  SQLQ_NEEDS(insight);
  const std::uint64_t seed = random_seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<int>(random() % n); };
  const auto enqueue_some = [&](int n) {
    for (int i = 0; i < n; ++i) {
      enqueue_kind("kind " + std::to_string(below(3)), {.queue = below(4) == 0 ? "b" : "a",
                                                        .priority = below(4),
                                                        .max_crashes = 1 + below(3),
                                                        .delay = below(3) * 20s});
      if (below(3) == 0) clock().advance(1s);
    }
  };
  enqueue_some(20);
  for (int crash = 0; crash < 2; ++crash) {  // of which some are suspects then
    while (!claim(100).empty()) {
    }
    clock().advance(31s);
    static_cast<void>(client().reap());
  }
  enqueue_some(40);
  admin().set_priority("b", 0);
  enqueue({.queue = "a", .priority = -5, .delay = 1h});
  Insights insights(dialect(), clock());

  std::map<JobId, Place> said;
  for (const Job& job : admin().list({.queues = {"a"}}, {.limit = 1000})) said[job.id] = insights.before(job.id);
  std::uint64_t taken = 0;
  while (const std::optional<Job> job = client().claim_one("a")) {
    EXPECT_EQ(said.at(job->id), (Place{taken, false})) << job->priority << " " << job->kind;
    ++taken;
    said.erase(job->id);
    if (taken == 10) {  // the others have moved up
      for (auto& [id, place] : said) {
        const Place now = insights.before(id);
        EXPECT_EQ(now, (Place{place.value < 10 ? 0 : place.value - 10, false}));
      }
    }
  }
  EXPECT_GT(taken, 10u);
  for (const auto& [id, place] : said) EXPECT_EQ(place, Place{}) << "nobody claims it";
}

TEST_P(Insight, CountsUpToTheCap) {
  SQLQ_NEEDS(insight);
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(enqueue_kind(i % 2 == 0 ? "x" : "y"));
  Insights insights(dialect(), clock());
  EXPECT_EQ(insights.before(ids[5], 5), (Place{5, false}));
  EXPECT_EQ(insights.before(ids[5], 4), (Place{4, true}));
  EXPECT_EQ(insights.before(ids[5], 1), (Place{1, true}));
  EXPECT_EQ(insights.before(ids[0], 1), (Place{0, false}));
}

TEST_P(Insight, OtherQueuesAndJobsThatAreNotDueDoNotComeFirst) {
  SQLQ_NEEDS(insight);
  const JobId first = enqueue({.queue = "q"});
  const JobId later = enqueue({.queue = "q", .priority = 1, .delay = 1min});
  const JobId soon = enqueue({.queue = "q", .delay = 30s});
  for (int i = 0; i < 3; ++i) enqueue({.queue = "Q", .priority = 0});
  const JobId last = enqueue({.queue = "q"});
  Insights insights(dialect(), clock());
  EXPECT_EQ(insights.before(last), (Place{1, false}));
  EXPECT_EQ(insights.before(soon), Place{}) << "it is not due";
  clock().advance(1min);
  EXPECT_EQ(state(later), JobState::scheduled);
  EXPECT_EQ(insights.before(later), Place{});
  EXPECT_EQ(insights.before(first), (Place{1, false}));
  EXPECT_EQ(insights.before(last), (Place{2, false}));
  EXPECT_EQ(insights.before(soon), (Place{3, false})) << "due, though nobody has claimed since";
  admin().pause("q");
  EXPECT_EQ(insights.before(soon), (Place{3, false})) << "in their order, whether they may run or not";
}

TEST_P(Insight, NothingComesBeforeAJobThatDoesNotWait) {
  SQLQ_NEEDS(insight);
  const JobId running = enqueue({.priority = 9});
  const Job lease = take();
  const JobId ended = enqueue({.priority = 9});
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  const JobId cancelled = enqueue();
  EXPECT_EQ(client().cancel(cancelled), CancelStatus::cancelled);
  for (int i = 0; i < 3; ++i) enqueue({.priority = 1});
  Insights insights(dialect(), clock());
  const JobId unknown = JobId::make(clock().now());
  for (const JobId id : {running, ended, cancelled, unknown}) EXPECT_EQ(insights.before(id), Place{});
  EXPECT_EQ(client().cancel(running), CancelStatus::cancelling);
  EXPECT_EQ(insights.before(running), Place{});
  EXPECT_EQ(client().cancelled(lease), FinishStatus::cancelled);
}

}  // namespace sqlq::conformance
