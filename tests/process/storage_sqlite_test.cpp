// What a file of SQLite can meet below it while workers use it: a disk without space, one that is read-only, another
// file under its name. On a file system of its own, which needs the right to mount.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "helper.hpp"
#include "load.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr Duration lease = 1s;
constexpr Duration soon = 10s;  // promise I8

/// Writes as much as fits.
void fill(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const std::string block(4096, 'x');
  while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

class Storage : public Anywhere {
 protected:
  ~Storage() override {
    if (mounted_) ::umount2(path("disk").c_str(), MNT_DETACH);
  }

  /// The disk of the database; what processes record is elsewhere.
  [[nodiscard]] std::string on_disk(const std::string& name) const { return path("disk/" + name); }
  [[nodiscard]] std::string file() const override { return on_disk("jobs.db"); }

  /// In a space of its own, which this process and its children see and which ends with them. False with a sentence.
  [[nodiscard]] bool mount_disk(const char* size = "size=16m") {
    std::filesystem::create_directory(path("disk"));
    const auto uid = ::getuid();
    const auto map = [](const char* file, const std::string& text) { std::ofstream(file) << text; };
    if (::unshare(CLONE_NEWNS) != 0) {  // without the right: as root of a space of users of one's own
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return refuse("unshare");
      map("/proc/self/setgroups", "deny");
      map("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return refuse("mount --make-rprivate");
    if (::mount("sqlq", path("disk").c_str(), "tmpfs", 0, size) != 0) return refuse("mount -t tmpfs");
    mounted_ = true;
    return true;
  }
  void remount(unsigned long flags) const {
    ASSERT_EQ(::mount("sqlq", path("disk").c_str(), "tmpfs", MS_REMOUNT | flags, "size=16m"), 0)
        << std::strerror(errno);
  }
  const std::string& why_not() const { return why_not_; }

  Random random_;

 private:
  bool refuse(const std::string& what) {
    why_not_ = "this machine does not allow a disk of one's own: " + what + ": " + std::strerror(errno);
    return false;
  }

  bool mounted_ = false;
  std::string why_not_;
};

/// Enqueues jobs that nobody takes, one by one.
class Probe {
 public:
  Probe(const Database& db, const std::string& records) : client_(db), recorder_(records) {}

  /// What the caller got: the error's code, or nothing.
  std::optional<Errc> enqueue(std::size_t bytes) {
    const JobId id = JobId::make(client_.database().clock().now());
    recorder_.write(faults::about(faults::What::enqueue_asked, id.bytes()));
    try {
      client_.enqueue(NewJob{"nobody", nlohmann::json(std::string(bytes, 'x')).dump(), {.id = id}});
      recorder_.write(faults::about(faults::What::enqueued, id.bytes()));
      ids_.push_back(id);
      return {};
    } catch (const Error& e) {
      if (!e.outcome_unknown()) recorder_.write(faults::about(faults::What::not_enqueued, id.bytes()));
      return e.code();
    }
  }
  /// Until it is refused.
  std::optional<Errc> enqueue_until_refused(std::size_t bytes) {
    std::optional<Errc> code;
    EXPECT_TRUE(eventually([&] {
      code = enqueue(bytes);
      return code.has_value();
    }));
    return code;
  }
  /// Brings its jobs to an end.
  void cancel() {
    for (const JobId& id : ids_) client_.cancel(id);
  }
  [[nodiscard]] std::size_t acknowledged() const noexcept { return ids_.size(); }

 private:
  Client client_;
  faults::Recorder recorder_;
  std::vector<JobId> ids_;
};

TEST_P(Storage, ADiskWithoutSpaceStopsNothingForGood) {
  if (!mount_disk()) GTEST_SKIP() << why_not();
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  const Database db = open(url());
  db.migrate();
  Probe probe(db, records());
  constexpr std::size_t jobs = 300;
  Load load(url(), records());
  load.start_workers(2);
  load.start_producer(jobs, random_.between(0, 1'000'000'000));
  ASSERT_TRUE(load.wait_for_ends(50));
  faults::Fault full{.kind = faults::Fault::Kind::outage, .from_us = faults::steady_us()};
  fill(on_disk("ballast"));
  // The WAL has room for some commits still.
  EXPECT_EQ(probe.enqueue_until_refused(100'000), Errc::busy) << "a full disk is something to wait for";
  fill(on_disk("more ballast"));
  work_for(1500ms);  // longer than a lease
  full.to_us = faults::steady_us();
  std::filesystem::remove(on_disk("ballast"));
  std::filesystem::remove(on_disk("more ballast"));
  ASSERT_TRUE(load.wait_for_starts(full.to_us)) << "a worker never claimed again";
  probe.cancel();
  load.finish(db);
  if (HasFatalFailure()) return;
  const faults::Figures f =
      judge({.lease_us = lease.count(), .recovery_us = soon.count(), .unproved_percent = 10}, {full});
  EXPECT_EQ(f.acknowledged, jobs + probe.acknowledged());
  ASSERT_EQ(f.recoveries_us.size(), 2u);
  EXPECT_LE(std::ranges::max(f.recoveries_us), soon.count());
}

/// The WAL would fill it, and could then not be copied any more: nothing could be claimed, in this process or the next.
TEST_P(Storage, ASmallDiskIsFilledByJobsAndNotByTheirLog) {
  if (!mount_disk("size=3m")) GTEST_SKIP() << why_not();
  std::size_t stored = 0;
  std::ofstream(on_disk("ballast")) << std::string(1 << 20, 'x');
  {
    const Database db = open(url());
    db.migrate();
    const NewJob job{"work", nlohmann::json(std::string(300, 'x')).dump()};
    try {
      for (;; ++stored) Client(db).enqueue(job);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::busy) << e.what();
    }
    const auto advice = Admin(db).doctor();
    EXPECT_TRUE(std::ranges::any_of(advice, [](const Finding& one) { return one.code == "disk_space"; }));
  }
  EXPECT_GT(std::filesystem::file_size(file()), 8 * std::filesystem::file_size(file() + "-wal"));
  std::filesystem::remove(on_disk("ballast"));
  const Database db = open(url());
  Handlers handlers;
  handlers.on("work", [](JobContext&) {});
  Worker worker(db, std::move(handlers));
  worker.start();
  const auto succeeded = [&] { return worker.stats().succeeded; };  // reading would keep the log from its beginning
  EXPECT_TRUE(eventually([&] { return succeeded() == stored; })) << succeeded() << " of " << stored;
  std::cout << stored << " jobs on 3 MiB" << std::endl;
}

TEST_P(Storage, AReadOnlyDiskIsExplainedAndHarmsNothing) {
  if (!mount_disk()) GTEST_SKIP() << why_not();
  { open(url()).migrate(); }
  remount(MS_RDONLY);
  try {
    const Database db = open(url());
    (void)Client{db}.enqueue(NewJob{"nobody"});
    ADD_FAILURE() << "enqueued on a disk that is read-only";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::permission) << e.what();
    EXPECT_NE(std::string(e.what()).find("writable"), std::string::npos) << e.what();
  }
  remount(0);
  const Database db = open(url());
  EXPECT_TRUE(Client{db}.enqueue(NewJob{"nobody"}).inserted());
}

/// Workers are at work on the file when it gets another name and another file its own.
TEST_P(Storage, AReplacedFileIsLeftAloneAndLosesNothing) {
  if (!mount_disk()) GTEST_SKIP() << why_not();
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  for (const char* name : {"other.db", "jobs.db"}) open("sqlite://" + on_disk(name)).migrate();
  const auto rename = [&](const char* from, const char* to) {
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::rename(on_disk(from) + part, on_disk(to) + part);
  };
  Load load(url(), records());
  load.start_workers(2);
  load.start_producer(100'000, random_.between(0, 1'000'000'000), {"pace=100"});
  ASSERT_TRUE(load.wait_for_ends(50));
  const auto from = faults::steady_us();
  rename("jobs.db", "moved.db");
  rename("other.db", "jobs.db");
  ASSERT_TRUE(load.producers_fail()) << "the producer did not notice it";
  // Handlers that had begun come to their end; then there is silence, though there is work.
  work_for(2s);
  const auto noticed = faults::steady_us();
  work_for(1s);
  EXPECT_FALSE(load.any_start_after(noticed)) << "a worker goes on with a file that is gone";
  EXPECT_TRUE(Admin{open(url())}.list({}, {}).empty()) << "something was written into the other file";

  std::vector<faults::Fault> known;
  for (const Child& worker : load.workers()) {
    known.push_back({.kind = faults::Fault::Kind::paused, .pid = worker.pid(), .from_us = from,
                     .to_us = faults::steady_us()});
  }
  std::ranges::move(load.kill_workers(), std::back_inserter(known));
  rename("jobs.db", "other.db");
  rename("moved.db", "jobs.db");
  load.start_workers(2);
  load.finish(open(url()));
  if (HasFatalFailure()) return;
  const faults::Figures f = judge({.lease_us = lease.count(), .unproved_percent = 10}, known);
  EXPECT_GT(f.acknowledged, 0u);
}

SQLQ_PLACES(Storage, sqlite_place);

}  // namespace
}  // namespace sqlq::process
