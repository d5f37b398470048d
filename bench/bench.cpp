#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace sqlq::bench {

using namespace std::chrono_literals;

Handlers handlers_for(Ledger& ledger) {
  Handlers handlers;
  const std::shared_ptr<Clock> clock = system_clock();
  handlers.on<Noop>([&ledger, clock](const Noop& job) {
    ledger.begin(job.i, clock->steady());
    ledger.end(job.i, clock->steady());
  });
  return handlers;
}

WorkerOptions worker_options(const std::string& queue, unsigned threads) {
  WorkerOptions options;
  options.queues = {queue};
  options.concurrency = threads;
  return options;
}

std::vector<EnqueueOptions> Bench::of_keys(std::size_t n) {
  std::vector<EnqueueOptions> options;
  for (std::size_t i = 0; i < n; ++i) options.push_back({.queue = queue(), .key = "customer-" + std::to_string(i)});
  return options;
}

Bench::Bench(Options options) : options_(std::move(options)), db_(open(options_.url)) {
  db_.migrate();
  if (options_.anyway) return;
  for (const auto& [state, count] : Admin(db_).counts()) {
    if (count.value > 0) {
      throw UsageError("the database holds jobs already, and this would add to them and run some: take an empty one, "
                       "or say --anyway");
    }
  }
}

void Bench::enqueue(std::size_t n, std::size_t queues) const {
  std::vector<EnqueueOptions> in_turn;
  for (std::size_t which = 0; which < queues; ++which) in_turn.push_back({.queue = queue(which)});
  enqueue(n, std::string(Noop::kind), in_turn);
}

void Bench::enqueue(std::size_t n, const std::string& kind, std::span<const EnqueueOptions> in_turn) const {
  std::vector<NewJob> jobs;
  for (std::size_t i = 0; i < n;) {
    jobs.clear();
    for (; jobs.size() < options_.batch && i < n; ++i) {
      jobs.push_back({.kind = kind, .params = codec<Noop>::encode(Noop{i}), .options = in_turn[i % in_turn.size()]});
    }
    client().enqueue_many(std::span<const NewJob>(jobs));
  }
}

void Bench::fill() {
  const EnqueueOptions other{.queue = "bench-other"};
  const EnqueueOptions tomorrow{.queue = queue(), .priority = 1, .delay = 24h};
  enqueue(options_.backlog, "bench.other", {&other, 1});
  enqueue(options_.scheduled, std::string(Noop::kind), {&tomorrow, 1});
  enqueue(options_.finished);
  if (options_.finished > 0) drain(options_.finished);
  if (options_.waiting > 0) {
    Admin(db_).set_key_limits(queue(), {.concurrency = 0});
    enqueue(options_.waiting, of_keys(100'000));
  }
  schedule(options_.schedules);
}

void Bench::schedule(std::size_t n) const {
  constexpr std::size_t at_once = 1000;
  Schedules schedules{db_};
  std::vector<Schedule> some;
  for (std::size_t i = 0; i < n;) {
    some.clear();
    for (; some.size() < at_once && i < n; ++i) {
      some.push_back({.name = "bench." + std::to_string(i), .rule = "@yearly", .job = job(Noop{i})});
    }
    schedules.sync(some);
  }
}

Timed Bench::drain(std::size_t n) const {
  Ledger ledger(n);
  return drain(ledger, handlers_for(ledger), options_.threads);
}

Timed Bench::drain(Ledger& ledger, Handlers handlers, unsigned slots) const {
  Worker worker{db_, std::move(handlers), worker_options(queue(), slots)};
  const Timed passed = timed([&] {
    worker.start();
    wait_for(ledger, ledger.jobs(), [&] { ledger.set_succeeded(0, worker.stats().succeeded); });
  });
  worker.stop();
  check(ledger);
  return passed;
}

void Bench::on_threads(unsigned n, const std::function<void(unsigned)>& call) {
  std::exception_ptr failure;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < n; ++i) {
      threads.emplace_back([&, i] {
        try {
          call(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void Bench::check(const Ledger& ledger) {
  for (std::size_t i = 0; i < ledger.jobs(); ++i) {
    if (const auto runs = ledger.runs(i); runs != 1) {
      throw std::logic_error("job " + std::to_string(i) + " ran " + std::to_string(runs) + " times instead of once");
    }
  }
}

void Bench::wait_for(const Ledger& ledger, std::uint64_t successes, const std::function<void()>& look) const {
  const Clock& clock = db_.clock();
  SteadyPoint seen_at = clock.steady();
  for (std::uint64_t seen = 0;;) {
    look();
    const std::uint64_t now = ledger.succeeded();
    if (now >= successes) return;
    if (now != std::exchange(seen, now)) seen_at = clock.steady();
    if (clock.steady() - seen_at > 1min) {
      throw std::runtime_error("no job was done for a minute; " + std::to_string(successes - now) + " are left");
    }
    std::this_thread::sleep_for(500us);
  }
}

Timed Bench::timed(const std::function<void()>& call) const {
  Timed timed{.begin = processors::read()};
  const SteadyPoint begin = db_.clock().steady();
  call();
  timed.seconds = std::chrono::duration<double>(db_.clock().steady() - begin).count();
  timed.end = processors::read();
  return timed;
}

void Bench::rate(const std::string& op, std::size_t n, const Timed& timed,
                 std::vector<std::pair<std::string, double>> more) const {
  const auto times = static_cast<double>(n);
  const processors::Use use = processors::between(timed.begin, timed.end, times);
  more.insert(more.begin(), {"per_s", times / timed.seconds});
  more.insert(more.end(),
              {{"own_us", use.own_us}, {"others_us", use.others_us}, {"idle_share", use.idle_share}});
  report({.op = op, .n = n, .figures = std::move(more)});
}

}  // namespace sqlq::bench
