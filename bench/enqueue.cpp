// Producing.

#include <atomic>

#include "bench.hpp"
#include "operations.hpp"

namespace sqlq::bench {
namespace {

void enqueue_single(Bench& bench, const char* op, unsigned threads) {
  const std::size_t n = bench.few();
  std::atomic<std::size_t> next{0};
  const Timed passed = bench.timed([&] {
    Bench::on_threads(threads, [&](unsigned) {
      Client client = bench.client();
      for (std::size_t i = next++; i < n; i = next++) client.enqueue(Noop{i}, {.queue = Bench::queue()});
    });
  });
  bench.rate(op, n, passed);
  bench.drain(n);
}

}  // namespace

void enqueue_single_1(Bench& bench) { enqueue_single(bench, "enqueue-single-1", 1); }
void enqueue_single_8(Bench& bench) { enqueue_single(bench, "enqueue-single-8", 8); }

void enqueue_batch(Bench& bench) {
  const std::size_t n = bench.options().jobs;
  bench.rate("enqueue-batch-" + std::to_string(bench.options().batch), n, bench.timed([&] { bench.enqueue(n); }));
  bench.drain(n);
}

}  // namespace sqlq::bench
