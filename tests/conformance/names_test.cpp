// Names of queues, kinds and keys are bytes: what looks alike is still different, and nothing is SQL.

#include <algorithm>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

std::vector<std::string> strange() {
  return {
      "a",
      "A",
      "a ",
      " a",
      "'\"; --",
      "a'; DROP TABLE jobs; --",
      "%",
      "_",
      "\\",
      "\\'",
      ":name",
      "$1",
      "?",
      "{}",
      "null",
      "NULL",
      "0",
      "[1]",
      "\xC3\xA9",
      "e\xCC\x81",  // the same letter, composed and decomposed
      "\xC3\x9F",
      "ss",
      "\xE2\x80\xAE"
      "abc",
      "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",  // right to left
      "\xF0\x9F\x98\x80",
      std::string(255, 'n'),
      std::string(254, 'n') + "m",
  };
}

std::vector<std::string> refused_names() {
  return {
      "", std::string(256, 'n'), "a\nb", "a\tb", std::string("a\0b", 3), "\x01", "a\xFF", "\xC3", "\xED\xA0\x80",
  };
}

}  // namespace

TEST_P(Names, EveryQueueIsItself) {
  for (const std::string& name : strange()) {
    client().enqueue(NewJob{.kind = "work", .options = {.queue = name}});
  }
  EXPECT_EQ(admin().queues().size(), strange().size());
  for (const std::string& name : strange()) {
    const std::vector<Job> jobs = claim(10, {name});
    ASSERT_EQ(jobs.size(), 1u) << name;
    EXPECT_EQ(jobs[0].queue, name);
    EXPECT_EQ(admin().list({.queues = {name}}).size(), 1u) << name;
    EXPECT_EQ(admin().counts(name).at(JobState::running).value, 1u) << name;
  }
}

TEST_P(Names, QueuesAreListedInOrderOfTheirBytes) {
  std::vector<std::string> names = strange();
  for (const std::string& name : names) admin().create_queue(name);
  std::sort(names.begin(), names.end());
  std::vector<std::string> listed;
  for (const Queue& queue : admin().queues()) listed.push_back(queue.name);
  EXPECT_EQ(listed, names);
}

TEST_P(Names, EveryKindIsItself) {
  for (const std::string& name : strange()) enqueue_kind(name);
  for (const std::string& name : strange()) {
    const std::vector<Job> jobs = claim(10, {}, {name});
    ASSERT_EQ(jobs.size(), 1u) << name;
    EXPECT_EQ(jobs[0].kind, name);
    EXPECT_EQ(admin().list({.kinds = {name}}).size(), 1u) << name;
  }
}

TEST_P(Names, EveryUniqueKeyIsItself) {
  for (const std::string& name : strange()) {
    EXPECT_TRUE(client().enqueue(NewJob{.kind = "work", .options = {.unique_key = name}}).inserted()) << name;
  }
  for (const std::string& name : strange()) {
    const Enqueued again = client().enqueue(NewJob{.kind = "work", .options = {.unique_key = name}});
    EXPECT_FALSE(again.inserted()) << name;
    EXPECT_EQ(row(again.id).unique_key, name);
  }
}

TEST_P(Names, LimitsAndPausesConcernOneNameOnly) {
  for (const char* name : {"a", "A", "a "}) enqueue({.queue = name});
  admin().pause("A");
  admin().set_concurrency("a ", 0);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].queue, "a");
}

TEST_P(Names, ImpossibleNamesAreRefusedBeforeAnythingIsSent) {
  Client unmigrated{blank()};
  Admin operators{blank()};
  for (const std::string& name : refused_names()) {
    EXPECT_EQ(code_of([&] { return unmigrated.enqueue(NewJob{.kind = "work", .options = {.queue = name}}); }),
              "invalid_argument");
    EXPECT_EQ(code_of([&] { return unmigrated.enqueue(NewJob{.kind = name}); }), "invalid_argument");
    EXPECT_EQ(code_of([&] {
                operators.create_queue(name);
                return 0;
              }),
              "invalid_argument");
  }
  for (const char* key : {"", "\xFF"}) {
    EXPECT_EQ(code_of([&] { return unmigrated.enqueue(NewJob{.kind = "work", .options = {.unique_key = key}}); }),
              "invalid_argument");
  }
}

TEST_P(Names, WorkersHaveStrangeNamesToo) {
  enqueue();
  backend::ClaimRequest request{.limit = 1, .token = {77}, .worker = "h\xC3\xB6st'; --", .now = clock().instant()};
  ASSERT_EQ(dialect().claim(request).jobs.size(), 1u);
  EXPECT_EQ(admin().list().at(0).worker, "h\xC3\xB6st'; --");
}

}  // namespace sqlq::conformance
