// Durable steps, and schedules and sleepers that are in nobody's way.

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

constexpr int steps_of_job = 5;

}  // namespace

void steps(Bench& bench) {
  const std::size_t n = bench.few();
  const unsigned threads = bench.options().threads;
  // The yardstick: as many rows, each durable by itself, from as many threads.
  const std::size_t rows = n * steps_of_job;
  std::atomic<std::size_t> next{0};
  const Timed single = bench.timed([&] {
    Bench::on_threads(threads, [&](unsigned) {
      Client client = bench.client();
      for (std::size_t i = next++; i < rows; i = next++) client.enqueue(Noop{i}, {.queue = Bench::queue()});
    });
  });
  bench.drain(rows);
  bench.enqueue(n);
  std::atomic<std::size_t> run{0};
  Handlers handlers;
  handlers.on<Noop>([&](const Noop&, JobContext& job) {
    for (int i = 0; i < steps_of_job; ++i) job.step("step", i, [&] { return ++run; });
  });
  Worker worker{bench.db(), std::move(handlers), worker_options(Bench::queue(), threads)};
  const Timed passed = bench.timed([&] {
    worker.start();
    while (worker.stats().succeeded < n) std::this_thread::sleep_for(1ms);
    worker.stop();
  });
  if (run != rows) throw std::logic_error("a step ran twice, or not at all");
  const double per_s = static_cast<double>(rows) / passed.seconds;
  const double single_per_s = static_cast<double>(rows) / single.seconds;
  bench.rate("steps", n, passed,
             {{"steps_per_s", per_s}, {"enqueues_per_s", single_per_s}, {"ratio", per_s / single_per_s}});
}

}  // namespace sqlq::bench
