// A database whose encoding lacks characters: what cannot be stored is one job's trouble and nobody else's.

#include <algorithm>
#include <mutex>

#include <sqlq/admin.hpp>
#include <sqlq/worker.hpp>

#include "backends/postgres_fixture.hpp"

namespace sqlq::postgres {
namespace {

using namespace std::chrono_literals;

/// A database in another encoding, dropped with the test.
class InEncoding : public ::testing::Test {
 protected:
  explicit InEncoding(const std::string& encoding) : name_("sqlq_" + encoding + "_" + std::to_string(::getpid())) {
    backend::register_backend("postgresql", factory());
    Native(server_url()).exec("CREATE DATABASE " + name_ + " ENCODING '" + encoding +
                              "' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    db_.emplace(backend::open(with(server_url(), name_, "schema=public")));
    db_->migrate();
  }
  ~InEncoding() override {
    db_.reset();
    Native(server_url()).exec("DROP DATABASE " + name_ + " WITH (FORCE)");
  }

  const std::string name_;
  std::optional<Database> db_;
};

class InLatin1 : public InEncoding {
 protected:
  InLatin1() : InEncoding("latin1") {}
};

class InSqlAscii : public InEncoding {
 protected:
  InSqlAscii() : InEncoding("sql_ascii") {}
};

TEST_F(InSqlAscii, AllCharactersComeBackAndDoctorSaysNothingOfThem) {
  const std::string text = "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80";
  Client client(*db_);
  const JobId id = client.enqueue({.kind = text, .params = "\"" + text + "\"", .options = {.queue = text}}).id;
  const Job job = client.claim().at(0);
  EXPECT_EQ(job.id, id);
  EXPECT_EQ(job.queue + job.kind + job.params, text + text + "\"" + text + "\"");
  for (const Finding& said : Admin(*db_).doctor()) EXPECT_NE(said.code, "encoding") << said.sentence;
}

TEST_F(InLatin1, AMessageALineAndAResultWithAnotherCharacterHoldNobodyBack) {
  const std::string euro = "price in \xE2\x82\xAC";
  const std::string umlaut = "gr\xC3\xBC\xC3\x9F";  // LATIN1 has these
  Client client(*db_);
  Admin admin(*db_);
  std::vector<JobId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(client.enqueue(NewJob{.kind = "work"}).id);
  const JobId throws = ids[50];
  const JobId logs = ids[100];
  const JobId shows = ids[150];

  std::mutex mutex;
  std::vector<WorkerEvent> events;
  Handlers handlers;
  handlers.on("work", Handlers::Function([&](JobContext& job) {
                job.log().info(job.id() == logs ? euro : umlaut);
                if (job.id() == shows) job.set_result("\"" + euro + "\"");
                return job.id() == throws ? Outcome::error(euro) : Outcome::done();
              }));
  Worker worker(*db_, handlers, {.concurrency = 8, .poll = 50ms, .on_event = [&](const WorkerEvent& event) {
                  const std::lock_guard lock(mutex);
                  events.push_back(event);
                }});
  worker.start();
  EXPECT_TRUE(eventually([&] {
    const JobCounts counts = admin.counts();
    return counts.at(JobState::success).value == 198 && counts.at(JobState::errored).value == 2;
  }));
  const WorkerStats stats = worker.stop(0s);
  EXPECT_EQ(stats.lost, 0u);
  EXPECT_EQ(stats.claimed, 200u) << "each ran once";

  for (const JobId id : ids) {
    const auto lines = admin.logs(id);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text, id == logs ? "price in ?" : umlaut);
  }
  for (const JobId id : {throws, shows}) {
    EXPECT_EQ(client.find(id)->state, JobState::errored);
    const auto history = admin.history(id);
    ASSERT_EQ(history.size(), 1u);
    EXPECT_TRUE(history[0].message.starts_with("the database refused the outcome: ")) << history[0].message;
  }
  EXPECT_EQ(client.find(logs)->state, JobState::success);
  const auto told = [&](JobId id, WorkerEvent::Code code) {
    return std::ranges::any_of(events, [&](const WorkerEvent& e) { return e.job == id && e.code == code; });
  };
  EXPECT_TRUE(told(throws, WorkerEvent::Code::outcome_refused));
  EXPECT_TRUE(told(shows, WorkerEvent::Code::outcome_refused));
  EXPECT_TRUE(told(logs, WorkerEvent::Code::log_refused));
}

}  // namespace
}  // namespace sqlq::postgres
