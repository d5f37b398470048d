// The lines that people write first: each compiles, and does what it looks like.

#include <array>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

namespace sqlq {
namespace {

using namespace std::chrono_literals;

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Mail, to)
};

struct Tidy {  // a job without parameters
  static constexpr std::string_view kind = "tidy";
};

struct Report {
  static constexpr std::string_view kind = "report";
  std::optional<std::string> title;
  std::optional<int> pages;
  std::chrono::minutes every{5};
  std::chrono::sys_seconds since{};
  std::chrono::duration<double> weight{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Report, title, pages, every, since, weight)
};

/// A database, and a worker that runs what is due.
struct InMemory {
  explicit InMemory(const Handlers& handlers) : harness("sqlite::memory:", handlers) {}
  std::string params_of(JobId id) { return client.find(id).value().params; }

  testing::Harness harness;
  Client client = harness.client();
};

Handlers nothing() { return Handlers().on<Tidy>([] {}); }

TEST(FirstLines, TimesOfTheSystemClock) {
  InMemory q(nothing());
  // the type of std::chrono::system_clock::now()
  const std::chrono::sys_time<std::chrono::nanoseconds> soon = q.harness.clock().now() + 5min + 1ns;
  const JobId id = q.client.enqueue(Mail{"ada"}, {.run_at = soon}).id;
  EXPECT_EQ(q.client.find(id).value().run_at, std::chrono::ceil<Duration>(soon));
  EXPECT_EQ(OptionalTime(std::chrono::sys_time<std::chrono::nanoseconds>(1ns)), TimePoint(1us));
  EXPECT_EQ(OptionalTime(std::chrono::sys_days(std::chrono::days(1))), TimePoint(24h));
  EXPECT_EQ(OptionalTime(std::chrono::sys_time<std::chrono::hours>::max()), TimePoint::max());
  EXPECT_EQ(OptionalTime(std::chrono::sys_time<std::chrono::hours>::min()), TimePoint::min());
  EXPECT_FALSE(OptionalTime().has_value());
  EXPECT_FALSE(EnqueueOptions{}.run_at.has_value());
  EXPECT_EQ(OptionalTime(std::optional<TimePoint>(TimePoint(7us))), TimePoint(7us));
}

TEST(FirstLines, ManyInAnyRange) {
  InMemory q(nothing());
  std::vector<Mail> vector{{"a"}, {"b"}};
  const std::array<Mail, 1> array{{{"c"}}};
  const std::list<Mail> list{{"d"}};
  std::vector<JobId> ids;
  for (const auto& made : {q.client.enqueue_many(vector), q.client.enqueue_many(array), q.client.enqueue_many(list),
                           q.client.enqueue_many({Mail{"e"}, Mail{"f"}}, {.queue = "bulk"}),
                           q.client.enqueue_many(std::vector<Mail>{{"g"}})}) {
    for (const Enqueued& job : made) ids.push_back(job.id);
  }
  ASSERT_EQ(ids.size(), 7u);
  std::string all;
  for (const JobId id : ids) all += codec<Mail>::decode(q.params_of(id)).to;
  EXPECT_EQ(all, "abcdefg");
  EXPECT_EQ(q.client.find(ids[4]).value().queue, "bulk");
}

TEST(FirstLines, AJobWithoutParameters) {
  Handlers handlers;
  int ran = 0;
  handlers.on<Tidy>([&] { ++ran; });
  InMemory q(handlers);
  const JobId id = q.client.enqueue(Tidy{}).id;
  EXPECT_EQ(q.params_of(id), "{}");
  q.client.enqueue(NewJob{"tidy"});  // whatever was stored for it
  q.client.enqueue(NewJob{"tidy", R"({"was":"there before"})"});
  q.harness.work_due();
  EXPECT_EQ(ran, 3);
}

TEST(FirstLines, HandlersOfEveryForm) {
  Handlers handlers;
  int ran = 0;
  handlers.on("void", [&](JobContext&) { ++ran; });
  handlers.on("outcome", [&](JobContext&) {
    ++ran;
    return Outcome::done();
  });
  handlers.on<Mail>([&](Mail mail, JobContext& job) { ran += mail.to == "ada" && job.attempt() == 1 ? 1 : 0; });
  handlers.on<Tidy>([&](JobContext&) { ++ran; });
  InMemory q(handlers);
  for (const char* kind : {"void", "outcome", "tidy"}) q.client.enqueue(NewJob{kind});
  q.client.enqueue(Mail{"ada"});
  q.harness.work_due();
  EXPECT_EQ(ran, 4);
}

TEST(FirstLines, HandlersThatOwnWhatCannotBeCopied) {
  Handlers handlers;
  auto ran = std::make_unique<int>(0);
  int* const count = ran.get();
  handlers.on<Mail>([owned = std::move(ran)](const Mail&) { ++*owned; });
  auto also = std::make_unique<int>(0);
  int* const untyped = also.get();
  handlers.on("untyped", [owned = std::move(also)](JobContext&) { ++*owned; });
  InMemory q(handlers);
  q.client.enqueue(Mail{"ada"});
  q.client.enqueue(NewJob{"untyped"});
  q.harness.work_due();
  EXPECT_EQ(*count, 1);
  EXPECT_EQ(*untyped, 1);
}

TEST(FirstLines, MembersOfStandardTypes) {
  using std::chrono::sys_seconds;
  const Report full{"title", 3, 10min, sys_seconds(1'700'000'000s), std::chrono::duration<double>(0.5)};
  const std::string text = codec<Report>::encode(full);
  EXPECT_EQ(nlohmann::json::parse(text),
            nlohmann::json::parse(R"({"title":"title","pages":3,"every":10,"since":1700000000,"weight":0.5})"));
  const Report back = codec<Report>::decode(text);
  EXPECT_EQ(back.title, "title");
  EXPECT_EQ(back.pages, 3);
  EXPECT_EQ(back.every, 10min);
  EXPECT_EQ(back.since, sys_seconds(1'700'000'000s));
  EXPECT_EQ(back.weight, std::chrono::duration<double>(0.5));
  InMemory q(nothing());
  EXPECT_EQ(q.params_of(q.client.enqueue(full).id), text);
  const Report empty = codec<Report>::decode(codec<Report>::encode(Report{}));
  EXPECT_EQ(empty.title, std::nullopt);
  EXPECT_EQ(empty.pages, std::nullopt);
  EXPECT_EQ(codec<Report>::decode("{}").every, 5min);
}

}  // namespace
}  // namespace sqlq
