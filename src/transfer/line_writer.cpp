#include "transfer/line_writer.hpp"

#include <optional>

namespace sqlq::transfer {
namespace {

/// Writes members of objects one after the other. What stands between them follows from the last character.
class Writer {
 public:
  explicit Writer(std::string_view begin) : text_(begin) {}

  void number(std::string_view name, std::int64_t value) {
    key(name);
    text_ += std::to_string(value);
  }
  void number(std::string_view name, const std::optional<std::int64_t>& value) {
    if (value) {
      number(name, *value);
    } else {
      null(name);
    }
  }
  void time(std::string_view name, TimePoint at) { number(name, at.time_since_epoch().count()); }
  void time(std::string_view name, const std::optional<TimePoint>& at) {
    number(name, at ? std::optional(std::int64_t{at->time_since_epoch().count()}) : std::nullopt);
  }
  void string(std::string_view name, std::string_view value) {
    key(name);
    quote(value);
  }
  /// An empty one is none.
  void maybe_string(std::string_view name, std::string_view value) {
    if (value.empty()) {
      null(name);
    } else {
      string(name, value);
    }
  }
  void flag(std::string_view name, bool value) {
    key(name);
    text_ += value ? "true" : "false";
  }
  template <class Items, class Write>
  void array(std::string_view name, const Items& items, Write write) {
    key(name);
    text_ += '[';
    for (const auto& item : items) {
      if (text_.back() == '}') text_ += ',';
      text_ += '{';
      write(item);
      text_ += '}';
    }
    text_ += ']';
  }
  void strings(std::string_view name, const Headers& values) {
    key(name);
    text_ += '{';
    for (const auto& [each, value] : values) string(each, value);
    text_ += '}';
  }
  [[nodiscard]] std::string end(std::string_view text) && {
    text_ += text;
    return std::move(text_);
  }

 private:
  void key(std::string_view name) {
    if (text_.back() != '{') text_ += ',';
    quote(name);
    text_ += ':';
  }
  void null(std::string_view name) {
    key(name);
    text_ += "null";
  }
  void quote(std::string_view value) {
    text_ += '"';
    std::size_t done = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto c = static_cast<unsigned char>(value[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      text_ += value.substr(done, i - done);
      done = i + 1;
      escape(c);
    }
    text_ += value.substr(done);
    text_ += '"';
  }
  void escape(unsigned char c) {
    text_ += '\\';
    switch (c) {
      case '\b': text_ += 'b'; return;
      case '\f': text_ += 'f'; return;
      case '\n': text_ += 'n'; return;
      case '\r': text_ += 'r'; return;
      case '\t': text_ += 't'; return;
      default: break;
    }
    if (c >= 0x20) {
      text_ += static_cast<char>(c);
      return;
    }
    text_ += "u00";
    text_ += "01"[c >> 4];
    text_ += "0123456789abcdef"[c & 15];
  }

  std::string text_;
};

}  // namespace

std::string first_line() { return "{\"sqlq\":" + std::to_string(stream_version) + "}"; }

std::string line_of(const Queue& queue) {
  Writer w("{\"queue\":{");
  w.string("name", queue.name);
  w.string("description", queue.description);
  w.number("concurrency", queue.concurrency ? std::optional(std::int64_t{*queue.concurrency}) : std::nullopt);
  w.number("priority", queue.priority);
  w.flag("paused", queue.paused);
  return std::move(w).end("}}");
}

std::string line_of(const backend::StoredJob& stored) {
  const Job& job = stored.job;
  Writer w("{\"job\":{");
  w.string("id", job.id.to_string());
  w.string("queue", job.queue);
  w.string("kind", job.kind);
  w.string("state", to_string(job.state));
  w.number("priority", job.priority);
  w.string("params", job.params);
  w.maybe_string("result", job.result);
  w.maybe_string("unique_key", job.unique_key);
  w.number("attempt", job.attempt);
  w.number("max_attempts", job.max_attempts);
  w.number("crashes", job.crashes);
  w.number("max_crashes", job.max_crashes);
  w.number("claims", job.claims);
  w.string("worker", job.worker);
  w.number("keepalive", job.keepalive.count());
  w.number("timeout", job.timeout.count());
  w.number("retention", job.retention ? std::optional(std::int64_t{job.retention->count()}) : std::nullopt);
  w.time("created_at", job.created_at);
  w.time("queued_at", job.queued_at);
  w.time("run_at", job.run_at);
  w.time("started_at", job.started_at);
  w.time("heartbeat_at", job.heartbeat_at);
  w.time("finished_at", job.finished_at);
  w.array("history", stored.history, [&](const AttemptRecord& line) {
    w.number("claim", line.claim);
    w.number("attempt", line.attempt);
    w.string("cause", to_string(line.cause));
    w.time("at", line.at);
    w.string("worker", line.worker);
    w.string("message", line.message);
  });
  w.array("log", stored.log, [&](const LogLine& line) {
    w.number("claim", line.claim);
    w.number("number", line.number);
    w.number("attempt", line.attempt);
    w.time("at", line.at);
    w.string("level", to_string(line.level));
    w.string("text", line.text);
  });
  // Only where there are any: jobs without make the lines that they made before there were such things.
  if (!job.headers.empty()) w.strings("headers", job.headers);
  if (stored.steps.empty()) return std::move(w).end("}}");
  w.array("steps", stored.steps, [&](const StepRecord& step) {
    w.string("kind", to_string(step.kind));
    w.string("name", step.name);
    w.number("number", step.number);
    w.number("claim", step.claim);
    w.time("at", step.at);
    w.time("until", step.until);
    w.maybe_string("value", step.value);
  });
  return std::move(w).end("}}");
}

std::string last_line(std::uint64_t queues, std::uint64_t jobs, std::string_view checksum) {
  Writer w("{\"end\":{");
  w.number("queues", static_cast<std::int64_t>(queues));
  w.number("jobs", static_cast<std::int64_t>(jobs));
  w.string("checksum", checksum);
  return std::move(w).end("}}");
}

}  // namespace sqlq::transfer
