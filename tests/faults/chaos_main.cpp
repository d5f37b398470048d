// Workers, mixers and producers on one database, while everything around them breaks: a run of chaos, judged by the
// checker.
//
//   chaos on=sqlite|postgres|mariadb|mysql [name=number...]
//
// How often, by default never: kills (kill -9 from outside), dooms (at a statement that is named), commits (a process
// kills itself before or after a COMMIT), pauses (beyond the lease), poisons (jobs that kill their process), restarts
// (of the server), cuts (of a COMMIT, by a proxy; servers only). gap: milliseconds from one deed to the next, on
// average; seconds: what the run may take. Half of the producers' batches go into transactions of an application.
// SQLQ_SEED repeats the deeds, though not the machine's timing.
//
// When all of it was done the run goes on until nothing is left to do; then the rows are read by the database's own
// client. Servers: those of ci/services, which restart. Exit code 0: no rule was broken, no process ended by itself,
// and everything happened as often as it should.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <utility>

#include <sqlq/backend/url.hpp>
#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "chaos_nemesis.hpp"
#include "check.hpp"
#include "pulse.hpp"
#include "process/counters.hpp"
#include "process/helper.hpp"
#include "process/orders.hpp"
#include "process/place.hpp"
#include "process/services.hpp"

namespace sqlq::faults {
namespace {

using process::Arguments;

constexpr std::int64_t lease_ms = 2000;
constexpr std::int64_t sweep_ms = 200;
constexpr std::int64_t poll_ms = 50;
constexpr std::int64_t machine_ms = 1750;  ///< what a busy machine takes: a process started, a slot to become free
constexpr int limit = 2;                   ///< of the limited queue

const Settings settings{.lease_us = lease_ms * 1000,
                        .rescue_us = (lease_ms + sweep_ms + poll_ms + machine_ms) * 1000,
                        .limits = {{queue_number("limited"), limit}}};

/// A database, and the statements at which its processes may kill themselves; the first is that of an enqueue.
struct Target {
  process::Place place{};
  std::vector<std::string> statements{};
  Proxy::MakeStatements proxied = nullptr;
};

Target target_of(const std::string& name) {
  if (name == "sqlite") {
    // Processes die here, not the host: no flush is needed, and none stalls the others.
    return {process::sqlite_normal_place,
            {"job_insert", "claim", "finish_success", "finish_back", "heartbeat", "reap", "log_add", "promote"}};
  }
  if (name == "postgres") {
    return {process::postgres_place,
            {"job_insert_new", "claim", "succeed", "finish", "heartbeat", "reap", "log_add", "promote", "queue_lock"},
            &postgres_statements};
  }
  const std::vector<std::string> statements{"jobs_insert",  "claim",     "claims_add",  "ready_remove", "succeed",
                                            "finished_add", "heartbeat", "history_add", "log_add",      "queue_lock"};
  if (name == "mariadb") return {process::mariadb_place, statements, &mysql_statements};
  if (name == "mysql") return {process::mysql_place, statements, &mysql_statements};
  throw std::invalid_argument("on=" + name + ": no such database; known: sqlite, postgres, mariadb, mysql");
}

/// The application's own transactions, each with a job and a row of its own.
struct Ordered {
  std::size_t committed = 0;
  std::size_t rolled_back = 0;
  std::set<Id> unknown{};
  std::size_t unknown_present = 0;

  explicit Ordered(const Run& run) {
    for (const Record& r : run.records) {
      if (r.what == What::enqueue_asked && r.code == Code::in_transaction) unknown.insert(r.id);
      if (r.what == What::enqueued) committed += unknown.erase(r.id);
      if (r.what == What::not_enqueued) rolled_back += unknown.erase(r.id);
    }
    for (const Id& id : *run.user_rows) unknown_present += unknown.count(id);
  }
  [[nodiscard]] std::string to_string() const {
    const auto text = [](std::size_t n) { return std::to_string(n); };
    return "transactions of the application: committed " + text(committed) + ", rolled back " + text(rolled_back) +
           ", unknown " + text(unknown.size()) + " (of which present " + text(unknown_present) + ")";
  }
};

class Chaos {
 public:
  explicit Chaos(const Arguments& arguments)
      : arguments_(arguments),
        target_(target_of(arguments.text("on"))),
        folder_(std::filesystem::temp_directory_path() / ("sqlq_chaos_" + std::to_string(::getpid()))),
        url_(is_file() ? "sqlite://" + file() + target_.place.options
                       : target_.place.server_url("c" + std::to_string(::getpid()) + "_")) {
    std::filesystem::create_directories(folder_);
  }

