// The database server is killed, or restarted, under load. Nothing acknowledged is lost, every repeated execution has
// its cause, and all workers claim again soon, without being restarted.

#include <functional>
#include <iostream>

#include "load.hpp"
#include "services.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t job_count = 900;
constexpr Duration lease = 1s;
constexpr Duration soon = 10s;  // promise I8

class Server : public Anywhere {
 protected:
  void service(const std::string& command) const { ASSERT_EQ(services(command + " " + place().service), 0); }

  /// Breaks the server so many times while jobs are enqueued and executed, and audits everything afterwards.
  void break_and_audit(const std::function<void()>& break_it, int times);

  Random random_;
};

void Server::break_and_audit(const std::function<void()>& break_it, int times) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  open(url()).migrate();
  Load load(url(), records());
  load.start_workers(2);
  load.start_producer(job_count, random_.between(0, 1'000'000'000));
  std::vector<faults::Fault> outages;
  for (int i = 1; i <= times; ++i) {
    ASSERT_TRUE(load.wait_for_ends(job_count * 2 / 3 * i / times)) << "no progress: " << load.ended() << " jobs";
    faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
    break_it();
    if (HasFatalFailure()) return;
    outage.to_us = faults::steady_us();
    outages.push_back(outage);
    ASSERT_TRUE(load.wait_for_starts(outage.to_us)) << "a worker never claimed again";
  }
  load.finish(open(url()));
  if (HasFatalFailure()) return;
  // Who waits for a connection when the server comes back renews its leases later than the outage says.
  const faults::Figures f = judge({.lease_us = lease.count(), .recovery_us = soon.count(), .unproved_percent = 10},
                                  outages);
  EXPECT_EQ(f.acknowledged, std::size_t{job_count});
  ASSERT_EQ(f.recoveries_us.size(), 2u * outages.size());
  EXPECT_LE(std::ranges::max(f.recoveries_us), soon.count());
  std::cout << "server, " << place().name << ": broken " << times << " times" << std::endl;
}

TEST_P(Server, KilledUnderLoad) {
  break_and_audit(
      [this] {
        service("crash");
        service("up");
      },
      2);
}

TEST_P(Server, RestartedUnderLoad) {
  break_and_audit([this] { service("restart"); }, 1);
}

SQLQ_PLACES(Server, SQLQ_ALL_SERVERS);

}  // namespace
}  // namespace sqlq::process
