// Tests the checker: the same short run with the library as it is and with each of its mutants; a run of its own has
// schedules, durable steps, signals and keys. With the library as it is they must be clean, each mutant must break the
// rules named here.
//
// mutants [NAME...]: only these; "none" is the library as it is.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <utility>

#include "faults/check.hpp"
#include "faults/mutants_timed.hpp"
#include "process/child.hpp"
#include "process/scratch.hpp"
#include "process/sqlite_audit.hpp"
#include "process/standstill.hpp"

namespace sqlq::faults {
namespace {

using namespace std::chrono_literals;
using process::Child;
using process::eventually;

struct Mutant {
  std::string name;
  std::vector<Rule> breaks;
  bool timed = false;  ///< under TimedLoad
};

const std::vector<Mutant> all{
    {"none", {}},
    {"finish_without_token", {Rule::fencing}},
    {"reap_by_id", {Rule::duplicate}},
    {"claim_without_compare", {Rule::duplicate, Rule::overlap}},
    {"attempt_counted_at_end", {Rule::poison, Rule::attempts}},
    {"unique_by_look", {Rule::unique}},
    {"limit_released_twice", {Rule::limit}},
    {"lease_below_heartbeat", {Rule::duplicate}},
    {"acknowledge_before_commit", {Rule::lost}},
    {"none", {}, true},
    {"tick_without_compare", {Rule::tick}, true},
    {"step_without_fence", {Rule::step}, true},
    {"signal_before_wait", {Rule::signal}, true},
    {"key_counts_some", {Rule::key}, true},
    {"rate_forgets_let_in", {Rule::rate}, true},
};

/// Two mixers and two workers on one file, some of which are killed or stopped for longer than their lease.
class Load {
 public:
  explicit Load(std::filesystem::path folder) : folder_(std::move(folder)) {}

  Verdict run() {
    Child migrator("process_migrator", {"do=open", url()});
    if (const auto exit = migrator.wait(process::long_enough); !exit || !exit->with_code(0)) {
      throw std::runtime_error("the migration failed");
    }
    for (auto& mixer : mixers_) mixer = start_mixer(&mixer == mixers_.data());
    for (auto& worker : workers_) worker = start_worker();
    break_things();
    for (auto& mixer : mixers_) kill(mixer);
    const bool drained = drain();
    for (auto& worker : workers_) {
      if (drained) worker->signal(SIGTERM);
      if (!drained || !worker->wait(5s)) kill(worker);
    }
    const Settings settings{.rescue_us = 5'000'000, .dead_are_known = true, .limits = {{queue_number("limited"), 2}}};
    return check({.records = RecordReader(records()).more(),
                  .rows = process::rows_of_file(file()),
                  .faults = faults_,
                  .settings = settings});
  }

 private:
  using Process = std::unique_ptr<Child>;

