#include "core/checks.hpp"

#include <sqlq/error.hpp>

#include "core/enqueue_items.hpp"
#include "core/gate.hpp"
#include "core/observing.hpp"
#include "core/sorted.hpp"
#include "core/text.hpp"

namespace sqlq::core {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

[[noreturn]] void refuse(std::string_view what, std::string_view why) {
  throw Error(Errc::invalid_argument, std::string(what) + " " + std::string(why));
}

// C0, DEL and C1, of which UTF-8 has the last as C2 80 to C2 9F.
bool has_control_character(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

void check_bytes(std::string_view text, std::string_view what) {
  if (text.empty()) refuse(what, "is empty: 1 to " + std::to_string(max_name_bytes) + " bytes are needed");
  check_text(text, max_name_bytes, what);
}

}  // namespace

void check_text(std::string_view text, std::size_t max_bytes, std::string_view what) {
  if (text.size() > max_bytes) {
    refuse(what, "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(max_bytes) +
                     " are allowed");
  }
  if (text.find('\0') != std::string_view::npos) refuse(what, "has a NUL byte");
  if (find_invalid_utf8(text) != std::string_view::npos) refuse(what, "is not valid UTF-8");
}

void check_name(std::string_view name, std::string_view what) {
  check_bytes(name, what);
  if (has_control_character(name)) refuse(what, "has a control character, which names must not have");
}

std::vector<std::string> check_names(std::span<const std::string> names, std::string_view what) {
  if (names.size() > max_names) {
    refuse("the list", "has " + std::to_string(names.size()) + " names; at most " + std::to_string(max_names) +
                           " are allowed");
  }
  for (const std::string& name : names) check_name(name, what);
  return sorted_once(std::vector<std::string>(names.begin(), names.end()));
}

void check_range(std::uint64_t value, std::uint64_t least, std::uint64_t most, std::string_view what) {
  if (value >= least && value <= most) return;
  refuse(what, "is " + std::to_string(value) + "; " + std::to_string(least) + " to " + std::to_string(most) +
                   " are allowed");
}

void check_headers(const Headers& headers, std::string_view what) {
  if (headers.size() > max_headers) {
    refuse(what, "are " + std::to_string(headers.size()) + "; at most " + std::to_string(max_headers) +
                     " are allowed");
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers) {
    check_name(name, "the name of a header");
    check_text(value, max_header_bytes, "the value of a header");
    if (has_control_character(value)) refuse("the value of a header", "has a control character");
    if (name == key_header) check_name(value, "the key");
    bytes += name.size() + value.size();
  }
  if (bytes > max_header_bytes) {
    refuse(what, "have " + std::to_string(bytes) + " bytes of names and values; at most " +
                     std::to_string(max_header_bytes) + " are allowed: store large data elsewhere and refer to it");
  }
}

void check_options(const EnqueueOptions& options) {
  if (options.queue) check_name(*options.queue, "the queue name");
  constexpr int most_tries = 1'000'000;
  const auto possible = [](int tries) { return tries >= 1 && tries <= most_tries; };
  if (!possible(options.max_attempts.value_or(1))) refuse("max_attempts", "must be 1 to 1,000,000");
  if (!possible(options.max_crashes.value_or(1))) refuse("max_crashes", "must be 1 to 1,000,000");
  if (options.delay != Duration::zero() && options.run_at) {
    refuse("delay", "and run_at were both given: use one of them");
  }
  if (options.unique_key) check_bytes(*options.unique_key, "the unique key");
  const Duration keepalive = options.keepalive.value_or(seconds(1));
  if (keepalive < seconds(1) || keepalive > hours(24)) refuse("keepalive", "must be 1 s to 24 h");
  if (options.retention && *options.retention < Duration::zero()) refuse("retention", "must not be negative");
  if (options.timeout < Duration::zero()) refuse("timeout", "must not be negative (zero means no limit)");
  if (options.id && options.id->nil()) refuse("the job id", "is nil: make one with JobId::make, or give none");
  if (options.key) check_name(*options.key, "the key");
  if (options.headers.empty()) return;
  check_headers(stored_headers(options), "the headers");
  const auto first = options.headers.lower_bound("sqlq-");
  if (first != options.headers.end() && first->first == key_header) {
    refuse("the name of a header", "is that of the key: say the key by EnqueueOptions::key");
  }
  if (first != options.headers.end() && first->first.starts_with("sqlq-")) {
    refuse("the name of a header", "begins with \"sqlq-\": such headers are the library's; choose another name");
  }
}

void check_client_options(const ClientOptions& options) {
  EnqueueOptions all;
  all.queue = options.queue;
  all.max_attempts = options.max_attempts;
  all.max_crashes = options.max_crashes;
  all.keepalive = options.keepalive;
  all.retention = options.retention;
  check_options(all);
  check_observers(options.observers, "ClientOptions::observers");
  if (std::ranges::all_of(options.hooks, [](const EnqueueHook& hook) { return static_cast<bool>(hook); })) return;
  throw Error(Errc::invalid_argument, "ClientOptions::hooks: a hook is empty; leave it out");
}

void check_job(const NewJob& job, const PayloadLimits& limits) {
  check_name(job.kind, "the kind");
  check_options(job.options);
  check_json(job.params, limits, "the job's params");
}

void check_filter(const JobFilter& filter) {
  constexpr std::size_t most_names = 1000;
  constexpr std::size_t most_error_bytes = 1024;
  check_range(filter.ids.size(), 0, max_names, "the number of ids of the filter");
  check_range(filter.queues.size(), 0, most_names, "the number of queues of the filter");
  check_range(filter.kinds.size(), 0, most_names, "the number of kinds of the filter");
  for (const std::string& name : filter.queues) check_name(name, "the queue name");
  for (const std::string& name : filter.kinds) check_name(name, "the kind");
  for (const JobState state : filter.states) {
    check_range(static_cast<std::uint64_t>(state), static_cast<std::uint64_t>(JobState::pending),
                static_cast<std::uint64_t>(JobState::waiting), "a state of the filter");
  }
  if (!filter.unique_key.empty()) check_bytes(filter.unique_key, "the unique key");
  check_text(filter.error, most_error_bytes, "the text that the filter looks for in errors");
}

void expect_answers(std::size_t got, std::size_t wanted) {
  if (got == wanted) return;
  throw Error(Errc::internal, "the backend gave " + std::to_string(got) + " answers for " + std::to_string(wanted) +
                                  " items: this is a defect of the backend");
}

}  // namespace sqlq::core