  int run() {
    const Database db = open(url_);
    db.migrate();
    orders_.make();
    description_ = db.description();
    std::cout << "chaos on " << description_ << ", seed=" << seed() << std::endl;
    if (!is_file()) {
      proxy_ = std::make_unique<Proxy>(backend::Url::parse(url_).authority().hosts.at(0).second, roles, target_.proxied,
                                       seed());
    }
    Doomer doomer(target_.statements, count("dooms"), count("commits"), random_);
    Crowd crowd(records(), make_roles(), [&](Role::Kind kind) { return doomer.next(kind); });
    crowd_ = &crowd;
    Scene scene{.url = url_,
                .file = is_file() ? file() : "",
                .crowd = crowd,
                .proxy = proxy_.get(),
                .random = random_,
                .recorder = recorder_,
                .lease_us = settings.lease_us,
                .pass = [this](std::int64_t us) { pass(us); },
                .service = [this](const std::string& command) { service(command); }};
    doomer.use(scene);
    if (!is_file()) asker_ = sqlq::jthread([this](const sqlq::stop_token& stop) { ask(stop); });
    crowd.start();
    start_proxies();
    const bool began = scene.wait_for_all();
    if (!began) throw std::runtime_error("not all processes came up");

    std::unique_ptr<Nemesis> killer = make_killer(scene, count("kills"));
    std::unique_ptr<Nemesis> pauser = make_pauser(scene, count("pauses"));
    std::unique_ptr<Nemesis> poisoner = make_poisoner(scene, count("poisons"));
    std::unique_ptr<Nemesis> restarter = make_restarter(scene, is_file() ? 0 : count("restarts"));
    std::unique_ptr<Nemesis> cutter;
    if (proxy_ && count("cuts") > 0) cutter = make_cutter(scene, count("cuts"), cut_every_us());
    nemeses_ = {&doomer, killer.get(), pauser.get(), poisoner.get(), restarter.get()};
    if (cutter) nemeses_.push_back(cutter.get());
    const bool all_done = rage(scene, restarter.get());

    doomer.stop();
    if (proxy_) proxy_->cut_commits(0);
    while (busy()) pass(10'000);
    (void)scene.wait_for_all();  // a mixer that has not been told to begin would wait for that, not for its end
    crowd.end(Role::Kind::producer);
    crowd.end(Role::Kind::mixer);
    const bool drained = drain();
    crowd.end(Role::Kind::worker);
    asker_ = {};
    return judge(db, scene, all_done, drained);
  }

 private:
  static constexpr std::size_t workers = 3;
  static constexpr std::size_t mixers = 2;
  static constexpr std::size_t producers = 2;
  static constexpr std::size_t roles = workers + mixers + producers;

  [[nodiscard]] bool is_file() const { return target_.place.is_file(); }
  [[nodiscard]] std::string file() const { return (folder_ / "jobs.db").string(); }
  [[nodiscard]] std::string records() const { return (folder_ / "records").string(); }
  [[nodiscard]] static std::uint64_t seed() { return process::seed(); }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(arguments_.number(name, 0));
  }

  [[nodiscard]] std::int64_t gap_us() const { return arguments_.number("gap", 400) * 1000; }
  [[nodiscard]] std::int64_t cut_every_us() const { return gap_us() * 3 / 2; }

  /// The URL as a process in this place is given it.
  [[nodiscard]] std::string url_for(std::size_t place) const {
    if (!proxy_) return url_;
    const auto port = ":" + std::to_string(backend::Url::parse(url_).authority().hosts.at(0).second);
    std::string url = url_;
    return url.replace(url.find(port), port.size(), ":" + std::to_string(proxy_->port(place)));
  }

