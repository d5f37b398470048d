#include <sqlq/trace.hpp>

#include <algorithm>
#include <utility>

#include <sqlq/schedule.hpp>

namespace sqlq {
namespace {

constexpr std::string_view parent_header = "traceparent";
constexpr std::string_view state_header = "tracestate";
constexpr std::size_t longest_state = 512;
constexpr std::size_t length_of_00 = 55;

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) noexcept { return is_hex(text) && text.find_first_not_of('0') != text.npos; }

bool is_tracestate(std::string_view text) noexcept {
  return text.size() <= longest_state && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

TraceContext context_in(const Headers& headers) {
  const auto value = [&](std::string_view name) {
    const auto at = headers.find(std::string(name));
    return at == headers.end() ? std::string() : at->second;
  };
  TraceContext context{.traceparent = value(parent_header), .tracestate = value(state_header)};
  if (!is_traceparent(context.traceparent)) return {};
  if (!is_tracestate(context.tracestate)) context.tracestate.clear();
  return context;
}

/// The job whose handler runs on this thread within keep_trace.
thread_local const Job* current_job = nullptr;

/// Also where a handler ends its thread.
class Current final {
 public:
  explicit Current(const Job& job) noexcept : before_(std::exchange(current_job, &job)) {}
  ~Current() { current_job = before_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Job* const before_;
};

}  // namespace

bool is_traceparent(std::string_view text) noexcept {
  if (text.size() < length_of_00 || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const std::string_view version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  if (text.size() > length_of_00 && (version == "00" || text[length_of_00] != '-')) return false;
  return is_id(text.substr(3, 32)) && is_id(text.substr(36, 16)) && is_hex(text.substr(53, 2));
}

EnqueueHook send_trace(std::function<TraceContext()> current) {
  if (!current) current = current_trace;
  return [current = std::move(current)](NewJob job) {
    Headers& headers = job.options.headers;
    if (headers.contains(std::string(parent_header))) return job;
    TraceContext now = current();
    if (!is_traceparent(now.traceparent)) return job;
    headers.emplace(parent_header, std::move(now.traceparent));
    if (!now.tracestate.empty() && is_tracestate(now.tracestate)) {
      headers.insert_or_assign(std::string(state_header), std::move(now.tracestate));
    } else {
      headers.erase(std::string(state_header));
    }
    return job;
  };
}

std::optional<JobTrace> trace_of(const Job& job) {
  TraceContext context = context_in(job.headers);
  if (context.traceparent.empty()) return std::nullopt;
  const bool at_once = job.claims <= 1 && job.run_at <= job.created_at && !tick_of(job);
  return JobTrace{std::move(context), at_once};
}

Outcome keep_trace(JobContext& context, Next& next) {
  const Current current(context.job());
  return next();
}

TraceContext current_trace() { return current_job == nullptr ? TraceContext{} : context_in(current_job->headers); }

}  // namespace sqlq
