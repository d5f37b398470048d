// Marks: claims look from where the first jobs were, when looking everywhere has become slow.

#include "backends/postgres_fixture.hpp"
#include "connection.hpp"
#include "marks.hpp"
#include "operations.hpp"
#include "schema.hpp"

namespace sqlq::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration slow = 10s;  // the marks hold longer than the test takes

std::vector<Ready> found(std::int64_t priority = 10) {
  return {{.lane = {.id = 1, .queue = "q", .kind = "k"},
           .first = {.lane = 1, .priority = priority, .due = 5, .seq = 7}}};
}

void survey_often(Marks& marks, const backend::ClaimRequest& request, int n = 8) {
  for (int i = 0; i < n; ++i) marks.surveyed(request, found(), slow);
}

backend::EnqueueItem item(std::string_view queue, std::string_view kind, int priority) {
  return {.queue = queue, .kind = kind, .priority = priority};
}

TEST(PostgresMarks, AreMadeWhenSurveysAreSlowInARow) {
  Marks marks;
  const backend::ClaimRequest request;
  survey_often(marks, request, 7);
  marks.surveyed(request, found(), 1ms);
  survey_often(marks, request, 7);
  EXPECT_TRUE(marks.find(request).empty());
  survey_often(marks, request, 1);
  ASSERT_EQ(marks.find(request).size(), 1u);
  EXPECT_EQ(marks.find(request).at(0).seq, 7);
  marks.forget();
  EXPECT_TRUE(marks.find(request).empty());
}

TEST(PostgresMarks, AreOfOneRequest) {
  Marks marks;
  const std::vector<std::string> queues{"q"};
  survey_often(marks, {.queues = queues});
  EXPECT_TRUE(marks.find({}).empty());
  EXPECT_TRUE(marks.find({.queues = queues, .kinds = queues}).empty());
  EXPECT_FALSE(marks.find({.queues = queues}).empty());
}

TEST(PostgresMarks, AreNotForWhoOwnsTheTime) {
  Marks marks;
  survey_often(marks, {});
  EXPECT_TRUE(marks.find({.now = Instant{}}).empty());
}

TEST(PostgresMarks, EndWhenSomethingIsStoredBeforeThem) {
  const auto kept = [](const backend::EnqueueItem& stored) {
    Marks marks;
    survey_often(marks, {});
    marks.stored({&stored, 1});
    return !marks.find({}).empty();
  };
  EXPECT_TRUE(kept(item("q", "k", 10)));
  EXPECT_TRUE(kept(item("q", "k", 11)));
  EXPECT_FALSE(kept(item("q", "k", 9)));
  EXPECT_FALSE(kept(item("q", "other", 10)));
  EXPECT_FALSE(kept(item("other", "k", 10)));
}

TEST(PostgresMarks, MoveOn) {
  Marks marks;
  survey_often(marks, {});
  marks.moved(found(11));
  EXPECT_EQ(marks.find({}).at(0).priority, 11);
}

class PostgresMarksInUse : public PostgresTest {
 protected:
  PostgresMarksInUse() : db_(open()), schema_(options().schema), connection_(own_options_, schema_.texts()) {
    Client client(db_);
    for (int i = 0; i < 3; ++i) ids_.push_back(client.enqueue(NewJob{.kind = "k"}).id);
  }
  std::vector<JobId> claim(std::size_t n) {
    sql::Work work(connection_.session(), now_, &connection_);
    std::vector<JobId> ids;
    const backend::ClaimRequest request{.limit = n, .token = LeaseToken{1}};
    for (const Job& job : postgres::claim(work, schema_.queries(), request, marks_).jobs) ids.push_back(job.id);
    return ids;
  }
  /// As if the first job had been behind so many others.
  void mark(std::int64_t seq) {
    auto lanes = found();
    lanes.at(0).first = {.lane = 1, .priority = 10, .due = 0, .seq = 0};
    if (seq > 0) {
      const auto due = Native(url()).query("SELECT due_us FROM sqlq_jobs WHERE seq = " + std::to_string(seq)).at(0);
      lanes.at(0).first = {.lane = 1, .priority = 10, .due = std::stoll(due), .seq = seq};
    }
    for (int i = 0; i < 8; ++i) marks_.surveyed({}, lanes, slow);
  }

  Database db_;
  const Options own_options_ = options();
  const Schema schema_;
  PgConnection connection_;
  const backend::Now now_{};
  Marks marks_;
  std::vector<JobId> ids_;
};

TEST_F(PostgresMarksInUse, ClaimsLookFromThem) {
  mark(2);
  EXPECT_EQ(claim(1), std::vector{ids_[1]});
  mark(0);
  EXPECT_EQ(claim(1), std::vector{ids_[0]});
}

TEST_F(PostgresMarksInUse, AClaimThatComesOutShortEndsThem) {
  mark(2);
  EXPECT_EQ(claim(5), (std::vector{ids_[1], ids_[2]}));
  EXPECT_EQ(claim(5), std::vector{ids_[0]});
}

TEST_F(PostgresMarksInUse, NothingBehindThemMeansLookingEverywhere) {
  mark(3);
  EXPECT_EQ(claim(1), std::vector{ids_[2]});
  EXPECT_EQ(claim(2), (std::vector{ids_[0], ids_[1]}));
}

}  // namespace
}  // namespace sqlq::postgres