  [[nodiscard]] std::vector<Role> make_roles() const {
    std::vector<Role> all;
    const std::string keepalive = "keepalive=" + std::to_string(lease_ms);
    for (std::size_t i = 0; i < roles; ++i) {
      std::vector<std::string> words{"url=" + url_for(i), "records=" + records(), "patient=1"};
      const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
      if (i < workers) {
        add({"concurrency=6", "sweep=" + std::to_string(sweep_ms), "poll=" + std::to_string(poll_ms)});
        all.push_back({Role::Kind::worker, words});
      } else if (i < workers + mixers) {
        add({"threads=3", "stubborn=1", "drain=0", keepalive, "hold=400000", "keys=3",
             "limit=" + std::to_string(limit)});
        all.push_back({Role::Kind::mixer, words});
      } else {
        add({"jobs=1000000000", "pace=200", "backlog=60", keepalive, "seed=" + std::to_string(seed() + i),
             "transactions=50"});
        all.push_back({Role::Kind::producer, words});
      }
    }
    return all;
  }

  /// Everything goes on for so long.
  void pass(std::int64_t us) {
    const auto until = steady_us() + us;
    do {
      crowd_->look();
      start_proxies();
      for (Nemesis* nemesis : nemeses_) nemesis->look();
      see_held();
      process::work_for(std::chrono::milliseconds(3));
    } while (steady_us() < until);
  }
  void start_proxies() {
    if (!proxy_) return;
    for (const Place& place : crowd_->places()) proxy_->serve(crowd_->number(place), place.pid());
  }
  /// Asks the server all the time: leases may also end because it did not answer, on a machine that is too busy.
  void ask(const sqlq::stop_token& stop) const {
    std::unique_ptr<process::Audit> audit;
    while (!stop.stop_requested()) {
      try {
        if (!audit) audit = process::open_audit(url_);
        (void)audit->ask("SELECT 1");
        recorder_.write(about(What::answered, Id{}));
      } catch (const std::runtime_error&) {  // the server is away
        audit.reset();
      }
      process::work_for(Pulse::interval);
    }
  }
  /// How many jobs of the limited queue are held, as the database says.
  void see_held() {
    if (steady_us() < next_look_us_) return;
    next_look_us_ = steady_us() + 250'000;
    try {
      if (!audit_) audit_ = process::open_audit(url_);
      const auto held = audit_->ask("SELECT count(*) FROM " + audit_->table("jobs") + " j JOIN " +
                                    audit_->table("queues") + " q ON q.id = j.queue_id WHERE j.state IN (2, 5) AND " +
                                    "q.name = 'limited'");
      Record record = about(What::held, Id{}, Code::none, std::stoull(held));
      record.queue = queue_number("limited");
      recorder_.write(record);
      ++looks_;
    } catch (const std::runtime_error&) {  // the server is away
      audit_.reset();
    }
  }

  void service(const std::string& command) const {
    const std::string whole = command + " " + target_.place.service;
    if (process::services(whole) != 0) throw std::runtime_error("ci/services " + whole + " failed");
  }

  [[nodiscard]] bool busy() const {
    return std::ranges::any_of(nemeses_, [](const Nemesis* n) { return n->busy(); });
  }

