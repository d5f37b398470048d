#include "sql/rounds.hpp"

#include <gtest/gtest.h>

#include <string>

#include "fake_server.hpp"

namespace sqlq::sql {
namespace {

class Rounds : public ::testing::Test {
 protected:
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items) {
    FakeConnection connection(script_);
    script_.events.clear();
    Work work(connection.session(), {}, &connection);
    return in_rounds(work, items, [&](std::span<const backend::Finish> some) {
      script_.happen("finish " + std::to_string(some.size()));
      std::vector<FinishStatus> answers;
      for (const backend::Finish& item : some) {
        answers.push_back(item.kind == backend::FinishKind::success ? FinishStatus::applied : FinishStatus::stale);
      }
      return answers;
    });
  }

  const JobId id_ = JobId::make(TimePoint{});
  Script script_;
};

TEST_F(Rounds, OfTwoWishesForOneLeaseTheSecondIsAskedAfterTheFirst) {
  const std::vector<backend::Finish> items{
      {.id = id_, .token = LeaseToken{1}},
      {.id = id_, .token = LeaseToken{2}},
      {.id = id_, .token = LeaseToken{1}, .kind = backend::FinishKind::fail}};
  EXPECT_EQ(finish(items), (std::vector{FinishStatus::applied, FinishStatus::applied, FinishStatus::stale}));
  EXPECT_EQ(script_.events, (std::vector<std::string>{"begin", "finish 2", "finish 1", "close"}));
}

TEST_F(Rounds, WhenNoneIsThereTwiceItIsOneCall) {
  const std::vector<backend::Finish> items{{.id = id_, .token = LeaseToken{2}}, {.id = id_, .token = LeaseToken{1}}};
  EXPECT_EQ(finish(items), std::vector(2, FinishStatus::applied));
  EXPECT_EQ(script_.events, (std::vector<std::string>{"finish 2", "close"}));
}

}  // namespace
}  // namespace sqlq::sql
