// How outcomes of a backlog wait for one another, where they bring its next jobs with them.

#include <gtest/gtest.h>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// A backend with one writer and a backlog, whose transactions take 4 ms; all of the first claim have ended, and then
/// those of the next one have begun.
struct OfShortJobs : Services {
  OfShortJobs() : Services(4) {
    database.pays = true;
    database.during_claim = [this] { clock->advance(4ms); };
    for (int i = 0; i < 100; ++i) database.add();
    fetch_and_run();
    runtime.completer.step();
  }
};

TEST(Gathering, OutcomesOfShortJobsWaitForOneAnother) {
  OfShortJobs s;
  s.run_one();
  const SteadyPoint until = s.runtime.completer.step();
  EXPECT_GT(until, s.in(0ms));
  EXPECT_LE(until, s.in(4ms)) << "not for longer than the last transaction took";
  EXPECT_EQ(s.stats().succeeded, 4U);
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 4, 4})) << "at once when all have ended";
}

TEST(Gathering, OutcomesThatWaitedInVainAreWrittenAndTheNextOnesDoNotWait) {
  OfShortJobs s;
  s.run_one();
  s.clock->advance(s.runtime.completer.step() - s.clock->steady());
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over.back(), 1U);
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over.back(), 4U);
  s.run_one();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over.back(), 1U) << "although those before were short";
}

}  // namespace
}  // namespace sqlq::testing
