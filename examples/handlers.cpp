/// The fragments of docs/handlers.md, docs/retries.md and docs/shutdown.md, in a program that runs them on a clock of
/// its own.
///
///     handlers [URL]

#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct Resize {
  static constexpr std::string_view kind = "resize";  // stored: rename the type as you like, never the kind
  std::string file;
  std::optional<int> width;        // jobs that were enqueued before it was added are read without it
  std::chrono::seconds limit{60};  // a number in JSON, in this unit
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Resize, file, width, limit)
};

struct Tidy {
  static constexpr std::string_view kind = "tidy";  // no members: no macro
};

struct Call {
  static constexpr std::string_view kind = "call";
  std::string number;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Call, number)
};

struct Import {
  static constexpr std::string_view kind = "import";
  int rows = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Import, rows)
};

struct Imported {  // the result of an import
  int rows = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Imported, rows)
};

struct Welcome {
  static constexpr std::string_view kind = "welcome";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Welcome, to)
};

struct Remind {
  static constexpr std::string_view kind = "remind";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Remind, to)
};

struct Fetch {
  static constexpr std::string_view kind = "fetch";
};
struct Poll {
  static constexpr std::string_view kind = "poll";
};
struct Quote {
  static constexpr std::string_view kind = "quote";
};
struct Charge {
  static constexpr std::string_view kind = "charge";
};

/// What the handlers call: yours.
struct Mailer {
  void send(const std::string& to, const std::string& key) const {
    std::cout << "to " << to << ", key of " << key.size() << '\n';
  }
};
struct Reply {
  int status = 200;
  std::chrono::seconds retry_after{0};
};
bool open_hours() { return true; }
bool dial(const std::string& number) { return number != "555"; }
void shrink(const std::string& file, int width) { std::cout << file << " at " << width << '\n'; }
void insert_row(int) {}
Reply ask_server() { return {429, 30s}; }
void charge_card() {}

void register_handlers(sqlq::Handlers& handlers, const Mailer& mailer) {
  // docs/handlers.md
  handlers.on<Resize>([](const Resize& resize) { shrink(resize.file, resize.width.value_or(800)); });
  handlers.on<Tidy>([] { std::cout << "tidied\n"; });

  handlers.on<Call>([](const Call& call) {
    if (call.number.empty()) return sqlq::discard("no number");          // another attempt would be in vain
    if (!open_hours()) return sqlq::Outcome::snooze(1h, "closed");       // later; charges no attempt
    if (!dial(call.number)) return sqlq::Outcome::error("no answer");    // as an exception: tried again later
    return sqlq::Outcome::done();
  });

  handlers.on<Import>([](const Import& import, sqlq::JobContext& job) {
    for (int row = 0; row < import.rows; ++row) {
      if (job.stop_token().stop_requested()) {
        throw std::runtime_error("stopped: " + std::string(to_string(job.stop_reason())));
      }
      insert_row(row);
      job.set_progress(row + 1, import.rows);
    }
    job.log().info("{} rows, attempt {}", import.rows, job.attempt());
    job.set_result(Imported{import.rows});
  });

  handlers.on<Welcome>([&mailer](const Welcome& welcome, sqlq::JobContext& job) {
    const std::string key = job.id().to_string();  // the same in each attempt
    mailer.send(welcome.to, key);                  // the provider sends only once for each key
    job.client().enqueue(Remind{welcome.to}, {.delay = 24h, .unique_key = "remind-" + key});
  });

  handlers.on("legacy", [](sqlq::JobContext& job) {  // no C++ type: the text as it was enqueued
    std::cout << job.job().params << '\n';
  });

  // docs/retries.md
  handlers.on<Fetch>([] { throw std::runtime_error("timed out"); },
                     {.retry = sqlq::RetryPolicy::exponential(10s, 1h)});  // 10 s, 20 s, 40 s, ... at most 1 h
  handlers.on<Poll>([] { throw std::runtime_error("not yet"); }, {.retry = sqlq::RetryPolicy::constant(30s)});
  handlers.on<Quote>(
      [] {
        const Reply reply = ask_server();
        if (reply.status == 429) return sqlq::Outcome::snooze(reply.retry_after, "the server asks us to wait");
        return sqlq::Outcome::done();
      },
      {.retry = sqlq::RetryPolicy([](int attempt) -> sqlq::Duration { return attempt < 5 ? 1s : 10min; })});

  // docs/shutdown.md
  handlers.on<Charge>([] { charge_card(); }, {.timeout = 1min, .on_stop = sqlq::OnStop::fail});
}

