// The recipes of docs/backends.md: a role that was given what they say can do its work, and nothing beyond it.

#include <atomic>
#include <fstream>
#include <iterator>

#include <soci/soci.h>

#include "process/place.hpp"
#include "support/expect_error.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

/// The statements behind `<!-- grants: NAME -->`.
std::vector<std::string> recipe(const std::string& name) {
  std::ifstream file(SQLQ_DOCS "/backends.md");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::string fence = "```sql\n";
  const auto mark = all.find("<!-- grants: " + name + " -->");
  const auto begin = all.find(fence, mark);
  if (mark == std::string::npos || begin == std::string::npos) throw std::runtime_error("no recipe for " + name);
  std::string block = all.substr(begin + fence.size(), all.find("```", begin + 3) - begin - fence.size());
  std::vector<std::string> statements;
  for (auto end = block.find(';'); end != std::string::npos; end = block.find(';')) {
    statements.push_back(block.substr(0, end));
    block.erase(0, end + 2);
  }
  return statements;
}

class Grants : public Anywhere {
 protected:
  Grants() {
    owner_.migrate();
    admin_.open(soci_words());
  }
  ~Grants() override {
    for (const std::string& role : roles_) {
      if (is_postgres()) admin_ << "DROP OWNED BY " + role;
      admin_ << (is_postgres() ? "DROP ROLE " + role : "DROP USER " + role + "@localhost");
    }
  }

  /// A new role with the privileges of the recipes, and the database as it sees it.
  Database as(const std::string& role, const std::vector<std::string>& recipes) { return as(role, recipes, tables()); }
  /// The same with another schema or prefix.
  Database as(const std::string& role, const std::vector<std::string>& recipes, const std::string& its) {
    const std::string name = make_role(role, recipes, its);
    const std::string all = url().substr(0, url().rfind('=') + 1) + its;
    return open(all.substr(0, all.find("//") + 2) + name + all.substr(all.find('@')));
  }
  /// Returns its name.
  std::string make_role(const std::string& role, const std::vector<std::string>& recipes, const std::string& its) {
    const std::string name = role + std::to_string(::getpid());
    admin_ << (is_postgres() ? "CREATE ROLE " + name + " LOGIN" : "CREATE USER " + name + "@localhost");
    roles_.push_back(name);
    for (const std::string& r : recipes) {
      for (std::string statement : recipe((is_postgres() ? "postgres " : "mysql ") + r)) {
        statement = statement.substr(0, statement.rfind(' ') + 1) + name + (is_postgres() ? "" : "@localhost");
        statement = replaced(statement, "{schema}", its);
        statement = replaced(statement, "{database}.*", "sqlq.*");
        statement = replaced(statement, "{database}.", "sqlq." + its);
        statement = replaced(statement, "{database}", "postgres");
        admin_ << statement;
      }
    }
    return name;
  }

  /// Takes from the role made last what the recipes gave it on that table.
  void revoke_all_on(const std::string& table) {
    const std::string role = roles_.back();
    admin_ << (is_postgres() ? "REVOKE ALL ON " + tables() + ".sqlq_" + table + " FROM " + role
                             : "REVOKE ALL ON sqlq." + tables() + "sqlq_" + table + " FROM " + role + "@localhost");
  }

  [[nodiscard]] Errc forbidden() const { return Errc::permission; }
  [[nodiscard]] bool is_postgres() const { return place().service == "postgres"; }
  /// The schema, or the prefix.
  [[nodiscard]] std::string tables() const { return url().substr(url().rfind('=') + 1); }
  [[nodiscard]] std::string soci_words(const std::string& who = {}) const {
    const std::string all = url();  // scheme://user@host:port/...
    const auto user = all.find("//") + 2;
    const auto host = all.find('@') + 1;
    const auto port = all.find(':', host) + 1;
    const std::string words = "host=" + all.substr(host, port - 1 - host) + " port=" +
                              all.substr(port, all.find_first_of("/?", port) - port) + " user=" +
                              (who.empty() ? all.substr(user, host - 1 - user) : who);
    return is_postgres() ? "postgresql://" + words + " dbname=postgres" : "mysql://" + words + " db=sqlq";
  }

  Database owner_{open(url())};
  soci::session admin_;

 private:
  std::vector<std::string> roles_;
};

