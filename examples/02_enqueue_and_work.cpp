/// 02: the everyday things. Options of a job, a queue with a limit, retries, giving up, results, logs, histories.
///
///     02_enqueue_and_work [URL]

#include <cstdlib>
#include <iostream>
#include <latch>

#include <sqlq/sqlq.hpp>

using namespace std::chrono_literals;

struct SendEmail {
  static constexpr std::string_view kind = "send-email";  // stored in the row: never rename it
  std::string to, subject;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to, subject)
};

struct Receipt {
  std::string message_id;
  int attempts = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Receipt, message_id, attempts)
};

/// Returning is success, throwing is a retry, discard is the end.
sqlq::Outcome send_email(const SendEmail& mail, sqlq::JobContext& job) {
  job.log().info("connecting");
  if (mail.to == "nobody") return sqlq::discard("no such address");
  if (mail.to == "busy@example.org" && job.attempt() < 3) throw std::runtime_error("450 mailbox busy");
  std::cout << "sent to " << mail.to << ": " << mail.subject << '\n';
  job.set_result(Receipt{"<" + mail.to + ">", job.attempt()});
  return sqlq::Outcome::done();
}

int main(int argc, char** argv) try {
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite::memory:");
  db.migrate();

  // At most one job of this queue runs at a time, over all workers of all processes: so they run in order.
  sqlq::Admin admin{db};
  admin.create_queue("mail", {.description = "outgoing mail", .concurrency = 1});

  sqlq::Client client{db};
  const auto low = client.enqueue(SendEmail{"ada@example.org", "newsletter"}, {.queue = "mail", .priority = 20});
  const auto normal = client.enqueue(SendEmail{"bob@example.org", "invoice"}, {.queue = "mail"});
  const auto urgent = client.enqueue(SendEmail{"eve@example.org", "new password"}, {.queue = "mail", .priority = 1});
  const auto flaky = client.enqueue(SendEmail{"busy@example.org", "hello"}, {.queue = "mail", .priority = 30});
  const auto hopeless = client.enqueue(SendEmail{"nobody", "hello"}, {.queue = "mail", .priority = 40});

  // One live job for each unique key: the second call returns the first job.
  const sqlq::EnqueueOptions tomorrow{.queue = "mail", .delay = 24h, .unique_key = "reminder:ada"};
  const auto first = client.enqueue(SendEmail{"ada@example.org", "reminder"}, tomorrow);
  const auto second = client.enqueue(SendEmail{"ada@example.org", "reminder"}, tomorrow);
  std::cout << "second reminder inserted: " << (second.inserted() ? "yes" : "no")
            << ", same job: " << (second.id == first.id ? "yes" : "no") << "\n\n";

  std::latch finished{5};  // a service would wait for a signal instead: see readme.cpp
  sqlq::Handlers handlers;
  handlers.on<SendEmail>(
      [&](const SendEmail& mail, sqlq::JobContext& job) {
        auto outcome = send_email(mail, job);
        finished.count_down();
        return outcome;
      },
      {.retry = sqlq::RetryPolicy::constant(0s), .timeout = 30s});

  sqlq::Worker worker{db, handlers, {.queues = {"mail"}, .concurrency = 4}};
  worker.start();
  finished.wait();
  const sqlq::WorkerStats stats = worker.stop();
  std::cout << "\nexecutions: " << stats.claimed << ", succeeded " << stats.succeeded << ", failed " << stats.failed
            << ", discarded " << stats.discarded << "\n\n";

  for (const auto& enqueued : {urgent, normal, low, flaky, hopeless, first}) {
    const sqlq::Job job = client.find(enqueued.id).value();
    std::cout << sqlq::codec<SendEmail>::decode(job.params).to << ": " << sqlq::to_string(job.state) << ", attempts "
              << job.attempt;
    if (!job.result.empty()) std::cout << ", result " << job.result;
    std::cout << '\n';
    for (const sqlq::AttemptRecord& record : admin.history(job.id)) {
      std::cout << "  attempt " << record.attempt << " " << sqlq::to_string(record.cause) << ": " << record.message
                << '\n';
    }
  }
  std::cout << "\nlog of busy@example.org\n";
  for (const sqlq::LogLine& line : admin.logs(flaky.id)) {
    std::cout << "  attempt " << line.attempt << " " << sqlq::to_string(line.level) << ": " << line.text << '\n';
  }

  std::cout << "\ncancel the reminder: " << (client.cancel(first.id) == sqlq::CancelStatus::cancelled ? "done" : "?")
            << ", now " << sqlq::to_string(client.find(first.id)->state) << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
