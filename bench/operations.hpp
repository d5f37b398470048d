#pragma once
/// \file
/// The list of what can be measured.

#include <span>
#include <string>

namespace sqlq::bench {

class Bench;

struct Operation {
  std::string name;
  std::string what;
  void (*run)(Bench&);
};

/// In the order they are run.
[[nodiscard]] std::span<const Operation> operations();

// enqueue.cpp
void enqueue_single_1(Bench&);
void enqueue_single_8(Bench&);
void enqueue_batch(Bench&);
// drain.cpp
void drain(Bench&);
void drain_4_processes(Bench&);
void drain_8_processes(Bench&);
void drain_limited(Bench&);
void drain_in_batches(Bench&);
void own_loop(Bench&);
void memory(Bench&);
// bulk.cpp
void bulk_retry(Bench&);
// workflow.cpp
void steps(Bench&);
// keys.cpp
void drain_keys_many(Bench&);
void drain_keys_some(Bench&);
void drain_keys_few(Bench&);
void key_rate(Bench&);
// latency.cpp
void latency(Bench&);
void latency_between_processes(Bench&);
void latency_beside_keys(Bench&);
void end_to_end(Bench&);
// idle.cpp
void idle(Bench&);

}  // namespace sqlq::bench
