// The database server is killed, or restarted, under load. Nothing acknowledged is lost, every repeated execution has
// its cause, and all workers claim again soon, without being restarted.

#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t job_count = 900;
constexpr Duration lease = 1s;
constexpr Duration soon = 10s;  // promise I8

class Server : public Anywhere {
 protected:
  /// ci/services COMMAND, and waits for it.
  void service(const std::string& command) const {
    const char* script = std::getenv("SQLQ_SERVICES");
    ASSERT_NE(script, nullptr) << "SQLQ_SERVICES is not set: eval \"$(ci/services env)\"";
    const std::string line = "'" + std::string(script) + "' " + command + " " + place().service;
    ASSERT_EQ(std::system(line.c_str()), 0) << line;  // NOLINT(concurrency-mt-unsafe): no other thread runs here
  }

  [[nodiscard]] std::unique_ptr<Child> start_worker() const {
    auto worker = std::make_unique<Child>(
        "process_worker", std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=4",
                                                   "sweep=200", "poll=50"});
    EXPECT_EQ(worker->line(long_enough), "ready");
    return worker;
  }
  [[nodiscard]] bool wait_for_ends(std::int64_t n) {
    return eventually([&] {
      for (const faults::Record& r : reader_.more()) {
        if (r.what == faults::What::end) ++ended_;
        if (r.what == faults::What::start) last_start_[r.pid] = r.at_us;
      }
      return ended_ >= n;
    });
  }
  /// Until both workers have begun a job after the moment.
  [[nodiscard]] bool wait_for_starts(const std::array<std::unique_ptr<Child>, 2>& workers, std::int64_t after_us) {
    return eventually([&] {
      (void)wait_for_ends(0);
      return last_start_[workers[0]->pid()] > after_us && last_start_[workers[1]->pid()] > after_us;
    });
  }

  /// Breaks the server so many times while jobs are enqueued and executed, and audits everything afterwards.
  void break_and_audit(const std::function<void()>& break_it, int times);

  Random random_;
  faults::RecordReader reader_{records()};
  std::int64_t ended_ = 0;
  std::map<std::int32_t, std::int64_t> last_start_;
};

void Server::break_and_audit(const std::function<void()>& break_it, int times) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  open(url()).migrate();
  const std::array workers{start_worker(), start_worker()};
  Child producer("process_producer", {"url=" + url(), "records=" + records(), "jobs=" + std::to_string(job_count),
                                      "seed=" + std::to_string(random_.between(0, 1'000'000'000))});
  std::vector<faults::Fault> outages;
  for (int i = 1; i <= times; ++i) {
    ASSERT_TRUE(wait_for_ends(job_count * 2 / 3 * i / times)) << "no progress: " << ended_ << " jobs";
    faults::Fault outage{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
    break_it();
    if (HasFatalFailure()) return;
    outage.to_us = faults::steady_us();
    outages.push_back(outage);
    ASSERT_TRUE(wait_for_starts(workers, outage.to_us)) << "a worker never claimed again";
  }
  const auto exit = producer.wait(long_enough);
  ASSERT_TRUE(exit && exit->with_code(0)) << "the producer gave up";
  const Database db = open(url());
  // Also those whose producer was killed before it was told that they are there.
  const auto left = [&] {
    auto counts = Admin{db}.counts({}, 10000);
    return counts[JobState::pending].value + counts[JobState::scheduled].value + counts[JobState::running].value;
  };
  ASSERT_TRUE(eventually([&] { return left() == 0; })) << left() << " jobs are left";
  for (const auto& worker : workers) {
    worker->signal(SIGTERM);
    const auto end = worker->wait(long_enough);
    EXPECT_TRUE(end && end->with_code(0));
  }
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
