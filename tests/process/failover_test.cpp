// PostgreSQL moves from a primary to its standby while workers, who know both, are at work.

#include <iostream>
#include <optional>
#include <set>

#include "helper.hpp"
#include "load.hpp"
#include "services.hpp"
#include "support/expect_error.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t jobs = 300;
constexpr Duration lease = 1s;
constexpr Duration soon = 10s;  // promise I8

class Failover : public Anywhere {
 protected:
  void SetUp() override {
    const bool waits = std::string(place().name).find("Sync") != std::string::npos;
    own_.emplace("primary standby", waits ? "SQLQ_SERVICES_SYNC=1" : "");
  }
  void TearDown() override { own_.reset(); }
  [[nodiscard]] std::string server() const override { return own_->variable("SQLQ_TEST_PAIR"); }

  /// Workers and a producer are under way.
  void begin(Load& load) {
    std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
    open(url()).migrate();
    load.start_workers(2);
    load.start_producer(jobs, random_.between(0, 1'000'000'000), {"pace=50"});
    ASSERT_TRUE(load.wait_for_ends(50));
  }
  /// From now on there is one primary again; everybody finds it.
  void promote(Load& load, faults::Fault& outage) {
    own_->run("promote standby");
    outage.to_us = faults::steady_us();
    ASSERT_TRUE(load.wait_for_starts(outage.to_us)) << "a worker never claimed on the new primary";
    load.finish(open(url()));
  }
  [[nodiscard]] static faults::Settings settings() {
    return {.lease_us = lease.count(), .recovery_us = soon.count(), .unproved_percent = 10};
  }
  static void expect_recovered(const faults::Figures& f) {
    ASSERT_EQ(f.recoveries_us.size(), 2u);
    EXPECT_LE(std::ranges::max(f.recoveries_us), soon.count());
  }

  Random random_;
  std::optional<OwnServices> own_;
};

/// Commits wait for the standby.
class SyncFailover : public Failover {};

TEST_P(SyncFailover, LosesNothing) {
  Load load(url(), records());
  begin(load);
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  own_->run("crash primary");
  promote(load, outage);
  if (HasFatalFailure()) return;
  const faults::Figures f = judge(settings(), {outage});
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  expect_recovered(f);
}

/// They do not.
class SoakFailover : public Failover {};

/// The standby is cut off for a moment before the primary dies. What was touched in it may be gone; nothing else is.
TEST_P(SoakFailover, LosesNoMoreThanTheStandbyLacked) {
  constexpr std::int64_t on_the_way = 100'000;
  Load load(url(), records());
  begin(load);
  own_->run("pause standby");
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  work_for(300ms);
  own_->run("crash primary");
  own_->run("continue standby");
  promote(load, outage);
  if (HasFatalFailure()) return;

  faults::Run run = evidence(settings(), {outage});
  std::set<faults::Id> touched;
  std::set<faults::Id> acknowledged;
  for (const faults::Record& r : run.records) {
    if (r.at_us < outage.from_us - on_the_way || r.at_us > outage.to_us) continue;
    touched.insert(r.id);
    if (r.what == faults::What::enqueued) acknowledged.insert(r.id);
  }
  for (const faults::Row& row : run.rows) acknowledged.erase(row.id);
  const auto is_touched = [&](const auto& of) { return touched.contains(of.id) && of.id != faults::Id{}; };
  std::erase_if(run.records, is_touched);
  std::erase_if(run.rows, is_touched);
  run.counters.clear();  // they count the others too
  const faults::Figures f = judge_run(run);
  EXPECT_GT(f.acknowledged, 0u);
  expect_recovered(f);
  std::cout << "failover, asynchronous: " << acknowledged.size() << " acknowledged jobs lost, all of the last "
            << (outage.to_us - outage.from_us + on_the_way) / 1000 << " ms; " << touched.size()
            << " touched in them and left out above" << std::endl;
}

/// The old primary lives on and refuses writes.
TEST_P(SoakFailover, LeavesAPrimaryThatWasDemoted) {
  Load load(url(), records());
  begin(load);
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  own_->run("demote primary");
  work_for(200ms);  // the standby gets what was under way
  promote(load, outage);
  if (HasFatalFailure()) return;
  const faults::Figures f = judge(settings(), {outage});
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  expect_recovered(f);
  std::string old = url();  // the first host alone
  old.erase(old.find(','), old.find('/', old.find(',')) - old.find(','));
  testing::expect_error(Errc::wrong_node, "read-only", [&] { (void)Client{open(old)}.claim(); });
  testing::expect_error(Errc::wrong_node, "read-only", [&] {
    (void)Client{open(old + "&target_session_attrs=any")}.enqueue(NewJob{"nobody"});
  });
}

inline const Place sync_place{.name = "PostgresSync", .service = "primary", .tables = "?schema="};
inline const Place async_place{.name = "PostgresAsync", .service = "primary", .tables = "?schema="};
SQLQ_PLACES(SyncFailover, sync_place);
SQLQ_PLACES(SoakFailover, async_place);

}  // namespace
}  // namespace sqlq::process
