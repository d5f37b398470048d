#include <sqlq/log.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "core/isolate.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"
#include "platform/user_code.hpp"

namespace sqlq {

namespace {

class CallableSink final : public LogSink {
 public:
  explicit CallableSink(std::function<void(const LogLine&)> write) : write_(std::move(write)) {}
  void write(LogLine line) override { write_(line); }

 private:
  std::function<void(const LogLine&)> write_;
};

class DatabaseSink final : public LogSink {
 public:
  explicit DatabaseSink(Database db) : db_(std::move(db)) {}

  void write(LogLine line) override {
    if (!core::is_clean_text(line.text, core::max_log_bytes)) {
      line.text = core::clean_text(line.text, core::max_log_bytes);
    }
    bool full_batch = false;
    {
      const core::MutexLock lock(mutex_);
      if (waiting_.size() + sending_ >= most_waiting || waiting_bytes_ + line.text.size() > most_waiting_bytes) {
        drop(std::move(line));
        return;
      }
      waiting_bytes_ += line.text.size();
      waiting_.push_back(std::move(line));
      full_batch = waiting_.size() % batch_size == 0;
    }
    if (full_batch) {
      const core::MutexLock lock(hint_mutex_);
      if (flush_hint_) flush_hint_();
    }
  }

  // Ends with what was waiting when it began, so that busy writers cannot keep it for ever.
  void flush() override {
    const core::MutexLock one_at_a_time(flush_mutex_);
    for (std::size_t left = count_waiting(); left > 0;) {
      take_batch();
      const std::size_t taken = batch_.size();
      store_batch();
      left -= std::min(left, taken);
      left += finish_batch();
    }
  }

  // Under the mutex that calls hold, so that after an exchange nobody still calls the old one.
  void set_flush_hint(std::function<void()> hint) override {
    const core::MutexLock lock(hint_mutex_);
    flush_hint_ = std::move(hint);
  }
  void set_report(std::function<void(JobId, std::string_view)> report) override {
    const core::MutexLock lock(hint_mutex_);
    report_ = std::move(report);
  }

 private:
  static constexpr std::size_t batch_size = 1000;
  static constexpr std::size_t most_waiting = 100'000;
  static constexpr std::size_t most_waiting_bytes = std::size_t{64} << 20;
  static constexpr std::size_t most_executions_dropping = 10'000;

  struct Dropped {
    LogLine first;  // its number is free: the line that tells of the loss gets it
    std::uint64_t count = 0;
  };

  using Execution = std::pair<JobId, LeaseToken>;

  void drop(LogLine line) SQLQ_REQUIRES(mutex_) {
    const Execution execution{line.job, line.token};
    if (const auto found = dropped_.find(execution); found != dropped_.end()) {
      ++found->second.count;
    } else if (dropped_.size() < most_executions_dropping) {
      line.text = {};
      dropped_.emplace(execution, Dropped{std::move(line), 1});
    }
  }

  std::size_t count_waiting() SQLQ_EXCLUDES(mutex_) {
    const core::MutexLock lock(mutex_);
    return waiting_.size() + sending_;
  }

