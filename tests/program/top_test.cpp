/// \file
/// `sqlq top` on a terminal and without one.

#include <csignal>
#include <string>
#include <vector>

#include "prepared.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

const std::string leaves = "\x1b[?1049l";

/// What stands on the screen since it was cleared last.
std::string shown(const Running& top, Size size = {}) {
  const std::string& all = top.out();
  const auto cleared = all.rfind("\x1b[2J");
  const std::string last = cleared == std::string::npos ? all : all.substr(cleared);
  std::string text;
  for (const std::string& line : screen(last, size)) text += line + "\n";
  return text;
}

class Top : public ProgramTest {
 protected:
  void SetUp() override {
    client().enqueue(NewJob{"send_mail", "null", {.queue = "mail"}});
    client().enqueue(NewJob{"send_mail", "null", {.queue = "mail", .delay = std::chrono::hours(1)}});
    failures_ = {failed(client(), "broken", "no such host\nsecond line"), failed(client(), "broken", hostile_text)};
  }
  [[nodiscard]] Setting terminal(Size size = {}) {
    Setting setting = here();
    setting.terminal = size;
    return setting;
  }
  /// Ends it by `q`, and expects the terminal as it was.
  static void quit(Running& top) {
    top.type("q");
    const Result result = top.wait();
    EXPECT_EQ(result.code, 0);
    EXPECT_TRUE(result.out.ends_with(leaves)) << result.out;
  }
  std::vector<JobId> failures_{};
};

TEST_F(Top, ShowsQueuesAndFailuresOnTerminalsOfAnySize) {
  for (const Size size : {Size{80, 24}, Size{120, 40}}) {
    Running top({"top"}, terminal(size));
    ASSERT_TRUE(top.wrote("q quit"));
    const std::string text = shown(top, size);
    for (const char* part : {"sqlq top", "QUEUE", "mail", "broken", "WORKER", "ERROR", "no such host", "\\x1b[2J"}) {
      EXPECT_TRUE(has(text, part)) << part << "\n" << text;
    }
    EXPECT_FALSE(has(text, "second line")) << text;
    EXPECT_EQ(has(text, failures_[0].to_string()), size.columns >= 120) << text;
    EXPECT_EQ(top.out().find('\x07'), std::string::npos) << "a control character of an error";
    EXPECT_EQ(top.out().find("]0;title\x07"), std::string::npos);
    quit(top);
  }
}

TEST_F(Top, FollowsTheSizeOfTheTerminal) {
  Running top({"top"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.resize({120, 40});
  ASSERT_TRUE(top.wrote(failures_[0].to_string())) << shown(top) << "ids are shown where there is room";
  quit(top);
}

TEST_F(Top, PausesAndResumesTheSelectedQueue) {
  Running top({"top"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.type("jp");
  ASSERT_TRUE(top.wrote("paused mail")) << shown(top);
  EXPECT_TRUE(admin().queue("mail")->paused);
  EXPECT_FALSE(admin().queue("broken")->paused);
  ASSERT_TRUE(top.wrote("PAUSED"));
  top.type("p");
  ASSERT_TRUE(top.wrote("resumed mail")) << shown(top);
  EXPECT_FALSE(admin().queue("mail")->paused);
  quit(top);
}

TEST_F(Top, RetriesOnlyAfterTheQuestionThatStatesTheCount) {
  Running top({"top"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.type("R");
  ASSERT_TRUE(top.wrote("Retry 2 jobs (errored) of broken? y/n")) << shown(top);
  top.type("n");
  ASSERT_TRUE(top.wrote("nothing was changed"));
  EXPECT_EQ(admin().find(failures_[0])->state, JobState::errored);
  top.type("R");
  top.type("y");
  ASSERT_TRUE(top.wrote("2 jobs retried")) << shown(top);
  for (const JobId& id : failures_) EXPECT_EQ(admin().find(id)->state, JobState::pending);
  quit(top);
}

TEST_F(Top, DeletesTheOneJobThatIsSelected) {
  Running top({"top"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.type("4");
  ASSERT_TRUE(top.wrote("[4 Failed]"));
  top.type("jD");
  ASSERT_TRUE(top.wrote("Delete 1 job, send_mail ")) << shown(top);
  top.type("y");
  ASSERT_TRUE(top.wrote("1 job deleted")) << shown(top);
  EXPECT_NE(admin().find(failures_[0]).has_value(), admin().find(failures_[1]).has_value());
  quit(top);
}

TEST_F(Top, CancelsWhatWaitsInAQueue) {
  Running top({"top"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.type("jC");
  ASSERT_TRUE(top.wrote("Cancel 2 jobs (pending, scheduled, waiting) of mail? y/n")) << shown(top);
  top.type("y");
  ASSERT_TRUE(top.wrote("2 jobs cancelled")) << shown(top);
  EXPECT_EQ(admin().counts("mail").at(JobState::cancelled).value, 2U);
  quit(top);
}

TEST_F(Top, WithDryRunChangesNothing) {
  Running top({"top", "--dry-run"}, terminal());
  ASSERT_TRUE(top.wrote("q quit"));
  top.type("Ry");
  ASSERT_TRUE(top.wrote("nothing is changed")) << shown(top);
  EXPECT_EQ(admin().find(failures_[0])->state, JobState::errored);
  quit(top);
}

// The address sanitizer keeps SIGSEGV for itself.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

TEST_F(Top, GivesTheTerminalBackWhenASignalEndsIt) {
  std::vector<int> signals{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT};
  if (!sanitized) signals.push_back(SIGSEGV);
  for (const int signal : signals) {
    Running top({"top"}, terminal());
    ASSERT_TRUE(top.wrote("q quit"));
    top.signal(signal);
    const Result result = top.wait();
    EXPECT_TRUE(has(result.out, leaves)) << signal;
    const bool asked_to_end = signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
    EXPECT_EQ(result.code, asked_to_end ? 0 : 128 + signal);
  }
}

TEST_F(Top, NoticesNewJobsAndTellsTheirRate) {
  Running top({"top", "--interval", "100ms"}, terminal());
  ASSERT_TRUE(top.wrote("  in 0/s")) << shown(top);
  client().enqueue(NewJob{"send_mail", "null", {.queue = "fresh"}});
  ASSERT_TRUE(top.wrote("fresh")) << shown(top);
  quit(top);
}

TEST_F(Top, IsOneLookWithoutATerminal) {
  const Result result = sqlq({"top"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const char* part : {"QUEUE", "mail", "broken", "no such host", "\\x1b[2J"}) {
    EXPECT_TRUE(has(result.out, part)) << part << "\n" << result.out;
  }
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
}

TEST_F(Top, IsOneObjectAsJson) {
  const auto top = json({"top"});
  ASSERT_EQ(top["queues"].size(), 2U) << top.dump();
  EXPECT_EQ(top["queues"][1]["queue"], "mail");
  EXPECT_EQ(top["queues"][1]["pending"], 1);
  EXPECT_EQ(top["queues"][1]["scheduled"], 1);
  EXPECT_EQ(top["queues"][0]["failed"], 2);
  EXPECT_EQ(top["workers"].size(), 0U);
  EXPECT_EQ(top["failures"].size(), 2U);
}

TEST_F(Top, RefusesAnIntervalThatIsNone) {
  EXPECT_EQ(sqlq({"top", "--interval", "soon"}).code, 2);
  EXPECT_EQ(sqlq({"top", "--interval", "1ms"}).code, 2);
}

}  // namespace
}  // namespace sqlq::program
