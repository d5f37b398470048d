// Making and migrating a file, by many processes at once and by processes that are killed in the middle of it.

#include <iostream>
#include <memory>

#include "child.hpp"
#include "scratch.hpp"
#include "sqlite_audit.hpp"

namespace sqlq::process {
namespace {

class MakeFile : public Scratch {
 protected:
  [[nodiscard]] std::unique_ptr<Child> start(const std::string& what) const {
    return std::make_unique<Child>("process_migrator", std::vector<std::string>{"url=" + url(), "do=" + what});
  }

  /// Version 0 without a table, or the latest with all of them; the file is sound either way.
  [[nodiscard]] int version_after_death() const {
    const Database db = open(url());
    const MigrationStatus status = Migrator{db}.status();
    EXPECT_EQ(status.problem, "");
    EXPECT_TRUE(status.current == 0 || status.current == status.latest) << status.current;
    const std::string objects = ask_file(
        path(), "SELECT count(*) FROM sqlite_master WHERE name LIKE 'sqlq%' AND name <> 'sqlq_migrations'");
    EXPECT_EQ(objects == "0", status.current == 0) << objects << " objects at version " << status.current;
    EXPECT_EQ(integrity(path()), "ok");
    return status.current;
  }

  void next_one_migrates(int version) const {
    const Database db = open(url());
    EXPECT_EQ(Migrator{db}.up(), Migrator{db}.status().latest - version);
    Client client{db};
    const auto job = client.enqueue(NewJob{.kind = "k"});
    EXPECT_EQ(client.find(job.id).value_or(Job{}).state, JobState::pending);
  }

  void remove_file() const {
    for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(path() + end);
  }

  /// How long making and migrating a file takes here.
  [[nodiscard]] Duration time_to_migrate() const {
    const auto begin = system_clock()->steady();
    Migrator{open(url())}.up();
    const Duration took = system_clock()->steady() - begin;
    remove_file();
    return took;
  }

  /// Somewhere in that time.
  void wait_a_moment(Duration most) {
    const auto clock = system_clock();
    clock->make_signal()->wait_until(saturating_add(clock->steady(), Duration(random_.between(0, most.count()))));
  }

  Random random_;
};

/// None of them finds a file: creating it and switching it to WAL are part of the race.
TEST_F(MakeFile, ByTwentyProcessesAtOnce) {
  for (int round = 0; round < 3; ++round) {
    remove_file();
    std::vector<std::unique_ptr<Child>> all;
    for (int i = 0; i < 20; ++i) all.push_back(start("open"));
    int applied = 0;
    std::string steps;
    for (const auto& one : all) {
      EXPECT_EQ(one->line(long_enough), "ready");
      const std::string answer = one->line(long_enough).value_or("no answer");
      if (answer != "steps 0") steps = answer, ++applied;
    }
    EXPECT_EQ(applied, 1);
    EXPECT_EQ(steps, "steps " + std::to_string(version_after_death()));
  }
}

TEST_F(MakeFile, KilledAnywhereLeavesAllOrNothing) {
  const Duration longest = time_to_migrate();
  int found[2] = {0, 0};
  for (int kill = 0; kill < 60; ++kill) {
    remove_file();
    const auto victim = start("open");
    ASSERT_EQ(victim->line(long_enough), "ready");
    wait_a_moment(longest);
    victim->signal(SIGKILL);  // it may have come to its end before
    ASSERT_TRUE(victim->wait(long_enough).has_value());
    const int version = version_after_death();
    ++found[version == 0 ? 0 : 1];
    next_one_migrates(version);
  }
  std::cout << "migrate: 60 kills from before the file existed left version 0 " << found[0] << " times, the latest "
            << found[1] << " times" << std::endl;
}

}  // namespace
}  // namespace sqlq::process
