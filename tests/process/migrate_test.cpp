// Migration by many processes at once, and by processes that are killed in the middle of it.

#include <iostream>
#include <memory>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

class Migrate : public Anywhere {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start(const std::string& what) const {
    return std::make_unique<Child>("process_migrator", std::vector<std::string>{"url=" + url(), "do=" + what});
  }

  /// At a version, with nothing to complain of.
  [[nodiscard]] int version_now() const {
    const MigrationStatus status = Migrator{open(url())}.status();
    EXPECT_EQ(status.problem, "");
    EXPECT_TRUE(status.current >= 0 && status.current <= status.latest) << status.current;
    expect_sound();
    return status.current;
  }

  /// Whatever was left behind, the next one brings the schema up and works with it.
  void next_one_migrates() const {
    const Database db = open(url());
    Migrator{db}.up();
    Client client{db};
    const auto job = client.enqueue(NewJob{.kind = "k"});
    EXPECT_EQ(client.find(job.id).value_or(Job{}).state, JobState::pending);
  }

  /// How long a migration takes here.
  [[nodiscard]] Duration time_to_migrate() const {
    const Database db = open(url());
    const auto begin = system_clock()->steady();
    Migrator{db}.up();
    const Duration took = system_clock()->steady() - begin;
    Migrator{db}.down(0);
    return took;
  }

  /// Somewhere in that time.
  void wait_a_moment(Duration most) {
    const auto clock = system_clock();
    clock->make_signal()->wait_until(saturating_add(clock->steady(), Duration(random_.between(0, most.count()))));
  }

  Random random_;
};

TEST_P(Migrate, OfTwentyProcessesOneApplies) {
  std::vector<std::unique_ptr<Child>> all;
  for (int i = 0; i < 20; ++i) all.push_back(start("once"));
  for (const auto& one : all) ASSERT_EQ(one->line(long_enough), "ready");
  for (const auto& one : all) one->tell("go");
  const std::string every_step = "steps " + std::to_string(Migrator{open(url())}.status().latest);
  int applied = 0;
  for (const auto& one : all) {
    const std::string answer = one->line(long_enough).value_or("no answer");
    EXPECT_TRUE(answer == "steps 0" || answer == every_step) << answer;
    if (answer == every_step) ++applied;
    const auto exit = one->wait(long_enough);
    EXPECT_TRUE(exit && exit->with_code(0));
  }
  EXPECT_EQ(applied, 1);
  EXPECT_EQ(version_now(), Migrator{open(url())}.status().latest);
  next_one_migrates();
}

TEST_P(Migrate, KilledAnywhereIsFinishedByTheNext) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  const int kills = place().is_file() ? 60 : 15;
  const Duration longest = time_to_migrate();
  int found[2] = {0, 0};
  for (int kill = 0; kill < kills; ++kill) {
    const auto victim = start("for ever");
    ASSERT_EQ(victim->line(long_enough), "ready");
    victim->tell("go");
    wait_a_moment(2 * longest);  // up, or down again
    ASSERT_TRUE(victim->kill_hard().by_signal(SIGKILL));
    ++found[version_now() == 0 ? 0 : 1];
    next_one_migrates();
    Migrator{open(url())}.down(0);
  }
  std::cout << "migrate, " << place().name << ": " << kills << " kills while migrating up and down left version 0 "
            << found[0] << " times, a later one " << found[1] << " times" << std::endl;
}

SQLQ_PLACES(Migrate, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
