// A deploy in steps: programs of the version before the newest migration work beside those of this one, on the tables
// of this one. The program of the version before is a real one, built of the commit before (before.cmake).

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "process/child.hpp"
#include "process/place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

using Ids = std::vector<std::string>;

Ids words_of(const std::string& line) {
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

Ids operator+(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class Deploy : public Anywhere {
 protected:
  void SetUp() override {
    Anywhere::SetUp();
    if (std::ifstream why(before_ / "why_not.txt"); why) {
      GTEST_SKIP() << std::string(std::istreambuf_iterator<char>(why), {});
    }
  }

  /// A program, ready: it found the tables at version `current`, and knows `latest`.
  class Program {
   public:
    Program(const std::filesystem::path& path, const std::string& url) : child_(path.string(), {url}) {
      std::istringstream line(answer());
      std::string word;
      line >> word >> current >> latest;
      EXPECT_EQ(word, "ready") << line.str();
    }
    [[nodiscard]] std::string ask(const std::string& what) {
      child_.tell(what);
      return answer();
    }
    [[nodiscard]] Ids enqueue(int count) { return words_of(ask("enqueue " + std::to_string(count))); }
    void work() { EXPECT_EQ(ask("work"), "working"); }
    [[nodiscard]] Ids stop() { return words_of(ask("stop")); }
    void wait(const Ids& ids) {
      for (const std::string& id : ids) EXPECT_EQ(ask("wait " + id), "success") << id;
    }

    int current = 0;
    int latest = 0;

   private:
    std::string answer() {
      const std::string line = child_.line(90s).value_or("error no answer");
      EXPECT_FALSE(line.starts_with("error")) << line;
      return line;
    }
    Child child_;
  };

  [[nodiscard]] Program old_one() const { return {before_ / "deploy_worker", url()}; }
  [[nodiscard]] Program new_one() const { return {beside_test("deploy_worker"), url()}; }

  /// Each of them, once.
  static void expect_once(Ids done, Ids ids) {
    std::ranges::sort(done);
    std::ranges::sort(ids);
    EXPECT_EQ(done, ids);
  }

  const std::filesystem::path before_{SQLQ_DEPLOY_BEFORE};
};

TEST_P(Deploy, WorkersOfTheVersionBeforeGoOnBesideNewOnes) {
  Program running = old_one();
  EXPECT_EQ(running.current, running.latest);
  const Ids from_before = running.enqueue(50);
  running.work();

  Program first = new_one();  // migrates, while the other works
  EXPECT_EQ(first.current, first.latest);
  EXPECT_GT(first.latest, running.latest);
  Program restarted = old_one();  // as one that crashed would be
  EXPECT_EQ(restarted.current, first.latest);
  running.wait(from_before);
  expect_once(running.stop(), from_before);

  const Ids by_new = first.enqueue(50);
  restarted.work();
  restarted.wait(by_new);
  expect_once(restarted.stop(), by_new);

  const Ids by_old = restarted.enqueue(50);
  first.work();
  first.wait(by_old);
  expect_once(first.stop(), by_old);

  Program second = new_one();
  for (Program* each : {&running, &restarted, &first, &second}) each->work();
  Ids all;
  for (Program* each : {&first, &restarted, &second, &running}) all = all + each->enqueue(100);
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());  // unique keys: another's job may be the one
  first.wait(all);
  expect_once(running.stop() + restarted.stop() + first.stop() + second.stop(), all);
  const auto [one, another] = std::pair(all.front(), all.back());
  EXPECT_EQ(running.ask("wait " + one), "success");
  EXPECT_EQ(second.ask("wait " + another), "success");
  expect_sound();
}

TEST_P(Deploy, BackAgainLosesNoJob) {
  Program old = old_one();
  const int before = old.latest;
  Program newer = new_one();
  const Ids done = newer.enqueue(20);
  newer.work();
  newer.wait(done);
  expect_once(newer.stop(), done);
  const Ids open_jobs = newer.enqueue(50);

  Migrator{open(url())}.down(before);
  Program again = old_one();
  EXPECT_EQ(again.current, before);
  again.work();
  again.wait(open_jobs);
  expect_once(again.stop(), open_jobs);
  again.wait(done);
  const Ids later = again.enqueue(20);

  Program up_again = new_one();
  EXPECT_EQ(up_again.current, up_again.latest);
  up_again.work();
  up_again.wait(later);
  expect_once(up_again.stop(), later);
  up_again.wait(open_jobs);
  up_again.wait(done);
  expect_sound();
}

SQLQ_PLACES(Deploy, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
