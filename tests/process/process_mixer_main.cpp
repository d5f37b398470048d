// Threads that enqueue, claim, ping, finish, reap and purge on one database, as fast as they can: so many rounds, or so
// many seconds. Any exception is a failure.

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "helper.hpp"
#include "records.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;

constexpr std::array queues{"free", "limited"};

class Mixer {
 public:
  explicit Mixer(const Arguments& arguments)
      : recorder_(arguments.text("records")),
        client_(open(arguments.text("url"))),
        threads_(arguments.number("threads")),
        rounds_(arguments.number("rounds", 1'000'000'000)),
        time_(std::chrono::seconds(arguments.number("seconds", 3600))) {}

  int run() {
    std::cout << "ready" << std::endl;
    std::string go;
    std::getline(std::cin, go);
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < threads_; ++i) {
      threads.emplace_back([this, i] {
        try {
          mix(static_cast<std::uint64_t>(::getpid() * 100 + i));
        } catch (const std::exception& e) {
          const std::lock_guard lock(mutex_);
          std::cerr << "a caller got: " << e.what() << std::endl;
          failed_ = true;
        }
      });
    }
    threads.clear();
    std::cout << "slowest call us " << slowest_ << std::endl;
    return failed_ ? EXIT_FAILURE : EXIT_SUCCESS;
  }

 private:
  template <class Call>
  auto timed(Call call) {
    const auto clock = system_clock();
    const auto begin = clock->steady();
    auto answer = call();
    const std::int64_t took = (clock->steady() - begin).count();
    for (auto most = slowest_.load(); took > most && !slowest_.compare_exchange_weak(most, took);) {
    }
    return answer;
  }

  void mix(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto clock = system_clock();
    const SteadyPoint end = saturating_add(clock->steady(), time_);
    for (std::int64_t round = 0; round < rounds_ && clock->steady() < end; ++round) {
      enqueue(random() % 8 == 0 ? 1 : 0, 1 + random() % 3);  // few, for they are drained three at a time
      (void)work(static_cast<std::int32_t>(random() % 2), 1 + random() % 4);
      if (round % 16 == 0) check(timed([&] { return client_.reap(); }).total() == 0, "a good lease was taken back");
      if (round % 16 == 8) check(timed([&] { return Admin(client_.database()).purge(); }) == 0, "it purged too early");
    }
    // Whoever comes last finds every job enqueued, so between them the threads leave none.
    while (work(0, 4) + work(1, 4) > 0 || left()) {
    }
  }

  [[nodiscard]] bool left() {
    auto counts = timed([&] { return Admin(client_.database()).counts({}, 10); });
    return counts[JobState::pending].value > 0;
  }

  void enqueue(std::int32_t queue, std::size_t n) {
    std::vector<NewJob> jobs;
    for (std::size_t i = 0; i < n; ++i) {
      const JobId id = JobId::make(client_.database().clock().now());
      recorder_.write(What::enqueue_asked, id);
      EnqueueOptions options;
      options.queue = queues[static_cast<std::size_t>(queue)];
      options.id = id;
      jobs.push_back({"mixed", "null", std::move(options)});
    }
    for (const auto& answer : timed([&] { return client_.enqueue_many(jobs); })) {
      check(answer.inserted, "a new job was taken for an old one");
      recorder_.write(What::enqueued, answer.id);
    }
  }

  std::size_t work(std::int32_t queue, std::size_t n) {
    const std::vector<std::string> from{queues[static_cast<std::size_t>(queue)]};
    const auto jobs = timed([&] { return client_.claim(from, {}, n); });
    for (const Job& job : jobs) recorder_.write(What::claimed, job, queue);
    if (jobs.empty()) return 0;
    for (const LeaseStatus status : timed([&] { return client_.ping(jobs); })) {
      check(status == LeaseStatus::renewed, "a lease was lost");
    }
    for (const Job& job : jobs) {
      recorder_.write(What::finishing, job, queue);
      const auto status = timed([&] { return client_.success(job, "[1]"); });
      check(status == FinishStatus::applied, "a success was refused");
      recorder_.write(What::finished, job, queue);
    }
    return jobs.size();
  }

  static void check(bool good, const char* what) {
    if (!good) throw std::runtime_error(what);
  }

  const Recorder recorder_;
  Client client_;
  const std::int64_t threads_;
  const std::int64_t rounds_;
  const Duration time_;
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::atomic<std::int64_t> slowest_{0};
};

}  // namespace

int main(int argc, char** argv) {
  return sqlq::process::run_helper(argc, argv, [](const auto& arguments) { return Mixer(arguments).run(); });
}
