// What the helpers cost that run for every job, without any database: a batched drain at 50,000 jobs a second has 20 us
// for each job, of which none of these may be a noticeable part.
//
//   sqlq-micro [--benchmark_filter=REGEX]

#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <sqlq/sqlq.hpp>

namespace {

using namespace std::chrono_literals;

struct SendEmail {
  static constexpr std::string_view kind = "send-email";
  std::string to = "ada@example.org";
  std::string subject = "Your order has been shipped";
  int order = 4711;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to, subject, order)
};

void encode(benchmark::State& state) {
  const SendEmail email;
  for (auto _ : state) benchmark::DoNotOptimize(sqlq::codec<SendEmail>::encode(email));
}
BENCHMARK(encode);

void decode(benchmark::State& state) {
  const std::string text = sqlq::codec<SendEmail>::encode({});
  for (auto _ : state) benchmark::DoNotOptimize(sqlq::codec<SendEmail>::decode(text));
}
BENCHMARK(decode);

/// The check of every params text, by its size in bytes.
void check_json(benchmark::State& state) {
  std::string text = "[0";
  while (text.size() + 1 < static_cast<std::size_t>(state.range(0))) text += ",\"a text\"";
  text += ']';
  for (auto _ : state) sqlq::check_json(text, {}, "params");
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(check_json)->Arg(16)->Arg(256)->Arg(4096);

void job_id_make(benchmark::State& state) {
  const sqlq::TimePoint now = sqlq::system_clock()->now();
  for (auto _ : state) benchmark::DoNotOptimize(sqlq::JobId::make(now));
}
BENCHMARK(job_id_make)->Threads(1)->Threads(8);

void job_id_to_string(benchmark::State& state) {
  const auto id = sqlq::JobId::make(sqlq::TimePoint{});
  for (auto _ : state) benchmark::DoNotOptimize(id.to_string());
}
BENCHMARK(job_id_to_string);

void job_id_parse(benchmark::State& state) {
  const std::string text = sqlq::JobId::make(sqlq::TimePoint{}).to_string();
  for (auto _ : state) benchmark::DoNotOptimize(sqlq::JobId::parse(text));
}
BENCHMARK(job_id_parse);

/// Finding the handler of a job among 100 kinds.
void find_handler(benchmark::State& state) {
  sqlq::Handlers handlers;
  const auto nothing = [](sqlq::JobContext&) { return sqlq::Outcome::done(); };
  for (int i = 1; i < 100; ++i) handlers.on("kind-" + std::to_string(i), nothing);
  handlers.on<SendEmail>([](const SendEmail&) {});
  handlers.freeze();
  for (auto _ : state) benchmark::DoNotOptimize(handlers.find(SendEmail::kind));
}
BENCHMARK(find_handler);

void retry_delay(benchmark::State& state) {
  const sqlq::RetryPolicy policy;
  int attempt = 0;
  for (auto _ : state) benchmark::DoNotOptimize(policy.delay(++attempt % 25 + 1));
}
BENCHMARK(retry_delay);

}  // namespace
