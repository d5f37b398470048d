#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include <sqlq/trace.hpp>

namespace sqlq {
namespace {

using namespace std::chrono_literals;

const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Trace, ATraceparentIsWhatTheStandardSays) {
  EXPECT_TRUE(is_traceparent(good));
  EXPECT_TRUE(is_traceparent("cc" + good.substr(2)));
  EXPECT_TRUE(is_traceparent("cc" + good.substr(2) + "-what the future may bring"));
}

TEST(Trace, NothingElseIsOne) {
  for (const std::string& bad : std::initializer_list<std::string>{
        std::string(), std::string("00"), good.substr(1), good.substr(0, 54), good + "-x", good + "x",
        "ff" + good.substr(2), "0g" + good.substr(2), "cc" + good.substr(2) + "x",
        "00-" + std::string(32, '0') + good.substr(35), good.substr(0, 36) + std::string(16, '0') + "-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", good.substr(0, 53) + "zz",
        "00_" + good.substr(3), " " + good.substr(1), std::string(55, '-'), std::string(55, '\0')}) {
    EXPECT_FALSE(is_traceparent(bad)) << bad;
  }
}

Headers sent(TraceContext current, Headers before = {}) {
  return send_trace([=] { return current; })(NewJob{.kind = "k", .options = {.headers = std::move(before)}})
      .options.headers;
}

TEST(Trace, IsSentInTheHeaders) {
  EXPECT_EQ(sent({good, "a=1,b=2"}), (Headers{{"traceparent", good}, {"tracestate", "a=1,b=2"}}));
  EXPECT_EQ(sent({good, ""}), (Headers{{"traceparent", good}}));
  EXPECT_EQ(sent({good, ""}, {{"tenant", "7"}}), (Headers{{"tenant", "7"}, {"traceparent", good}}));
}

TEST(Trace, OfTheJobItselfStays) {
  const Headers own{{"traceparent", "cc" + good.substr(2)}};
  EXPECT_EQ(sent({good, "a=1"}, own), own);
}

TEST(Trace, ThatIsMalformedRefusesNoJob) {
  EXPECT_EQ(sent({"00-nonsense", "a=1"}), Headers{});
  EXPECT_EQ(sent({"", "a=1"}), Headers{});
  EXPECT_EQ(sent({good, "line\nbreak"}), (Headers{{"traceparent", good}}));
  EXPECT_EQ(sent({good, std::string(513, 'x')}), (Headers{{"traceparent", good}}));
  EXPECT_EQ(sent({good, std::string(512, 'x')}).size(), 2U);
  EXPECT_EQ(sent({good, "new=1"}, {{"tracestate", "left=over"}}).at("tracestate"), "new=1");
  EXPECT_EQ(sent({good, ""}, {{"tracestate", "left=over"}}), (Headers{{"traceparent", good}}));
}

Job job_with(Headers headers) {
  Job job{.claims = 1};
  job.headers = std::move(headers);
  return job;
}

TEST(Trace, OfAJobThatWasDueAtOnceIsItsParent) {
  const auto trace = trace_of(job_with({{"traceparent", good}, {"tracestate", "a=1"}}));
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->traceparent, good);
  EXPECT_EQ(trace->tracestate, "a=1");
  EXPECT_TRUE(trace->child);
}

TEST(Trace, OfARetryOrALaterJobIsLinked) {
  Job retry = job_with({{"traceparent", good}});
  retry.claims = 2;
  EXPECT_FALSE(trace_of(retry)->child);
  Job delayed = job_with({{"traceparent", good}});
  delayed.run_at = delayed.created_at + 1us;
  EXPECT_FALSE(trace_of(delayed)->child);
  const Job tick =
      job_with({{"traceparent", good}, {"sqlq-schedule", "nightly"}, {"sqlq-tick", "2026-01-01T00:00:00Z"}});
  EXPECT_FALSE(trace_of(tick)->child) << "the trace of who has made the schedule is over";
}

TEST(Trace, IsNoneWhereTheHeaderIsNoneOrMalformed) {
  EXPECT_FALSE(trace_of(job_with({})));
  EXPECT_FALSE(trace_of(job_with({{"traceparent", "00-nonsense"}})));
  EXPECT_FALSE(trace_of(job_with({{"tracestate", "a=1"}})));
  EXPECT_EQ(trace_of(job_with({{"traceparent", good}, {"tracestate", "\x7f"}}))->tracestate, "");
}

TEST(Trace, OutsideOfAHandlerThereIsNone) {
  EXPECT_EQ(current_trace().traceparent, "");
  EXPECT_EQ(send_trace()(NewJob{.kind = "k"}).options.headers, Headers{});
}

}  // namespace
}  // namespace sqlq
