#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using testing::error_of;
using testing::FakeDatabase;
using testing::FakeDialect;
using testing::has;

class QueueDialect final : public FakeDialect {
 public:
  std::optional<Queue> stored;
  std::vector<std::size_t> purges;

  void queue_upsert(std::string_view name, const QueueOptions& options, backend::Now) override {
    if (!stored) stored.emplace();
    stored->name = name;
    stored->description = options.description;
    stored->concurrency = options.concurrency;
    stored->priority = options.priority;
  }
  bool queue_update(std::string_view name, const backend::QueueChange& change) override {
    if (!stored || stored->name != name) return false;
    if (change.description) stored->description = *change.description;
    if (change.concurrency) stored->concurrency = *change.concurrency;
    if (change.priority) stored->priority = *change.priority;
    if (change.paused) stored->paused = *change.paused;
    return true;
  }
  std::vector<Queue> queues(std::string_view, std::size_t) override {
    return stored ? std::vector<Queue>{*stored} : std::vector<Queue>{};
  }
  PurgeReport purge(std::size_t limit, backend::Now) override {
    EXPECT_EQ(limit, 1000U);
    const std::size_t deleted = purges.front();
    purges.erase(purges.begin());
    return {.deleted = deleted};
  }
};

using QueueFake = FakeDatabase<QueueDialect>;

TEST(AdminQueues, ChangeOneSettingAndKeepTheOthers) {
  QueueFake f;
  Admin admin{f.db};
  admin.create_queue("mail", {.description = "letters", .concurrency = 3, .priority = 7});
  admin.set_priority("mail", -1);
  EXPECT_EQ(f.fake.stored->concurrency, 3U);
  admin.set_concurrency("mail", std::nullopt);
  EXPECT_FALSE(f.fake.stored->concurrency);
  admin.set_concurrency("mail", 0);
  admin.set_description("mail", "post");
  admin.pause("mail");
  ASSERT_TRUE(f.fake.stored);
  EXPECT_EQ(f.fake.stored->description, "post");
  EXPECT_EQ(f.fake.stored->concurrency, 0U);
  EXPECT_EQ(f.fake.stored->priority, -1);
  EXPECT_TRUE(f.fake.stored->paused);
  admin.resume("mail");
  EXPECT_FALSE(f.fake.stored->paused);
}

TEST(AdminQueues, NameTheOneThatWasMeant) {
  QueueFake f;
  Admin admin{f.db};
  admin.create_queue("q2");
  const std::string said = error_of(Errc::invalid_argument, [&] { admin.pause("Q2"); });
  EXPECT_TRUE(has(said, "no queue 'Q2', but one named 'q2'")) << said;
  EXPECT_FALSE(has(said, "create it")) << "that would make another one";
}

TEST(AdminQueues, RefuseQueuesThatAreNotThere) {
  QueueFake f;
  Admin admin{f.db};
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { admin.pause("mial"); }), "no queue 'mial'"));
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { admin.resume("mial"); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { admin.set_priority("mial", 1); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { admin.set_description("mial", ""); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { admin.set_concurrency("mial", 1); }).empty());
  EXPECT_FALSE(f.fake.stored);
}

