#include "operations.hpp"

#include <vector>

namespace sqlq::bench {

std::span<const Operation> operations() {
  static const std::vector<Operation> list{
      // First those that measure a database which has nothing else to do.
      {"idle", "an idle worker process for 20 s: queries, wake-ups, processor time", idle},
      {"latency", "idle worker in the same process: enqueue call to handler start", latency},
      {"latency-xproc", "idle worker in another process: enqueue call to handler start", latency_between_processes},
      {"latency-keys",
       "plain jobs, enqueue call to handler start: alone, beside --jobs / 10 jobs of another queue that are stored at "
       "once, and beside as many of which each has a new key",
       latency_beside_keys},
      {"end-to-end", "4 producers at --rate and a worker: enqueue call to handler end", end_to_end},
      {"enqueue-single-1", "one enqueue a call, each durable when it returns, 1 thread", enqueue_single_1},
      {"enqueue-single-8", "the same, 8 threads", enqueue_single_8},
      {"enqueue-batch-1000", "enqueue_many of --batch", enqueue_batch},
      {"drain", "a worker (or --processes), no-op typed handler: from its start to the last success being durable",
       drain},
      {"drain-4proc", "the same, 4 worker processes", drain_4_processes},
      {"drain-8proc", "the same, 8 worker processes", drain_8_processes},
      {"drain-limited", "the same, 8 worker processes on a queue whose concurrency is 50", drain_limited},
      {"drain-in-batches", "one worker with 200 slots: a batch handler of 100 jobs a call, beside a single handler",
       drain_in_batches},
      {"bulk-retry", "5 x --jobs failed jobs are retried; what a worker that drains --jobs beside it keeps",
       bulk_retry},
      {"steps", "--jobs / 10 jobs of five durable steps each, and as many single enqueues on as many threads", steps},
      {"drain-keys-100000", "a worker, jobs in turn of 100000 keys (or --jobs), one of each at once; beside plain jobs",
       drain_keys_many},
      {"drain-keys-1000", "the same with 1000 keys", drain_keys_some},
      {"drain-keys-10", "the same with 10 keys and --jobs / 10 jobs", drain_keys_few},
      {"key-rate", "10 x --rate jobs of one key that may start --rate a second", key_rate},
      {"own-loop-1", "claim 1, success 1, 1 thread", own_loop},
      {"memory", "a worker process with 64 slots: idle, and how much draining makes it grow", memory},
  };
  return list;
}

}  // namespace sqlq::bench