  [[nodiscard]] std::string file() const { return (folder_ / "jobs.db").string(); }
  [[nodiscard]] std::string records() const { return (folder_ / "records").string(); }
  /// What is tested outlives processes, not the host: no flush is needed, and none stalls the others.
  [[nodiscard]] std::string url() const { return "url=sqlite://" + file() + "?synchronous=normal"; }
  /// Waits until nothing is left to do; false when for ten leases it has not become less.
  [[nodiscard]] bool drain() {
    constexpr std::int64_t patience = 10'000'000;
    process::AuditConnection connection(file(), 20'000);
    auto least = std::numeric_limits<std::int64_t>::max();
    auto since = steady_us();
    (void)eventually([&] {
      revive();
      const auto left =
          std::stoll(connection.ask("SELECT count(*) FROM sqlq_jobs WHERE state IN (1, 2, 5, 7, 8)"));
      if (left < least) {
        least = left;
        since = steady_us();
      }
      return left == 0 || steady_us() - since > patience;
    });
    return least == 0;
  }

  /// The first holds its jobs for longer, so that whoever takes them over is still at them when it comes back; the
  /// other enqueues the more.
  [[nodiscard]] Process start_mixer(bool first) {
    const std::string poison = std::exchange(poisoned_, true) ? "0" : "1";
    const std::string hold = first ? "hold=400000" : "hold=40000";
    auto mixer = std::make_unique<Child>(
        "process_mixer",
        std::vector<std::string>{url(), "records=" + records(), "threads=6", "keepalive=1000", hold,
                                 "keys=3", "limit=2", "drain=0", "poison=" + poison});
    if (mixer->line(process::long_enough) != "ready") throw std::runtime_error("a mixer did not start");
    mixer->tell("go");
    return mixer;
  }
  [[nodiscard]] Process start_worker() const {
    return std::make_unique<Child>("process_worker",
                                   std::vector<std::string>{url(), "records=" + records(), "concurrency=8", "sweep=100",
                                                            "poll=50"});
  }

  void wait(Duration time) {
    (void)eventually(
        [&] {
          revive();
          return false;
        },
        time + Duration(random_.between(0, 50'000)));
  }
  /// Poison ends workers.
  void revive() {
    for (auto& worker : workers_) {
      if (worker->ended()) worker = start_worker();
    }
  }
  /// Between a write and its commit, if it writes at all: what was told too early is lost then.
  void kill_writing(const Process& victim) {
    (void)process::stand_in_transaction(*victim, file());
    kill(victim);
  }
  void kill(const Process& victim) {
    const auto now = steady_us();
    faults_.push_back({.kind = Fault::Kind::killed, .pid = victim->pid(), .from_us = now, .to_us = now});
    (void)victim->kill_hard();
  }
  /// Twice, for a mixer is the more likely to be in the middle of something the more of its threads have just begun.
  void replace_mixer(Process& mixer) {
    kill_writing(mixer);
    mixer = start_mixer(&mixer == mixers_.data());
    wait(30ms);
    kill_writing(mixer);
    mixer = start_mixer(&mixer == mixers_.data());
  }
  void stop(const Process& victim) {
    process::stand_still(*victim, file());
    faults_.push_back({.kind = Fault::Kind::paused, .pid = victim->pid(), .from_us = steady_us()});
  }
  /// Best in the moment in which somebody else works on what the victim held.
  void resume(const Process& victim) {
    const std::string taken_over =
        "SELECT count(*) FROM sqlq_jobs j JOIN sqlq_history h ON h.job_seq = j.seq AND h.claim = j.claims - 1 "
        "WHERE j.state = 2 AND h.worker LIKE '%:" + std::to_string(victim->pid()) + ":%'";
    process::AuditConnection connection(file(), 300);
    (void)eventually(
        [&] {
          revive();
          return connection.ask(taken_over) != "0";
        },
        1500ms);
    victim->signal(SIGCONT);
    const auto fault = std::find_if(faults_.rbegin(), faults_.rend(), [&](const Fault& f) {
      return f.kind == Fault::Kind::paused && f.pid == victim->pid();
    });
    fault->to_us = steady_us();
  }

  void break_things() {
    wait(400ms);
    stop(mixers_[0]);
    wait(300ms);
    replace_mixer(mixers_[1]);
    wait(300ms);
    kill(workers_[1]);
    wait(300ms);
    resume(mixers_[0]);
    wait(200ms);
    stop(mixers_[1]);
    wait(200ms);
    replace_mixer(mixers_[0]);
    wait(300ms);
    kill(workers_[0]);
    wait(200ms);
    replace_mixer(mixers_[0]);
    resume(mixers_[1]);
    wait(300ms);
    stop(mixers_[0]);
    wait(200ms);
    replace_mixer(mixers_[1]);
    resume(mixers_[0]);
    wait(300ms);
  }

  const std::filesystem::path folder_;
  process::Random random_;
  std::array<Process, 2> mixers_{};
  std::array<Process, 2> workers_{};
  std::vector<Fault> faults_{};
  bool poisoned_ = false;
};

std::string names(const std::vector<Rule>& rules) {
  std::string text;
  for (const Rule rule : rules) text += (text.empty() ? "" : ", ") + std::string(to_string(rule));
  return text;
}

/// Clean, or caught by the rules it must break?
bool as_expected(const Mutant& mutant) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("sqlq_mutants_" + std::to_string(::getpid()) + "_" + mutant.name +
                       (mutant.timed ? "_timed" : ""));
  std::filesystem::create_directories(folder);
  ::setenv("SQLQ_MUTANT", mutant.name.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  const auto begin = steady_us();
  const Verdict verdict = mutant.timed ? TimedLoad(folder).run() : Load(folder).run();
  const bool good = mutant.breaks.empty() ? verdict.clean() : std::ranges::all_of(mutant.breaks, [&](Rule rule) {
    return verdict.broke(rule);
  });
  std::cout << mutant.name << ": " << verdict.figures.executions << " executions, " << verdict.violations.size()
            << " violations, "
            << (!good ? "NOT AS EXPECTED" : mutant.breaks.empty() ? "clean" : "caught by " + names(mutant.breaks))
            << ", " << static_cast<double>((steady_us() - begin) / 100'000) / 10 << " s" << std::endl;
  if (!good || mutant.breaks.empty()) std::cout << to_string(verdict, Settings{.rescue_us = 5'000'000}) << std::flush;
  if (good) std::filesystem::remove_all(folder);
  return good;
}

int run(const std::vector<std::string>& wanted) {
  std::cout << "seed " << process::seed() << " (SQLQ_SEED=" << process::seed() << " repeats it)" << std::endl;
  int mutants = 0;
  int caught = 0;
  bool clean = true;
  for (const Mutant& mutant : all) {
    if (!wanted.empty() && std::ranges::find(wanted, mutant.name) == wanted.end()) continue;
    const bool good = as_expected(mutant);
    if (mutant.breaks.empty()) {
      clean = clean && good;
    } else {
      ++mutants;
      caught += good ? 1 : 0;
    }
  }
  std::cout << caught << " of " << mutants << (clean ? "" : "; but the library as it is was not clean") << std::endl;
  return clean && caught == mutants && (mutants > 0 || !wanted.empty()) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace sqlq::faults

int main(int argc, char** argv) {
  try {
    return sqlq::faults::run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "mutants: " << e.what() << std::endl;
    return EXIT_FAILURE;
  }
}
