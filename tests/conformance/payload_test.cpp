// Parameters and results come back byte for byte, or are refused before anything is sent.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::vector<std::string> odd_but_valid() {
  return {
      "null",
      "7",
      "\"\"",
      " \t\r\n{ \"b\" : 1 ,\n  \"a\" : [ ] } ",
      R"({"z":1,"a":2,"m":3})",
      R"({"a":1,"a":2})",
      R"({"A":1,"a":2})",
      R"("\u0041\u00e9\ud83d\ude00\/\b\f")",
      "\"\xF0\x9F\x98\x80 \xE2\x80\xAE \xC3\xA9 e\xCC\x81\"",
      "9007199254740993",
      "[-0,-0.0,1E+2,1e308,0.10,123456789012345678901234567890]",
      R"("it's a \"test\"; -- %_\\ :name $1 ? {}")",
      R"("'); DROP TABLE jobs; --")",
      json_of(65535),
      json_of(65536),
      json_of(65537),
      json_of(mebibyte),
  };
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

/// Each has the word in it that no message may contain.
std::vector<std::string> refused_payloads() {
  const std::string secret = "hunter2";
  return {
      "",
      "   ",
      secret,
      "{\"" + secret + "\":",
      "\"" + secret + "\" 1",
      "{'" + secret + "':1}",
      "[\"" + secret + "\",]",
      "\"" + secret + std::string(1, '\0') + "\"",
      "\"" + secret + "\\u0000\"",
      "\"" + secret + "\xFF\"",
      "\"" + secret + "\xC3\"",
      "\"" + secret + "\xC0\xAF\"",          // overlong
      "\"" + secret + "\xED\xA0\x80\"",      // a surrogate
      "\"" + secret + "\xF4\x90\x80\x80\"",  // beyond Unicode
      "\"" + secret + "\n\"",                // a raw control character
      "[\"" + secret + "\",1e400]",          // no double is so large
      "\"" + secret + json_of(mebibyte),
      json_of(mebibyte + 1),
      nested(101),
      nested(100'000),
  };
}

}  // namespace

TEST_P(Payload, ParamsComeBackByteForByte) {
  for (const std::string& text : odd_but_valid()) {
    const JobId id = client().enqueue(NewJob{.kind = "work", .params = text}).id;
    const bool same = row(id).params == text;
    EXPECT_TRUE(same) << text.substr(0, 80);
    const std::vector<Job> jobs = claim(1);
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_TRUE(jobs[0].params == text) << text.substr(0, 80);
    EXPECT_EQ(client().success(jobs[0]), FinishStatus::applied);
  }
}

TEST_P(Payload, ParamsOfABatchComeBackByteForByte) {
  std::vector<NewJob> jobs;
  for (const std::string& text : odd_but_valid()) jobs.push_back({.kind = "work", .params = text});
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  const std::vector<Job> claimed = claim(jobs.size());
  ASSERT_EQ(claimed.size(), jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(claimed[i].id, made[i].id);
    EXPECT_TRUE(claimed[i].params == jobs[i].params) << jobs[i].params.substr(0, 80);
  }
}

TEST_P(Payload, ResultsComeBackByteForByte) {
  for (const std::string& text : odd_but_valid()) {
    const JobId id = enqueue();
    EXPECT_EQ(client().success(take(), text), FinishStatus::applied);
    EXPECT_TRUE(row(id).result == text) << text.substr(0, 80);
  }
}

TEST_P(Payload, WrongParamsAreRefusedBeforeAnythingIsSent) {
  // No tables here: whatever reached the database would come back as another error.
  Client unmigrated{blank()};
  const std::vector<std::string> texts = refused_payloads();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::optional<Error> error =
        error_of([&] { return unmigrated.enqueue(NewJob{.kind = "work", .params = texts[i]}); });
    ASSERT_TRUE(error) << "text " << i;
    EXPECT_EQ(error->code(), Errc::invalid_argument) << "text " << i << ": " << error->what();
    EXPECT_FALSE(error->retryable());
    EXPECT_EQ(std::string(error->what()).find("hunter2"), std::string::npos) << error->what();
    EXPECT_EQ(std::string(error->what()).find("xxxx"), std::string::npos) << "text " << i;
  }
}

TEST_P(Payload, WrongResultsAreRefusedAndTheJobGoesOn) {
  const JobId id = enqueue();
  const Job job = take();
  for (const std::string& text : refused_payloads()) {
    if (text.empty()) continue;  // means: no result
    EXPECT_EQ(code_of([&] { return client().success(job, text); }), "invalid_argument");
  }
  EXPECT_EQ(state(id), JobState::running);
  EXPECT_EQ(client().success(job, "1"), FinishStatus::applied);
  EXPECT_EQ(row(id).result, "1");
}

TEST_P(Payload, DepthAHundredIsAccepted) {
  const std::string text = nested(100);
  EXPECT_EQ(row(client().enqueue(NewJob{.kind = "work", .params = text}).id).params, text);
}

TEST_P(Payload, LimitsAreTheDatabasesOptions) {
  Database small = open(scratch(), {.limits = {.max_bytes = 10, .max_depth = 2}});
  small.migrate();
  Client tiny{small};
  EXPECT_TRUE(tiny.enqueue(NewJob{.kind = "work", .params = json_of(10)}).inserted());
  EXPECT_TRUE(tiny.enqueue(NewJob{.kind = "work", .params = "[[1]]"}).inserted());
  EXPECT_EQ(code_of([&] { return tiny.enqueue(NewJob{.kind = "work", .params = json_of(11)}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return tiny.enqueue(NewJob{.kind = "work", .params = "[[[]]]"}); }), "invalid_argument");
}

}  // namespace sqlq::conformance
