/// The fragments of docs/observing.md, in a program that runs them on a clock of its own.
///
///     observing [URL]

#include <future>
#include <iostream>
#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

struct SendEmail {
  static constexpr std::string_view kind = "send-email";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to)
};

struct Welcome {
  static constexpr std::string_view kind = "welcome";
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Welcome, name)
};

struct Unreachable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void deliver(const SendEmail& mail) {
  if (mail.to.find('@') == std::string::npos) throw Unreachable("no address: " + mail.to);
  std::cout << "mail to " << mail.to << '\n';
}

sqlq::NewJob with_tenant(sqlq::NewJob job) {
  job.options.headers.emplace("tenant", "acme");  // emplace: one that the caller has set stays
  return job;
}

std::promise<std::string>& pager() {
  static auto& its = *new std::promise<std::string>;
  return its;
}

void alert(const std::string& kind, const std::string& message) { pager().set_value(kind + ": " + message); }

/// Lines of the metrics that have a value.
void show(const std::string& text, const std::string& name) {
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(name + "{") && !line.ends_with(" 0")) std::cout << line << '\n';
  }
}

int main(int argc, char** argv) try {
  sqlq::Handlers handlers;
  handlers.on<SendEmail>([](const SendEmail& mail) { deliver(mail); });
  handlers.on<Welcome>([](const Welcome& welcome, sqlq::JobContext& job) {
    std::cout << "trace " << job.job().headers.at("traceparent").substr(3, 8) << '\n';
    job.client().enqueue(SendEmail{welcome.name + "@example.org"});
  });
  handlers.around([](sqlq::JobContext& job, sqlq::Next& next) {
    std::cout << job.job().kind << " begins\n";
    try {
      return next();
    } catch (const Unreachable& e) {
      return sqlq::discard(e.what());  // another attempt would be the same
    }
  });
  handlers.around(sqlq::keep_trace);

  auto metrics = std::make_shared<sqlq::Metrics>();
  auto alerts = sqlq::queued([](const sqlq::Event& event) {
    const auto* end = std::get_if<sqlq::JobEnded>(&event);
    if (end == nullptr) return;
    const bool for_good = end->end == sqlq::JobEnd::errored || end->end == sqlq::JobEnd::discarded;
    if (for_good) alert(end->job->kind, end->message);
  });

  const std::string url = argc > 1 ? argv[1] : "sqlite::memory:";
  sqlq::testing::Harness q{url, handlers, {.observers = {metrics, alerts}, .client = {.hooks = {sqlq::send_trace()}}}};
  sqlq::Database db = q.database();

  sqlq::Client client{db, {.hooks = {with_tenant}, .observers = {metrics}}};
  const auto mail = client.enqueue(SendEmail{"ada@example.org"});
  client.enqueue(SendEmail{"nobody"});
  q.work_due();
  std::cout << "tenant " << client.find(mail.id)->headers.at("tenant") << '\n';

  const auto current = [] {  // of your tracer
    return sqlq::TraceContext{.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
  };
  sqlq::Client traced{db, {.hooks = {sqlq::send_trace(current)}}};
  traced.enqueue(Welcome{"bob"});
  q.work_due();

  std::cout << "alert: " << pager().get_future().get() << '\n';  // told on a thread of its own
  show(metrics->text(), "sqlq_jobs_enqueued_total");
  show(metrics->text(), "sqlq_jobs_ended_total");
} catch (const std::exception& e) {
  std::cerr << "observing: " << e.what() << '\n';
  return 1;
}
