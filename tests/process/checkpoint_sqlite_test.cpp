// Checkpoints of several processes on one file, slowed down where others could overtake them, while processes are
// stopped and killed. SQLite 3.7.0 to 3.51.2 loses data when one is overtaken (decision 0005).
//
// In rounds with a file each: one, or for as long as SQLQ_SOAK_SECONDS says.

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>

#include <sqlq/stop_token.hpp>

#include "child.hpp"
#include "connection.hpp"
#include "place.hpp"
#include "support/sqlite_stalls.hpp"
#include "version_check.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr Duration round_time = 2s;

/// A thread that checkpoints as often as it can, with connections of the library, until that fails.
class Checkpointer {
 public:
  using Way = void (*)(sqlite::Connection& writer, sqlite::Connection& checkpointer);

  Checkpointer(const std::string& path, Way way) : thread_([this, path, way](const sqlq::stop_token& stop) {
    try {
      const sqlite::Options options{.path = path, .full_sync = false};
      sqlite::Connection writer(options, sqlite::Connection::Role::writer);
      sqlite::Connection checkpointer(options, sqlite::Connection::Role::checkpoint);
      checkpointer.exec("PRAGMA synchronous = OFF");  // processes die here, not the host
      for (; !stop.stop_requested(); platform::pause_for(100us)) way(writer, checkpointer);
    } catch (const std::exception& e) {
      failure_ = e.what();
    }
  }) {}

  /// Why it failed; empty if it did not.
  [[nodiscard]] std::string stop() {
    thread_.request_stop();
    thread_.join();
    return failure_;
  }

 private:
  std::string failure_{};
  sqlq::jthread thread_;
};

class Checkpoints : public Scratch {
 protected:
  Checkpoints() { ::setenv("SQLQ_STALLS", path("stalls").c_str(), 1); }  // NOLINT(concurrency-mt-unsafe): one thread
  ~Checkpoints() override { ::unsetenv("SQLQ_STALLS"); }                 // NOLINT(concurrency-mt-unsafe): the same

  /// Two threads of this process checkpoint that way meanwhile. Empty if all is well with the file and its jobs; else
  /// what is not.
  std::string round(Checkpointer::Way way) {
    ++rounds_;
    begin();
    Checkpointer one(path(), way);
    Checkpointer two(path(), way);
    std::string what = disturb();
    what += one.stop() + two.stop();
    for (Process& mixer : mixers_) kill(mixer);
    if (what.empty()) what = end();
    worker_.reset();
    return what;
  }
  void print(const std::string& whose) const {
    const sqlite::StallCounts& counts = stalls_.counts();
    const auto took = std::chrono::duration<double>(system_clock()->steady() - begin_).count();
    std::cout << "checkpoints, " << whose << ", SQLite " << sqlite3_libversion() << ": " << rounds_ << " rounds in "
              << took << " s, " << acknowledged_ << " jobs acknowledged in sound rounds; " << counts.checkpoints
              << " checkpoints, " << counts.exposed << " could have been overtaken, " << counts.overtaken << " were"
              << std::endl;
  }

  const sqlite::Stalls stalls_{path("stalls")};
  int rounds_ = 0;

 private:
  using Process = std::unique_ptr<Child>;

  [[nodiscard]] std::string file_url() const { return "url=" + url("?synchronous=normal"); }

  void begin() {
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(path() + part);
    std::filesystem::remove_all(records());
    killed_.clear();
    open(url()).migrate();
    for (Process& mixer : mixers_) mixer = start_mixer();
    worker_ = std::make_unique<Child>(
        "process_worker", std::vector<std::string>{file_url(), "records=" + records(), "concurrency=4", "sweep=100",
                                                   "poll=50"});
  }

  [[nodiscard]] Process start_mixer() const {
    auto mixer = std::make_unique<Child>(
        "process_mixer", std::vector<std::string>{file_url(), "records=" + records(), "threads=3", "keepalive=1000",
                                                  "padding=20000", "drain=0"});
    if (mixer->line(long_enough) != "ready") throw std::runtime_error("a mixer did not start");
    mixer->tell("go");
    return mixer;
  }

