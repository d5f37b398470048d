// Lines of `job enqueue -`, without a database.

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include <sqlq/error.hpp>

#include "enqueue_line.hpp"

namespace sqlq::tool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + hours(12);

NewJob read(std::string_view line, const EnqueueOptions& defaults = {}) { return read_job(line, defaults, now); }

/// What the refusal says; empty when there was none.
std::string refusal(std::string_view line) {
  try {
    static_cast<void>(read(line));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid_argument);
    return e.what();
  }
  return {};
}

TEST(EnqueueLine, HasAllNamesOfEnqueueOptions) {
  const NewJob job = read(R"( {"kind":"mail", "params" : {"to":"a"}, "queue":"q", "priority":-3, "delay":"10m",
      "unique_key":"k", "max_attempts":7, "max_crashes":2, "keepalive":60, "retention":"7d", "timeout":1.5,
      "id":"019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47", "headers": { "a" : "1 \u00e9\"", "b":"" } } )");
  EXPECT_EQ(job.kind, "mail");
  EXPECT_EQ(job.params, R"({"to":"a"})");
  EXPECT_EQ(job.options.queue, "q");
  EXPECT_EQ(job.options.priority, -3);
  EXPECT_EQ(job.options.delay, minutes(10));
  EXPECT_EQ(job.options.unique_key, "k");
  EXPECT_EQ(job.options.max_attempts, 7);
  EXPECT_EQ(job.options.max_crashes, 2);
  EXPECT_EQ(job.options.keepalive, seconds(60));
  EXPECT_EQ(job.options.retention, hours(168));
  EXPECT_EQ(job.options.timeout, milliseconds(1500));
  EXPECT_EQ(job.options.id->to_string(), "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  EXPECT_EQ(job.options.headers, (Headers{{"a", "1 \xc3\xa9\""}, {"b", ""}}));
  EXPECT_EQ(*read(R"({"kind":"a","run_at":"2026-11-30T01:02:03.5Z"})").options.run_at,
            now + hours(13) + minutes(2) + milliseconds(3500));
  EXPECT_EQ(*read(R"({"kind":"a","run_at":"+10m"})").options.run_at, now + minutes(10));
  EXPECT_EQ(*read(R"({"kind":"a","run_at":86400.5})").options.run_at, TimePoint(hours(24) + milliseconds(500)));
  EXPECT_EQ(read(R"({"kind":"a","retention":"unlimited"})").options.retention, unlimited_retention);
}

TEST(EnqueueLine, KeepsParamsByteForByte) {
  for (const std::string params :
       {R"({"n":12345678901234567890123456789012345678901234567890,"f":1.10,"e":1e2})",
        R"("a string, with } and ] and \" in it")",
        R"([ 1 ,  {"b":1,"a":2, "b":3} ])", "-0.0", "null", "true", R"({"\u00e9":"\u00e9\\"})", "{}", "[]",
        R"([[[["{"]]]])"}) {
    EXPECT_EQ(read(R"({"kind":"k","params":)" + params + "}").params, params);
    EXPECT_EQ(read(R"({"params" :)" + params + R"( , "kind":"k"})").params, params);
  }
  EXPECT_EQ(read(R"({"kind":"k"})").params, "{}");
}

TEST(EnqueueLine, NamesMayBeWrittenWithEscapes) { EXPECT_EQ(read(R"({"\u006bind":"k\u00e9"})").kind, "k\xc3\xa9"); }

TEST(EnqueueLine, TakesWhatItDoesNotSayFromTheCommandLine) {
  EnqueueOptions defaults;
  defaults.queue = "mail";
  defaults.delay = minutes(5);
  defaults.headers = {{"a", "b"}};
  EXPECT_EQ(read(R"({"kind":"k"})", defaults).options.queue, "mail");
  EXPECT_EQ(read(R"({"kind":"k","queue":null})", defaults).options.queue, "mail");
  EXPECT_EQ(read(R"({"kind":"k","headers":null})", defaults).options.headers, (Headers{{"a", "b"}}));
  EXPECT_EQ(read(R"({"kind":"k","headers":{"c":"d"}})", defaults).options.headers, (Headers{{"c", "d"}}));
  EXPECT_EQ(read(R"({"kind":"k","headers":{}})", defaults).options.headers, Headers{});
  const NewJob timed = read(R"({"kind":"k","run_at":"+1h"})", defaults);
  EXPECT_EQ(timed.options.delay, Duration::zero());
  EXPECT_EQ(*timed.options.run_at, now + hours(1));
  // Both in one line are both there, for the library to refuse.
  const NewJob both = read(R"({"kind":"k","run_at":"+1h","delay":1})", defaults);
  EXPECT_TRUE(both.options.run_at && both.options.delay == seconds(1));
}

