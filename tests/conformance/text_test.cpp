// Text in every field that takes one comes back byte for byte, or is refused before anything is changed.

#include <sqlq/conformance/suite.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

std::string times(std::size_t n, std::string_view part) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += part;
  return text;
}

/// Good in every field, names included.
std::vector<std::string> printable() {
  return {
      "'; DROP TABLE sqlq_jobs; --",
      "\"; DELETE FROM sqlq_jobs; #",
      "\\'; /* */ -- \\",
      "' OR '1'='1",
      "$$ $1 :a ::int ? ?1 @x {jobs} {{}} `b`",
      "%s%n%99999999d%x%p",
      "X'00' \\x00 \\0 \\u0000 &#0;",
      "<script>alert(1)</script>&amp;",
      "=1+1|cmd",
      "../../etc/passwd",
      "$(reboot) `reboot` ; reboot | reboot & reboot",
      "\xE2\x80\xAE\xE2\x81\xA6 right to left \xE2\x80\x8B",
      "\xEF\xBB\xBF with a mark",
      "\xEF\xBF\xBD\xEF\xBF\xBF\xEF\xB7\x90",          // the replacement, and what is no character
      "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80",  // an emoji of several
      "\xF4\x8F\xBF\xBF",                              // the last there is
      times(127, "\xC3\xA9") + "e",           // 255 bytes that end in a letter of one,
      "e" + times(127, "\xC3\xA9"),           // of two,
      "eee" + times(63, "\xF0\x9F\x98\x80"),  // and of four
  };
}

/// Good where lines are: in messages, logs, descriptions, and in unique keys, which may be any digest of a value.
std::vector<std::string> unprintable() {
  return {
      "\n", "\t", "\r\n", "a\nb\n", "\x1b[2J\x1b]0;title\x07", "\x7f", "\x01\x02\x1f", "\xC2\x80\xC2\x9B" "31m",
      " ", "trailing ", "trailing\n",
  };
}

std::vector<std::string> all_texts() {
  std::vector<std::string> all = printable();
  for (std::string& text : unprintable()) all.push_back(std::move(text));
  return all;
}

/// Good nowhere.
std::vector<std::string> impossible() {
  return {
      std::string("\0", 1), std::string("a\0b", 3), "\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
  };
}

std::vector<std::string> impossible_names() {
  std::vector<std::string> all = impossible();
  for (std::string& text : unprintable()) {
    if (text.find_first_not_of("trailing ") != std::string::npos) all.push_back(std::move(text));
  }
  all.push_back(times(128, "\xC3\xA9"));         // 256 bytes
  all.push_back(times(64, "\xF0\x9F\x98\x80"));  // 256 bytes
  return all;
}

template <class Call>
std::string code_of_action(Call call) {
  return code_of([&] {
    call();
    return 0;
  });
}

constexpr const char* bad_value = "invalid_argument";

}  // namespace

TEST_P(Text, OfQueuesKindsAndKeysComesBack) {
  std::vector<NewJob> jobs;
  for (const std::string& text : printable()) {
    jobs.push_back({.kind = text, .options = {.queue = text, .unique_key = text}});
  }
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::string& text = jobs[i].kind;
    SCOPED_TRACE(text);
    EXPECT_EQ(admin().list({.queues = {text}, .kinds = {text}}).size(), 1u);
    EXPECT_EQ(client().enqueue(jobs[i]).id, made[i].id) << "its unique key is taken";
    const std::vector<Job> claimed = claim(2, {text}, {text});
    ASSERT_EQ(claimed.size(), 1u);
    EXPECT_EQ(claimed[0].queue, text);
    EXPECT_EQ(claimed[0].kind, text);
    EXPECT_EQ(claimed[0].unique_key, text);
    EXPECT_EQ(client().success(claimed[0]), FinishStatus::applied);
  }
}

TEST_P(Text, OfUniqueKeysMayBeUnprintable) {
  for (const std::string& text : unprintable()) {
    SCOPED_TRACE(::testing::PrintToString(text));
    const NewJob job{.kind = "work", .options = {.unique_key = text}};
    const Enqueued made = client().enqueue(job);
    EXPECT_TRUE(made.inserted());
    EXPECT_EQ(client().enqueue(job).id, made.id);
    EXPECT_EQ(row(made.id).unique_key, text);
  }
}

TEST_P(Text, OfErrorsComesBack) {
  const JobId id = enqueue({.max_attempts = 1000});
  for (const std::string& text : all_texts()) client().error(take(), text, {.retry = RetryPolicy::constant(0s)});
  std::vector<std::string> messages;
  for (const AttemptRecord& record : admin().history(id)) messages.push_back(record.message);
  EXPECT_EQ(messages, all_texts());
}

TEST_P(Text, OfLogsComesBack) {
  const JobId id = enqueue();
  const Job job = take();
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  JobLogger log{job, sink, shared_clock()};
  for (const std::string& text : all_texts()) log.info(text);
  sink->flush();
  std::vector<std::string> lines;
  for (const LogLine& line : admin().logs(id)) lines.push_back(line.text);
  EXPECT_EQ(lines, all_texts());
}

