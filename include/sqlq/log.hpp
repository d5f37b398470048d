#pragma once
/// \file
/// A job's own log: lines at four levels, sent to a sink. By default the sink is the database.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// Stored as these numbers: never renumber.
enum class LogLevel : std::uint8_t {
  debug = 1,  ///< for the author of the handler
  info = 2,   ///< what happened
  warn = 3,   ///< odd, but the job goes on
  error = 4,  ///< something failed
};
/// "debug", "info", ...
[[nodiscard]] SQLQ_API std::string_view to_string(LogLevel level) noexcept;

/// One line. `claim` and `number` order the lines of a job: first by execution, then as written.
struct LogLine {
  JobId job{};                      ///< whose line it is
  LeaseToken token{};               ///< of the execution that wrote it; the database refuses lines of a lost lease
  std::int64_t claim = 0;           ///< Job::claims of that execution
  int attempt = 0;                  ///< Job::attempt of that execution
  std::int64_t number = 0;          ///< 1, 2, ... within one execution; 64 bits
  TimePoint at{};                   ///< when it was written
  LogLevel level = LogLevel::info;  ///< how important it is
  std::string text{};               ///< at most 16 KiB, cut at a character boundary
  std::string queue{};              ///< of the job, for sinks; lines read from the database have none
  std::string kind{};               ///< the same
};

/// Where lines go. Implement it to send them to your own logging.
///
/// Thread-safety: `write` is called from many threads at once; the lines of one job come in order.
/// Errors: exceptions from a sink never reach the writer of a line. A worker reports them to its events; in own loops,
/// where nobody asks for them, they are dropped: catch what you want to know of in `write`. A sink that forks or ends
/// its thread: see Worker.
class SQLQ_TYPE LogSink {
 public:
  virtual ~LogSink() = default;
  /// Takes one line. Must not block for long: it runs on the handler's thread.
  virtual void write(LogLine line) = 0;
  /// Sends what is buffered. A worker calls it about every second, before it writes the outcome of a job that wrote
  /// lines or returns to the queue, and before it stops; on its own threads, one call at a time.
  virtual void flush() {}
  /// A worker gives a callback that asks it for a flush soon; a sink that buffers calls it when a batch is full. The
  /// callback never blocks and is replaced by an empty one before it becomes invalid.
  virtual void set_flush_hint(std::function<void()> hint) { (void)hint; }
  /// A worker gives a callback that makes an event (WorkerEvent::Code::log_refused) of a line that was left out or
  /// changed: its job and why. It may be called for a moment after it was replaced.
  virtual void set_report(std::function<void(JobId, std::string_view why)> report) { (void)report; }
};

/// Any callable taking a LogLine. It must be callable from many threads at once.
[[nodiscard]] SQLQ_API std::shared_ptr<LogSink> make_log_sink(std::function<void(const LogLine&)> write);

/// The database sink, which workers use by default. Buffers lines and writes them in batches when 1000 are waiting or
/// `flush` is called; a failed flush keeps them for the next one. When 100,000 lines or 64 MiB of text wait (the
/// database has been away for long) new ones are dropped, and a warn line in the job's log says how many. Lines of a
/// lost lease are dropped. A line that the database refuses for good (its encoding lacks a character, a trigger raises
/// an error) is stored with '?' for what is not ASCII or, if that is refused too, left out; the others are stored.
/// Of each job about the last 10,000 lines stay, and of these about the last 8 MiB. `write` never touches the database:
/// call `flush` yourself in own loops, before the call that ends the job. Lines that were not flushed yet (in a worker:
/// of about the last second, of jobs that still run) are gone when the process is killed.
[[nodiscard]] SQLQ_API std::shared_ptr<LogSink> database_log_sink(Database db);

namespace detail {

/// A value as a line of a log shows it.
template <class T>
std::string log_text(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(std::string_view(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (requires { value.to_string(); }) {
    return value.to_string();
  } else if constexpr (requires { std::string(to_string(value)); }) {
    return std::string(to_string(value));
  } else {
    std::ostringstream text;
    text << value;
    return std::move(text).str();
  }
}

/// Puts the values where `format` has {}; what is left over of them goes to the end.
[[nodiscard]] SQLQ_API std::string fill_in(std::string_view format, std::initializer_list<std::string> values);

}  // namespace detail

/// Writes lines for one execution of one job. Cheap to make; a handler gets one from JobContext::log().
///
/// Thread-safety: all members from any thread. Lifetime: keeps the sink alive; may outlive the handler (lines written
/// after the job was finished are still stored, those after another worker claimed it are not).
class SQLQ_API JobLogger {
 public:
  /// Lines about this execution of the job, to `sink`, stamped by `clock`.
  JobLogger(const Job& job, std::shared_ptr<LogSink> sink, std::shared_ptr<Clock> clock = system_clock());

  /// A line as it is; a `{}` in it stays.
  void debug(std::string_view text) { write(LogLevel::debug, text); }
  /// The same, of level info.
  void info(std::string_view text) { write(LogLevel::info, text); }
  /// The same, of level warn.
  void warn(std::string_view text) { write(LogLevel::warn, text); }
  /// The same, of level error.
  void error(std::string_view text) { write(LogLevel::error, text); }
  /// With values in the place of each `{}`: log.info("{} of {} sent", n, all). A value is anything like a string, with
  /// a to_string or with an operator<<. There are no format options; `{{` is a `{`. A `{}` without a value stays as it
  /// is, values without a `{}` follow the text.
  template <class... Values>
    requires(sizeof...(Values) > 0)
  void debug(std::string_view format, const Values&... values) {
    write(LogLevel::debug, format, values...);
  }
  /// The same, of level info.
  template <class... Values>
    requires(sizeof...(Values) > 0)
  void info(std::string_view format, const Values&... values) {
    write(LogLevel::info, format, values...);
  }
  /// The same, of level warn.
  template <class... Values>
    requires(sizeof...(Values) > 0)
  void warn(std::string_view format, const Values&... values) {
    write(LogLevel::warn, format, values...);
  }
  /// The same, of level error.
  template <class... Values>
    requires(sizeof...(Values) > 0)
  void error(std::string_view format, const Values&... values) {
    write(LogLevel::error, format, values...);
  }
  /// The same, of any level.
  template <class... Values>
    requires(sizeof...(Values) > 0)
  void write(LogLevel level, std::string_view format, const Values&... values) {
    write(level, std::string_view(detail::fill_in(format, {detail::log_text(values)...})));
  }
  /// How many lines it has written, copies of it included.
  [[nodiscard]] std::int64_t lines() const;
  /// Never throws because of the text (NUL and invalid UTF-8 are replaced, long text is cut) or of the sink.
  void write(LogLevel level, std::string_view text);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sqlq
