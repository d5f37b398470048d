// Threads that enqueue, claim, hold, ping, finish, reap and purge on one database, as fast as they can, without the
// library's worker: so many rounds, or so many seconds, or until SIGTERM. Everything is recorded, also what was
// refused; any exception is a failure, unless stubborn=1: then a call that fails for a while is repeated.
//
// hold: the longest time in microseconds that a job is held; padding: the most bytes by which its params are longer;
// keys: how many unique keys there are; limit: the concurrency of the queue "limited", made if given; drain=0: stop
// though there is still work; poison: how many jobs that kill their worker to begin with (nobody here takes them).

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "faults/pulse.hpp"
#include "helper.hpp"
#include "opening.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;
using faults::about;
using faults::begin_of;
using faults::Code;
using faults::What;
using Dice = std::mt19937_64;

const std::array<std::string, 2> queues{"free", "limited"};

class Mixer {
 public:
  explicit Mixer(const Arguments& arguments)
      : recorder_(arguments.text("records")),
        client_(open_as_asked(arguments, recorder_)),
        threads_(arguments.number("threads")),
        rounds_(arguments.number("rounds", 1'000'000'000)),
        time_(std::chrono::seconds(arguments.number("seconds", 3600))),
        keepalive_(arguments.milliseconds("keepalive", std::chrono::seconds(30))),
        hold_(arguments.number("hold", 0)),
        padding_(static_cast<std::uint64_t>(arguments.number("padding", 0))),
        keys_(static_cast<std::uint64_t>(arguments.number("keys", 0))),
        drain_(arguments.number("drain", 1) != 0),
        stubborn_(arguments.number("stubborn", 0) != 0) {
    const auto limit = arguments.number("limit", 0);
    for (auto i = arguments.number("poison", 0); i > 0; --i) enqueue_poison();
    const QueueOptions options{.concurrency = static_cast<std::uint32_t>(limit)};
    if (limit > 0) persist([&] { return admin_.create_queue("limited", options); });
  }

  int run() {
    std::cout << "ready" << std::endl;
    std::string go;
    std::getline(std::cin, go);
    std::vector<sqlq::jthread> threads;
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
  std::invoke_result_t<Call> persist(Call call) const {
    return stubborn_ ? stubbornly(call) : call();
  }
  template <class Call>
  auto timed(Call call) {
    const auto clock = system_clock();
    const auto begin = clock->steady();
    auto answer = persist(call);
    const std::int64_t took = (clock->steady() - begin).count();
    for (auto most = slowest_.load(); took > most && !slowest_.compare_exchange_weak(most, took);) {
    }
    return answer;
  }

  void mix(std::uint64_t seed) {
    Dice dice(seed);
    const auto clock = system_clock();
    const SteadyPoint end = saturating_add(clock->steady(), time_);
    for (std::int64_t round = 0; round < rounds_ && clock->steady() < end && !stopped(); ++round) {
      enqueue(dice, 1 + dice() % 3);  // few, for they are drained three at a time
      (void)work(dice() % 2, 1 + dice() % 4);
      if (round % 16 == 0) (void)timed([&] { return client_.reap(); });
      if (round % 16 == 8) (void)timed([&] { return admin_.purge(); });
    }
    // Whoever comes last finds every job enqueued, so between them the threads leave none.
    while (drain_ && (work(0, 4) + work(1, 4) > 0 || left())) {
    }
  }

  [[nodiscard]] bool stopped() const { return stop_.token().stop_requested(); }

  [[nodiscard]] bool left() {
    auto counts = timed([&] { return admin_.counts({}, 10); });
    return counts[JobState::pending].value + counts[JobState::scheduled].value > 0;
  }

  void enqueue_poison() {
    const JobId id = JobId::make(client_.database().clock().now());
    EnqueueOptions options;
    options.id = id;
    options.keepalive = keepalive_;
    recorder_.write(about(What::enqueue_asked, id.bytes()));
    client_.enqueue(NewJob{"poison", "null", std::move(options)});
    recorder_.write(about(What::enqueued, id.bytes()));
  }

  void enqueue(Dice& dice, std::size_t n) {
    const std::string& queue = queues[dice() % 8 == 0 ? 1 : 0];
    std::vector<NewJob> jobs;
    for (std::size_t i = 0; i < n; ++i) jobs.push_back(new_job(dice, queue));
    const auto answers = timed([&] { return client_.enqueue_many(jobs); });
    for (std::size_t i = 0; i < n; ++i) {
      const bool known = answers[i].id != *jobs[i].options.id;
      if (known && !jobs[i].options.unique_key) throw std::runtime_error("a new job was taken for an old one");
      recorder_.write(about(What::enqueued, answers[i].id.bytes(), known ? Code::duplicate : Code::ok));
      if (known) recorder_.write(about(What::not_enqueued, jobs[i].options.id->bytes()));
    }
  }

  NewJob new_job(Dice& dice, const std::string& queue) {
    const JobId id = JobId::make(client_.database().clock().now());
    EnqueueOptions options;
    options.queue = queue;
    options.id = id;
    options.keepalive = keepalive_;
    options.max_attempts = 1000;
    options.max_crashes = 1000;
    if (keys_ > 0 && dice() % 4 == 0) options.unique_key = "key " + std::to_string(dice() % keys_);
    if (dice() % 8 == 0) {
      options.delay = std::chrono::milliseconds(100);
      const auto earliest = static_cast<std::uint64_t>(faults::steady_us() + options.delay.count());
      recorder_.write(about(What::not_before, id.bytes(), Code::none, earliest));
    }
    const auto key = options.unique_key ? faults::hash_of(*options.unique_key) : 0;
    recorder_.write(about(What::enqueue_asked, id.bytes(), Code::none, key));
    nlohmann::json params{{"us", time_to_hold(dice)}};
    if (padding_ > 0) params["padding"] = std::string(dice() % padding_, 'x');
    return {"work", params.dump(), std::move(options)};
  }

  /// Now and then longer than a lease, so that it must be renewed.
  [[nodiscard]] std::int64_t time_to_hold(Dice& dice) const {
    if (hold_ == 0) return 0;
    if (dice() % 64 == 0) return keepalive_.count() * 4 / 3;
    return static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(hold_));
  }

  std::size_t work(std::size_t queue, std::size_t n) {
    const auto jobs = timed([&] { return client_.claim({&queues[queue], 1}, {.kinds = {"work"}}, n); });
    for (const Job& job : jobs) recorder_.write(begin_of(What::claimed, job));
    if (jobs.empty()) return 0;
    (void)timed([&] { return client_.ping(jobs); });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      hold(std::span(jobs).subspan(i));
      const bool has_result = jobs[i].lease_token.value % 2 == 0;  // backends end those without one in another way
      const auto result = has_result ? nlohmann::json{jobs[i].claims, jobs[i].lease_token.value}.dump() : std::string();
      recorder_.write(about(What::finishing, jobs[i], Code::none, has_result ? faults::hash_of(result) : 0));
      const auto status = timed([&] { return client_.success(jobs[i], result); });
      recorder_.write(about(What::finished, jobs[i], accepted(status) ? Code::ok : Code::refused));
    }
    return jobs.size();
  }

  /// Works on the first of them and keeps the leases of all.
  void hold(std::span<const Job> jobs) {
    if (hold_ == 0) return;
    const Duration beat = keepalive_ / 3;
    const auto us = Duration(nlohmann::json::parse(jobs.front().params).at("us").get<std::int64_t>());
    for (Duration left = us; left > Duration(0); left -= beat) {
      work_for(std::min(left, beat));
      (void)timed([&] { return client_.ping(jobs); });
    }
  }

  const SignalStop stop_{SIGTERM};
  const faults::Recorder recorder_;
  const faults::Pulse pulse_{recorder_};
  Client client_;
  Admin admin_{client_.database()};
  const std::int64_t threads_;
  const std::int64_t rounds_;
  const Duration time_;
  const Duration keepalive_;
  const std::int64_t hold_;
  const std::uint64_t padding_;
  const std::uint64_t keys_;
  const bool drain_;
  const bool stubborn_;
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::atomic<std::int64_t> slowest_{0};
};

}  // namespace

int main(int argc, char** argv) {
  return sqlq::process::run_helper(argc, argv,
                                   {"url", "records", "die", "patient", "threads", "rounds", "seconds", "keepalive",
                                    "hold", "padding", "keys", "limit", "poison", "drain", "stubborn"},
                                   [](const auto& arguments) { return Mixer(arguments).run(); });
}