// The fake would report a call of any operation that is not overridden above as internal.
TEST(Admin, RefusesBadInputBeforeAnythingIsSent) {
  QueueFake f;
  Admin admin{f.db};
  const auto refuse = [](auto call) {
    EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { static_cast<void>(call()); }).empty());
  };
  const auto refuse_void = [](auto call) { EXPECT_FALSE(error_of(Errc::invalid_argument, call).empty()); };
  refuse_void([&] { admin.create_queue(""); });
  refuse_void([&] { admin.create_queue("a", {.description = std::string(65'537, 'x')}); });
  refuse_void([&] { admin.create_queue("a", {.description = "\xFF"}); });
  refuse([&] { return admin.queue("a\n"); });
  refuse([&] { return admin.queues({}, 0); });
  refuse([&] { return admin.queues({}, 10'001); });
  refuse([&] { return admin.queues("\t"); });
  refuse([&] { return admin.list({.queues = {"\t"}}); });
  refuse([&] { return admin.list({.kinds = {"\t"}}); });
  refuse([&] { return admin.list({.queues = {""}}); });
  refuse([&] { return admin.list({.kinds = {""}}); });
  refuse([&] { return admin.list({.ids = std::vector<JobId>(10'001)}); });
  refuse([&] { return admin.list({.queues = std::vector<std::string>(1001, "q")}); });
  refuse([&] { return admin.list({.kinds = std::vector<std::string>(1001, "k")}); });
  refuse([&] { return admin.list({.unique_key = std::string(256, 'u')}); });
  refuse([&] { return admin.list({.unique_key = "\xFF"}); });
  refuse([&] { return admin.list({.error = std::string(1025, 'e')}); });
  refuse([&] { return admin.list({.error = std::string("e\0e", 3)}); });
  refuse([&] { return admin.list({.error = "\xFF"}); });
  refuse([&] { return admin.list({.states = {JobState::invalid}}); });
  refuse([&] { return admin.list({.states = {static_cast<JobState>(9)}}); });
  refuse([&] { return admin.list({}, {.limit = 0}); });
  refuse([&] { return admin.list({}, {.limit = 1001}); });
  refuse([&] { return admin.counts("\t"); });
  refuse([&] { return admin.counts({}, 0); });
  refuse([&] { return admin.counts({}, 1'000'001); });
  refuse([&] { return admin.history({}, 1001); });
  refuse([&] { return admin.last_records(std::vector<JobId>(1001)); });
  refuse([&] { return admin.logs({}, {0, 0}, 10'001); });
}

TEST(AdminPurge, GoesOnUntilABatchIsNotFull) {
  QueueFake f;
  f.fake.purges = {1000, 1000, 0, 9};
  EXPECT_EQ(Admin{f.db}.purge().deleted, 2000U);
  EXPECT_EQ(f.fake.purges.size(), 1U);
}

class GatesDialect final : public FakeDialect {
 public:
  std::vector<backend::GateRow> rows{};
  std::string limits{};
  std::vector<std::pair<backend::GateName, std::string>> set{};
  std::vector<Duration> pauses{};

  backend::Gates* gates() noexcept override { return this; }
  std::optional<Queue> queue(std::string_view name) override {
    return name == "calls" ? std::optional(Queue{.name = "calls"}) : std::nullopt;
  }
  std::vector<Queue> queues(std::string_view, std::size_t) override { return {{.name = "calls"}}; }
  void gate_set(const backend::GateName& gate, std::string_view settings, backend::Now) override {
    set.emplace_back(gate, settings);
  }
  void gate_shut(const backend::GateName&, Duration pause, backend::Now) override { pauses.push_back(pause); }
  std::string gate_settings(std::string_view) override { return limits; }
  std::vector<backend::GateRow> gate_list(std::string_view, std::string_view, std::size_t, std::uint64_t) override {
    return rows;
  }
  std::optional<backend::GateRow> gate_get(const backend::GateName& gate, std::uint64_t) override {
    const auto found = std::ranges::find(rows, gate.key, &backend::GateRow::key);
    return found == rows.end() ? std::nullopt : std::optional(*found);
  }
};

using GatesFake = FakeDatabase<GatesDialect>;

TEST(AdminKeys, LimitsAreStoredAsText) {
  GatesFake f;
  Admin admin{f.db};
  const KeyLimits limits{.concurrency = 2, .rate = Rate{.count = 100, .per = std::chrono::minutes(1), .burst = 10}};
  admin.set_key_limits("calls", limits);
  admin.set_key_limits("calls", KeyLimits{});
  admin.set_key_limits("calls", "ada", KeyLimits{});
  admin.set_key_limits("calls", "ada", std::nullopt);
  ASSERT_EQ(f.fake.set.size(), 4U);
  f.fake.limits = f.fake.set[0].second;
  EXPECT_EQ(admin.key_limits("calls"), limits);
  EXPECT_EQ(f.fake.set[1], std::pair(backend::GateName{"calls", ""}, std::string())) << "nothing to remember";
  EXPECT_NE(f.fake.set[2].second, "") << "no limits of its own are limits of its own";
  EXPECT_EQ(f.fake.set[3], std::pair(backend::GateName{"calls", "ada"}, std::string()));
}

TEST(AdminKeys, AStatusSaysWhenTheKeyOpens) {
  GatesFake f;
  const Admin admin{f.db};
  const TimePoint later = system_clock()->now() + std::chrono::hours(1);
  f.fake.rows = {{.key = "a", .inside = {.value = 3}, .waiting = {.value = 4}},
                 {.key = "b", .shut_until = later},
                 {.key = "c", .shut_until = TimePoint::max(), .held = true}};
  const std::vector<KeyStatus> keys = admin.keys("calls");
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].inside, 3U);
  EXPECT_EQ(keys[0].waiting, 4U);
  EXPECT_FALSE(keys[0].opens_at || keys[0].held || keys[0].own);
  EXPECT_EQ(keys[1].opens_at, later);
  EXPECT_TRUE(keys[2].held);
  EXPECT_FALSE(keys[2].opens_at);
  EXPECT_EQ(admin.key("calls", "nobody").key, "nobody");
}

TEST(AdminKeys, AreShutAndOpened) {
  GatesFake f;
  Admin admin{f.db};
  admin.shut_key("calls", "ada", std::chrono::seconds(3));
  admin.open_key("calls", "ada");
  EXPECT_EQ(f.fake.pauses, (std::vector<Duration>{std::chrono::seconds(3), Duration::zero()}));
  const auto refused = [](const auto& call) { return error_of(Errc::invalid_argument, call); };
  EXPECT_TRUE(has(refused([&] { admin.shut_key("calls", "ada", Duration::zero()); }), "open_key"));
  EXPECT_TRUE(has(refused([&] { admin.open_key("Calls", "ada"); }), "but one named 'calls'"));
  EXPECT_TRUE(has(refused([&] { admin.open_key("calls", ""); }), "the key is empty"));
}

TEST(AdminKeys, WhereThereAreNoneTheErrorSaysWhatToDo) {
  QueueFake f;
  const auto ask = [&] { static_cast<void>(Admin{f.db}.keys("calls")); };
  EXPECT_TRUE(has(error_of(Errc::configuration, ask), "capability `limits`"));
}

TEST(AdminWorkers, WhereNobodyKeepsAListTheErrorSaysWhatToDo) {
  QueueFake f;
  Admin admin{f.db};
  EXPECT_TRUE(has(error_of(Errc::configuration, [&] { static_cast<void>(admin.workers()); }), "use a backend"));
  EXPECT_TRUE(has(error_of(Errc::configuration, [&] { admin.drain("w"); }), "use a backend"));
}

}  // namespace
}  // namespace sqlq
