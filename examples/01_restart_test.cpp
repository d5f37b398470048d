/// A test of example 01. It is killed with -9 again and again and started again each time: in the end every file was
/// done, none of those already done was done again, and every second execution has its cause on record. Two of it at
/// once share the work, and no file is done twice. A folder inside of another is counted whole, whichever was first.
///
///     01_restart_test PATH_OF_01_index_files FOLDER

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <sqlq/sqlq.hpp>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

extern char** environ;

namespace {

constexpr std::size_t file_count = 2000;

void check(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error("check failed: " + what);
}

/// Files of 0 to 8 KiB, some with names that are awkward in JSON, URLs and on terminals.
void make_files(const fs::path& folder) {
  const std::vector<std::string> awkward{"\xff\xfe not UTF-8", "100%", "%41", "quote\" and \\", "line\nbreak", "-rf"};
  for (std::size_t i = 0; i < file_count; ++i) {
    const fs::path place = folder / std::to_string(i % 30);
    fs::create_directories(place);
    std::ofstream out(place / (i < awkward.size() ? awkward[i] : "file" + std::to_string(i)), std::ios::binary);
    for (std::size_t n = 0; n < i % 80; ++n) out << "line " << n << std::string(90, '.') << '\0' << '\n';
    check(out.good(), "writing the files");
  }
}

/// Starts the example; its standard output goes to a file.
pid_t start(const std::string& program, const std::string& url, const fs::path& folder, const fs::path& output) {
  std::vector<std::string> words{program, url, folder.string(), "--no-timing"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t pid = 0;
  const int status = posix_spawn(&pid, program.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  check(status == 0, "starting " + program);
  return pid;
}

/// Waits for its end, which must be a good one.
void finish(pid_t pid) {
  int status = 0;
  check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "the run ends well");
}

/// Lets it run to its end; returns the first line it printed.
std::string run(const std::string& program, const std::string& url, const fs::path& folder, const fs::path& output) {
  finish(start(program, url, folder, output));
  std::ifstream in(output);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Lets it run until `finished` jobs are finished (0: until there is any job), then kills it.
void run_and_kill(const std::string& program, const std::string& url, const fs::path& folder, const fs::path& output,
                  const sqlq::Database& db, std::uint64_t finished) {
  const sqlq::Admin admin{db};
  const auto tick = db.clock().make_signal();
  const pid_t pid = start(program, url, folder, output);
  while (true) {
    auto counts = admin.counts({}, file_count);
    const bool any = counts[sqlq::JobState::pending].value > 0;
    if (finished == 0 ? any : counts[sqlq::JobState::success].value >= finished) break;
    check(waitpid(pid, nullptr, WNOHANG) == 0, "it is still running when it is to be killed");
    tick->wait_until(db.clock().steady() + 1ms);
  }
  kill(pid, SIGKILL);
  int status = 0;
  check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it was killed before its end");
}

std::map<sqlq::JobId, sqlq::Job> all_jobs(const sqlq::Database& db) {
  std::map<sqlq::JobId, sqlq::Job> all;
  sqlq::Page page{.limit = 1000};
  for (bool more = true; more;) {
    const auto jobs = sqlq::Admin{db}.list({}, page);
    for (const sqlq::Job& job : jobs) check(all.emplace(job.id, job).second, "a list has each job once");
    more = jobs.size() == page.limit;
    if (more) page.before = jobs.back().id;
  }
  return all;
}

std::vector<sqlq::Job> finished_jobs(const sqlq::Database& db) {
  std::vector<sqlq::Job> finished;
  for (const auto& [id, job] : all_jobs(db)) {
    if (sqlq::is_finished(job.state)) finished.push_back(job);
  }
  return finished;
}

void test_killed(const std::string& program, const fs::path& scratch) {
  const fs::path folder = scratch / "files", output = scratch / "output.txt";
  const std::string url = "sqlite://" + (scratch / "killed.db").string();
  const auto db = sqlq::open(url);
  db.migrate();

  std::vector<sqlq::Job> done_before;
  for (const std::size_t quarter : {0u, 1u, 2u, 3u}) {
    run_and_kill(program, url, folder, output, db, file_count * quarter / 4);
    done_before = finished_jobs(db);
    std::cout << "killed with " << done_before.size() << " of " << file_count << " files done\n";
  }
  std::cout << "last run: " << run(program, url, folder, output) << '\n';

  const auto jobs = all_jobs(db);
  check(jobs.size() == file_count, "there is one job for each file");
  for (const sqlq::Job& before : done_before) {
    const sqlq::Job& after = jobs.at(before.id);
    check(after.claims == before.claims && after.finished_at == before.finished_at, "no finished file is done again");
  }
  std::size_t repeated = 0;
  for (const auto& [id, job] : jobs) {
    check(job.state == sqlq::JobState::success, "every job ends in success");
    const auto history = sqlq::Admin{db}.history(id);
    check(history.size() + 1 == static_cast<std::size_t>(job.claims), "each execution but the last has a record");
    for (const auto& record : history) check(record.cause == sqlq::Cause::lease_ended, "the cause is a lease's end");
    repeated += history.size();
  }
  std::cout << repeated << " executions were cut short and repeated\n";

  const std::string count = std::to_string(file_count);
  check(run(program, url, folder, output) == count + " files: 0 new, " + count + " known from before; 0 to do",
        "another run has nothing to do");
  std::ofstream(folder / "1" / "file31", std::ios::app) << "changed\n";
  check(run(program, url, folder, output).find(": 1 new, ") != std::string::npos, "a changed file is done again");
}

void test_two_at_once(const std::string& program, const fs::path& scratch) {
  const std::string url = "sqlite://" + (scratch / "two.db").string();
  const auto db = sqlq::open(url);
  const auto begin = db.clock().steady();
  const pid_t one = start(program, url, scratch / "files", scratch / "one.txt");
  const pid_t two = start(program, url, scratch / "files", scratch / "two.txt");
  finish(one);
  finish(two);
  const bool no_lease_can_have_ended = db.clock().steady() - begin < 5s;  // else the machine is too busy to tell
  const auto jobs = all_jobs(db);
  check(jobs.size() == file_count, "there is one job for each file");
  for (const auto& [id, job] : jobs) {
    check(job.state == sqlq::JobState::success, "each file is done");
    check(job.claims == 1 || !no_lease_can_have_ended, "no file is done twice");
  }
}

/// All that was printed but the first line.
std::string report(const fs::path& output) {
  std::ifstream in(output);
  std::string line;
  std::getline(in, line);
  return {std::istreambuf_iterator<char>(in), {}};
}

void test_folders_in_folders(const std::string& program, const fs::path& scratch) {
  const fs::path outer = scratch / "files", inner = outer / "1";
  const fs::path output = scratch / "output.txt";
  const std::string inner_first = "sqlite://" + (scratch / "inner_first.db").string();
  const std::string outer_first = "sqlite://" + (scratch / "outer_first.db").string();
  run(program, outer_first, outer, output);
  const std::string of_outer = report(output);
  run(program, inner_first, inner, output);
  const std::string of_inner = report(output);
  check(of_outer != of_inner, "the folders differ");
  run(program, inner_first, outer, output);
  check(report(output) == of_outer, "a folder around one that was counted is counted whole");
  run(program, outer_first, inner, output);
  check(report(output) == of_inner, "a folder inside of one that was counted is counted whole");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: 01_restart_test PATH_OF_01_index_files FOLDER");
  const fs::path scratch = argv[2];
  fs::remove_all(scratch);
  make_files(scratch / "files");
  test_two_at_once(argv[1], scratch);
  test_killed(argv[1], scratch);
  test_folders_in_folders(argv[1], scratch);
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
