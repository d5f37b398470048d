#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/client.hpp>
#include <sqlq/observer.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using testing::expect_error;

/// Keeps kinds and queues of what is stored.
class Storing final : public testing::FakeDialect {
 public:
  std::vector<std::string> stored{};
  EnqueueStatus answer = EnqueueStatus::inserted;

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx*, backend::Now) override {
    std::vector<Enqueued> answers;
    for (const backend::EnqueueItem& item : items) {
      stored.push_back(std::string(item.queue) + "/" + std::string(item.kind) + "/" + std::string(item.params));
      answers.push_back({item.id, answer});
    }
    return answers;
  }
};

class Kept final : public Observer {
 public:
  void observe(const Event& event) override { events.push_back(std::get<JobEnqueued>(event)); }
  std::vector<JobEnqueued> events{};
};

struct EnqueueHooks : ::testing::Test {
  testing::FakeDatabase<Storing> base{};
  [[nodiscard]] Client with(std::vector<EnqueueHook> hooks) { return {base.db, {.hooks = std::move(hooks)}}; }
};

TEST_F(EnqueueHooks, MakeTheJobThatIsStoredInTheirOrder) {
  Client client = with({[](NewJob job) {
                          job.kind += "1";
                          return job;
                        },
                        [](NewJob job) {
                          job.kind += "2";
                          job.params = "[" + job.params + "]";
                          job.options.queue = "mine";
                          return job;
                        }});
  client.enqueue(NewJob{"a", "1"});
  client.enqueue_many(std::vector<NewJob>{{"b", "2"}, {"c", "3"}});
  EXPECT_EQ(base.fake.stored, (std::vector<std::string>{"mine/a12/[1]", "mine/b12/[2]", "mine/c12/[3]"}));
}

TEST_F(EnqueueHooks, ComeBeforeTheChecks) {
  Client mends = with({[](NewJob job) {
    job.params = "0";
    return job;
  }});
  mends.enqueue(NewJob{"a", "not JSON"});
  EXPECT_EQ(base.fake.stored.size(), 1U);
  Client breaks = with({[](NewJob job) {
    job.kind.clear();
    return job;
  }});
  expect_error(Errc::invalid_argument, "kind", [&] { static_cast<void>(breaks.enqueue(NewJob{"a", "1"})); });
}

TEST_F(EnqueueHooks, ThatThrowRefuseTheWholeBatch) {
  Client client = with({[](NewJob job) {
    if (job.params == "3") throw std::runtime_error("no threes");
    return job;
  }});
  const std::vector<NewJob> jobs{{"a", "1"}, {"a", "2"}, {"a", "3"}};
  EXPECT_THROW(client.enqueue_many(jobs), std::runtime_error);
  EXPECT_TRUE(base.fake.stored.empty());
}

TEST_F(EnqueueHooks, MayNotChangeTheId) {
  Client client = with({[](NewJob job) {
    job.options.id = JobId::make(TimePoint{});
    return job;
  }});
  expect_error(Errc::misuse, "id", [&] { static_cast<void>(client.enqueue(NewJob{"a", "1"})); });
  EXPECT_TRUE(base.fake.stored.empty());
}

TEST_F(EnqueueHooks, AreRefusedEmpty) {
  expect_error(Errc::invalid_argument, "ClientOptions::hooks", [&] { static_cast<void>(with({EnqueueHook()})); });
  expect_error(Errc::invalid_argument, "ClientOptions::observers",
               [&] { static_cast<void>(Client(base.db, {.observers = {nullptr}})); });
}

TEST_F(EnqueueHooks, ObserversHearOfEachJobAndTheAnswer) {
  const auto kept = std::make_shared<Kept>();
  Client client(base.db, {.queue = "mine", .observers = {kept}});
  const Enqueued made = client.enqueue(NewJob{"a", "1"});
  base.fake.answer = EnqueueStatus::existing_key;
  client.enqueue_many(std::vector<NewJob>{{"b", "2"}, {"c", "3"}});
  ASSERT_EQ(kept->events.size(), 3U);
  EXPECT_EQ(kept->events[0].id, made.id);
  EXPECT_EQ(kept->events[0].queue, "mine");
  EXPECT_EQ(kept->events[0].kind, "a");
  EXPECT_EQ(kept->events[0].status, EnqueueStatus::inserted);
  EXPECT_FALSE(kept->events[0].in_transaction);
  EXPECT_EQ(kept->events[2].kind, "c");
  EXPECT_EQ(kept->events[2].status, EnqueueStatus::existing_key);
}

}  // namespace
}  // namespace sqlq
