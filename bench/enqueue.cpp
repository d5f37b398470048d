// Producing.

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"

namespace sqlq::bench {
namespace {

void enqueue_single(Bench& bench, const char* op, unsigned threads) {
  const std::size_t n = bench.few();
  const Client client = bench.client();
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto produce = [&] {
    try {
      Client mine = client;
      for (std::size_t i = next++; i < n; i = next++) mine.enqueue(Noop{i}, {.queue = Bench::queue()});
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  const double seconds = bench.seconds([&] {
    std::vector<std::jthread> all;
    for (unsigned i = 1; i < threads; ++i) all.emplace_back(produce);
    produce();
  });
  if (failure) std::rethrow_exception(failure);
  bench.rate(op, n, seconds);
  bench.drain_and_check(n);
}

}  // namespace

void enqueue_single_1(Bench& bench) { enqueue_single(bench, "enqueue-single-1", 1); }
void enqueue_single_8(Bench& bench) { enqueue_single(bench, "enqueue-single-8", 8); }

void enqueue_batch(Bench& bench) {
  const std::size_t n = bench.options().jobs;
  bench.rate("enqueue-batch-" + std::to_string(bench.options().batch), n, bench.seconds([&] { bench.enqueue(n); }));
  bench.drain_and_check(n);
}

}  // namespace sqlq::bench