  /// One deed after the other, who has most to do most often. False when the time was over before.
  bool rage(Scene& scene, const Nemesis* restarter) {
    const auto deadline = begin_us_ + arguments_.number("seconds", 900) * 1'000'000;
    for (;;) {
      std::int64_t all = 0;
      for (const Nemesis* n : nemeses_) all += static_cast<std::int64_t>(n->left());
      if (all == 0) return true;
      if (steady_us() > deadline) return false;
      auto at = random_.between(1, all);
      const auto chosen = std::ranges::find_if(nemeses_, [&](const Nemesis* n) {
        at -= static_cast<std::int64_t>(n->left());
        return at <= 0;
      });
      if (*chosen == restarter) {  // the checker measures how soon all are back: so all must be there
        if (proxy_) proxy_->cut_commits(0);
        while (busy()) pass(10'000);
        (void)scene.wait_for_all();
      }
      const bool struck = (*chosen)->strike();
      if (*chosen == restarter && proxy_ && count("cuts") > 0) proxy_->cut_commits(cut_every_us());
      pass(struck ? random_.between(0, 2 * gap_us()) : 20'000);
    }
  }

  /// Until nothing is left, however much waits in the limited queue. False: for a minute no job came to its end.
  [[nodiscard]] bool drain() {
    constexpr std::int64_t patience_us = 60'000'000;
    const auto audit = process::open_audit(url_);
    auto deadline = steady_us() + patience_us;
    for (auto left = process::jobs_left(*audit); left > 0;) {
      if (steady_us() > deadline) return false;
      pass(200'000);
      const auto before = std::exchange(left, process::jobs_left(*audit));
      if (left < before) deadline = steady_us() + patience_us;
    }
    return true;
  }

  int judge(const Database& db, const Scene& scene, bool all_done, bool drained) {
    const auto seconds = (steady_us() - begin_us_) / 1'000'000;
    Run run{.records = RecordReader(records()).more(), .faults = scene.faults, .settings = settings};
    const auto audit = process::open_audit(url_);
    run.rows = process::rows_of(*audit);
    run.clock_ahead_us = system_clock()->now().time_since_epoch().count() - steady_us();
    run.counters = process::counters_of(db, *audit, run.rows);
    run.user_rows = orders_.ids();
    run.settings.drained = drained;
    run.settings.dead_are_known = url_.starts_with("sqlite");
    const auto add = [&](const std::vector<Fault>& more) {
      run.faults.insert(run.faults.end(), more.begin(), more.end());
    };
    add(scene.crowd.deaths());
    if (proxy_) add(proxy_->faults());
    const Verdict verdict = check(run);

    std::vector<std::string> findings = scene.crowd.findings();
    findings.insert(findings.end(), scene.findings.begin(), scene.findings.end());
    if (!all_done) findings.emplace_back("the time was over before everything was done");
    if (!drained) findings.emplace_back(std::to_string(process::jobs_left(*audit)) + " jobs were left");
    if (verdict.figures.zombie_pauses.size() < count("pauses")) {
      findings.emplace_back("not after every pause something came too late");
    }
    if (verdict.figures.zombies_refused != verdict.figures.zombies) {
      findings.emplace_back("something that came too late was not refused");
    }
    const Ordered ordered(run);
    if (ordered.committed == 0 || ordered.rolled_back == 0) findings.emplace_back("no transaction of the application");
    if (is_file() && process::integrity(file()) != "ok") findings.emplace_back("the file is damaged");
    const bool good = verdict.clean() && findings.empty();

    std::cout << "== chaos on " << description_ << ", seed=" << seed() << ", " << seconds << " s, "
              << scene.crowd.started() << " processes\n"
              << to_string(verdict, settings);
    for (const Nemesis* nemesis : nemeses_) std::cout << nemesis->report() << '\n';
    std::cout << ordered.to_string() << '\n';
    std::cout << "limited queue: " << looks_ << " looks into the database; processes that ended by themselves: "
              << scene.crowd.findings().size() << '\n';
    if (is_file()) std::cout << "integrity_check: " << process::integrity(file()) << '\n';
    for (const std::string& finding : findings) std::cout << "FINDING: " << finding << '\n';
    std::cout << (good ? "== passed" : "== FAILED; the evidence is in " + folder_.string()) << std::endl;
    if (!good) write_down(run.faults);
    if (good) {
      audit_.reset();
      orders_.drop();
      if (!is_file()) Migrator{db}.teardown();
      std::filesystem::remove_all(folder_);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  /// Beside the records, what was done and when.
  void write_down(std::vector<Fault> faults) const {
    std::ranges::sort(faults, {}, &Fault::from_us);
    std::ofstream out(folder_ / "faults");
    for (const Fault& f : faults) {
      out << f.from_us << ' ' << f.to_us << ' ' << to_string(f.kind) << ' ' << f.pid << '\n';
    }
  }

  const Arguments arguments_;
  const Target target_;
  const std::filesystem::path folder_;
  const std::string url_;
  process::Random random_;
  process::Orders orders_{url_};
  const std::int64_t begin_us_ = steady_us();
  const Recorder recorder_{records()};
  std::string description_{};
  std::unique_ptr<Proxy> proxy_{};
  Crowd* crowd_ = nullptr;
  std::vector<Nemesis*> nemeses_{};
  std::unique_ptr<process::Audit> audit_{};
  std::int64_t next_look_us_ = 0;
  std::size_t looks_ = 0;
  sqlq::jthread asker_{};  // last: it uses the others
};

}  // namespace
}  // namespace sqlq::faults

int main(int argc, char** argv) {
  return sqlq::process::run_helper(
      argc, argv,
      {"on", "kills", "dooms", "commits", "pauses", "poisons", "restarts", "cuts", "gap", "seconds"},
      [](const auto& arguments) { return sqlq::faults::Chaos(arguments).run(); });
}
