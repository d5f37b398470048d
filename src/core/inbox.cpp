#include "core/inbox.hpp"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/gate.hpp"
#include "core/headers.hpp"
#include "core/text.hpp"

namespace sqlq::core {
namespace {

using backend::InboxRow;
using nlohmann::json;

/// More than check_headers lets through, written as JSON.
constexpr std::size_t most_header_text = std::size_t{128} << 10;

[[noreturn]] void reject(const std::string& column, const std::string& problem) {
  throw Error(Errc::invalid_argument, "the column " + column + " " + problem);
}

int number_of(std::int64_t value, const char* column) {
  constexpr int least = std::numeric_limits<int>::min();
  constexpr int most = std::numeric_limits<int>::max();
  if (value < least || value > most) reject(column, "must be " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<int>(value);
}

Headers headers_of(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  const auto is_text = [](const json& value) { return value.is_string(); };
  if (!object.is_object() || !std::ranges::all_of(object, is_text)) {
    reject("headers", R"(must be a JSON object of texts, as {"name": "value"}, or NULL)");
  }
  return read_headers(text);
}

bool is_name(std::string_view text) {
  try {
    check_name(text, "it");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_json(std::string_view text, const PayloadLimits& limits) {
  try {
    check_json(text, limits, "it");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::size_t longest_inbox_row(const PayloadLimits& limits) noexcept {
  return std::min(limits.max_bytes, std::numeric_limits<std::size_t>::max() / 4) + most_header_text;
}

NewJob job_of(const InboxRow& row, const PayloadLimits& limits) {
  using std::chrono::seconds;
  constexpr seconds longest_timeout = std::chrono::duration_cast<seconds>(std::chrono::years(1000));
  NewJob job{.kind = row.kind, .params = row.params.value_or("null")};
  job.options.queue = row.queue.value_or(ClientOptions{}.queue);
  if (row.priority) job.options.priority = number_of(*row.priority, "priority");
  if (row.max_attempts) job.options.max_attempts = number_of(*row.max_attempts, "max_attempts");
  if (row.timeout_s) {
    if (*row.timeout_s < 0) reject("timeout_s", "must not be negative (0 means no limit)");
    job.options.timeout = seconds(std::min<std::int64_t>(*row.timeout_s, longest_timeout.count()));
  }
  if (row.odd_run_at) reject("run_at", "is no time that can be read: write it as the database's own functions do");
  job.options.run_at = row.run_at;
  job.options.unique_key = row.unique_key;
  if (row.headers) job.options.headers = headers_of(*row.headers);
  // The table has no column for it.
  if (auto key = job.options.headers.extract(std::string(key_header))) job.options.key = std::move(key.mapped());
  if (row.id) {
    job.options.id = JobId::parse(*row.id);
    if (!job.options.id) reject("job_id", "must be a UUID, as 019b0000-0000-7000-8000-000000000001, or NULL");
  }
  check_job(job, limits);
  return job;
}

backend::StoredJob errored_job_of(const InboxRow& row, std::string_view why, std::string_view worker, TimePoint now,
                                  const PayloadLimits& limits) {
  const ClientOptions defaults;
  Job job;
  job.id = JobId::make(now);
  job.queue = row.queue && is_name(*row.queue) ? *row.queue : defaults.queue;
  job.kind = is_name(row.kind) ? row.kind : "sqlq.inbox";
  job.state = JobState::errored;
  job.params = row.params.value_or("null");
  if (!is_json(job.params, limits)) job.params = json(clean_text(job.params, job.params.size())).dump();
  job.max_attempts = defaults.max_attempts;
  job.max_crashes = defaults.max_crashes;
  job.keepalive = defaults.keepalive;
  job.created_at = job.queued_at = job.run_at = now;
  job.finished_at = now;
  backend::StoredJob stored{.job = std::move(job)};
  stored.history.push_back({.claim = 0,
                            .attempt = 0,
                            .cause = Cause::failed,
                            .at = now,
                            .worker = std::string(worker),
                            .message = clean_text("a row of the inbox is no job: " + std::string(why),
                                                  max_message_bytes)});
  return stored;
}

}  // namespace sqlq::core