// docs/shutdown.md
void wait_for_signal(const sqlq::Database& db, const sqlq::Handlers& handlers) {
  sqlq::Worker worker{db, handlers, {.drain_timeout = 20s, .grace = 5s}};
  const sqlq::WorkerStats stats = worker.run(sqlq::SignalStop{SIGINT, SIGTERM}.token());
  std::cout << stats.succeeded << " done, " << stats.released << " given back\n";
}

void beside_a_window(const sqlq::Database& db, const sqlq::Handlers& handlers) {
  sqlq::Worker worker{db, handlers};
  worker.start();  // returns at once; handlers run on the worker's threads
  // ... the event loop of your program ...
  worker.stop({.limit = 3s, .drain = 0s});  // the user has closed the window: 3 s, whatever handlers do
}

/// Waits without spinning, and ends at once when the token is tripped.
bool pause(sqlq::JobContext& job, std::chrono::seconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, job.stop_token(), time, [] { return false; });
  return !job.stop_token().stop_requested();
}

int main(int argc, char** argv) try {
  const Mailer mailer;
  sqlq::Handlers handlers;
  register_handlers(handlers, mailer);
  handlers.on<Remind>([](const Remind& remind, sqlq::JobContext& job) {
    if (pause(job, 0s)) std::cout << "reminder for " << remind.to << '\n';
  });
  sqlq::testing::Harness q{argc > 1 ? argv[1] : "sqlite::memory:", handlers};
  sqlq::Client client = q.client();
  const auto show = [&](std::string_view what, sqlq::JobId id) {
    const sqlq::Job job = client.find(id).value();
    std::cout << what << ": " << to_string(job.state) << " after attempt " << job.attempt << ' '
              << job.result << '\n';
  };

  client.enqueue(Resize{"cat.png", {}, 60s});
  client.enqueue(Tidy{});
  const auto call = client.enqueue(Call{"555"}).id;
  const auto nobody = client.enqueue(Call{""}).id;
  const auto import = client.enqueue(Import{3}).id;
  client.enqueue(Welcome{"ada@example.org"});
  client.enqueue({.kind = "legacy", .params = R"({"any": "JSON"})"});
  const auto charge = client.enqueue(Charge{}, {.max_attempts = 1}).id;
  q.work_due();
  show("call", call);
  show("call to nobody", nobody);
  show("import", import);
  show("charge", charge);
  client.cancel(call);  // its retries come at random times
  q.work_for(25h);      // the reminder

  const auto fetch = client.enqueue(Fetch{}, {.max_attempts = 4}).id;
  const auto poll = client.enqueue(Poll{}, {.max_attempts = 3}).id;
  const auto quote = client.enqueue(Quote{}).id;
  std::cout << "executions in a minute: " << q.work_for(1min) << '\n';
  show("fetch", fetch);
  show("poll", poll);
  show("quote", quote);
  for (const sqlq::AttemptRecord& record : q.admin().history(poll)) {
    std::cout << "  attempt " << record.attempt << ' ' << to_string(record.cause) << ": " << record.message << '\n';
  }
  if (argc < 0) {  // these wait for a person
    wait_for_signal(q.database(), handlers);
    beside_a_window(q.database(), handlers);
  }
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
