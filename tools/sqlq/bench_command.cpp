// `bench`: what this database does on this network, with jobs that do nothing.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "context.hpp"
#include "filter_options.hpp"
#include "pace.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

const std::string bench_kind = "sqlq-bench";
const std::string bench_prefix = "sqlq-bench-";

struct BenchChoice {
  std::uint64_t jobs = 10'000;
  unsigned slots = 16;
  std::uint64_t batch = 1000;
  std::uint64_t singles = 200;
};

double per_second(std::uint64_t count, Duration time) {
  return static_cast<double>(count) / std::max(std::chrono::duration<double>(time).count(), 1e-6);
}

/// The least of the values that so many parts of 100 do not exceed.
Value percentile(std::vector<Duration>& sorted, std::size_t percent) {
  if (sorted.empty()) return {};
  const std::size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

/// A queue of its own, which goes with all its jobs however the run ends.
class BenchQueue {
 public:
  explicit BenchQueue(Context& context) : context_(context), admin_(context.admin()) {
    const std::string id = JobId::make(context.now()).to_string();
    name_ = bench_prefix + id.substr(id.size() - 12);
    admin_.create_queue(name_, {.description = "made by `sqlq bench`; may be deleted with its jobs when none runs"});
  }
  ~BenchQueue() {
    try {
      while (admin_.delete_queue(name_, {.finished = true, .waiting = true}) == DeleteQueueStatus::not_empty) {
        if (++tries_ < 3) continue;
        context_.complain("the queue " + name_ + " could not be deleted: jobs of it are still held");
        break;
      }
    } catch (const std::exception& error) {
      context_.complain("the queue " + name_ + " is left over: " + printable(error.what()));
    }
  }
  BenchQueue(const BenchQueue&) = delete;
  BenchQueue& operator=(const BenchQueue&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Context& context_;
  Admin admin_;
  std::string name_{};
  int tries_ = 0;
};

/// What handlers tell the thread that waits for them.
class Arrivals {
 public:
  explicit Arrivals(Clock& clock) : clock_(clock), signal_(clock.make_signal()) {}

  void arrived(const JobId& id) {
    const SteadyPoint now = clock_.steady();
    {
      const std::lock_guard lock(mutex_);
      last_ = {id, now};
      ++count_;
    }
    signal_->notify();
  }
  /// Waits for so many at all, or until stopped, or for 10 s in which none came.
  bool wait_for(std::uint64_t count, const sqlq::stop_token& stop, const std::function<void(std::uint64_t)>& each) {
    std::uint64_t before = 0;
    SteadyPoint at = clock_.steady();
    while (!stop.stop_requested()) {
      const std::uint64_t now_there = this->count();
      if (now_there >= count) return true;
      if (now_there != before) at = clock_.steady();
      before = now_there;
      if (clock_.steady() - at > std::chrono::seconds(10)) {
        throw Exit(ExitCode::timed_out, "no job was run for 10 s: `sqlq doctor` may know why");
      }
      if (each) each(now_there);
      static_cast<void>(signal_->wait_until(clock_.steady() + std::chrono::milliseconds(100)));
    }
    return false;
  }
  [[nodiscard]] std::uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  [[nodiscard]] std::pair<JobId, SteadyPoint> last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  Clock& clock_;
  std::unique_ptr<Signal> signal_;
  mutable std::mutex mutex_{};
  std::pair<JobId, SteadyPoint> last_{};
  std::uint64_t count_ = 0;
};

class Bench {
 public:
  Bench(Context& context, const BenchChoice& choice)
      : context_(context), choice_(choice), clock_(context.database().clock()), arrivals_(clock_) {}

  ExitCode run() {
    static_cast<void>(context_.stop());  // from here on a signal leaves nothing behind
    tell_leftovers();
    const BenchQueue queue(context_);
    const bool whole = enqueue_all(queue.name()) && work(queue.name());
    context_.progress("");
    std::sort(waits_.begin(), waits_.end());
    std::sort(calls_.begin(), calls_.end());
    context_.record(
        {{"jobs"}, {"enqueued_per_second"}, {"worked_per_second"}, {"enqueue_p50"}, {"enqueue_p99"}, {"start_p50"},
         {"start_p99"}},
        {done_, rate_in_, rate_out_, percentile(calls_, 50), percentile(calls_, 99), percentile(waits_, 50),
         percentile(waits_, 99)});
    if (whole) return ExitCode::ok;
    context_.complain("interrupted: the jobs of this run are being deleted");
    return ExitCode::interrupted;
  }

 private:
  void tell_leftovers() {
    for (const Queue& queue : context_.admin().queues(bench_prefix, 10)) {
      if (!queue.name.starts_with(bench_prefix)) break;
      context_.say("the queue " + printable(queue.name) + " is of another run: when that has ended, `sqlq queue "
                   "delete --waiting --finished " + shell_word(queue.name) + "` deletes it");
    }
  }

  bool enqueue_all(const std::string& queue) {
    Client client = context_.client();
    const Pace pace(choice_.jobs);
    const SteadyPoint began = clock_.steady();
    for (std::uint64_t sent = 0; sent < choice_.jobs;) {
      if (context_.stop().stop_requested()) return false;
      std::vector<NewJob> jobs(std::min(choice_.batch, choice_.jobs - sent), job(queue));
      client.enqueue_many(jobs);
      sent += jobs.size();
      context_.progress("enqueueing: " + pace.line(sent));
    }
    rate_in_ = per_second(choice_.jobs, clock_.steady() - began);
    return true;
  }

  bool work(const std::string& queue) {
    Handlers handlers;
    handlers.on(bench_kind, [this](JobContext& running) { arrivals_.arrived(running.id()); });
    Worker worker(context_.database(), handlers,
                  {.queues = {queue}, .concurrency = choice_.slots, .on_event = [](const WorkerEvent&) {}});
    const Pace pace(choice_.jobs);
    const SteadyPoint began = clock_.steady();
    worker.start();
    const bool whole = arrivals_.wait_for(choice_.jobs, context_.stop(), [&](std::uint64_t so_far) {
      context_.progress("working: " + pace.line(so_far));
    });
    done_ = arrivals_.count();
    if (whole && choice_.jobs > 0) rate_out_ = per_second(done_, clock_.steady() - began);
    const bool all = whole && one_by_one(queue);
    worker.stop({.limit = std::chrono::seconds(10), .drain = Duration::zero()});
    return all;
  }

  /// How long a single job takes to be stored, and from the beginning of the call to the beginning of its handler.
  bool one_by_one(const std::string& queue) {
    Client client = context_.client();
    for (std::uint64_t i = 0; i < choice_.singles; ++i) {
      const SteadyPoint called = clock_.steady();
      const JobId id = client.enqueue(job(queue)).id;
      calls_.push_back(clock_.steady() - called);
      if (!arrivals_.wait_for(done_ + i + 1, context_.stop(), {})) return false;
      if (arrivals_.last().first == id) waits_.push_back(arrivals_.last().second - called);
      context_.progress("one by one: " + human(i + 1) + " of " + human(choice_.singles));
    }
    return true;
  }

  static NewJob job(const std::string& queue) { return {bench_kind, "null", {.queue = queue}}; }

  Context& context_;
  const BenchChoice& choice_;
  Clock& clock_;
  Arrivals arrivals_;
  std::vector<Duration> waits_{};
  std::vector<Duration> calls_{};
  std::optional<double> rate_in_{};
  std::optional<double> rate_out_{};
  std::uint64_t done_ = 0;
};

ExitCode bench(Context& context, const BenchChoice& choice) {
  const std::string what =
      counted(choice.jobs + choice.singles, "job") + " for a handler that does nothing, in a queue of their own";
  const std::string where = printable(context.database().description());
  if (context.options().dry_run) {
    context.say("would enqueue and work " + what + ", in " + where + ", and delete them");
    return ExitCode::ok;
  }
  if (!context.confirm("Enqueue and work " + what + ", in " + where + "? Other programs share the database's power "
                       "meanwhile.")) {
    context.say("nothing was done");
    return ExitCode::failed;
  }
  return Bench(context, choice).run();
}

}  // namespace

void add_bench_command(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand("bench", "Measure: jobs a second in and out, and how soon a job is begun");
  const auto choice = std::make_shared<BenchChoice>();
  command->add_option("--jobs", choice->jobs, "How many are enqueued, then worked (default 10000)")
      ->check(CLI::Range(1, 10'000'000))
      ->type_name("N");
  command->add_option("--slots,-j", choice->slots, "How many run at once (default 16)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->add_option("--batch", choice->batch, "Jobs of one call of enqueue (default 1000)")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  command->add_option("--singles", choice->singles, "How many are then sent one by one (default 200)")
      ->check(CLI::Range(0, 100'000))
      ->type_name("N");
  command->footer("Example:\n  sqlq bench --jobs 10000 --yes\n\n"
                  "It writes, in a queue of its own named sqlq-bench-..., which it deletes at its end, also when it is "
                  "interrupted. Workers of your programs leave its jobs alone: they have no handler for their kind.");
  context.on(*command, [&context, choice] { return bench(context, *choice); });
}

}  // namespace sqlq::tool
