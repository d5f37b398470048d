// Queues: settings an operator makes, and what they do to claims.

#include <algorithm>
#include <climits>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

/// code_of for calls that return nothing.
template <class Call>
std::string code_of_void(Call&& call) {
  return code_of([&] {
    call();
    return 0;
  });
}

}  // namespace

TEST_P(Queues, AreMadeWithTheirSettings) {
  admin().create_queue("q", {.description = "it's for \xF0\x9F\x98\x80", .concurrency = 4, .priority = -3});
  const std::optional<Queue> queue = admin().queue("q");
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->name, "q");
  EXPECT_EQ(queue->description, "it's for \xF0\x9F\x98\x80");
  EXPECT_EQ(queue->concurrency, 4u);
  EXPECT_EQ(queue->priority, -3);
  EXPECT_FALSE(queue->paused);
  EXPECT_EQ(queue->created_at, clock().now());
  EXPECT_FALSE(admin().queue("other"));
}

TEST_P(Queues, MakingOneAgainGivesItTheNewSettingsAndKeepsThePause) {
  admin().create_queue("q", {.description = "old", .concurrency = 1, .priority = 5});
  const TimePoint made = clock().now();
  admin().pause("q");
  clock().advance(std::chrono::hours(1));
  admin().create_queue("q", {.description = "new"});
  const std::optional<Queue> queue = admin().queue("q");
  EXPECT_EQ(queue->description, "new");
  EXPECT_EQ(queue->concurrency, std::nullopt);
  EXPECT_EQ(queue->priority, 1);
  EXPECT_TRUE(queue->paused);
  EXPECT_EQ(queue->created_at, made);
  EXPECT_EQ(admin().queues().size(), 1u);
}

TEST_P(Queues, EachSettingCanBeChangedAlone) {
  admin().create_queue("q", {.description = "d", .concurrency = 7, .priority = 2});
  admin().set_description("q", "other");
  EXPECT_EQ(admin().queue("q")->concurrency, 7u);
  admin().set_concurrency("q", 8);
  EXPECT_EQ(admin().queue("q")->description, "other");
  admin().set_priority("q", INT_MIN);
  const std::optional<Queue> queue = admin().queue("q");
  EXPECT_EQ(queue->description, "other");
  EXPECT_EQ(queue->concurrency, 8u);
  EXPECT_EQ(queue->priority, INT_MIN);
  admin().set_concurrency("q", std::nullopt);
  EXPECT_EQ(admin().queue("q")->concurrency, std::nullopt);
  admin().set_priority("q", INT_MAX);
  EXPECT_EQ(admin().queue("q")->priority, INT_MAX);
}

TEST_P(Queues, ThatAreNotThereCannotBeChanged) {
  EXPECT_EQ(code_of_void([&] { admin().set_description("q", "d"); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().set_concurrency("q", 1); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().set_priority("q", 1); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().pause("q"); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().resume("q"); }), "invalid_argument");
  EXPECT_TRUE(admin().queues().empty());
}

TEST_P(Queues, APausedQueueGivesNothingAway) {
  enqueue({.queue = "q"});
  enqueue({.queue = "q"});
  const JobId other = enqueue({.queue = "other"});
  const Job running = take({"q"});
  admin().pause("q");
  EXPECT_TRUE(admin().queue("q")->paused);
  EXPECT_EQ(take().id, other);
  EXPECT_TRUE(claim(10).empty());
  EXPECT_TRUE(claim(10, {"q"}).empty());
  EXPECT_EQ(client().ping(running), LeaseStatus::renewed);
  EXPECT_EQ(client().success(running), FinishStatus::applied);
  EXPECT_TRUE(client().enqueue(NewJob{.kind = "work", .options = {.queue = "q"}}).inserted());
  admin().pause("q");
  admin().resume("q");
  EXPECT_FALSE(admin().queue("q")->paused);
  EXPECT_EQ(claim(10).size(), 2u);
}

TEST_P(Queues, APauseIsBindingForEveryHandle) {
  enqueue({.queue = "q"});
  Database second = another();
  admin().pause("q");
  EXPECT_TRUE(Client{second}.claim(std::vector<std::string>{"q"}, {}, 10).empty());
  Admin{second}.resume("q");
  EXPECT_EQ(claim(10, {"q"}).size(), 1u);
}

TEST_P(Queues, AreListedInPages) {
  for (int i = 0; i < 25; ++i) admin().create_queue("q" + std::to_string(100 + i));
  std::vector<std::string> names;
  std::string after;
  for (;;) {
    const std::vector<Queue> page = admin().queues(after, 10);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 10u);
    for (const Queue& queue : page) names.push_back(queue.name);
    after = names.back();
  }
  ASSERT_EQ(names.size(), 25u);
  for (int i = 0; i < 25; ++i) EXPECT_EQ(names[static_cast<std::size_t>(i)], "q" + std::to_string(100 + i));
  EXPECT_EQ(code_of([&] { return admin().queues({}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().queues({}, 10'001); }), "invalid_argument");
}

TEST_P(Queues, DescriptionsHaveALimit) {
  const std::string most(64 * 1024, 'd');
  admin().create_queue("q", {.description = most});
  EXPECT_EQ(admin().queue("q")->description, most);
  EXPECT_EQ(code_of_void([&] { admin().create_queue("q", {.description = most + "d"}); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().set_description("q", most + "d"); }), "invalid_argument");
  EXPECT_EQ(code_of_void([&] { admin().set_description("q", "\xFF"); }), "invalid_argument");
  EXPECT_EQ(admin().queue("q")->description, most);
}

TEST_P(Queues, ManyThreadsMakeOneQueueOnce) {
  use_system_clock();
  const std::vector<Database> handles = {db(), another(), another()};
  in_threads(9, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    for (int i = 0; i < 5; ++i) mine.enqueue(NewJob{.kind = "work", .options = {.queue = "q" + std::to_string(i)}});
  });
  EXPECT_EQ(admin().queues().size(), 5u);
  EXPECT_EQ(admin().list({.queues = {"q3"}}).size(), 9u);
}

TEST_P(Queues, TheKindsThatWaitAreKnown) {
  enqueue_kind("b", {.queue = "q"});
  enqueue_kind("b", {.queue = "q"});
  enqueue_kind("a", {.queue = "q"});
  enqueue_kind("c", {.queue = "p"});
  enqueue_kind("later", {.queue = "p", .delay = std::chrono::hours(1)});
  enqueue_kind("running", {.queue = "p", .priority = 1});
  static_cast<void>(claim(1, {}, {"running"}));
  std::vector<std::pair<std::string, std::string>> waiting;
  for (const WaitingKind& w : admin().waiting_kinds()) waiting.emplace_back(w.queue, w.kind);
  std::sort(waiting.begin(), waiting.end());
  EXPECT_EQ(waiting, (std::vector<std::pair<std::string, std::string>>{{"p", "c"}, {"q", "a"}, {"q", "b"}}));
}

}  // namespace sqlq::conformance
