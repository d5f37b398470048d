// No payload, no bound value and no password is in anything the library says: whatever goes wrong, wherever.

#include <algorithm>
#include <array>
#include <cctype>

#include <sqlq/backend/url.hpp>
#include <sqlq/conformance/suite.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/json.hpp>
#include <sqlq/migrator.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const std::string canary = "CaNaRy7";
/// As a document, long enough for every column that is made too narrow.
const std::string document = R"({"secret":")" + canary + R"(","more":"0123456789012345678901234567890123456789"})";

std::string hex_of(const std::string& text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    hex += digits[static_cast<unsigned char>(c) / 16];
    hex += digits[static_cast<unsigned char>(c) % 16];
  }
  return hex;
}

/// Whether the canary is in the text: as it is, in other letters, or as the hexadecimal digits of its bytes.
bool tells(std::string text) {
  const auto lower = [](std::string s) {
    std::ranges::transform(s, s.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return s;
  };
  text = lower(std::move(text));
  return text.find(lower(canary)) != std::string::npos || text.find(hex_of(canary)) != std::string::npos;
}

/// Everything that was said about what went wrong.
class Said {
 public:
  void hear(std::string text) {
    EXPECT_FALSE(tells(text)) << text;
    texts_.push_back(std::move(text));
  }
  /// What the call throws; only the library's own exception comes out of it.
  template <class Call>
  void of(Call&& call) {
    if (const std::optional<Error> error = error_of(std::forward<Call>(call))) {
      hear(std::string(error->what()) + '\n' + error->backend() + '\n' + error->statement());
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

 private:
  std::vector<std::string> texts_;
};

/// What a handler expects where the document has a text.
struct Number {
  static constexpr std::string_view kind = "work";
  int secret = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Number, secret)
};

NewJob secret_job(std::optional<std::string> unique_key = {}) {
  return {.kind = "work", .params = document, .options = {.unique_key = std::move(unique_key)}};
}

template <class Call>
auto nothing(Call call) {
  return [call] {
    call();
    return 0;
  };
}

/// Every operation that takes values, with values that are secret. `held` are leases.
void use_everything(const Database& db, const std::vector<Job>& held, Said& said) {
  Client client{db};
  Admin admin{db};
  said.of([&] { return client.enqueue(secret_job()); });
  said.of([&] { return client.enqueue(secret_job(canary)); });
  said.of([&] { return client.enqueue(secret_job(canary)); });
  said.of([&] { return client.enqueue_many(std::vector<NewJob>(50, secret_job())); });
  said.of([&] { return client.claim(); });
  said.of([&] { return client.ping(held); });
  const std::shared_ptr<LogSink> sink = database_log_sink(db);
  sink->set_report([&](JobId, std::string_view why) { said.hear(std::string(why)); });
  for (const Job& job : held) JobLogger{job, sink}.info(document);
  said.of(nothing([&] { sink->flush(); }));
  for (std::size_t i = 0; i < held.size(); ++i) {
    const Job& job = held[i];
    if (i % 4 == 0) said.of([&] { return client.success(job, document); });
    if (i % 4 == 1) said.of([&] { return client.error(job, document, {.retry = RetryPolicy::constant(0s)}); });
    if (i % 4 == 2) said.of([&] { return client.error(job, document, {.discard = true}); });
    if (i % 4 == 3) said.of([&] { return client.release(job); });
    said.of([&] { return admin.cancel(job.id); });
    said.of([&] { return admin.requeue(job.id); });
    said.of([&] { return admin.find(job.id); });
    said.of([&] { return admin.history(job.id); });
    said.of([&] { return admin.logs(job.id); });
  }
  said.of(nothing([&] { admin.create_queue("made", {.description = document}); }));
  said.of(nothing([&] { admin.set_description("default", document); }));
  said.of([&] { return admin.list(); });
  said.of([&] { return admin.counts(); });
  said.of([&] { return client.reap(); });
  said.of([&] { return admin.purge().deleted; });
}

}  // namespace

TEST_P(Secrets, ErrorsOfTheDatabaseQuoteNoValues) {
  SQLQ_NEEDS(borrowed_transactions);
  ASSERT_FALSE(backend().breakages.empty()) << "handles are offered, but no way to break the database";
  for (const Breakage& breakage : backend().breakages) {
    SCOPED_TRACE(breakage.name);
    Migrator{blank()}.teardown();
    blank().migrate();
    for (int i = 0; i < 4; ++i) client().enqueue(secret_job());
    const std::vector<Job> held = claim(4);
    ASSERT_EQ(held.size(), 4u);
    const std::unique_ptr<UserConnection> connection = user();
    for (const std::string& sql : breakage.sql) connection->execute(sql);

    Said said;
    use_everything(db(), held, said);
    connection->begin();
    said.of([&] { return client().enqueue(connection->tx(), secret_job("other-" + canary)); });
    said.of([&] { return client().success(connection->tx(), held[0], document); });
    connection->rollback();
    EXPECT_GT(said.size(), 0u) << "nothing has failed, so nothing was shown";
  }
  Migrator{blank()}.teardown();
}

TEST_P(Secrets, AWorkerOnABrokenDatabaseQuotesNoValues) {
  SQLQ_NEEDS(borrowed_transactions);
  use_system_clock();
  for (int i = 0; i < 3; ++i) client().enqueue(secret_job());
  Database broken = another();
  Said said;
  Moment handled;
  Handlers handlers;
  handlers.on("work", Handlers::Function([&](JobContext& job) {
                job.log().info(document);
                job.set_result(document);
                if (!handled.happened()) Migrator{broken}.teardown();
                handled.happen();
                said.of(nothing([&] { job.set_result(canary); }));
                return Outcome::error(document);
              }));
  QuietWorker worker{db(), handlers, {.concurrency = 1, .poll = 10ms, .sweep = 100ms, .grace = 100ms}};
  ASSERT_TRUE(handled.wait());
  EXPECT_TRUE(eventually([&] { return worker.events().size() > 2; }));
  worker->stop();
  for (const std::string& event : worker.events()) said.hear(event);
  EXPECT_GT(said.size(), 2u);
}

TEST_P(Secrets, WhatIsRefusedIsNotQuoted) {
  Said said;
  const std::array<std::string, 4> values = {canary + '\0', canary + '\xFF', canary + std::string(300, 'x'),
                                             canary + "\n"};
  for (const std::string& value : values) {
    NewJob job = secret_job(value);
    said.of([&] { return client().enqueue(job); });
    said.of([&] { return client().enqueue_many(std::vector<NewJob>{secret_job(), job}); });
    job = secret_job();
    job.options.queue = value;
    said.of([&] { return client().enqueue(job); });
    said.of([&] { return client().enqueue(NewJob{.kind = value}); });
    said.of([&] { return client().enqueue(NewJob{.kind = "work", .params = value}); });
    said.of([&] { return claim(1, {value}); });
    said.of([&] { return claim(1, {}, {value}); });
    said.of([&] { return client().reap(std::vector<std::string>{value}); });
    said.of([&] { return admin().list({.queues = {value}}); });
    said.of([&] { return admin().list({.kinds = {value}}); });
    said.of([&] { return admin().counts(value); });
    said.of([&] { return admin().queues(value); });
    said.of([&] { return admin().queue(value); });
    said.of(nothing([&] { admin().create_queue("q", {.description = value + '\0'}); }));
    said.of(nothing([&] { admin().pause(value); }));
    said.of(nothing([&] { Worker{db(), Handlers{}, {.name = value}}; }));
  }
  enqueue();
  const Job job = take();
  for (const std::string& value : values) said.of([&] { return client().success(job, value); });
  EXPECT_GT(said.size(), 50u);
  EXPECT_EQ(client().success(job, document), FinishStatus::applied);
}

TEST_P(Secrets, ParamsOfAnotherTypeAreNotQuoted) {
  use_system_clock();
  Handlers handlers;
  handlers.on<Number>([](const Number&, JobContext&) {});
  QuietWorker worker{db(), handlers};
  ASSERT_TRUE(reaches(client().enqueue(Number{7}).id, JobState::success));
  const JobId id = client().enqueue(secret_job()).id;
  ASSERT_TRUE(eventually([&] { return !admin().history(id).empty(); }));
  Said said;
  for (const AttemptRecord& record : admin().history(id)) said.hear(record.message);
  for (const std::string& event : worker.events()) said.hear(event);
  EXPECT_GT(said.size(), 0u);
}

TEST_P(Secrets, AConnectionStringIsNotQuoted) {
  Said said;
  const auto refused = [&](const std::string& text) {
    said.of([&] { return open(text); });
  };
  const std::string separator = url().find('?') == std::string::npos ? "?" : "&";
  refused(url() + separator + "password=" + canary);
  refused(url() + separator + "nonesuch=" + canary);
  refused(url() + separator + "a=1&" + canary + "&b=1");
  refused(url() + separator + "a=1&a=" + canary);
  refused(url() + separator + "a=%zz" + canary);
  refused("nonesuch://user:" + canary + "@host/db");
  refused("//user:" + canary + "@host/db");
  EXPECT_EQ(said.size(), 7u);

  const backend::Url parsed = backend::Url::parse(url());
  if (!parsed.has_authority() || error_of([&] { return parsed.authority(); })) return;  // a file
  const backend::Url::Authority at = parsed.authority();
  if (at.hosts.empty()) return;  // a file
  const std::string scheme = parsed.scheme() + "://";
  const std::string who = scheme + "sqlq_nobody:" + canary;
  const std::string rest = url().substr(std::min(url().find_first_of("/?", scheme.size()), url().size()));
  const std::string machine = at.hosts[0].first;
  const std::string no_port = scheme + machine + ":port" + rest;
  if (!error_of([&] { return open(no_port); })) {  // whoever names servers refuses it: here it is a name like any other
    backend().drop(no_port);
    return;
  }
  const std::string host = machine + ":" + std::to_string(at.hosts[0].second);
  said.of([&] { return open(who + "@" + host + rest); });  // nobody of that name; a pooler may not mind
  const std::size_t so_far = said.size();
  refused(who + "@" + machine + ":1" + rest);      // nobody listens
  refused(scheme + at.user + ":" + canary + "@" + host + "/sqlq_no_such_database");
  refused(who + "@" + machine + ":port" + rest);   // no port
  refused(who + "/@" + host + rest);                      // what should have been escaped, in the password
  refused(scheme + "sqlq_nobody:7/" + canary + "@" + host + rest);
  refused(who + "?@" + host + rest);
  refused(who + "#%@" + host + rest);
  refused(who + "@[" + host + rest);
  EXPECT_EQ(said.size(), so_far + 8);
  said.hear(db().description());
}

}  // namespace sqlq::conformance
