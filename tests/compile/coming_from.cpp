// The fragments of docs/from-river.md, from-oban.md, from-sidekiq.md and from-celery.md. They are compiled, not run; a
// test looks for each block of C++ of those pages here.

#include <chrono>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

namespace sqlq_coming_from {

using namespace std::chrono_literals;

void sort(std::vector<std::string>& strings);
void deliver(const std::string& to);
int add(int x, int y);
sqlq::Tx borrow_mine();

namespace river {

struct Sort {
  static constexpr std::string_view kind = "sort";
  std::vector<std::string> strings;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Sort, strings)
};

void work(const sqlq::Database& db, sqlq::Tx tx) {
  sqlq::Handlers handlers;
  handlers.on<Sort>([](const Sort& job) {
    auto strings = job.strings;
    sort(strings);
  });
  sqlq::Worker worker{db, handlers, {.concurrency = 100}};
  worker.start();

  sqlq::Client client{db};
  client.enqueue(tx, Sort{{"whale", "tiger", "bear"}}, {.max_attempts = 3});
  worker.stop();
}

}  // namespace river

namespace oban {

struct Business {
  static constexpr std::string_view kind = "MyApp.Business";
  int id = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Business, id)
};

void work(sqlq::Handlers& handlers, sqlq::Client client) {
  handlers.on<Business>(
      [](const Business& business, sqlq::JobContext& job) {
        if (business.id == 0) return sqlq::discard("no id");             // {:cancel, "no id"}
        if (job.attempt() > 3) return sqlq::Outcome::error("too often");  // {:error, "too often"}
        if (business.id == 7) return sqlq::Outcome::snooze(60s);         // {:snooze, 60}
        return sqlq::Outcome::done();                                    // :ok
      },
      {.timeout = 30s});

  client.enqueue(Business{42}, {.queue = "events", .priority = 1, .max_attempts = 10,
                                .unique_key = "business-42"});
}

}  // namespace oban

namespace sidekiq {

struct HardJob {
  static constexpr std::string_view kind = "HardJob";
  std::string name;
  int count = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(HardJob, name, count)
};

void work(sqlq::Handlers& handlers, sqlq::Client client) {
  handlers.on<HardJob>([](const HardJob& job) { deliver(job.name); });

  client.enqueue(HardJob{"bob", 5});                                  // HardJob.perform_async("bob", 5)
  client.enqueue(HardJob{"bob", 5}, {.delay = 5min});                 // HardJob.perform_in(5.minutes, "bob", 5)
  client.enqueue_many({HardJob{"bob", 5}, HardJob{"eve", 6}});        // HardJob.perform_bulk([["bob", 5], ["eve", 6]])
}

/// Arguments by position, as Sidekiq has stored them.
void work_old(sqlq::Handlers& handlers) {
  handlers.on("HardJob", [](sqlq::JobContext& job) {
    const auto args = nlohmann::json::parse(job.job().params);  // ["bob", 5]
    deliver(args.at(0).get<std::string>());
  });
}

}  // namespace sidekiq

namespace celery {

struct Add {
  static constexpr std::string_view kind = "proj.tasks.add";
  int x = 0;
  int y = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Add, x, y)
};

void work(sqlq::Handlers& handlers, sqlq::Client client) {
  handlers.on<Add>([](const Add& args, sqlq::JobContext& job) { job.set_result(add(args.x, args.y)); },
                   {.retry = sqlq::RetryPolicy::exponential(1s, 10min), .timeout = 30s});

  const auto id = client.enqueue(Add{2, 2}, {.queue = "sums", .max_attempts = 4, .delay = 10s}).id;
  const auto sum = client.wait(id, 1min);  // add.apply_async((2, 2), countdown=10).get(timeout=60)
  if (sum && sum->state == sqlq::JobState::success) deliver(sum->result);
}

struct Total {
  static constexpr std::string_view kind = "total";
};

void chord(sqlq::Handlers& handlers) {
  handlers.on<Total>([](const Total&, sqlq::JobContext& job) {  // chord([add.s(1, 1), add.s(2, 2)])(total.s())
    int total = 0;
    for (const sqlq::Job& sum : job.all("sums", std::vector<Add>{{1, 1}, {2, 2}})) {
      if (sum.state == sqlq::JobState::success) total += sqlq::result_of<int>(sum);
    }
    job.set_result(total);
  });
}

}  // namespace celery

}  // namespace sqlq_coming_from
