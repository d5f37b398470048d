/// \file
/// Limits by key: queue keys, limit-keys, shut-key, open-key; keys of jobs and schedules.

#include <optional>
#include <string>
#include <vector>

#include "jobs.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class KeyCommands : public Jobs {};

TEST_F(KeyCommands, LimitsOfEachKeyAndOfOne) {
  static_cast<void>(db());
  const nlohmann::json each =
      json({"queue", "limit-keys", "calls", "--concurrency", "2", "--rate", "100/1m", "--burst", "10"});
  EXPECT_EQ(each["key"], nullptr);
  EXPECT_EQ(each["limit"], 2);
  EXPECT_EQ(each["rate"], "100/1m");
  const KeyLimits limits{.concurrency = 2, .rate = Rate{.count = 100, .per = std::chrono::minutes(1), .burst = 10}};
  EXPECT_EQ(admin().key_limits("calls"), limits);

  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls", "--key", "ada", "--concurrency", "none", "--rate", "5/1s"}).err,
            "key 'ada' of queue 'calls': 5/1s, 5 in a burst\n");
  const KeyLimits own{.rate = Rate{.count = 5, .per = std::chrono::seconds(1), .burst = 5}};
  EXPECT_EQ(admin().key("calls", "ada").own, own) << "what is not said is as it was, so far as it fits";
  EXPECT_EQ(admin().key_limits("calls"), limits);

  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls", "--key", "ada", "--none", "--dry-run"}).code, 0);
  EXPECT_TRUE(admin().key("calls", "ada").own);
  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls", "--key", "ada", "--none"}).code, 0);
  EXPECT_FALSE(admin().key("calls", "ada").own);
  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls", "--none"}).err, "each key of queue 'calls': no limits\n");
  EXPECT_EQ(admin().key_limits("calls"), KeyLimits{});

  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls", "--order", "strict", "--after-error", "hold"}).err,
            "each key of queue 'calls': one at a time in order; held after an error\n");
  EXPECT_EQ(admin().key_limits("calls").order, KeyOrder::strict);
}

TEST_F(KeyCommands, WithoutALimitThoseThatHoldAreShown) {
  admin().set_key_limits("calls", {.concurrency = 2});
  admin().set_key_limits("calls", "ada", KeyLimits{.concurrency = 7});
  EXPECT_EQ(json({"queue", "limit-keys", "calls"})["limit"], 2);
  EXPECT_EQ(json({"queue", "limit-keys", "calls", "--key", "ada"})["limit"], 7);
  EXPECT_EQ(json({"queue", "limit-keys", "calls", "--key", "bob"})["limit"], 2);
  EXPECT_EQ(admin().key_limits("calls"), KeyLimits{.concurrency = 2}) << "nothing was changed";
  EXPECT_FALSE(admin().key("calls", "bob").own);
  EXPECT_EQ(sqlq({"queue", "limit-keys", "nobody"}).code, 5);
  EXPECT_FALSE(admin().queue("nobody"));
}

TEST_F(KeyCommands, WhatIsWrongIsSaid) {
  static_cast<void>(db());
  const std::vector<std::vector<std::string>> wrong{
      {"--none", "--concurrency", "1"},
      {"--concurrency", "-1"},
      {"--concurrency", "many"},
      {"--rate", "100"},
      {"--rate", "100/soon"},
      {"--burst", "3"},
      {"--rate", "3/1s", "--burst", "4"},
      {"--order", "random"},
      {"--after-error", "hold"}};
  for (std::vector<std::string> words : wrong) {
    words.insert(words.begin(), {"queue", "limit-keys", "calls"});
    EXPECT_EQ(sqlq(words).code, 2) << words.back();
  }
  EXPECT_FALSE(admin().queue("calls")) << "nothing was changed";
  EXPECT_EQ(sqlq({"queue", "limit-keys", "calls"}).code, 5);
  EXPECT_EQ(sqlq({"queue", "keys", "nobody"}).code, 5);
  EXPECT_EQ(sqlq({"queue", "shut-key", "nobody", "ada"}).code, 5);
  EXPECT_EQ(sqlq({"queue", "open-key", "nobody", "ada"}).code, 5);
}

TEST_F(KeyCommands, KeysAreListedWithTheirJobs) {
  for (const char* key : {"ada", "bob", "eve"}) static_cast<void>(enqueue("call", {.queue = "calls", .key = key}));
  static_cast<void>(enqueue("call", {.queue = "calls", .key = "bob"}));
  admin().set_key_limits("calls", {.concurrency = 2});
  const nlohmann::json all = json({"queue", "keys", "calls"});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1]["key"], "bob");
  EXPECT_EQ(all[1]["waiting"], 2);
  EXPECT_EQ(all[1]["limit"], 2);
  EXPECT_EQ(all[1]["own"], false);
  const nlohmann::json behind = json({"queue", "keys", "calls", "--after", "ada", "--limit", "1", "-q"});
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0]["key"], "bob");
  EXPECT_EQ(json({"queue", "keys", "calls", "eve"})[0]["waiting"], 1);
  EXPECT_TRUE(has(sqlq({"stats"}).out, "WAITING")) << "a column where there are such jobs";
}

TEST_F(KeyCommands, AKeyIsShutAndOpened) {
  const JobId id = enqueue("call", {.queue = "calls", .key = "ada"});
  EXPECT_NE(json({"queue", "shut-key", "calls", "ada", "--for", "10m"})["opens_at"], nullptr);
  const Result shorter = sqlq({"queue", "shut-key", "calls", "ada", "--for", "1m"});
  EXPECT_NE(shorter.err.find("stays shut until 20"), std::string::npos) << shorter.err;
  EXPECT_TRUE(has(sqlq({"explain", id.to_string()}).out, "sqlq queue open-key calls ada"));
  EXPECT_EQ(json({"queue", "shut-key", "calls", "ada"})["held"], true);
  EXPECT_EQ(json({"queue", "open-key", "calls", "ada"})["held"], false);
  EXPECT_FALSE(admin().key("calls", "ada").opens_at);
}

TEST_F(KeyCommands, JobsAndSchedulesHaveKeys) {
  static_cast<void>(db());
  EXPECT_EQ(sqlq({"job", "enqueue", "call", "--queue", "calls", "--key", "ada"}).code, 0);
  EXPECT_EQ(sqlq({"job", "enqueue", "-"}, {.input = R"({"kind":"call","queue":"calls","key":"ada"})"}).code, 0);
  const nlohmann::json jobs = json({"job", "list", "--queue", "calls"});
  ASSERT_EQ(jobs.size(), 2U);
  for (const nlohmann::json& job : jobs) {
    EXPECT_EQ(job["key"], "ada");
    EXPECT_EQ(job["state"], "waiting");
  }
  EXPECT_EQ(sqlq({"schedule", "set", "nightly", "--rule", "0 2 * * *", "--kind", "call", "--key", "eve"}).code, 0);
  EXPECT_EQ(json({"schedule", "show", "nightly"})["key"], "eve");
  EXPECT_EQ(sqlq({"schedule", "run", "nightly"}).code, 0);
  EXPECT_EQ(json({"queue", "keys", "default"})[0]["key"], "eve");
}

}  // namespace
}  // namespace sqlq::program
