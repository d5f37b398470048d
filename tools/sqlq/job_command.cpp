#include "job_command.hpp"

#include <csignal>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>
#include <sqlq/limits.hpp>

#include "text.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every system declares it

namespace sqlq::tool {
namespace {

constexpr std::string_view prefix = "SQLQ_JOB_";
// sysexits.h
constexpr int data_error = 65;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

std::string_view name_of_signal(int number) {
  switch (number) {
    case SIGHUP: return " (SIGHUP)";
    case SIGINT: return " (SIGINT)";
    case SIGQUIT: return " (SIGQUIT)";
    case SIGILL: return " (SIGILL)";
    case SIGABRT: return " (SIGABRT)";
    case SIGBUS: return " (SIGBUS)";
    case SIGFPE: return " (SIGFPE)";
    case SIGKILL: return " (SIGKILL)";
    case SIGSEGV: return " (SIGSEGV)";
    case SIGPIPE: return " (SIGPIPE)";
    case SIGTERM: return " (SIGTERM)";
    default: return "";
  }
}

std::string message_of(const CommandEnd& end) {
  const int number = end.how.number;
  std::string message = end.how.by_signal ? "killed by signal " : "exit status ";
  message += std::to_string(number);
  if (end.how.by_signal) message += name_of_signal(number);
  if (!end.how.by_signal && number == cannot_execute) message += " (cannot be executed)";
  if (!end.how.by_signal && number == not_found) message += " (a command was not found)";
  if (!end.last_line.empty()) message += ": " + end.last_line;
  return message;
}

}  // namespace

std::vector<std::string> environment_of(const Job& job) {
  std::vector<std::string> all;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with(prefix)) all.emplace_back(*at);
  }
  const auto add = [&](std::string_view name, const std::string& value) {
    all.push_back(std::string(prefix) + std::string(name) + "=" + value);
  };
  add("ID", job.id.to_string());
  add("KIND", job.kind);
  add("QUEUE", job.queue);
  add("ATTEMPT", std::to_string(job.attempt));
  add("MAX_ATTEMPTS", std::to_string(job.max_attempts));
  add("PRIORITY", std::to_string(job.priority));
  add("CREATED", utc(job.created_at));
  add("DUE", utc(job.run_at));
  add("WORKER", job.worker);
  if (!job.unique_key.empty()) add("UNIQUE_KEY", job.unique_key);
  if (const std::string_view key = key_of(job); !key.empty()) add("KEY", std::string(key));
  if (job.timeout > Duration(0)) {
    add("TIMEOUT", std::to_string(std::chrono::duration<double>(job.timeout).count()));
  }
  return all;
}

Meaning meaning_of(CommandEnd end, const PayloadLimits& limits) {
  if (end.how.by_signal || end.how.number != 0) {
    const bool discard = !end.how.by_signal && end.how.number == data_error;
    std::string message = message_of(end);
    return {discard ? Outcome::discard(std::move(message)) : Outcome::error(std::move(message))};
  }
  constexpr const char* space = " \t\r\n";
  const auto from = end.output.find_first_not_of(space);
  if (from == std::string::npos && !end.output_cut) return {Outcome::done()};
  if (end.output_cut || end.output.size() > limits.max_bytes) {
    return {Outcome::error("exit status 0, but its standard output is no result: it is larger than " +
                           std::to_string(limits.max_bytes) + " bytes")};
  }
  std::string result = end.output.substr(from, end.output.find_last_not_of(space) + 1 - from);
  try {
    check_json(result, limits, "its standard output");
  } catch (const Error& error) {
    return {Outcome::error(std::string("exit status 0, but its standard output is no result: ") + error.what() +
                           "; a command prints JSON or nothing, and its log to standard error")};
  }
  return {Outcome::done(), std::move(result)};
}

}  // namespace sqlq::tool
