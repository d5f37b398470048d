#pragma once
/// \file
/// What the operations have in common: the database, its jobs, the check that each ran once.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "ledger.hpp"
#include "limits/processors.hpp"
#include "options.hpp"
#include "report.hpp"

namespace sqlq::bench {

/// The job that is measured: it does nothing. `i` is its place in the ledger.
struct Noop {
  static constexpr std::string_view kind = "bench.noop";
  std::size_t i = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Noop, i)
};

/// A handler that leaves its traces in the ledger, which must outlive it.
[[nodiscard]] Handlers handlers_for(Ledger& ledger);
/// Options of a worker of `queue`: defaults, but for the concurrency.
[[nodiscard]] WorkerOptions worker_options(const std::string& queue, unsigned threads);

/// How long something took, and what the processors did meanwhile.
struct Timed {
  double seconds = 0;
  processors::Reading begin{}, end{};
};

class Bench {
 public:
  /// Opens and migrates. Throws UsageError if the database holds jobs and nobody said to go on anyway.
  explicit Bench(Options options);

  /// Fills in the jobs that --backlog, --scheduled, --finished and --waiting ask for, and the schedules of --schedules.
  void fill();

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const Database& db() const noexcept { return db_; }
  [[nodiscard]] Client client() const { return Client(db_); }
  /// The queue of the measured jobs. One for all operations, so that what was filled in is in the way of each; only a
  /// drain with --queues has more, which are counted from 0.
  [[nodiscard]] static std::string queue(std::size_t which = 0) {
    return which == 0 ? "bench" : "bench-" + std::to_string(which);
  }
  /// How many jobs an operation takes that goes one by one.
  [[nodiscard]] std::size_t few() const noexcept { return options_.jobs / 10; }

  /// Enqueues jobs 0 to n - 1 in batches, in turn to each of so many queues.
  void enqueue(std::size_t n, std::size_t queues = 1) const;
  /// Options of jobs of n keys.
  [[nodiscard]] static std::vector<EnqueueOptions> of_keys(std::size_t n);
  /// The same with these options in turn.
  void enqueue(std::size_t n, std::span<const EnqueueOptions> in_turn) const {
    enqueue(n, std::string(Noop::kind), in_turn);
  }
  /// Drains jobs 0 to n - 1 with one worker in this process and checks them. Times from its start to the last success
  /// being durable.
  Timed drain(std::size_t n) const;
  /// The same with these handlers, which write into the ledger, and so many slots.
  Timed drain(Ledger& ledger, Handlers handlers, unsigned slots) const;
  /// Runs `call` with 0 to n - 1, each on a thread of its own; throws what one of them threw.
  static void on_threads(unsigned n, const std::function<void(unsigned)>& call);
  /// Throws std::logic_error unless each job of the ledger ran exactly once.
  static void check(const Ledger& ledger);
  /// Waits until that many successes are durable; throws std::runtime_error when none came for a minute.
  void wait_for(const Ledger& ledger, std::uint64_t successes, const std::function<void()>& look) const;

  [[nodiscard]] Timed timed(const std::function<void()>& call) const;
  /// Reports how often a second it was done, and at what cost of processor time.
  void rate(const std::string& op, std::size_t n, const Timed& timed,
            std::vector<std::pair<std::string, double>> more = {}) const;
  void report(const Result& result) const { print(result, options_.json); }

 private:
  void enqueue(std::size_t n, const std::string& kind, std::span<const EnqueueOptions> in_turn) const;
  void schedule(std::size_t n) const;

  Options options_;
  Database db_;
};

}  // namespace sqlq::bench
