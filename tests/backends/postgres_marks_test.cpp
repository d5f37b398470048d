// Claims with marks (sql/marks.hpp).

#include "backends/postgres_fixture.hpp"
#include "connection.hpp"
#include "server.hpp"

namespace sqlq::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration slow = 10s;  // one such survey makes marks, and they hold longer than the test takes

std::vector<sql::Ready> found() {
  return {{.lane = {.id = 1, .queue = "q", .kind = "k"}, .first = {.lane = 1, .priority = 10, .due = 5, .seq = 7}}};
}

class PostgresMarksInUse : public PostgresTest {
 protected:
  PostgresMarksInUse() : db_(open()), connection_(server_.connect()) {
    Client client(db_);
    for (int i = 0; i < 3; ++i) ids_.push_back(client.enqueue(NewJob{.kind = "k"}).id);
  }
  std::vector<JobId> claim(std::size_t n) {
    sql::Work work(connection_->session(), {}, connection_.get());
    std::vector<JobId> ids;
    const backend::ClaimRequest request{.limit = n, .token = LeaseToken{1}};
    const sql::Claim claim{.request = request};
    for (const Job& job : server_.claim(work, claim).jobs) ids.push_back(job.id);
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
    server_.marks()->surveyed({}, lanes, slow);
  }

  Database db_;
  PgServer server_{options()};
  const std::unique_ptr<sql::Connection> connection_;
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
