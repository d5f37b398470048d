/// The program of docs/batches.md: mails that are sent by one request, rows that are inserted by one statement.
///
///     batches [CONNECTION-STRING]

#include <iostream>
#include <stdexcept>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Mail, to)
};

struct Answer {
  bool accepted = false;
  std::string text;
};

// Stands for a service that takes many mails by one request and has an answer for each.
std::vector<Answer> send_all(std::span<const Mail> mails) {
  std::cout << "a request with " << mails.size() << " mails\n";
  std::vector<Answer> answers;
  for (const Mail& mail : mails) {
    const bool good = mail.to.find('@') != std::string::npos;
    answers.push_back({good, good ? "on its way" : "this is no address"});
  }
  return answers;
}

std::vector<sqlq::Outcome> send(std::span<const Mail> mails, sqlq::BatchContext& batch) {
  std::vector<sqlq::Outcome> outcomes;
  for (const Answer& answer : send_all(mails)) {
    batch.log(outcomes.size()).info(answer.text);
    outcomes.push_back(answer.accepted ? sqlq::Outcome::done() : sqlq::Outcome::discard(answer.text));
  }
  return outcomes;
}

struct Row {
  static constexpr std::string_view kind = "row";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Row, n)
};

void insert(std::span<const Row> rows) {  // stands for one statement: all of them, or none
  for (const Row& row : rows) {
    if (row.n < 0) throw std::runtime_error("n must not be negative");
  }
  std::cout << "inserted " << rows.size() << (rows.size() == 1 ? " row\n" : " rows\n");
}

int main(int argc, char** argv) {
  sqlq::Handlers handlers;
  handlers.batch<Mail>({.size = 100, .linger = 50ms}, send);
  handlers.batch<Row>({.size = 100}, insert, {.retry = sqlq::RetryPolicy::constant(1min)});

  // A service has a sqlq::Worker; this is one on a clock that moves when it is told to.
  sqlq::testing::Harness q{argc > 1 ? argv[1] : "sqlite::memory:", handlers};
  const auto states = [&q](const std::vector<sqlq::Enqueued>& jobs) {
    for (const auto& job : jobs) std::cout << ' ' << to_string(q.client().find(job.id)->state);
    std::cout << '\n';
  };

  const auto mails = q.client().enqueue_many({Mail{"ada@example.org"}, Mail{"bob"}, Mail{"eve@example.org"}});
  q.work_due();
  states(mails);

  const auto rows = q.client().enqueue_many({Row{1}, Row{-1}, Row{2}}, {.max_attempts = 2});
  q.work_due();    // all three in one batch, which fails for one of them
  q.work_for(1h);  // a minute later each runs alone
  states(rows);
}
