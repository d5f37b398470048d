// A program of a deploy: built with this library, and with that of the commit before the newest migration. So it uses
// only what both have, and nothing of the tests.
//
//     deploy_worker URL
//
// Migrates, prints "ready <current> <latest>", and then does what its standard input says, with a line for each answer:
// "enqueue N" (the ids), "work" ("working"), "stop" (the ids that its handler finished), "wait ID" (the state).
// What goes wrong is told by "error ..." in place of the answer, also what the worker says by an event.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

namespace {

using namespace std::chrono_literals;

struct Turn {
  static constexpr std::string_view kind = "turn";
  int number = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Turn, number)
};

class Program {
 public:
  explicit Program(const std::string& url) : db_(sqlq::open(url)) {
    db_.migrate();
    handlers_.on<Turn>(
        [this](const Turn& turn, sqlq::JobContext& job) {
          job.log().info("at work");
          if (turn.number % 7 == 0 && job.attempt() < 2) throw std::runtime_error("once more");
          job.set_result(turn);
          const std::lock_guard lock(mutex_);
          done_ += ' ' + job.id().to_string();
        },
        {.retry = sqlq::RetryPolicy::constant(0s)});
  }

  [[nodiscard]] std::string ready() const {
    const sqlq::MigrationStatus status = sqlq::Migrator{db_}.status();
    return "ready " + std::to_string(status.current) + ' ' + std::to_string(status.latest);
  }

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string what;
    words >> verb >> what;
    if (verb == "enqueue") return enqueue(std::stoi(what));
    if (verb == "wait") return wait(what);
    if (verb == "work") return work();
    if (verb == "stop") return stop();
    throw std::invalid_argument("what is '" + verb + "'?");
  }

 private:
  std::string enqueue(int count) {
    std::string ids;
    for (int i = 0; i < count; ++i) {
      sqlq::EnqueueOptions options;
      if (i % 3 == 1) options.unique_key = "turn " + std::to_string(i);
      if (i % 5 == 2) options.delay = 10ms;
      if (i % 5 == 3) options.priority = 1;
      ids += ' ' + sqlq::Client{db_}.enqueue(Turn{i}, options).id.to_string();
    }
    return ids;
  }

  [[nodiscard]] std::string wait(const std::string& id) const {
    const auto job = sqlq::Client{db_}.wait(sqlq::JobId::parse(id).value(), 60s);
    return job ? std::string(sqlq::to_string(job->state)) : "not finished";
  }

  std::string work() {
    sqlq::WorkerOptions options{.concurrency = 4};
    options.on_event = [this](const sqlq::WorkerEvent& event) {
      if (event.level == sqlq::WorkerEvent::Level::info) return;
      const std::lock_guard lock(mutex_);
      trouble_ += event.service + ": " + event.message + "; ";
    };
    worker_ = std::make_unique<sqlq::Worker>(db_, handlers_, options);
    worker_->start();
    return "working";
  }

  std::string stop() {
    worker_->stop();
    worker_.reset();
    const std::lock_guard lock(mutex_);
    if (!trouble_.empty()) throw std::runtime_error(trouble_);
    return std::exchange(done_, {});
  }

  sqlq::Database db_;
  sqlq::Handlers handlers_{};
  std::unique_ptr<sqlq::Worker> worker_{};
  std::mutex mutex_{};
  std::string done_{};     // guarded by mutex_
  std::string trouble_{};  // guarded by mutex_
};

}  // namespace

int main(int, char** argv) try {
  Program program(argv[1]);
  std::cout << program.ready() << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << program.answer(line) << std::endl;
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cout << "error " << e.what() << std::endl;
  return EXIT_FAILURE;
}