TEST_P(Text, OfDescriptionsComesBack) {
  std::vector<std::string> texts = all_texts();
  texts.push_back(times(1 << 14, "\xF0\x9F\x98\x80"));  // 64 KiB
  for (const std::string& text : texts) {
    admin().create_queue("q", {.description = text});
    EXPECT_TRUE(admin().queue("q")->description == text) << text.substr(0, 60);
    admin().set_description("q", "other");
    admin().set_description("q", text);
    EXPECT_TRUE(admin().queues().at(0).description == text) << text.substr(0, 60);
  }
}

TEST_P(Text, OfWorkersNamesComesBack) {
  use_system_clock();
  for (const std::string& text : printable()) {
    SCOPED_TRACE(text);
    Handlers handlers;
    handlers.on("work", Handlers::Function([](JobContext&) { return Outcome::discard("so"); }));
    const QuietWorker worker{db(), handlers, {.poll = 10ms, .name = text}};
    const JobId id = enqueue();
    ASSERT_TRUE(reaches(id, JobState::errored));
    EXPECT_EQ(row(id).worker, text);
    EXPECT_EQ(admin().history(id).at(0).worker, text);
  }
}

TEST_P(Text, ThatIsImpossibleIsRefusedAndChangesNothing) {
  admin().create_queue("q", {.description = "before"});
  const JobId id = enqueue({.queue = "q"});
  const Job job = take();
  for (const std::string& text : impossible()) {
    EXPECT_EQ(code_of([&] { return client().enqueue({.kind = "work", .options = {.unique_key = text}}); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().create_queue("q", {.description = text}); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().create_queue("new", {.description = text}); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().set_description("q", text); }), bad_value);
  }
  EXPECT_EQ(code_of_action([&] { admin().set_description("q", times((1 << 16) + 1, "x")); }), bad_value);
  EXPECT_EQ(code_of([&] { return client().enqueue({.kind = "k", .options = {.unique_key = times(256, "k")}}); }),
            bad_value);
  for (const std::string& text : impossible_names()) {
    SCOPED_TRACE(::testing::PrintToString(text.substr(0, 60)));
    const NewJob good{.kind = "work"};
    const NewJob queue{.kind = "work", .options = {.queue = text}};
    EXPECT_EQ(code_of([&] { return client().enqueue(queue); }), bad_value);
    EXPECT_EQ(code_of([&] { return client().enqueue_many(std::vector{good, queue}); }), bad_value);
    EXPECT_EQ(code_of([&] { return client().enqueue({.kind = text}); }), bad_value);
    EXPECT_EQ(code_of([&] { return claim(1, {"q", text}); }), bad_value);
    EXPECT_EQ(code_of([&] { return claim(1, {}, {text}); }), bad_value);
    EXPECT_EQ(code_of([&] { return client().reap(std::vector<std::string>{text}); }), bad_value);
    EXPECT_EQ(code_of([&] { return admin().list({.queues = {text}}); }), bad_value);
    EXPECT_EQ(code_of([&] { return admin().list({.kinds = {text}}); }), bad_value);
    EXPECT_EQ(code_of([&] { return admin().counts(text); }), bad_value);
    EXPECT_EQ(code_of([&] { return admin().queue(text); }), bad_value);
    EXPECT_EQ(code_of([&] { return admin().queues(text); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().create_queue(text); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().set_description(text, "after"); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().set_concurrency(text, 1); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().set_priority(text, 5); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().pause(text); }), bad_value);
    EXPECT_EQ(code_of_action([&] { admin().resume(text); }), bad_value);
    EXPECT_EQ(code_of_action([&] { Worker(db(), Handlers{}, {.queues = {text}}); }), bad_value);
    EXPECT_EQ(code_of_action([&] { Worker(db(), Handlers{}, {.name = text}); }), bad_value);
  }
  ASSERT_EQ(admin().queues().size(), 1u);
  EXPECT_EQ(admin().queues()[0].description, "before");
  EXPECT_EQ(admin().queues()[0].priority, 1);
  EXPECT_FALSE(admin().queues()[0].paused);
  ASSERT_EQ(admin().list().size(), 1u);
  EXPECT_EQ(state(id), JobState::running);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(Text, OfErrorsAndLogsIsMendedWhereItIsImpossible) {
  const JobId id = enqueue();
  const Job job = take();
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  JobLogger log{job, sink, shared_clock()};
  const std::string broken = std::string("a\0b", 3) + "\xFF\xED\xA0\x80 " + "\xC3";
  const std::string mended = "a\xEF\xBF\xBD" "b" + times(4, "\xEF\xBF\xBD") + " \xEF\xBF\xBD";
  log.info(broken);
  sink->flush();
  EXPECT_EQ(admin().logs(id).at(0).text, mended);
  EXPECT_EQ(client().error(job, broken + times(30'000, "\xF0\x9F\x98\x80")), FinishStatus::applied);
  const std::string kept = admin().history(id).at(0).message;
  EXPECT_TRUE(kept.starts_with(mended));
  EXPECT_LE(kept.size(), std::size_t{64} << 10);
  EXPECT_GT(kept.size(), (std::size_t{64} << 10) - 4);
  EXPECT_TRUE(kept.ends_with("\xF0\x9F\x98\x80")) << "cut where a character begins";
}

}  // namespace sqlq::conformance
