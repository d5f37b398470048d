// What travels with a job beside its params: stored with it, and shown wherever a whole job is.

#include <string>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const Headers a_trace{{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                    {"tracestate", ""},
                    {"\xE5\x90\x8D \"\\'", "v\xC3\xA4lue \xF0\x9F\x98\x80 '; -- \\\" \xEF\xBF\xBF"},
                    {"Name", "1"},
                    {"name", "2"}};

std::vector<Headers> of_all(const std::vector<Job>& jobs) {
  std::vector<Headers> all;
  for (const Job& job : jobs) all.push_back(job.headers);
  return all;
}

}  // namespace

TEST_P(JobHeaders, ComeBackWhereverAJobIsRead) {
  SQLQ_NEEDS(headers);
  const EnqueuedRow made = client().enqueue_row(NewJob{.kind = "work", .options = {.headers = a_trace}});
  ASSERT_TRUE(made.job);
  EXPECT_EQ(made.job->headers, a_trace);
  EXPECT_EQ(row(made.id).headers, a_trace);
  EXPECT_EQ(of_all(admin().list()), std::vector{a_trace});
  EXPECT_EQ(of_all(admin().list({}, {.payloads = false})), std::vector{a_trace});
  EXPECT_EQ(of_all(admin().list({.ids = {made.id}})), std::vector{a_trace});
  EXPECT_EQ(of_all(admin().list({.states = {JobState::pending}})), std::vector{a_trace});
  const Job job = take();
  EXPECT_EQ(job.headers, a_trace);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(row(made.id).headers, a_trace) << "a job keeps them when it has finished";
}

TEST_P(JobHeaders, OfAPlainJobAreNone) {
  const JobId id = enqueue();
  EXPECT_EQ(row(id).headers, Headers{});
  EXPECT_EQ(of_all(admin().list()), std::vector{Headers{}});
  EXPECT_EQ(take().headers, Headers{});
}

TEST_P(JobHeaders, AreKeptByEveryRun) {
  SQLQ_NEEDS(headers);
  const JobId id = enqueue({.headers = a_trace});
  Job job = take();
  client().error(job, "no", {.retry = RetryPolicy::constant(1s)});
  clock().advance(2s);
  job = take();
  EXPECT_EQ(job.headers, a_trace) << "after a retry";
  client().snooze(job, 1s);
  clock().advance(2s);
  EXPECT_EQ(take().headers, a_trace) << "after a snooze";
  clock().advance(31s);
  client().reap();
  job = take();
  EXPECT_EQ(job.headers, a_trace) << "after a crash";
  client().error(job, "no", {.discard = true});
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(row(id).headers, a_trace);
  EXPECT_EQ(take().headers, a_trace) << "after a requeue";
}

TEST_P(JobHeaders, ComeWithAHandOver) {
  SQLQ_NEEDS(headers);
  SQLQ_NEEDS(hand_over);
  enqueue();
  const Job first = take();
  enqueue({.headers = a_trace});
  const std::vector<backend::Success> ends{{.id = first.id, .token = first.lease_token, .queue = first.queue}};
  const auto result = dialect().hand_over()->finish_and_claim(
      {.claim = {.limit = 1, .token = LeaseToken{77}, .worker = "w", .now = clock().instant()}, .ends = ends});
  EXPECT_EQ(of_all(result.claim.jobs), std::vector{a_trace});
}

TEST_P(JobHeaders, OfABatchStayWithTheirJobs) {
  SQLQ_NEEDS(headers);
  std::vector<NewJob> jobs;
  std::vector<Headers> wanted;
  for (int i = 0; i < 30; ++i) {
    wanted.push_back(i % 3 == 1 ? Headers{{"n", std::to_string(i)}} : Headers{});
    jobs.push_back({.kind = "work", .options = {.headers = wanted.back()}});
    if (i % 5 == 0) jobs.back().options.unique_key = "key " + std::to_string(i);
    if (i % 7 == 0) jobs.back().options.delay = 1h;
  }
  std::vector<Headers> stored;
  for (const Enqueued& made : client().enqueue_many(jobs)) {
    EXPECT_TRUE(made.inserted());
    stored.push_back(row(made.id).headers);
  }
  EXPECT_EQ(stored, wanted);
  clock().advance(2h);
  const std::vector<Job> taken = claim(30);
  EXPECT_EQ(taken.size(), 30u);
  for (const Job& job : taken) EXPECT_EQ(job.headers, row(job.id).headers);
}

