// A process that forks while it has a worker: the child's copies are dead, and the parent goes on. What becomes of a
// child that comes back out of the user's code: fork_inside_test.cpp.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

/// As an application may have it: destroyed at exit.
std::unique_ptr<Worker>& global_worker() {
  static std::unique_ptr<Worker> worker;
  return worker;
}

class Fork : public Anywhere {
 protected:
  void TearDown() override {
    global_worker().reset();
    Anywhere::TearDown();
  }

  void start_worker(const Database& db) {
    Handlers handlers;
    handlers.on("work", [](JobContext&) { return Outcome::done(); });
    global_worker() = std::make_unique<Worker>(db, std::move(handlers), WorkerOptions{.concurrency = 2});
    global_worker()->start();
  }

  /// The exit code of a forked child, whose static objects are destroyed; empty when it did not end by itself.
  static std::optional<int> exit_of_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) std::exit(body());  // NOLINT(concurrency-mt-unsafe): what is under test
    int status = 0;
    const bool ended = eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; });
    if (!ended) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
    }
    return ended && WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

  static bool is_misuse(const std::function<void()>& call) {
    try {
      call();
      return false;
    } catch (const Error& e) {
      return e.code() == Errc::misuse;
    }
  }

  static void expect_worked(const Database& db) {
    const Client client{db};
    const JobId id = Client{db}.enqueue(NewJob{"work", "null"}).id;
    EXPECT_TRUE(eventually([&] {
      const auto job = client.find(id);
      return job && job->state == JobState::success;
    }));
  }
};

TEST_P(Fork, AChildThatOwnsAWorkerExits) {
  const Database db = open(url());
  db.migrate();
  start_worker(db);
  expect_worked(db);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(exit_of_child([] { return 7; }), 7);
    expect_worked(db);
  }
}

TEST_P(Fork, WhatTheChildDoesWithItsCopiesIsMisuse) {
  const Database db = open(url());
  db.migrate();
  start_worker(db);
  expect_worked(db);
  const auto tries = [&] {
    int wrong = 0;
    wrong += is_misuse([&] { Client{db}.enqueue(NewJob{"work", "null"}); }) ? 0 : 1;
    wrong += is_misuse([&] { static_cast<void>(Client{db}.claim()); }) ? 0 : 1;
    wrong += is_misuse([&] { db.migrate(); }) ? 0 : 1;
    wrong += is_misuse([&] { static_cast<void>(db.description()); }) ? 0 : 1;
    wrong += is_misuse([&] { Worker(db, Handlers{}.on("work", [](JobContext&) { return Outcome::done(); })).start(); })
                 ? 0 : 1;
    wrong += is_misuse([&] { global_worker()->stop(); }) ? 0 : 1;
    global_worker()->wake();
    global_worker().reset();
    return wrong;
  };
  EXPECT_EQ(exit_of_child(tries), 0);
  expect_worked(db);
}

/// The connections of servers are shared by the fork; a child that said goodbye on them would end the parent's.
TEST_P(Fork, AChildsOwnDatabaseWorksAndTheParentsGoesOn) {
  const Database db = open(url());
  db.migrate();
  start_worker(db);
  expect_worked(db);
  const std::string here = url();  // it has the process id in it
  const auto enqueues = [&] {
    try {
      const Database own = open(here);
      Client{own}.enqueue(NewJob{"work", "null"});
      return 0;
    } catch (const Error&) {
      return 1;
    }
  };
  if (!place().is_file()) {
    EXPECT_EQ(exit_of_child(enqueues), 0);
  }
  expect_worked(db);
  EXPECT_EQ(global_worker()->stop().lost, 0u);
}

SQLQ_PLACES(Fork, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
