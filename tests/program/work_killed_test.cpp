/// \file
/// A worker of commands that is killed again and again: every job ends once, and no process is left.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "processes.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

using process::eventually;

constexpr int kills = 5;
constexpr int concurrency = 4;

/// Some hundred a second: 2,000 here, 10,000 in ci/soak (SQLQ_WORK_JOBS).
int jobs() {
  const char* const number = std::getenv("SQLQ_WORK_JOBS");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return number == nullptr ? 2000 : std::stoi(number);
}
bool is_to_fail(int number) { return number % 100 == 0; }

class WorkKilled : public ProgramTest {
 protected:
  void enqueue() {
    std::vector<NewJob> batch;
    for (int n = 0; n < jobs(); ++n) {
      batch.push_back({.kind = "k", .params = std::to_string(n), .options = {.max_crashes = kills + 1}});
    }
    client().enqueue_many(std::span<const NewJob>(batch));
  }
  /// Each command notes its number; one of a hundred then says that its job is not to be retried.
  Running worker() {
    Setting setting = here();
    setting.environment.push_back(mark_);
    return Running({"work", "--queue", "default", "-j", std::to_string(concurrency), "--drain", "--", "sh", "-c",
                    "read n; echo $n >>ran; [ $((n % 100)) != 0 ] || exit 65"},
                   setting);
  }
  /// Bytes of what was noted: nearly five for each job.
  [[nodiscard]] std::int64_t noted() const {
    std::error_code none_yet;
    const auto size = std::filesystem::file_size(path("ran"), none_yet);
    return none_yet ? 0 : static_cast<std::int64_t>(size);
  }
  /// How often each number was noted.
  std::map<int, int> ran() {
    std::map<int, int> times;
    std::ifstream file(path("ran"));
    for (int n = 0; file >> n;) ++times[n];
    return times;
  }
  [[nodiscard]] bool nobody_is_left() const {
    return eventually([this] { return processes_with(mark_).empty(); });
  }

  const std::string mark_ = "SQLQ_TEST_MARK=" + path();
};

TEST_F(WorkKilled, AgainAndAgainEveryJobEndsOnceAndNoProcessIsLeft) {
  enqueue();
  process::Random random;
  std::vector<std::int64_t> moments;
  for (int i = 0; i < kills; ++i) moments.push_back(random.between(0, std::int64_t{jobs()} * 4));
  std::ranges::sort(moments);
  for (const std::int64_t moment : moments) {
    Running killed = worker();
    ASSERT_TRUE(eventually([&] { return noted() >= moment; }));
    killed.signal(SIGKILL);
    ASSERT_EQ(killed.wait().code, 128 + SIGKILL);
    ASSERT_TRUE(nobody_is_left());
  }
  Running last = worker();
  const Result result = last.wait(std::chrono::minutes(10));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(nobody_is_left());

  const std::map<int, int> times = ran();
  int again = 0, cut_short = 0, wrong = 0;
  for (Page page{.limit = 1000};;) {
    const std::vector<Job> some = admin().list({}, page);
    for (const Job& job : some) {
      const int number = std::stoi(job.params);
      wrong += job.state == (is_to_fail(number) ? JobState::errored : JobState::success) ? 0 : 1;
      int ends = 0;
      for (const AttemptRecord& line : admin().history(job.id)) {
        (line.cause == Cause::lease_ended ? cut_short : ends) += 1;
      }
      wrong += ends == (is_to_fail(number) ? 1 : 0) ? 0 : 1;  // a success has no line
      wrong += times.contains(number) ? 0 : 1;
      again += times.contains(number) ? times.at(number) - 1 : 0;
    }
    if (some.size() < page.limit) break;
    page.before = some.back().id;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(times.size(), static_cast<std::size_t>(jobs()));
  // Of each slot: the job that runs, and the one before it, whose outcome is being written.
  EXPECT_LE(cut_short, kills * concurrency * 2);
  EXPECT_LE(again, cut_short) << "only a command that was cut short runs again";
  JobCounts counts = admin().counts();
  EXPECT_EQ(counts[JobState::errored].value, static_cast<std::uint64_t>(jobs() / 100));
  EXPECT_EQ(counts[JobState::success].value, static_cast<std::uint64_t>(jobs() - jobs() / 100));
}

}  // namespace
}  // namespace sqlq::program