void enqueue_all_sorts(const Database& db) {
  Client client{db};
  EXPECT_TRUE(client.enqueue(NewJob{"k"}).inserted());
  EXPECT_TRUE(client.enqueue({.kind = "k", .options = {.headers = {{"traceparent", "00-1"}}}}).inserted());
  EnqueueOptions options;
  options.queue = "a new queue";
  options.unique_key = "once";
  options.delay = 1h;
  const Enqueued first = client.enqueue(NewJob{"k", "null", options});
  EXPECT_TRUE(first.inserted());
  const Enqueued second = client.enqueue(NewJob{"k", "null", options});
  EXPECT_FALSE(second.inserted());
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(client.enqueue_many(std::vector<NewJob>(50, NewJob{"another kind"})).size(), 50u);
}

/// In a schema or below a prefix of its own, in which the superuser has made nothing.
TEST_P(Grants, AnOwnerMakesTheTablesAndTakesThemDown) {
  for (const bool there : {true, false}) {
    if (!there && !is_postgres()) continue;  // a database is always there
    const std::string its = tables() + (there ? "_there" : "_not");
    if (there && is_postgres()) admin_ << "CREATE SCHEMA " + its;
    const Database db = as(there ? "owner" : "maker", {there ? "owner" : "owner of a new schema"}, its);
    db.migrate();
    enqueue_all_sorts(db);
    Migrator{db}.down(0);
    db.migrate();
    (void)Admin{db}.doctor();
    Migrator{db}.teardown();
    if (is_postgres()) admin_ << "DROP SCHEMA " + its;
  }
}

TEST_P(Grants, AProducerEnqueuesAndNothingElse) {
  const Database db = as("producer", {"producer"});
  enqueue_all_sorts(db);
  testing::expect_error(forbidden(), "grant", [&] { (void)Client{db}.claim(); });
  testing::expect_error(forbidden(), "grant", [&] { Admin{db}.pause("default"); });
  testing::expect_error(forbidden(), "grant", [&] { Migrator{db}.teardown(); });
}

TEST_P(Grants, AnInserterWritesRowsOfTheInboxAndNothingElse) {
  const std::string table = is_postgres() ? tables() + ".sqlq_inbox" : tables() + "sqlq_inbox";
  soci::session inserter{soci_words(make_role("inserter", {"inserter"}, tables()))};
  inserter << "INSERT INTO " + table + " (kind) VALUES ('k')";
  EXPECT_THROW(inserter << "DELETE FROM " + table, soci::soci_error);
  EXPECT_THROW(inserter << "INSERT INTO " + table + "2 (kind) VALUES ('k')", soci::soci_error);
  const Database db = as("worker", {"worker"});
  Handlers handlers;
  handlers.on("k", [](JobContext&) {});
  Worker worker{db, handlers, {.on_event = [](const WorkerEvent& event) { ADD_FAILURE() << event.message; }}};
  worker.start();
  EXPECT_TRUE(eventually([&] { return Admin{db}.counts()[JobState::success].value == 1; }));
  worker.stop();
}

TEST_P(Grants, AWorkerWithoutTheInboxWorksAndSaysSoOnce) {
  const Database db = as("worker", {"worker"});
  revoke_all_on("inbox");
  Handlers handlers;
  handlers.on("k", [](JobContext&) {});
  std::atomic<int> told{0};
  Worker worker{db, handlers, {.on_event = [&](const WorkerEvent& event) {
    if (event.service == "inbox") ++told;
    if (event.service != "inbox") ADD_FAILURE() << event.message;
  }}};
  worker.start();
  EXPECT_TRUE(eventually([&] { return told == 1; }));
  Client{db}.enqueue(NewJob{"k"});
  EXPECT_TRUE(eventually([&] { return Admin{db}.counts()[JobState::success].value == 1; }));
  worker.stop();
  EXPECT_EQ(told, 1);
}

