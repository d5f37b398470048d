// Three MariaDB servers as a Galera cluster. Nodes are killed, paused and cut off from the others, and come back, while
// workers and producers are at work, who all write on one node, or each on its own. Schedules fire meanwhile, keys have
// limits, and workflows get each signal from two nodes at once.

#include <iostream>
#include <optional>

#include "flows.hpp"
#include "helper.hpp"
#include "load.hpp"
#include "policies.hpp"
#include "services.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int limit = 3;
constexpr int customers = 50;
constexpr int key_limit = 2;
constexpr Duration lease = 5s;    // three servers on a busy machine answer late
constexpr Duration noticed = 6s;  // a node that is silent is given up by the others: evs.suspect_timeout, 5 s
constexpr Duration soon = 15s;    // and whoever waits for its answer does so after read_timeout

class SoakGalera : public Anywhere {
 protected:
  void SetUp() override { own_.emplace("galera1 galera2 galera3"); }
  void TearDown() override { own_.reset(); }

  [[nodiscard]] bool one_writer() const { return place().name == "MariaDbOneWriter"; }
  /// All nodes, in the order in which they are tried.
  [[nodiscard]] std::string server() const override { return nodes_from(0); }
  [[nodiscard]] std::string nodes_from(std::size_t first) const {
    const std::string scheme = "mariadb://root@";
    std::string hosts;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string node = own_->variable("SQLQ_TEST_GALERA" + std::to_string((first + i) % 3 + 1));
      hosts += (i > 0 ? "," : "") + node.substr(scheme.size());
    }
    return scheme + hosts;
  }
  [[nodiscard]] std::string url_from(std::size_t first) const {
    return nodes_from(first) + url().substr(server().size()) +
           "&connect_timeout=2s&statement_timeout=3s&lock_timeout=2s&read_timeout=5s";
  }

  /// What ci/services does to a node. Returns when all workers are at work without it; how long that took.
  void without(Load& load, const std::string& trouble) {
    outages_.push_back({.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()});
    faults::Fault& outage = outages_.back();
    own_->run(trouble);
    ASSERT_TRUE(load.wait_for_starts(outage.from_us + noticed.count())) << "a worker never went on after: " << trouble;
    end(load, trouble);
    EXPECT_LT(outage.to_us - outage.from_us, (noticed + soon).count()) << trouble;
  }
  /// With galera2 away, galera3 is killed: what is left has no majority and takes nothing until it is back.
  void without_majority(Load& load) {
    outages_.push_back({.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()});
    own_->run("crash galera3");
    work_for(noticed);
    const std::int64_t known_us = faults::steady_us();
    work_for(3s);
    EXPECT_FALSE(load.any_start_after(known_us)) << "a job was taken without a majority";
    own_->run("up galera3");
    ASSERT_TRUE(load.wait_for_starts(faults::steady_us())) << "a worker never went on after the majority was back";
    end(load, "crash galera3; up galera3");
  }
  /// The node comes back, which may stop the one it gets the data from for a while.
  void with(Load& load, const std::string& remedy) {
    outages_.push_back({.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()});
    own_->run(remedy);
    end(load, remedy);
  }
  /// All have taken a job before the next trouble, which would count as a part of this one.
  void end(Load& load, const std::string& what) {
    faults::Fault& outage = outages_.back();
    outage.to_us = faults::steady_us();
    std::cout << "galera: " << what << ": " << (outage.to_us - outage.from_us) / 1000 << " ms" << std::endl;
    ASSERT_TRUE(load.wait_for_starts(outage.to_us)) << "a worker stopped after: " << what;
  }

  Random random_;
  std::optional<OwnServices> own_;
  std::vector<faults::Fault> outages_;
};

TEST_P(SoakGalera, NodesAreKilledPausedAndCutOff) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  const Database db = open(url_from(0));
  db.migrate();
  Admin{db}.create_queue("limited", {.concurrency = limit});
  Admin{db}.set_key_limits("default", {.concurrency = key_limit});
  make_bookings(url_from(0));
  Schedules schedules(db);
  schedules.sync(schedules_of_all_policies(system_clock()->now() + 1s, 3, lease));
  Load load(url_from(0), records());
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string url = url_from(one_writer() ? 0 : i);
    load.start_worker(url, 12);  // of which the schedules keep some
    load.start_producer(url, 1'000'000, random_.between(0, 1'000'000'000),
                        {"pace=300", "backlog=100", "limited=25", "keys=50",
                         "customers=" + std::to_string(customers), "flows=50",
                         "other=" + url_from(one_writer() ? 0 : (i + 1) % 3),
                         "keepalive=" + std::to_string(lease / 1ms)});
  }
  ASSERT_TRUE(load.wait_for_ends(1000));
  const std::pair<std::string, const char*> troubles[] = {{"crash galera2", "up galera2"},
                                                          {"pause galera3", "continue galera3"},
                                                          {"isolate galera1", "rejoin galera1"},
                                                          {"pause galera1", "continue galera1"},
                                                          {"crash galera1", "up galera1"}};
  for (const auto& [trouble, remedy] : troubles) {
    without(load, trouble);
    if (HasFatalFailure()) return;
    if (trouble == "crash galera2") without_majority(load);
    if (HasFatalFailure()) return;
    with(load, remedy);
    if (HasFatalFailure()) return;
    ASSERT_TRUE(load.wait_for_starts(faults::steady_us() + noticed.count())) << "a worker stopped after: " << remedy;
  }
  load.stop_producers();
  pause_all(schedules);
  load.finish(db);
  if (HasFatalFailure()) return;

  const auto limited = faults::queue_number("limited");
  std::map<std::uint64_t, faults::KeyRules> keys;
  for (int i = 0; i < customers; ++i) keys[faults::hash_of("customer " + std::to_string(i))].at_once = key_limit;
  const faults::Figures f = judge(
      {.lease_us = lease.count(), .recovery_us = soon.count(), .limits = {{limited, limit}},
       .keys = keys},
      outages_);
  EXPECT_GT(f.acknowledged, 1000u);
  EXPECT_EQ(f.most_of_key, key_limit) << "no key was ever at its limit";
  EXPECT_GT(f.refused, 0u);  // keys that were taken
  EXPECT_GT(f.ticks, 1000u);
  EXPECT_GT(f.ticks_skipped, 0);
  EXPECT_GT(f.signals, 100u);
  EXPECT_GE(flows_booked_once(url_from(0)), static_cast<std::int64_t>(f.signals));
  std::cout << "galera, " << place().name << ": at most " << f.most_held.at(limited) << " jobs of " << limit
            << " held at once in the limited queue" << std::endl;
}

inline const Place one_writer_place{
    .name = "MariaDbOneWriter", .service = "galera1", .tables = "/sqlq?tls=off&prefix="};
inline const Place three_writers_place{
    .name = "MariaDbThreeWriters", .service = "galera1", .tables = "/sqlq?tls=off&prefix="};
SQLQ_PLACES(SoakGalera, one_writer_place, three_writers_place);

}  // namespace
}  // namespace sqlq::process
