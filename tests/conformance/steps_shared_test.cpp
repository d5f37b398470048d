// Steps of many jobs that are recorded at the same moment: a backend may write them together, and nobody notices.

#include <array>
#include <atomic>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using backend::NewStep, backend::RecordStatus;

namespace {

constexpr int crowd = 8;
constexpr int turns = 20;

/// Recorded in turn. What a database or a text format might take for something else.
constexpr std::array<std::string_view, 8> hostile_values{
    "1",
    R"("a \" quote, a \\ backslash, a \u0000 and a \n")",
    R"({"price": 1.10, "name": "O'Brien; -- %s :x ? $1"})",
    "\"\xc3\xa4\xf0\x9f\x9a\x80\xe2\x80\xa8\"",
    R"([null, true, 9223372036854775807, 1e400])",
    "{ \"kept\" :\t\"as written\" }",
    "\"\"",
    "null",
};
constexpr std::array<std::string_view, 4> hostile_names{
    "a", "O'Brien", "\xc3\xa4\xf0\x9f\x9a\x80 ", "back\\slash \"quote\""};

/// The one of this thread and round: a name and number that it has once.
NewStep step_of(const Job& job, int round) {
  const auto n = static_cast<std::size_t>(round);
  return {.id = job.id,
          .token = job.lease_token,
          .kind = round % 5 == 4 ? StepKind::decision : StepKind::result,
          .name = hostile_names[n % hostile_names.size()],
          .number = round - 3,
          .value = round % 5 == 4 ? "true" : hostile_values[n % hostile_values.size()],
          .first_claim = true};
}

}  // namespace

TEST_P(Steps, OfManyJobsAtOnceEachIsRecordedAsItIs) {
  SQLQ_NEEDS(steps);
  std::vector<Job> jobs;
  for (int i = 0; i < crowd; ++i) {
    enqueue();
    jobs.push_back(take());
  }
  std::atomic<int> recorded{0};
  in_threads(crowd, [&](int me) {
    const Job& job = jobs[static_cast<std::size_t>(me)];
    for (int i = 0; i < turns; ++i) {
      const backend::RecordAnswer answer = dialect().steps()->record_step(step_of(job, i), nullptr, {});
      const bool right = answer.status == RecordStatus::recorded && answer.step.claim == 1 &&
                         answer.step.value == step_of(job, i).value && answer.step.name == step_of(job, i).name;
      recorded += right ? 1 : 0;
    }
  });
  EXPECT_EQ(recorded, crowd * turns);
  for (const Job& job : jobs) {
    const std::vector<StepRecord> steps = dialect().steps()->read_steps(job.id, nullptr);
    ASSERT_EQ(steps.size(), static_cast<std::size_t>(turns));
    for (int i = 0; i < turns; ++i) {
      const StepRecord& step = steps[static_cast<std::size_t>(i)];
      const NewStep sent = step_of(job, i);
      EXPECT_EQ(step.kind, sent.kind);
      EXPECT_EQ(step.name, sent.name);
      EXPECT_EQ(step.number, sent.number) << "in the order of their recording";
      EXPECT_EQ(step.value, sent.value) << "byte for byte";
      EXPECT_EQ(step.claim, 1);
      EXPECT_FALSE(step.until);
    }
  }
}

TEST_P(Steps, OfManyJobsAtOnceTheStaleAndTheRepeatedHarmNobody) {
  SQLQ_NEEDS(steps);
  enum { lost, gone, repeats, first_sound };
  std::vector<Job> jobs;
  for (int i = 0; i < crowd; ++i) {
    enqueue();
    jobs.push_back(take());
  }
  ++jobs[lost].lease_token.value;
  jobs[gone].id = JobId::make(clock().now());
  for (int i = 0; i < turns; ++i) {
    ASSERT_EQ(dialect().steps()->record_step(step_of(jobs[repeats], i), nullptr, {}).status, RecordStatus::recorded);
  }
  std::array<std::atomic<int>, crowd> right{};
  in_threads(crowd, [&](int me) {
    const auto expected = me == lost || me == gone ? RecordStatus::stale
                          : me == repeats          ? RecordStatus::existing
                                                   : RecordStatus::recorded;
    for (int i = 0; i < turns; ++i) {
      const Job& job = jobs[static_cast<std::size_t>(me)];
      const auto answer = dialect().steps()->record_step(step_of(job, i), nullptr, {});
      right[static_cast<std::size_t>(me)] += answer.status == expected ? 1 : 0;
    }
  });
  for (int i = 0; i < crowd; ++i) EXPECT_EQ(right[static_cast<std::size_t>(i)], turns) << "thread " << i;
  for (int i = 0; i < crowd; ++i) {
    const std::size_t there = dialect().steps()->read_steps(jobs[static_cast<std::size_t>(i)].id, nullptr).size();
    EXPECT_EQ(there, static_cast<std::size_t>(i == lost || i == gone ? 0 : turns)) << "job " << i;
  }
}

}  // namespace sqlq::conformance
