// Many processes with many threads on one database.

#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "child.hpp"
#include "place.hpp"
#include "records.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t limit = 3;
constexpr Duration soak = 10min;  // more than any SQLQ_SOAK_SECONDS

/// The most jobs that were certainly held at one instant: a record is written after each claim and before each finish.
std::int64_t most_at_once(const std::vector<Record>& records, std::int32_t queue) {
  std::multimap<std::int64_t, int> changes;
  for (const Record& r : records) {
    if (r.queue != queue) continue;
    if (r.what == What::claimed) changes.emplace(r.at_us, 1);
    // An end comes before a beginning of the same microsecond: which was first is not known.
    if (r.what == What::finishing) changes.emplace(r.at_us - 1, -1);
  }
  std::int64_t now = 0;
  std::int64_t most = 0;
  for (const auto& [at, change] : changes) most = std::max(most, now += change);
  return most;
}

class Share : public Anywhere {
 protected:
  /// Starts so many mixers, lets them work, and audits what they did. No exception reaches any of their callers.
  void mix_and_audit(int processes, int threads, const std::string& amount);
};

void Share::mix_and_audit(int processes, int threads, const std::string& amount) {
  const Database db = open(url());
  db.migrate();
  Admin admin{db};
  admin.create_queue("limited", {.concurrency = limit});

  std::vector<std::unique_ptr<Child>> mixers;
  for (int i = 0; i < processes; ++i) {
    mixers.push_back(std::make_unique<Child>(
        "process_mixer",
        std::vector<std::string>{"url=" + url(), "records=" + records(), "threads=" + std::to_string(threads),
                                 amount}));
    ASSERT_EQ(mixers.back()->line(long_enough), "ready");
  }
  const auto begin = system_clock()->steady();
  for (const auto& mixer : mixers) mixer->tell("go");
  std::string slowest;
  for (const auto& mixer : mixers) {
    slowest += mixer->line(long_enough + soak).value_or("no answer") + "; ";
    const auto exit = mixer->wait(long_enough + soak);
    ASSERT_TRUE(exit.has_value());
    EXPECT_TRUE(exit->with_code(0)) << exit->to_string();
  }
  const auto took = std::chrono::duration<double>(system_clock()->steady() - begin).count();

  std::map<What, std::multiset<JobId>> done;
  const auto all = RecordReader(records()).more();
  for (const Record& r : all) {
    done[r.what].insert(r.job());
    EXPECT_LE(r.claim, 1) << "claimed twice: " << r.job().to_string();
  }
  const auto& enqueued = done[What::enqueued];
  EXPECT_EQ(std::set<JobId>(enqueued.begin(), enqueued.end()).size(), enqueued.size());
  EXPECT_EQ(done[What::enqueue_asked], enqueued);
  EXPECT_EQ(done[What::claimed], enqueued);
  EXPECT_EQ(done[What::finished], enqueued);
  EXPECT_LE(most_at_once(all, 1), limit);
  EXPECT_GT(most_at_once(all, 0), 1) << "the processes did not work at the same time";

  auto counts = admin.counts({}, 1'000'000);
  EXPECT_EQ(counts[JobState::success].value, enqueued.size());
  for (const auto state : {JobState::pending, JobState::scheduled, JobState::running, JobState::errored}) {
    EXPECT_EQ(counts[state].value, 0u) << to_string(state);
  }
  expect_sound();
  for (const Job& job : admin.list({}, {.limit = 1000})) {
    EXPECT_EQ(job.claims, 1);
    EXPECT_EQ(job.result, "[1]");
  }
  std::cout << "share, " << place().name << ": " << processes << " x " << threads << " threads, "
            << enqueued.size() << " jobs in " << took
            << " s, at most " << most_at_once(all, 1) << " of " << limit << " held in the limited queue; " << slowest
            << std::endl;
}

TEST_P(Share, TwoProcessesWithSixteenThreads) { mix_and_audit(2, 16, "rounds=40"); }

/// For 3 seconds, or as long as SQLQ_SOAK_SECONDS says (ci/soak: 60).
class Crowd : public Share {};

TEST_P(Crowd, EightProcessesWithEightThreads) {
  const char* seconds = std::getenv("SQLQ_SOAK_SECONDS");
  mix_and_audit(8, 8, std::string("seconds=") + (seconds != nullptr ? seconds : "3"));
}

SQLQ_PLACES(Share, sqlite_normal_place, SQLQ_EVERYWHERE);
SQLQ_PLACES(Crowd, SQLQ_ALL_SERVERS);

}  // namespace
}  // namespace sqlq::process