TEST(EnqueueLine, SaysWhatIsWrong) {
  EXPECT_EQ(refusal(R"({"kind":"k","prio":1})"),
            "the field 'prio' is unknown; there are kind, params, queue, priority, run_at, delay, unique_key, "
            "key, max_attempts, max_crashes, keepalive, retention, timeout, id, headers");
  EXPECT_EQ(refusal("{\"kind\":\"k\",\"a\\u001b[31m\":1}").substr(0, 24), "the field 'a\\x1b[31m' is");
  EXPECT_EQ(refusal(R"({"params":{}})"), "the field 'kind' is missing or empty");
  EXPECT_EQ(refusal(R"({"kind":""})"), "the field 'kind' is missing or empty");
  EXPECT_EQ(refusal(R"({"kind":"a","kind":"b"})"), "the field 'kind' is there twice");
  EXPECT_EQ(refusal(R"({"kind":1})"), "kind must be a string");
  EXPECT_EQ(refusal(R"({"kind":"a","priority":"high"})"), "priority must be a whole number, of 32 bits");
  EXPECT_EQ(refusal(R"({"kind":"a","priority":1.5})"), "priority must be a whole number, of 32 bits");
  EXPECT_EQ(refusal(R"({"kind":"a","priority":99999999999})"), "priority must be a whole number, of 32 bits");
  EXPECT_EQ(refusal(R"({"kind":"a","delay":"soon"})"),
            "delay must be a number of seconds or a string such as \"10m\"");
  EXPECT_EQ(refusal(R"({"kind":"a","delay":true})"), "delay must be a number of seconds or a string such as \"10m\"");
  EXPECT_EQ(refusal(R"({"kind":"a","run_at":[]})"),
            "run_at must be a time such as \"2026-11-29T16:20:00Z\" or a number of seconds since 1970");
  EXPECT_EQ(refusal(R"({"kind":"a","id":"42"})"), "id must be a UUID");
  for (const char* headers : {"1", "\"a=b\"", "[\"a\"]", "{\"a\":1}", "{\"a\":{\"b\":\"c\"}}", "{\"a\":null}"}) {
    EXPECT_EQ(refusal(R"({"kind":"a","headers":)" + std::string(headers) + "}"),
              "headers must be an object of strings, such as {\"name\": \"value\"}")
        << headers;
  }
  EXPECT_EQ(refusal(R"({"kind":"a","headers":{"b":"1","b":"2"}})"), "headers has a name twice");
  EXPECT_EQ(refusal("[1]").substr(0, 20), "it is no JSON object");
  for (const char* bad : {"{", "{}}", "{\"kind\":\"a\",}", "kind: a", "{\"kind\":\"a\"} {\"kind\":\"b\"}", "\"{\"",
                          "{\"kind\":\"\xff\"}", "{\"kind\":\"a\",\"params\":1e999}"}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
}

TEST(EnqueueLine, DurationsDoNotOverflow) {
  EXPECT_EQ(duration_of("1e300", "it"), Duration::max());
  EXPECT_EQ(duration_of("-1e300", "it"), Duration::min());
  EXPECT_EQ(duration_of("-5", "it"), seconds(-5));
  EXPECT_EQ(duration_of("0.000001", "it"), Duration(1));
}

TEST(EnqueueLine, LinesEndInNewlinesOrTheEnd) {
  std::istringstream in("a\n\nb\r\nc");
  std::string line;
  std::vector<std::string> lines;
  while (next_line(in, line)) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "", "b\r", "c"}));
  std::istringstream endless(std::string(17 << 20, 'x'));
  EXPECT_THROW(next_line(endless, line), Error);
}

TEST(EnqueueLine, ThePlaceOfAnErrorInItsBatch) {
  EXPECT_EQ(place_of("job 3 of 1000: the kind has a NUL byte"),
            std::pair(std::size_t{2}, std::string("the kind has a NUL byte")));
  for (const char* other : {"", "job", "job x of 3: y", "job 0 of 3: y", "the job 3 of 4: y", "job 3: y"}) {
    EXPECT_FALSE(place_of(other)) << other;
  }
}

}  // namespace
}  // namespace sqlq::tool