  // A batch that could not be sent is still in `batch_` and goes first.
  void take_batch() SQLQ_REQUIRES(flush_mutex_) {
    const core::MutexLock lock(mutex_);
    while (batch_.size() < batch_size && !waiting_.empty()) {
      batch_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    sending_ = batch_.size();
    sending_bytes_ = 0;
    for (const LogLine& line : batch_) sending_bytes_ += line.text.size();
  }

  // Of lines that the database refuses for good, what any database can store.
  void store_batch() SQLQ_REQUIRES(flush_mutex_) {
    // Answers are not looked at: lines of lost leases are dropped.
    const auto store = [this](std::span<LogLine> lines) { static_cast<void>(db_.ready().append_logs(lines)); };
    const auto in_ascii = [](const LogLine& line, const Error&) {
      LogLine plain = line;
      plain.text = core::ascii_text(plain.text, core::max_log_bytes);
      return plain;
    };
    const std::span batch(batch_);
    const auto tell = [&](const core::Offender& offender, const LogLine& instead, bool lost) {
      const auto report = [this] {
        const core::MutexLock lock(hint_mutex_);
        return report_;
      }();
      const std::string_view end = lost ? "; it was left out" : "; it was stored with '?' for what is not ASCII";
      const std::string why = "the database refused a log line: " + std::string(offender.error.what());
      if (report) report(instead.job, why + std::string(end));
      if (!lost) batch[offender.index] = instead;  // should the batch be written again
    };
    core::write_or_replace(batch, store, in_ascii, tell);
  }

  // Now there is room again: tells of the lines dropped before. Returns how many lines that made.
  std::size_t finish_batch() SQLQ_REQUIRES(flush_mutex_) {
    batch_.clear();
    const core::MutexLock lock(mutex_);
    sending_ = 0;
    waiting_bytes_ -= sending_bytes_;
    const std::size_t told = dropped_.size();
    for (auto& [execution, lost] : dropped_) {
      lost.first.level = LogLevel::warn;
      lost.first.text =
          "log lines dropped here, because too many waited for the database: " + std::to_string(lost.count);
      waiting_bytes_ += lost.first.text.size();
      waiting_.push_back(std::move(lost.first));
    }
    dropped_.clear();
    return told;
  }

  Database db_;
  core::Mutex flush_mutex_;
  std::vector<LogLine> batch_ SQLQ_GUARDED_BY(flush_mutex_);

  core::Mutex mutex_;
  std::deque<LogLine> waiting_ SQLQ_GUARDED_BY(mutex_);
  std::size_t sending_ SQLQ_GUARDED_BY(mutex_) = 0;        // lines of the batch
  std::size_t sending_bytes_ SQLQ_GUARDED_BY(mutex_) = 0;  // of its texts
  std::size_t waiting_bytes_ SQLQ_GUARDED_BY(mutex_) = 0;  // of the texts of both
  std::map<Execution, Dropped> dropped_ SQLQ_GUARDED_BY(mutex_);

  core::Mutex hint_mutex_;
  std::function<void()> flush_hint_ SQLQ_GUARDED_BY(hint_mutex_);
  std::function<void(JobId, std::string_view)> report_ SQLQ_GUARDED_BY(hint_mutex_);
};

}  // namespace

std::shared_ptr<LogSink> make_log_sink(std::function<void(const LogLine&)> write) {
  if (!write) throw Error(Errc::invalid_argument, "make_log_sink got an empty function");
  return std::make_shared<CallableSink>(std::move(write));
}

std::shared_ptr<LogSink> database_log_sink(Database db) { return std::make_shared<DatabaseSink>(std::move(db)); }

std::string detail::fill_in(std::string_view format, std::initializer_list<std::string> values) {
  std::string text;
  const std::string* next = values.begin();
  for (std::size_t i = 0; i < format.size(); ++i) {
    const std::string_view two = format.substr(i, 2);
    if (two == "{}" && next != values.end()) {
      text += *next++;
      ++i;
    } else {
      text += format[i];
      if (two == "{{" || two == "}}") ++i;
    }
  }
  for (; next != values.end(); ++next) text += ' ' + *next;
  return text;
}

struct JobLogger::Impl {
  LogLine base;
  std::shared_ptr<LogSink> sink;
  std::shared_ptr<Clock> clock;
  core::Mutex mutex;  // held while the sink takes a line: a job's lines arrive in the order of their numbers
  std::int64_t last_number SQLQ_GUARDED_BY(mutex) = 0;
};

JobLogger::JobLogger(const Job& job, std::shared_ptr<LogSink> sink, std::shared_ptr<Clock> clock)
    : impl_(std::make_shared<Impl>()) {
  if (!sink || !clock) throw Error(Errc::invalid_argument, "a JobLogger needs a sink and a clock");
  impl_->base.job = job.id;
  impl_->base.token = job.lease_token;
  impl_->base.claim = job.claims;
  impl_->base.attempt = job.attempt;
  impl_->base.queue = job.queue;
  impl_->base.kind = job.kind;
  impl_->sink = std::move(sink);
  impl_->clock = std::move(clock);
}

std::int64_t JobLogger::lines() const {
  const core::MutexLock lock(impl_->mutex);
  return impl_->last_number;
}

void JobLogger::write(LogLevel level, std::string_view text) {
  LogLine line = impl_->base;
  line.level = level;
  line.text = core::clean_text(text, core::max_log_bytes);
  const core::MutexLock lock(impl_->mutex);
  line.number = ++impl_->last_number;
  line.at = impl_->clock->now();
  try {
    impl_->sink->write(std::move(line));
  } catch (...) {  // a worker's sink reports it; nobody who writes a line expects it
    if (platform::in_forced_unwind()) throw;
  }
}

}  // namespace sqlq
