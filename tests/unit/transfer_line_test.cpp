// The lines of a stream of jobs: as text, and read again. docs/transfer.md is what they test.

#include <limits>
#include <sstream>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "support/expect_error.hpp"
#include "transfer/checksum.hpp"
#include "transfer/line_reader.hpp"
#include "transfer/line_writer.hpp"

namespace sqlq::transfer {
namespace {

using backend::StoredJob;
using testing::error_of;
using testing::has;

JobId id(std::uint8_t last) { return JobId({0x01, 0x97, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, last}); }
TimePoint at(std::int64_t us) { return TimePoint(Duration(us)); }

/// A job with a value in every field.
StoredJob full() {
  StoredJob stored;
  stored.job = {.id = id(1),
                .queue = "mail",
                .kind = "send_mail",
                .state = JobState::errored,
                .priority = -3,
                .params = "{\"to\": \"ada\",  \"n\": 1.0}",
                .result = "[\"sent\\n\"]",
                .unique_key = "order \"1\"",
                .attempt = 2,
                .max_attempts = 25,
                .crashes = 1,
                .max_crashes = 3,
                .claims = 4,
                .worker = "w-1",
                .keepalive = std::chrono::seconds(30),
                .timeout = std::chrono::seconds(5),
                .retention = std::chrono::hours(1),
                .created_at = at(1'700'000'000'000'000),
                .queued_at = at(1'700'000'000'000'001),
                .run_at = at(1'700'000'000'000'002),
                .started_at = at(1'700'000'000'000'003),
                .heartbeat_at = at(1'700'000'000'000'004),
                .finished_at = at(1'700'000'000'000'005)};
  stored.history.push_back({.claim = 4, .attempt = 2, .cause = Cause::timed_out, .at = at(5), .worker = "w-1",
                            .message = "too\tlate"});
  stored.log.push_back({.job = id(1), .claim = 4, .attempt = 2, .number = 1, .at = at(6), .level = LogLevel::warn,
                        .text = "\xC3\xA9\x1B[0m"});
  return stored;
}

const std::string full_text =
    R"({"job":{"id":"01970000-0000-7000-8000-000000000001","queue":"mail","kind":"send_mail","state":"errored",)"
    R"("priority":-3,"params":"{\"to\": \"ada\",  \"n\": 1.0}","result":"[\"sent\\n\"]",)"
    R"("unique_key":"order \"1\"","attempt":2,"max_attempts":25,"crashes":1,"max_crashes":3,"claims":4,)"
    R"("worker":"w-1","keepalive":30000000,"timeout":5000000,"retention":3600000000,)"
    R"("created_at":1700000000000000,"queued_at":1700000000000001,"run_at":1700000000000002,)"
    R"("started_at":1700000000000003,"heartbeat_at":1700000000000004,"finished_at":1700000000000005,)"
    R"("history":[{"claim":4,"attempt":2,"cause":"timed_out","at":5,"worker":"w-1","message":"too\tlate"}],)"
    "\"log\":[{\"claim\":4,\"number\":1,\"attempt\":2,\"at\":6,\"level\":\"warn\",\"text\":\"\xC3\xA9\\u001b[0m\"}]}}";

/// As few values as there may be.
StoredJob bare() {
  StoredJob stored;
  stored.job = {.id = id(2), .queue = "q", .kind = "k", .state = JobState::pending, .params = "null",
                .keepalive = std::chrono::seconds(30)};
  return stored;
}

const std::string bare_text =
    R"({"job":{"id":"01970000-0000-7000-8000-000000000002","queue":"q","kind":"k","state":"pending","priority":10,)"
    R"("params":"null","result":null,"unique_key":null,"attempt":0,"max_attempts":25,"crashes":0,"max_crashes":3,)"
    R"("claims":0,"worker":"","keepalive":30000000,"timeout":0,"retention":null,"created_at":0,"queued_at":0,)"
    R"("run_at":0,"started_at":null,"heartbeat_at":null,"finished_at":null,"history":[],"log":[]}})";

StoredJob job_of(const std::string& text) { return std::get<StoredJob>(parse_line(text, {})); }

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  const auto place = text.find(part);
  EXPECT_NE(place, std::string::npos) << part;
  return place == std::string::npos ? text : text.replace(place, part.size(), by);
}

/// What is said about the line of a job in which `part` is replaced.
std::string told(const std::string& part, const std::string& by, const std::string& text = full_text) {
  const std::string changed = replaced(text, part, by);
  return error_of(Errc::invalid_argument, [&] { static_cast<void>(parse_line(changed, {})); });
}

TEST(TransferLine, EveryFieldHasItsPlace) {
  EXPECT_EQ(line_of(full()), full_text);
  EXPECT_EQ(line_of(bare()), bare_text);
  EXPECT_EQ(first_line(), R"({"sqlq":1})");
  EXPECT_EQ(line_of(Queue{.name = "mail", .description = "a\\b"}),
            R"({"queue":{"name":"mail","description":"a\\b","concurrency":null,"priority":1,"paused":false}})");
  EXPECT_EQ(line_of(Queue{.name = "m", .concurrency = 0, .priority = -2, .paused = true}),
            R"({"queue":{"name":"m","description":"","concurrency":0,"priority":-2,"paused":true}})");
  EXPECT_EQ(last_line(1, 2, "00000000000000ff"),
            R"({"end":{"queues":1,"jobs":2,"checksum":"00000000000000ff"}})");
}

/// The same with headers and steps.
StoredJob equipped() {
  StoredJob stored = full();
  stored.job.headers = {{"traceparent", "00-1-2"}, {"sqlq-tick", "5"}, {"\xC3\xA9 \"", ""}};
  stored.steps = {{.kind = StepKind::wait, .name = "approved", .claim = 2, .at = at(7), .until = at(9)},
                  {.kind = StepKind::result, .name = "row", .number = -3, .claim = 2, .at = at(8),
                   .value = "{\"n\": 1.0}"},
                  {.kind = StepKind::signal, .name = "approved", .at = at(8), .value = "true"}};
  return stored;
}

const std::string more_text =
    R"(,"headers":{"sqlq-tick":"5","traceparent":"00-1-2",)"
    "\"\xC3\xA9 \\\"\":\"\"},"
    R"("steps":[{"kind":"wait","name":"approved","number":0,"claim":2,"at":7,"until":9,"value":null},)"
    R"({"kind":"result","name":"row","number":-3,"claim":2,"at":8,"until":null,"value":"{\"n\": 1.0}"},)"
    R"({"kind":"signal","name":"approved","number":0,"claim":0,"at":8,"until":null,"value":"true"}]}})";

const std::string equipped_text = full_text.substr(0, full_text.size() - 2) + more_text;

TEST(TransferLine, HeadersAndStepsAreThereWhereAJobHasAny) {
  EXPECT_EQ(line_of(equipped()), equipped_text);
  StoredJob read = job_of(equipped_text);
  EXPECT_EQ(read.job.headers, equipped().job.headers);
  ASSERT_EQ(read.steps.size(), 3U);
  EXPECT_EQ(read.steps[1].value, "{\"n\": 1.0}") << "byte for byte";
  EXPECT_EQ(read.steps[0].until, at(9));
  EXPECT_EQ(line_of(read), equipped_text);
  read.steps.clear();
  EXPECT_EQ(line_of(job_of(line_of(read))), line_of(read));
  read.job.headers.clear();
  EXPECT_EQ(line_of(read), full_text) << "a stream from before headers and steps";
  EXPECT_TRUE(job_of(full_text).steps.empty());
  EXPECT_EQ(line_of(job_of(replaced(bare_text, "\"log\":[]", R"("log":[],"steps":[],"headers":{})"))), bare_text);
}

TEST(TransferLine, HeadersOutOfBoundsAreRefused) {
  const auto told_of = [](const std::string& headers) {
    return told("\"log\":[]", "\"log\":[],\"headers\":" + headers, bare_text);
  };
  EXPECT_TRUE(has(told_of("null"), "job.headers must be an object"));
  EXPECT_TRUE(has(told_of("[]"), "job.headers must not be an array"));
  EXPECT_TRUE(has(told_of(R"({"secret":1})"), "a value of job.headers must be a string"));
  EXPECT_TRUE(has(told_of(R"({"secret":{"a":"b"}})"), "a value of job.headers must not be an object"));
  EXPECT_TRUE(has(told_of(R"({"secret":["a"]})"), "a value of job.headers must not be an array"));
  EXPECT_TRUE(has(told_of(R"({"secret":"a","secret":"b"})"), "job.headers has a name twice"));
  EXPECT_TRUE(has(told_of(R"({"":"a"})"), "the name of a header is empty"));
  EXPECT_TRUE(has(told_of(R"({"a":"secret\n"})"), "the value of a header has a control character"));
  EXPECT_TRUE(has(told_of(R"({"a":")" + std::string(16'385, 'v') + "\"}"), "16385 bytes; at most 16384"));
  std::string many = "{\"0\":\"\"";
  for (int i = 1; i <= 64; ++i) many += ",\"" + std::to_string(i) + "\":\"\"";
  EXPECT_TRUE(has(told_of(many + "}"), "job.headers are 65; at most 64"));
  EXPECT_FALSE(has(told_of(R"({"secret":1})"), "secret"));
  EXPECT_FALSE(has(told_of(R"({"secret":"a","secret":"b"})"), "secret"));
}

TEST(TransferLine, StepsOutOfBoundsAreRefused) {
  const auto told_of = [](const std::string& part, const std::string& by) { return told(part, by, equipped_text); };
  EXPECT_TRUE(has(told_of("\"kind\":\"wait\"", "\"kind\":\"secret\""),
                  "job.steps[0].kind is none that this version knows"));
  EXPECT_TRUE(has(told_of("\"name\":\"row\"", "\"name\":\"\""), "job.steps[1].name is empty"));
  EXPECT_TRUE(has(told_of("\"name\":\"row\"", "\"name\":\"\\u0007\""), "job.steps[1].name has a control character"));
  EXPECT_TRUE(has(told_of("\"number\":-3", "\"number\":0.5"), "job.steps[1].number must be a whole number"));
  EXPECT_TRUE(has(told_of("\"claim\":0,\"at\":8", "\"claim\":-1,\"at\":8"), "job.steps[2].claim must be"));
  EXPECT_TRUE(has(told_of("\"until\":9", "\"until\":\"9\""), "job.steps[0].until must be a whole number"));
  EXPECT_TRUE(has(told_of("\"value\":\"true\"", "\"value\":\"secret\""), "job.steps[2].value is not JSON"));
  EXPECT_TRUE(has(told_of("\"value\":\"true\"", "\"value\":\"\""), "job.steps[2].value is empty"));
  EXPECT_TRUE(has(told_of("\"value\":\"true\"", "\"value\":\"" + std::string((1U << 20U) + 1, '1') + "\""),
                  "job.steps[2].value has 1048577 bytes; at most 1048576"));
  EXPECT_TRUE(has(told_of(",\"value\":\"true\"", ""), "job.steps[2].value is missing"));
  EXPECT_TRUE(has(told_of("\"kind\":\"signal\"", "\"kind\":\"wait\""),
                  "job.steps[2] has the kind, name and number of one before it"));
  EXPECT_TRUE(has(told("\"log\":[]", "\"log\":[],\"steps\":{}", bare_text), "job.steps must not be an object"));
  EXPECT_TRUE(has(told("\"log\":[]", "\"log\":[],\"steps\":[1]", bare_text), "job.steps must be an array of objects"));
  std::string many;
  for (int i = 0; i <= 10'000; ++i) {
    many += std::string(i == 0 ? "" : ",") + R"({"kind":"decision","name":"n","number":)" + std::to_string(i) +
            R"(,"claim":1,"at":0,"until":null,"value":"true"})";
  }
  EXPECT_TRUE(has(told("\"log\":[]", "\"log\":[],\"steps\":[" + many + "]", bare_text), "more than 10000"));
}

TEST(TransferLine, WhatIsWrittenIsReadAsItWas) {
  const StoredJob read = job_of(full_text);
  EXPECT_EQ(line_of(read), full_text);
  EXPECT_EQ(read.job.params, full().job.params) << "byte for byte";
  EXPECT_EQ(read.job.result, full().job.result);
  EXPECT_EQ(read.job.lease_token, LeaseToken{});
  ASSERT_EQ(read.log.size(), 1U);
  EXPECT_EQ(read.log[0].job, id(1));
  EXPECT_EQ(line_of(job_of(bare_text)), bare_text);
  EXPECT_TRUE(job_of(bare_text).job.result.empty());
  const auto queue = std::get<Queue>(
      parse_line(R"({"queue":{"name":"m","description":"","concurrency":7,"priority":-2,"paused":true}})", {}));
  EXPECT_EQ(queue.concurrency, 7U);
  EXPECT_TRUE(queue.paused);
}

TEST(TransferLine, OddValuesComeThrough) {
  StoredJob odd = full();
  std::string every;
  for (char c = 1; c < 0x7f; ++c) every += c;
  every += "\x7F\xC2\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF";
  odd.log[0].text = every;
  odd.history[0].message = every + every;
  odd.job.unique_key = std::string(255, 'k');
  odd.job.params = "\"" + std::string("\xF0\x9F\x98\x80") + "\\ud83d\\ude00\"";
  odd.job.priority = std::numeric_limits<int>::min();
  odd.job.run_at = TimePoint::max();
  odd.job.created_at = TimePoint::min();
  odd.job.timeout = Duration::max();
  const std::string text = line_of(odd);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const StoredJob read = job_of(text);
  EXPECT_EQ(read.log[0].text, every);
  EXPECT_EQ(read.job.params, odd.job.params);
  EXPECT_EQ(read.job.created_at, TimePoint::min());
  EXPECT_EQ(line_of(read), text);
}

TEST(TransferLine, FieldsMayComeInAnyOrderAndSpelling) {
  const StoredJob read = job_of(replaced(replaced(bare_text, "\"queue\":\"q\",", ""), "{\"job\":{",
                                         "{ \"job\" : { \"queue\" : \"\\u0071\" , "));
  EXPECT_EQ(line_of(read), bare_text);
}

TEST(TransferLine, EveryFieldMustBeThereOnce) {
  for (const std::string field : {"\"queue\":\"mail\",", "\"worker\":\"w-1\",", "\"run_at\":1700000000000002,"}) {
    const std::string name = field.substr(1, field.find('"', 1) - 1);
    EXPECT_EQ(told(field, ""), "job." + name + " is missing");
    EXPECT_EQ(told(field, field + field), "job." + name + " is there twice");
  }
  EXPECT_EQ(told(",\"text\":\"\xC3\xA9\\u001b[0m\"", ""), "job.log[0].text is missing");
  EXPECT_EQ(told("\"cause\":\"timed_out\",", ""), "job.history[0].cause is missing");
  EXPECT_EQ(told("\"at\":5,", "\"at\":5,\"at\":5,"), "job.history[0].at is there twice");
}

TEST(TransferLine, UnknownFieldsAreRefusedByName) {
  EXPECT_EQ(told("\"queue\":", "\"flags\":"), "job has a field that this version does not know: 'flags'");
  EXPECT_EQ(told("\"message\":", "\"mess\":"), "job.history has a field that this version does not know: 'mess'");
  EXPECT_EQ(told("{\"job\":", "{\"jobs\":"), "the line has a field that this version does not know: 'jobs'");
  EXPECT_EQ(told("\"queue\":", "\"a\\u001b[31mb\":"),
            "job has a field that this version does not know: a field whose name is not shown");
}

TEST(TransferLine, EveryValueHasItsTypeAndRange) {
  const auto must = [](const std::string& part, const std::string& by, const std::string& says) {
    EXPECT_PRED2(has, told(part, by), says) << by;
  };
  must("\"queue\":\"mail\"", "\"queue\":7", "job.queue must be a string");
  must("\"queue\":\"mail\"", "\"queue\":\"\"", "job.queue is empty");
  must("\"queue\":\"mail\"", "\"queue\":\"a\\nb\"", "job.queue has a control character");
  must("\"queue\":\"mail\"", "\"queue\":\"a\\u0000b\"", "job.queue has a NUL byte");
  must("\"queue\":\"mail\"", "\"queue\":\"" + std::string(256, 'q') + "\"", "job.queue has 256 bytes");
  must("\"priority\":-3", "\"priority\":2147483648", "job.priority must be a whole number, -2147483648 to 2147483647");
  must("\"priority\":-3", "\"priority\":-3.0", "job.priority must be a whole number");
  must("\"priority\":-3", "\"priority\":99999999999999999999", "job.priority must be a whole number");
  must("\"priority\":-3", "\"priority\":null", "job.priority must be a whole number");
  must("\"priority\":-3", "\"priority\":\"1\"", "job.priority must be a whole number");
  must("\"priority\":-3", "\"priority\":[1]", "job.priority must not be an array");
  must("\"priority\":-3", "\"priority\":{\"a\":1}", "job.priority must not be an object");
  must("\"attempt\":2,\"max", "\"attempt\":-1,\"max", "job.attempt must be a whole number, 0 to 2147483647");
  must("\"max_attempts\":25", "\"max_attempts\":0", "job.max_attempts must be a whole number, 1 to 1000000");
  must("\"claims\":4", "\"claims\":9007199254740992", "job.claims must be a whole number, 0 to 9007199254740991");
  must("\"keepalive\":30000000", "\"keepalive\":999999", "job.keepalive must be a whole number");
  must("\"timeout\":5000000", "\"timeout\":-1", "job.timeout must be a whole number");
  must("\"retention\":3600000000", "\"retention\":-1", "job.retention must be a whole number");
  must("\"id\":\"01970000", "\"id\":\"0197000", "job.id must be a UUID");
  must("\"id\":\"01970000-0000-7000-8000-000000000001\"", "\"id\":\"00000000-0000-0000-0000-000000000000\"",
       "job.id must be a UUID, and not the nil one");
  must("\"unique_key\":\"order \\\"1\\\"\"", "\"unique_key\":\"\"", "job.unique_key must not be empty");
  must("\"result\":\"[\\\"sent\\\\n\\\"]\"", "\"result\":\"{\"", "job.result");
  must("\"params\":\"{\\\"to\\\"", "\"params\":\"{{\\\"to\\\"", "job.params is not JSON");
  must("\"history\":[", "\"history\":[7,", "job.history must be an array of objects");
  must("\"history\":[", "\"history\":[[],", "job.history must not be an array");
  must("\"cause\":\"timed_out\"", "\"cause\":\"tired\"", "job.history[0].cause is none that this version knows");
  must("\"level\":\"warn\"", "\"level\":\"loud\"", "job.log[0].level is none that this version knows");
  must("\"number\":1", "\"number\":0", "job.log[0].number must be a whole number");
}

TEST(TransferLine, AHeldOrUnknownStateIsRefused) {
  for (const char* held : {"running", "cancelling"}) {
    EXPECT_PRED2(has, told("errored", held), "job.state is one of jobs that are held");
  }
  for (const char* unknown : {"invalid", "unknown", "Errored", "paused", ""}) {
    EXPECT_PRED2(has, told("errored", unknown), "job.state is none that this version knows");
  }
  EXPECT_EQ(job_of(replaced(bare_text, "pending", "waiting")).job.state, JobState::waiting);
}

TEST(TransferLine, TimesFitTheStateAndTheClaims) {
  EXPECT_PRED2(has, told("errored", "pending"), "job.finished_at must be given for a finished job");
  EXPECT_PRED2(has, told("pending", "success", bare_text), "job.finished_at must be given for a finished job");
  EXPECT_PRED2(has, told("\"claims\":0", "\"claims\":1", bare_text), "job.started_at and job.heartbeat_at");
  EXPECT_PRED2(has, told("\"heartbeat_at\":1700000000000004", "\"heartbeat_at\":null"), "job.heartbeat_at");
}

TEST(TransferLine, ALogIsInOrder) {
  const std::string line = R"({"claim":4,"number":1,"attempt":2,"at":6,"level":"warn","text":"twice"},)";
  EXPECT_EQ(told("\"log\":[", "\"log\":[" + line),
            "job.log[1] must come after the line before it, by claim and number");
}

TEST(TransferLine, WhatIsNoLineIsRefused) {
  const auto says = [](const std::string& text) {
    return error_of(Errc::invalid_argument, [&] { static_cast<void>(parse_line(text, {})); });
  };
  EXPECT_EQ(says(""), "the line is no JSON object");
  EXPECT_EQ(says("7"), "the line is no JSON object");
  EXPECT_EQ(says("\xEF\xBB\xBF{}"), "the line is no JSON object");
  EXPECT_EQ(says("{}"), "the line has no field");
  EXPECT_EQ(says("{\"job\":7}"), "job must be an object");
  EXPECT_EQ(says("{\"job\":[]}"), "job must not be an array");
  EXPECT_EQ(says("{\"sqlq\":{}}"), "sqlq must not be an object");
  EXPECT_EQ(says("{\"sqlq\":1,\"sqlq\":1}"), "the line has more than one field");
  EXPECT_PRED2(has, says("{\"sqlq\":1"), "the line is not JSON: error at byte");
  EXPECT_PRED2(has, says("{\"sqlq\":1} x"), "the line is not JSON: error at byte");
  EXPECT_EQ(says("{\"sqlq\":\"\xFF\"}"), "the line is not valid UTF-8");
  EXPECT_EQ(says(std::string("{\"sqlq\":\0}", 10)), "the line has a NUL byte");
  EXPECT_PRED2(has, says("{\"job\":{\"history\":" + std::string(100'000, '[')), "job.history must not be an array");
}

TEST(TransferLine, ErrorsShowNoValue) {
  const std::string secret = "HUNTER2";
  for (const char* part : {"\"mail\"", "\"errored\"", "\"w-1\"", "30000000", "\"timed_out\"", "[\"sent", "-3"}) {
    if (full_text.find(part) == std::string::npos) continue;
    const std::string text = replaced(full_text, part, "\"" + secret + "\\u0007\\u0000\"");
    const std::string told = error_of(Errc::invalid_argument, [&] { static_cast<void>(parse_line(text, {})); });
    EXPECT_FALSE(has(told, secret)) << told;
  }
}

TEST(TransferLine, PayloadsKeepToTheLimitsOfTheTarget) {
  const std::string deep = replaced(bare_text, "\"params\":\"null\"", "\"params\":\"[[[]]]\"");
  EXPECT_NO_THROW(static_cast<void>(parse_line(deep, {})));
  const auto said = error_of(Errc::invalid_argument, [&] { static_cast<void>(parse_line(deep, {.max_depth = 2})); });
  EXPECT_PRED2(has, said, "job.params is nested deeper");
  const auto large = error_of(Errc::invalid_argument, [&] { static_cast<void>(parse_line(deep, {.max_bytes = 3})); });
  EXPECT_PRED2(has, large, "job.params");
}

TEST(TransferLines, AreCutWhereTheyEnd) {
  std::istringstream text("one\n\n" + std::string(200'000, 'x') + "\nlast");
  LineReader lines(text);
  std::string line;
  ASSERT_TRUE(lines.next(line));
  EXPECT_EQ(line, "one");
  ASSERT_TRUE(lines.next(line));
  EXPECT_EQ(line, "");
  ASSERT_TRUE(lines.next(line));
  EXPECT_EQ(line.size(), 200'000U);
  EXPECT_EQ(lines.number(), 3U);
  ASSERT_TRUE(lines.next(line));
  EXPECT_EQ(line, "last");
  EXPECT_FALSE(lines.next(line));
  EXPECT_EQ(lines.number(), 4U);
}

TEST(TransferLines, OfEveryLengthAroundAPieceAreWhole) {
  for (std::size_t n = 65'530; n < 65'542; ++n) {
    std::istringstream text(std::string(n, 'a') + "\n" + std::string(n, 'b'));
    LineReader lines(text);
    std::string line;
    ASSERT_TRUE(lines.next(line));
    EXPECT_EQ(line, std::string(n, 'a')) << n;
    ASSERT_TRUE(lines.next(line));
    EXPECT_EQ(line, std::string(n, 'b')) << n;
    EXPECT_FALSE(lines.next(line));
  }
}

TEST(TransferLines, OneThatIsTooLongIsNotKept) {
  std::istringstream text(std::string(longest_line + 1, 'x'));
  LineReader lines(text);
  std::string line;
  const auto told = error_of(Errc::invalid_argument, [&] { lines.next(line); });
  EXPECT_EQ(told, "the line has more than the 64 MiB that a line may have");
  EXPECT_EQ(lines.number(), 1U);
}

TEST(TransferLines, AStreamThatFailsIsNoEnd) {
  std::istringstream text("one\n");
  text.setstate(std::ios::badbit);
  LineReader lines(text);
  std::string line;
  EXPECT_PRED2(has, error_of(Errc::internal, [&] { lines.next(line); }), "failed after line 0");
}

TEST(TransferChecksum, IsASumOfMixedHashes) {
  // docs/transfer.md shows how another program computes it.
  EXPECT_EQ(Checksum{}.text(), "0000000000000000");
  Checksum one;
  one.add("a");
  EXPECT_EQ(one.text(), "82a2a958a9bece5b");
  Checksum two = one;
  two.add("b");
  Checksum other;
  other.add("b");
  other.add("a");
  EXPECT_EQ(two.text(), other.text());
  EXPECT_NE(two.text(), one.text());
  two.add("a");
  EXPECT_NE(two.text(), other.text()) << "twice is not once";
}

}  // namespace
}  // namespace sqlq::transfer