TEST_P(Grants, AWorkerDoesAllOfAWorkersWork) {
  const Database db = as("worker", {"worker"});
  enqueue_all_sorts(db);
  Client client{db};
  EnqueueOptions options;
  options.retention = 0s;
  const JobId gone = client.enqueue(NewJob{"short", "null", options}).id;
  const JobId cancelled = client.enqueue(NewJob{"k"}).id;
  EXPECT_EQ(client.cancel(cancelled), CancelStatus::cancelled);

  std::atomic<int> runs{0};
  Handlers handlers;
  handlers.on("k", [&](JobContext& job) {
    job.log().info("here");
    if (++runs == 1) throw std::runtime_error("once");
    return Outcome::done();
  }, {.retry = RetryPolicy::constant(0s)});
  handlers.on("another kind", [](JobContext&) { return Outcome::discard("no"); });
  handlers.on("short", [](JobContext&) { return Outcome::done(); });
  WorkerOptions worker_options;
  worker_options.poll = 50ms;
  worker_options.sweep = 100ms;
  worker_options.on_event = [](const WorkerEvent& event) {
    if (event.code != WorkerEvent::Code::idle) ADD_FAILURE() << event.service << ": " << event.message;
  };
  Worker worker{db, handlers, worker_options};
  worker.start();
  EXPECT_TRUE(eventually([&] { return Admin{db}.workers().size() == 1; }));
  EXPECT_TRUE(eventually([&] { return !client.find(gone) && Admin{db}.counts()[JobState::pending].value == 0; }));
  worker.stop();
  EXPECT_EQ(Admin{db}.requeue(cancelled), RequeueStatus::requeued);
  const auto held = client.claim();
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(client.ping(held.front()), LeaseStatus::renewed);
  EXPECT_EQ(client.release(held.front()), FinishStatus::applied);
  testing::expect_error(forbidden(), "grant", [&] { Admin{db}.pause("default"); });
  testing::expect_error(forbidden(), "grant", [&] { Migrator{db}.teardown(); });
}

TEST_P(Grants, AWorkerWithoutTheListWorksAndSaysSoOnce) {
  const Database db = as("worker", {"worker"});
  revoke_all_on("registry");
  const JobId job = Client{db}.enqueue(NewJob{"k"}).id;
  const std::vector<Reason> why = Admin{db}.explain(job);
  ASSERT_EQ(why.size(), 1U);
  EXPECT_EQ(to_string(why[0].code), "may_run");
  EXPECT_NE(why[0].sentence.find("; not known: the workers ("), std::string::npos) << why[0].sentence;
  Handlers handlers;
  handlers.on("k", [](JobContext&) { return Outcome::done(); });
  std::atomic<int> told{0};
  WorkerOptions options;
  options.on_event = [&](const WorkerEvent& event) {
    if (event.code == WorkerEvent::Code::idle) return;
    EXPECT_EQ(event.service, "presence") << event.message;
    EXPECT_NE(event.message.find("cannot be listed"), std::string::npos) << event.message;
    ++told;
  };
  Worker worker{db, handlers, options};
  worker.start();
  EXPECT_TRUE(eventually([&] { return told > 0 && Client{db}.find(job)->state == JobState::success; }));
  worker.stop();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(Admin{owner_}.workers().empty());
  testing::expect_error(forbidden(), "grant", [&] { (void)Admin{db}.workers(); });
}

TEST_P(Grants, AnAdminChangesQueues) {
  const Database db = as("admin", {"worker", "admin"});
  Admin admin{db};
  admin.create_queue("q", {.concurrency = 3});
  admin.create_queue("q", {.concurrency = 4});
  admin.set_priority("q", 7);
  admin.pause("q");
  EXPECT_TRUE(admin.queue("q")->paused);
  admin.resume("q");
  EXPECT_TRUE(admin.workers().empty());
  EXPECT_FALSE(admin.drain("nobody"));
  (void)admin.doctor();
  testing::expect_error(forbidden(), "grant", [&] { Migrator{db}.teardown(); });
}

