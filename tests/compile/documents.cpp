// The fragments that documents show, each in a function that declares what it uses. They are compiled, not run; a test
// looks for each block of C++ of those documents here.

#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/sqlq.hpp>

namespace sqlq_documents {

struct SendEmail {
  static constexpr std::string_view kind = "send-email";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to)
};

struct Ship {
  static constexpr std::string_view kind = "ship";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Ship, order)
};

class RedisDialect : public sqlq::backend::ForwardingDialect {
 public:
  RedisDialect(const sqlq::backend::Url&, const std::shared_ptr<sqlq::Clock>&) : ForwardingDialect(nullptr) {}
};

void show(sqlq::JobState state, const std::optional<sqlq::Progress>& progress);

// docs/concepts.md
void an_id_of_your_own(sqlq::Client client) {
  const sqlq::JobId id = sqlq::JobId::make(std::chrono::system_clock::now());
  client.enqueue(SendEmail{"ada@example.org"}, {.id = id});
}

void the_job_that_is_there(sqlq::Client client) {
  const sqlq::EnqueuedRow order = client.enqueue_row(Ship{42}, {.unique_key = "order-42"});
  if (!order.inserted() && order.job) show(order.job->state, order.job->progress);
}

// docs/explain.md
void why(const sqlq::Admin& admin, sqlq::JobId id) {
  for (const sqlq::Reason& reason : admin.explain(id)) std::cout << reason.sentence << '\n';
}

// docs/operations.md
void look(const std::string& url) {
  auto db = sqlq::open(url);
  sqlq::Admin admin{db};
  for (const sqlq::Finding& f : admin.doctor()) {
    std::cout << sqlq::to_string(f.severity) << ' ' << f.code << ": " << f.sentence << ". " << f.advice << '\n';
  }
  for (const sqlq::Queue& queue : admin.queues()) {
    std::cout << queue.name << (queue.paused ? " (paused)" : "") << '\n';
    for (const auto& [state, count] : admin.counts(queue.name)) {
      std::cout << "  " << sqlq::to_string(state) << ' ' << count.value << (count.capped ? "+" : "") << '\n';
    }
  }
}

void print_schema(const sqlq::Database& db) {
  sqlq::Migrator migrator{db};
  std::cout << migrator.sql(0, migrator.status().latest);  // the way back: sql(latest, 0)
}

// docs/transfer.md
void move_all() {
  const sqlq::Database file = sqlq::open("sqlite://jobs.db");
  const sqlq::Database server = sqlq::open("postgresql://app@host/app");
  server.migrate();
  const sqlq::TransferReport report = sqlq::copy_jobs(file, server);
  if (report.held > 0 || report.conflicts > 0 || report.refused > 0) { /* look at report.problems */ }
  if (sqlq::sum_of_jobs(file) != sqlq::sum_of_jobs(server)) { /* somebody wrote meanwhile: copy again */ }
}

// docs/writing-a-backend.md
void know_a_backend() {
  sqlq::backend::register_backend("redis", [](const sqlq::backend::Url& url, std::shared_ptr<sqlq::Clock> clock) {
    url.refuse_unknown({"timeout"});
    return std::make_unique<RedisDialect>(url, std::move(clock));
  });
  auto db = sqlq::backend::open("redis://localhost/0");
}

}  // namespace sqlq_documents
