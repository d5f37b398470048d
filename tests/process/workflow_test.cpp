// A workflow whose process is killed at each COMMIT in turn, its own and the library's, and at each record of a step
// that is a statement and a commit in one, on each database.

#include <signal.h>

#include <memory>
#include <string>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

class Workflow : public Anywhere {
 protected:
  void SetUp() override {
    db_ = std::make_unique<Database>(open(url()));
    db_->migrate();
    own_ = open_audit(url());
    for (const char* table : {"charges", "bookings"}) {
      own_->ask("CREATE TABLE " + own_->named(table) + " (id VARCHAR(36))");
    }
  }
  void TearDown() override {
    for (const char* table : {"charges", "bookings"}) own_->ask("DROP TABLE " + own_->named(table));
    own_.reset();
    db_.reset();
    Anywhere::TearDown();
  }

  [[nodiscard]] int count(const std::string& table, JobId id) {
    return std::stoi(own_->ask("SELECT count(*) FROM " + own_->named(table) + " WHERE id = '" + id.to_string() + "'"));
  }
  [[nodiscard]] std::size_t shipped() const { return Admin(*db_).list({.kinds = {"ship"}}, {.limit = 1000}).size(); }

  /// Says whether the process died.
  [[nodiscard]] bool run_and_die(const std::string& when) const {
    Child dying("process_workflow", {"url=" + url(), "die=" + when});
    const auto exit = dying.wait(long_enough);
    EXPECT_TRUE(exit.has_value()) << "it hangs, to die " << when;
    if (exit && exit->by_signal(SIGKILL)) return true;
    EXPECT_TRUE(exit && exit->with_code(0)) << when;
    return false;
  }
  void go_on() const {
    Child worker("process_workflow", {"url=" + url()});
    const auto exit = worker.wait(long_enough);
    EXPECT_TRUE(exit && exit->with_code(0)) << (exit ? exit->to_string() : "it hangs");
  }

  std::unique_ptr<Database> db_{};
  std::unique_ptr<Audit> own_{};
};

TEST_P(Workflow, GoesOnWhereItWasWhereverItsProcessDies) {
  int deaths = 0;
  for (const std::string trip : {"before commit ", "after commit ", "before step_add ", "after step_add "}) {
    bool died = true;
    for (int n = 1; died; ++n) {
      const std::string when = trip + std::to_string(n);
      const std::size_t before = shipped();
      Client client(*db_);
      const JobId id = client.enqueue(NewJob{"order", "null", {.max_crashes = 1000, .keepalive = 1s}}).id;
      ASSERT_EQ(client.signal(id, "approved", true), SignalStatus::stored);
      died = run_and_die(when);
      if (died) go_on();
      const auto job = client.find(id);
      ASSERT_TRUE(job.has_value());
      EXPECT_EQ(job->state, JobState::success) << when;
      EXPECT_EQ(job->result, "14") << when;
      EXPECT_EQ(count("bookings", id), 1) << "booked with its step in one transaction, " << when;
      EXPECT_EQ(shipped(), before + 2) << when;
      const int charges = count("charges", id);
      EXPECT_GE(charges, 1) << when;
      EXPECT_LE(charges, died ? 2 : 1) << "repeated only by a death between it and its record, " << when;
      deaths += died ? 1 : 0;
    }
  }
  EXPECT_GE(deaths, 8) << "it did not die at its steps";
  expect_sound();
  RecordProperty("deaths", deaths);
}

SQLQ_PLACES(Workflow, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