TEST_P(JobHeaders, OfAJobThatIsThereStay) {
  SQLQ_NEEDS(headers);
  const Headers others{{"other", "yes"}};
  const JobId with = enqueue({.unique_key = "with", .headers = a_trace});
  const JobId without = enqueue({.unique_key = "without"});
  const std::vector<NewJob> again{
      {.kind = "work", .options = {.unique_key = "with", .headers = others}},
      {.kind = "work", .options = {.unique_key = "without", .headers = others}},
      {.kind = "work", .options = {.id = with, .headers = others}},
      {.kind = "work", .options = {.id = without, .headers = others}},
      {.kind = "work", .options = {.unique_key = "new", .headers = others}},
      {.kind = "work", .options = {.unique_key = "new", .headers = a_trace}},
      {.kind = "work", .options = {.unique_key = "with"}}};
  const std::vector<Enqueued> answers = client().enqueue_many(again);
  const auto expect = [&](std::size_t i, JobId id, EnqueueStatus status) {
    EXPECT_EQ(answers.at(i).id, id) << i;
    EXPECT_EQ(answers.at(i).status, status) << i;
  };
  expect(0, with, EnqueueStatus::existing_key);
  expect(1, without, EnqueueStatus::existing_key);
  expect(2, with, EnqueueStatus::existing_id);
  expect(3, without, EnqueueStatus::existing_id);
  EXPECT_TRUE(answers.at(4).inserted());
  expect(5, answers.at(4).id, EnqueueStatus::existing_key);
  expect(6, with, EnqueueStatus::existing_key);
  EXPECT_EQ(row(with).headers, a_trace);
  EXPECT_EQ(row(without).headers, Headers{});
  EXPECT_EQ(row(answers.at(4).id).headers, others);
}

TEST_P(JobHeaders, AreStoredInsideTheUsersTransaction) {
  SQLQ_NEEDS(headers);
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.begin();
    const JobId one = client().enqueue(user.tx(), NewJob{.kind = "work", .options = {.headers = a_trace}}).id;
    const std::vector<NewJob> two{{.kind = "work", .options = {.delay = 1h, .headers = {{"a", "b"}}}},
                                  {.kind = "work"}};
    const std::vector<Enqueued> more = client().enqueue_many(user.tx(), two);
    const auto inside = client().find(user.tx(), one);
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->headers, a_trace);
    EXPECT_FALSE(client().find(one)) << "visible before the commit";
    user.commit();
    EXPECT_EQ(row(one).headers, a_trace);
    EXPECT_EQ(row(more.at(0).id).headers, (Headers{{"a", "b"}}));
    EXPECT_EQ(row(more.at(1).id).headers, Headers{});
    user.begin();
    const JobId gone = client().enqueue(user.tx(), NewJob{.kind = "work", .options = {.headers = a_trace}}).id;
    user.rollback();
    EXPECT_FALSE(client().find(gone));
  });
}

TEST_P(JobHeaders, OfTheLargestSizeAreStored) {
  SQLQ_NEEDS(headers);
  const Headers large{{"n", std::string((16U << 10U) - 1, '"')}};
  Headers many;
  for (int i = 0; i < 64; ++i) many["header " + std::to_string(i)] = std::string(240, '\\');
  for (const Headers& headers : {large, many}) {
    const JobId id = enqueue({.headers = headers});
    EXPECT_EQ(row(id).headers, headers);
    EXPECT_EQ(take().headers, headers);
  }
}

TEST_P(JobHeaders, OutOfTheirLimitsAreRefusedBeforeAnythingIsStored) {
  Headers many;
  for (int i = 0; i < 65; ++i) many[std::to_string(i)] = "";
  const std::vector<Headers> wrong{many,
                                   {{"", "empty"}},
                                   {{std::string(256, 'n'), ""}},
                                   {{"a\nb", ""}},
                                   {{"n", "line\r\nline"}},
                                   {{"n", std::string("a\0b", 3)}},
                                   {{"n", "\xFF"}},
                                   {{"n\xC3", ""}},
                                   {{"n", std::string(16U << 10U, 'v')}},
                                   {{"a", std::string(9000, 'v')}, {"b", std::string(9000, 'v')}},
                                   {{"sqlq-tick", "1"}}};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const std::vector<NewJob> jobs{{.kind = "work"}, {.kind = "work", .options = {.headers = wrong[i]}}};
    EXPECT_EQ(code_of([&] { return client().enqueue_many(jobs); }), "invalid_argument") << i;
  }
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(JobHeaders, AreRefusedWhereTheyCannotBeStored) {
  SQLQ_NEEDS_NO(headers);
  const std::vector<NewJob> jobs{{.kind = "work"}, {.kind = "work", .options = {.headers = a_trace}}};
  EXPECT_EQ(code_of([&] { return client().enqueue_many(jobs); }), "configuration");
  EXPECT_TRUE(admin().list().empty());
}

}  // namespace sqlq::conformance