  /// Empty, or why it ended early.
  std::string disturb() {
    const auto clock = system_clock();
    const auto until = saturating_add(clock->steady(), round_time);
    while (clock->steady() < until) {
      Process& mixer = mixers_[static_cast<std::size_t>(random_.between(0, 2))];
      if (mixer->ended()) return "a mixer ended by itself: it " + mixer->wait({})->to_string();
      if (random_.between(0, 39) == 0) {
        kill(mixer);
        mixer = start_mixer();
      }
      mixer->signal(SIGSTOP);
      platform::pause_for(Duration(random_.between(200, 8000)));
      mixer->signal(SIGCONT);
      platform::pause_for(Duration(random_.between(0, 30'000)));
    }
    return {};
  }

  void kill(const Process& mixer) {
    if (mixer->ended()) return;
    const auto now = faults::steady_us();
    killed_.push_back({.kind = faults::Fault::Kind::killed, .pid = mixer->pid(), .from_us = now, .to_us = now});
    (void)mixer->kill_hard();
  }

  std::string end() {
    try {
      if (const std::string whole = integrity(path()); whole != "ok") return "integrity_check: " + whole;
      AuditConnection connection(path(), 20'000);
      const auto left = [&] { return connection.ask("SELECT count(*) FROM sqlq_jobs WHERE state IN (1, 2, 5, 7, 8)"); };
      if (!eventually([&] { return left() == "0"; }, 10s)) return left() + " jobs do not come to an end";
      faults::Run run{.records = faults::RecordReader(records()).more(), .rows = rows_of_file(path()),
                      .faults = killed_,
                      .settings = {.lease_us = 1'000'000, .dead_are_known = true, .unproved_percent = 100}};
      const faults::Verdict verdict = faults::check(run);
      if (!verdict.clean()) return faults::to_string(verdict, run.settings);
      acknowledged_ += verdict.figures.acknowledged;
      return {};
    } catch (const std::exception& e) {
      return e.what();
    }
  }

  Random random_;
  std::array<Process, 3> mixers_{};
  Process worker_{};
  std::vector<faults::Fault> killed_{};
  std::size_t acknowledged_ = 0;
  const SteadyPoint begin_ = system_clock()->steady();
};

TEST_F(Checkpoints, WithTheWriteLockAreNotOvertaken) {
  const char* seconds = std::getenv("SQLQ_SOAK_SECONDS");
  const auto time = std::chrono::seconds(seconds != nullptr ? std::stoll(seconds) : 0);
  const auto until = saturating_add(system_clock()->steady(), time);
  std::string broken;
  do {
    broken = round([](auto& writer, auto& checkpointer) { (void)checkpointer.checkpoint(writer); });
  } while (broken.empty() && system_clock()->steady() < until);
  EXPECT_EQ(broken, "");
  EXPECT_GT(stalls_.counts().exposed, 0u);
  EXPECT_EQ(stalls_.counts().overtaken, 0u);
  print("with the write lock");
}

/// Else the test before would show nothing.
TEST_F(Checkpoints, WithoutTheWriteLockAreOvertaken) {
  const auto checkpoint = [](auto&, auto& checkpointer) {
    sqlite3_wal_checkpoint_v2(checkpointer.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  };
  std::string broken;
  while (broken.empty() && stalls_.counts().overtaken < 100) broken = round(checkpoint);
  EXPECT_GT(stalls_.counts().overtaken, 0u);
  EXPECT_EQ(!broken.empty(), sqlite::has_wal_reset_bug(sqlite3_libversion_number())) << broken;
  print("without the write lock");
  if (!broken.empty()) std::cout << broken.substr(0, 200) << std::endl;
}

}  // namespace
}  // namespace sqlq::process
