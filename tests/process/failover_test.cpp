// PostgreSQL moves from a primary to its standby while workers, who know both, are at work and fire schedules.

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "flows.hpp"
#include "helper.hpp"
#include "load.hpp"
#include "policies.hpp"
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

  /// Workers and a producer are under way, also of workflows where `more` says so, and schedules fire; `pace`: the
  /// producer's, in milliseconds.
  void begin(Load& load, std::int64_t enqueue, std::int64_t pace, const Load::Words& more = {}) {
    std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
    Database db = open(url());
    db.migrate();
    make_bookings(url());
    Schedules schedules(db);
    schedules.sync(schedules_of_all_policies(system_clock()->now() + 1s, 5, lease));
    load.start_workers(2, 8);
    Load::Words words = more;
    words.push_back("pace=" + std::to_string(pace));
    load.start_producer(enqueue, random_.between(0, 1'000'000'000), words);
    ASSERT_TRUE(load.wait_for_ends(50));
    ASSERT_TRUE(wait_for_ticks(schedules, system_clock()->now())) << "a schedule never fired";
  }
  /// From now on there is one primary again; everybody finds it.
  void promote(Load& load, faults::Fault& outage) {
    own_->run("promote standby");
    outage.to_us = faults::steady_us();
    ASSERT_TRUE(load.wait_for_starts(outage.to_us)) << "a worker never claimed on the new primary";
    const Database db = open(url());
    Schedules schedules(db);
    ASSERT_TRUE(wait_for_ticks(schedules, system_clock()->now())) << "a schedule fires no more on the new primary";
    pause_all(schedules);
    load.finish(db);
  }
  [[nodiscard]] static faults::Settings settings() {
    return {.lease_us = lease.count(), .recovery_us = soon.count(), .unproved_percent = 10};
  }
  static void expect_recovered(const faults::Figures& f) {
    ASSERT_EQ(f.recoveries_us.size(), 2u);
    EXPECT_LE(std::ranges::max(f.recoveries_us), soon.count());
  }

  void expect_timed(const faults::Figures& f) const {
    EXPECT_GT(f.ticks, 0u);
    EXPECT_GT(f.signals, 0u);
    EXPECT_GT(f.steps, 0u);
    EXPECT_GE(flows_booked_once(url()), static_cast<std::int64_t>(f.signals));
  }

  Random random_;
  std::optional<OwnServices> own_;
};

/// Commits wait for the standby.
class SyncFailover : public Failover {};

TEST_P(SyncFailover, LosesNothing) {
  Load load(url(), records());
  begin(load, jobs, 50, {"flows=70"});
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  own_->run("crash primary");
  promote(load, outage);
  if (HasFatalFailure()) return;
  const faults::Figures f = judge(settings(), {outage});
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  expect_recovered(f);
  expect_timed(f);
}

/// They do not. A standby that ceased to follow lacks what was committed since.
class SoakFailover : public Failover {};

/// A failover to a standby that had stopped to follow.
struct Rewind {
  std::int64_t behind_us = 0;    ///< up to then the standby has everything that was acknowledged
  std::int64_t detached_us = 0;  ///< from then on it gets nothing
  std::int64_t killed_us = 0;    ///< the primary
  std::int64_t dead_us = 0;      ///< the primary, at the latest
  std::map<faults::Id, faults::Row> had{};  ///< by the standby, before it was promoted
};

/// Takes out of the evidence what the promoted standby cannot know, and expects it to be no more than what happened
/// after the standby had stopped to follow.
void take_out_what_is_lost(const Rewind& rewind, faults::Run& run) {
  using faults::What;
  std::map<faults::Id, std::int64_t> lost;      // acknowledged, and when
  std::map<faults::Id, std::int64_t> undone;    // its handler had ended well, and when
  std::map<faults::Id, std::int64_t> begun_at;  // last
  std::set<std::pair<faults::Id, std::int64_t>> unheard_of;  // executions, by their tokens
  for (const faults::Record& r : run.records) {
    if (r.what == What::start) begun_at[r.id] = r.at_us;
    if (r.at_us > rewind.dead_us) continue;
    const auto row = rewind.had.find(r.id);
    const bool had = row != rewind.had.end();
    if (r.what == What::enqueued && had) {
      EXPECT_LT(r.at_us, rewind.detached_us) << "the standby has what it was never sent";
    }
    if (r.what == What::enqueued && !had) lost.emplace(r.id, r.at_us);
    if (r.what == What::start && (!had || r.claim > row->second.claims)) unheard_of.emplace(r.id, r.token);
    if (r.what != What::end || r.code != faults::Code::ok || !had) continue;
    if (!faults::is_finished(row->second.state)) undone.emplace(r.id, r.at_us);
  }
  const auto takes_part = [&](const faults::Record& r) {
    return lost.contains(r.id) || unheard_of.contains({r.id, r.token});
  };
  std::erase_if(run.records, takes_part);

  ASSERT_FALSE(lost.empty());
  ASSERT_FALSE(undone.empty());
  for (const auto& [id, at_us] : lost) {
    EXPECT_GE(at_us, rewind.behind_us) << faults::to_string(id) << " was acknowledged while the standby followed";
  }
  for (const faults::Row& row : run.rows) EXPECT_FALSE(lost.contains(row.id)) << faults::to_string(row.id);
  for (const auto& [id, at_us] : undone) {
    EXPECT_GT(begun_at[id], rewind.dead_us) << faults::to_string(id) << ": its success was lost, it did not run again";
  }
  const auto before = [&](std::int64_t at_us) { return std::to_string((rewind.killed_us - at_us) / 1000) + " ms"; };
  const auto oldest = [&](const auto& of) {
    return before(std::ranges::min_element(of, {}, [](const auto& entry) { return entry.second; })->second);
  };
  std::cout << "failover, asynchronous: the standby ceased to follow " << before(rewind.behind_us) << " to "
            << before(rewind.detached_us) << " before the primary was killed; lost: " << lost.size()
            << " acknowledged jobs, the oldest of " << oldest(lost) << " before; the success of " << undone.size()
            << " others, the oldest of " << oldest(undone) << " before: all of them ran again; all trace of "
            << unheard_of.size() << " executions" << std::endl;
}

/// Only then the primary dies. What was acknowledged in between is lost, and nothing else.
TEST_P(SoakFailover, LosesNoMoreThanTheStandbyLacked) {
  constexpr std::int64_t many = 1200;
  Load load(url(), records());
  begin(load, many, 150);  // a workflow whose signal was lost would wait for it
  Rewind rewind{.behind_us = faults::steady_us()};
  own_->run("detach standby");
  rewind.detached_us = faults::steady_us();
  work_for(1s);
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  rewind.killed_us = outage.from_us;
  own_->run("crash primary");
  rewind.dead_us = faults::steady_us();
  for (const faults::Row& row : rows_of(*open_audit(url()))) rewind.had.emplace(row.id, row);
  promote(load, outage);
  if (HasFatalFailure()) return;

  faults::Run run = evidence(settings(), {outage});
  take_out_what_is_lost(rewind, run);
  if (HasFatalFailure()) return;
  const faults::Figures f = judge_run(run);
  EXPECT_GT(f.acknowledged, 0u);
  expect_recovered(f);
}

/// The old primary lives on and refuses writes.
TEST_P(SoakFailover, LeavesAPrimaryThatWasDemoted) {
  Load load(url(), records());
  begin(load, jobs, 50, {"flows=70"});
  faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  own_->run("demote primary");
  promote(load, outage);
  if (HasFatalFailure()) return;
  const faults::Figures f = judge(settings(), {outage});
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  expect_recovered(f);
  expect_timed(f);
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
