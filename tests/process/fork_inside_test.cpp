// A fork inside of the user's code that a worker calls: the child that comes back is ended, and nobody is harmed.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pthread.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

enum class Way { returns, throws, ends_its_thread };

/// What all processes count together.
class SharedCounter {
 public:
  SharedCounter() {
    void* page = ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    value_ = new (page) std::atomic<int>(0);
  }
  ~SharedCounter() { ::munmap(value_, sizeof(std::atomic<int>)); }
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  std::atomic<int>& operator*() const { return *value_; }

 private:
  std::atomic<int>* value_ = nullptr;
};

class ForkInside : public Anywhere {
 protected:
  static constexpr int most_children = 8;
  static constexpr int innocents = 120;
  static constexpr int code_of_ended = 70;

  void SetUp() override {
    Anywhere::SetUp();
    db.emplace(open(url()));
    db->migrate();
  }
  void TearDown() override {
    db.reset();
    Anywhere::TearDown();
  }

  /// Forks, a few times at most; the child goes `way`. Says whether this is a child that returns.
  bool fork_here(Way way) {
    if (forks_left.fetch_sub(1) <= 0) return false;
    const pid_t child = ::fork();
    if (child != 0) {
      const std::lock_guard lock(mutex);
      children.push_back(child);
      return false;
    }
    if (way == Way::throws) throw std::runtime_error("in the child");
    if (way == Way::ends_its_thread) pthread_exit(nullptr);
    return true;
  }

  /// Runs guilty jobs among innocent ones. Each innocent runs once, and all children have ended themselves with `code`.
  void run(std::function<Outcome(JobContext&)> guilty, WorkerOptions options = {}, HandlerOptions handling = {},
           int code = code_of_ended) {
    Handlers handlers;
    handlers.on("innocent", [this](JobContext&) {
      ++*executions;
      return Outcome::done();
    });
    handlers.on("guilty", std::move(guilty), std::move(handling));
    Client client{*db};
    std::vector<JobId> ids;
    for (int i = 0; i < innocents; ++i) {
      if (i % (innocents / most_children) == 0) {
        client.enqueue(NewJob{"guilty", "null", {.max_attempts = 2}});
      }
      ids.push_back(client.enqueue(NewJob{"innocent", "null"}).id);
    }
    options.concurrency = 4;
    if (!options.on_event) options.on_event = [](const WorkerEvent&) {};
    Worker worker(*db, std::move(handlers), std::move(options));
    worker.start();
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return children.size() == most_children;
    }));
    const auto is_done = [&](JobId id) { return client.find(id)->state == JobState::success; };
    EXPECT_TRUE(eventually([&] { return std::ranges::all_of(ids, is_done); }));
    expect_ended(code);
    worker.stop();
    EXPECT_EQ(*executions, innocents) << "innocent jobs run in all processes";
    EXPECT_TRUE(std::ranges::all_of(ids, [&](JobId id) { return client.find(id)->claims == 1; }));
  }

  void expect_ended(int code) {
    for (const pid_t child : children) {
      int status = 0;
      const bool ended = eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; });
      EXPECT_TRUE(ended) << "a child lives on";
      if (!ended) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
      }
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), code);
    }
  }

  std::optional<Database> db;
  SharedCounter executions;
  std::atomic<int> forks_left{most_children};
  std::mutex mutex;
  std::vector<pid_t> children;
};

TEST_P(ForkInside, AHandlersChildThatReturnsIsEndedAndToldWhy) {
  ::testing::internal::CaptureStderr();
  run([this](JobContext&) {
    fork_here(Way::returns);
    return Outcome::done();
  });
  const std::string said = ::testing::internal::GetCapturedStderr();
  int lines = 0;
  const std::string advice =
      "a fork() in a handler and came back to the library, whose work is the parent's; call exec or _exit in the child";
  for (auto at = said.find(advice); at != std::string::npos; at = said.find(advice, at + 1)) ++lines;
  EXPECT_EQ(lines, most_children) << said;
}

TEST_P(ForkInside, AHandlersChildThatThrowsIsEnded) {
  run([this](JobContext&) {
    fork_here(Way::throws);
    return Outcome::done();
  });
}

TEST_P(ForkInside, AHandlersChildThatEndsItsThreadIsEnded) {
  run([this](JobContext&) {
    fork_here(Way::ends_its_thread);
    return Outcome::done();
  });
}

TEST_P(ForkInside, ARetryPolicysChildIsEnded) {
  run([](JobContext&) { return Outcome::error("no"); }, {},
      {.retry = RetryPolicy([this](int) {
         fork_here(Way::throws);
         return Duration(0);
       })});
}

TEST_P(ForkInside, AChildOfOnEventIsEnded) {
  run([](JobContext&) { return Outcome::error("no"); },
      {.on_event = [this](const WorkerEvent&) { fork_here(Way::returns); }},
      {.retry = RetryPolicy([](int) -> Duration { throw std::runtime_error("makes an event"); })});
}

TEST_P(ForkInside, ALogSinksChildIsEnded) {
  run(
      [](JobContext& job) {
        job.log().info("a line");
        return Outcome::done();
      },
      {.log_sink = make_log_sink([this](const LogLine&) { fork_here(Way::returns); })});
}

TEST_P(ForkInside, AChildOfAFlushIsEnded) {
  struct Sink final : LogSink {
    explicit Sink(std::function<void()> call) : on_flush(std::move(call)) {}
    void write(LogLine) override {}
    void flush() override { on_flush(); }
    std::function<void()> on_flush;
  };
  const auto sink = std::make_shared<Sink>([this] {
    while (forks_left > 0 && !fork_here(Way::returns)) {
    }
  });
  run([](JobContext&) { return Outcome::done(); }, {.log_sink = sink});
}

TEST_P(ForkInside, AStopCallbacksChildIsEnded) {
  run([this](JobContext& job) {
    const sqlq::stop_callback callback(job.stop_token(), [this] { fork_here(Way::returns); });
    job.client().cancel(job.id());
    EXPECT_TRUE(eventually([&] { return job.stop_token().stop_requested(); }));
    return Outcome::done();
  });
}

/// Nothing is wrong with a child that ends by itself, whatever it tries before.
TEST_P(ForkInside, AChildThatExitsIsLeftAlone) {
  run(
      [this](JobContext& job) {
        if (!fork_here(Way::returns)) return Outcome::done();
        int refused = 0;
        const auto refuses = [&](const std::function<void()>& call) {
          try {
            call();
          } catch (const Error& e) {
            refused += e.code() == Errc::misuse;
          }
        };
        job.log().info("not stored");
        refuses([&] { job.set_result("1"); });
        refuses([&] { job.set_progress(1); });
        refuses([&] { job.step("of the parent", [&] { refused = 100; }); });
        refuses([&] { job.sleep("of the parent", 1h); });
        refuses([&] { job.client().enqueue(NewJob{"innocent", "null"}); });
        refuses([&] { static_cast<void>(job.client().claim()); });
        ::_exit(refused);
      },
      {}, {}, 6);
}

SQLQ_PLACES(ForkInside, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