TEST_P(Grants, AWebTierShowsAndCancelsJobsAndMakesQueues) {
  const Database db = as("web", {"producer", "web"});
  enqueue_all_sorts(db);
  Client client{db};
  Admin admin{db};
  admin.create_queue("customer", {.concurrency = 2});
  admin.set_concurrency("customer", 3);
  EXPECT_EQ(admin.queue("customer")->concurrency, 3u);
  const JobId waiting = client.enqueue(NewJob{"k"}).id;
  EnqueueOptions options;
  options.queue = "customer";
  options.unique_key = "customer's";
  options.delay = 1h;
  const JobId later = client.enqueue(NewJob{"k", "null", options}).id;
  options = {};
  options.queue = "runs";
  const JobId running = client.enqueue(NewJob{"k", "null", options}).id;
  ASSERT_TRUE(Client{owner_}.claim_one("runs"));
  EXPECT_EQ(client.cancel(waiting), CancelStatus::cancelled);
  EXPECT_EQ(client.cancel(later), CancelStatus::cancelled);
  EXPECT_EQ(client.cancel(running), CancelStatus::cancelling);
  EXPECT_EQ(admin.find(waiting)->state, JobState::cancelled);
  EXPECT_EQ(admin.history(waiting).size(), 1u);
  EXPECT_TRUE(admin.logs(waiting).empty());
  EXPECT_EQ(admin.list({.states = {JobState::cancelled}}).size(), 2u);
  EXPECT_EQ(admin.list({.queues = {"customer"}}).size(), 1u);
  EXPECT_EQ(admin.counts("customer")[JobState::cancelled].value, 1u);
  EXPECT_EQ(admin.stats().size(), 4u);
  EXPECT_TRUE(admin.workers().empty());
  options.queue = "customer";
  options.delay = 1h;
  const JobId scheduled = client.enqueue(NewJob{"k", "null", options}).id;
  const std::vector<Reason> why = admin.explain(scheduled);
  ASSERT_EQ(why.size(), 2U);
  EXPECT_EQ(to_string(why[0].code), "no_worker");
  EXPECT_EQ(to_string(why[1].code), "due_later");
  EXPECT_EQ(why[1].sentence.find("not known"), std::string::npos) << why[1].sentence;
  testing::expect_error(forbidden(), "grant", [&] { (void)client.claim(); });
  testing::expect_error(forbidden(), "grant", [&] { (void)admin.requeue(waiting); });
  testing::expect_error(forbidden(), "grant", [&] { (void)admin.run_now(scheduled); });
  testing::expect_error(forbidden(), "grant", [&] { (void)admin.take_away(running); });
  testing::expect_error(forbidden(), "grant", [&] { (void)admin.erase(waiting); });
  testing::expect_error(forbidden(), "grant", [&] { Migrator{db}.teardown(); });
}

TEST_P(Grants, AWebTierSendsSignalsWhereItIsAllowedTo) {
  Client owner{owner_};
  const JobId pending = owner.enqueue(NewJob{"k"}).id;
  const JobId waiting = owner.enqueue({.kind = "k", .options = {.queue = "waits"}}).id;
  const Job job = owner.claim_one("waits").value();
  static_cast<void>(owner_.dialect().steps()->record_step({.id = waiting, .token = job.lease_token,
                                                           .kind = StepKind::wait, .name = "go", .delay = 1h},
                                                          nullptr, {}));
  EXPECT_EQ(owner.snooze(job, 1h), FinishStatus::applied);
  {
    const Database db = as("web", {"producer", "web"});
    testing::expect_error(forbidden(), "grant", [&] { (void)Client{db}.signal(pending, "go", 1); });
    EXPECT_TRUE(Admin{db}.steps(pending).empty());
  }
  const Database db = as("signals", {"producer", "web", "signals"});
  Client client{db};
  EXPECT_EQ(client.signal(pending, "go", 1), SignalStatus::stored);
  EXPECT_EQ(client.signal(pending, "go", 2), SignalStatus::existing);
  EXPECT_EQ(client.signal(pending, "go", 3, SignalMode::append), SignalStatus::stored);
  EXPECT_EQ(client.signal(pending, "go", 4, SignalMode::replace), SignalStatus::replaced);
  EXPECT_EQ(client.signal(waiting, "go", 5), SignalStatus::stored);
  EXPECT_EQ(client.find(waiting)->state, JobState::pending) << "it was woken";
  ASSERT_TRUE(owner.claim_one("default"));
  EXPECT_EQ(client.signal(pending, "other", 6), SignalStatus::stored) << "it runs";
  EXPECT_EQ(Admin{db}.steps(pending).size(), 3u);
  testing::expect_error(forbidden(), "grant", [&] { (void)client.claim(); });
  testing::expect_error(forbidden(), "grant", [&] { (void)Admin{db}.take_away(pending); });
  EXPECT_EQ(owner.cancel(waiting), CancelStatus::cancelled);
  testing::expect_error(forbidden(), "grant", [&] { (void)Admin{db}.restart(waiting); });
}

SQLQ_PLACES(Grants, SQLQ_ALL_SERVERS);

}  // namespace
}  // namespace sqlq::process
