#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "context.hpp"
#include "enqueue_line.hpp"
#include "filter_options.hpp"
#include "job_change.hpp"
#include "json_argument.hpp"
#include "output.hpp"
#include "text.hpp"

namespace sqlq::tool {

namespace {

struct NewJobs {
  std::string kind{};
  std::string params{};
  std::string queue{}, at{}, in{}, unique_key{}, key{}, timeout{}, retention{}, keepalive{}, id{};
  std::vector<std::string> headers{};  ///< NAME=VALUE
  std::optional<int> priority{}, max_attempts{}, max_crashes{};
  bool exist_ok = false;
  std::uint64_t skip = 0;
};

Headers headers_of(const std::vector<std::string>& given) {
  Headers headers;
  for (const std::string& text : given) {
    const std::size_t end = text.find('=');
    if (end == text.npos) throw Exit(ExitCode::usage, "--header: a name and a value are needed: NAME=VALUE");
    if (!headers.emplace(text.substr(0, end), text.substr(end + 1)).second) {
      throw Exit(ExitCode::usage, "--header: a name is given twice");
    }
  }
  return headers;
}

EnqueueOptions options_of(const NewJobs& given, TimePoint now) {
  EnqueueOptions options;
  if (!given.queue.empty()) options.queue = given.queue;
  if (given.priority) options.priority = *given.priority;
  options.max_attempts = given.max_attempts;
  options.max_crashes = given.max_crashes;
  if (!given.at.empty() && !given.in.empty()) throw Exit(ExitCode::usage, "--at and --in: use one of them");
  if (!given.at.empty()) {
    const auto at = parse_time(given.at, now);
    if (!at) throw Exit(ExitCode::usage, "--at: a time such as 2026-11-29T16:20:00Z is needed");
    options.run_at = *at;
  }
  if (!given.in.empty()) options.delay = read_duration(given.in, "--in");
  if (!given.unique_key.empty()) options.unique_key = given.unique_key;
  if (!given.key.empty()) options.key = given.key;
  if (!given.timeout.empty()) options.timeout = read_duration(given.timeout, "--timeout");
  if (!given.keepalive.empty()) options.keepalive = read_duration(given.keepalive, "--keepalive");
  if (!given.retention.empty()) options.retention = retention_of(given.retention);
  if (!given.id.empty()) options.id = read_id(given.id, "--id");
  options.headers = headers_of(given.headers);
  return options;
}

/// Stores all or nothing. The jobs have ids, so that a call whose outcome is unknown is repeated.
std::vector<Enqueued> store(Client& client, const std::vector<NewJob>& jobs) {
  for (int left = 2;; --left) {
    try {
      return client.enqueue_many(jobs);
    } catch (const Error& e) {
      if (!e.outcome_unknown() || left == 0) throw;
    }
  }
}

/// Prints ids, and counts answers.
class Answers {
 public:
  Answers(Context& context, bool lines) : context_(context), lines_(lines) {
    if (context.options().format == Format::table) return;
    std::vector<Column> columns{{"id"}, {"status"}};
    if (lines) columns.push_back({"line"});
    records_.emplace(context.records(std::move(columns)));
  }

  /// `own_id`: the id was given by the user; else a job that has it is the one of an earlier try.
  void add(const Enqueued& answer, bool own_id, std::uint64_t line) {
    const bool stored = answer.inserted() || (answer.status == EnqueueStatus::existing_id && !own_id);
    ++(stored ? inserted : existing);
    last = stored ? EnqueueStatus::inserted : answer.status;
    if (!records_) {
      context_.out() << answer.id.to_string() << '\n';
      return;
    }
    std::vector<Value> row{answer.id.to_string(), to_string(last)};
    if (lines_) row.push_back(static_cast<std::int64_t>(line));
    records_->add(std::move(row));
  }

  void finish() {
    if (records_) records_->finish();
    context_.out().flush();
  }

  std::uint64_t inserted = 0;
  std::uint64_t existing = 0;
  EnqueueStatus last = EnqueueStatus::inserted;

 private:
  Context& context_;
  bool lines_;
  std::optional<Records> records_{};
};

// ------------------------------------------------------------------------------------------------- one

ExitCode enqueue_one(Context& context, const NewJobs& given) {
  if (given.skip > 0) throw Exit(ExitCode::usage, "--skip is for JSON lines: job enqueue -");
  const TimePoint now = context.now();
  std::vector<NewJob> jobs{
      {given.kind, given.params.empty() ? "{}" : json_argument(context, given.params), options_of(given, now)}};
  EnqueueOptions& options = jobs.front().options;
  const bool own_id = options.id.has_value();
  if (!own_id) options.id = JobId::make(now);
  if (context.options().dry_run) {
    context.say("would enqueue a job of kind " + given.kind + " into queue " + options.queue.value_or("default"));
    return ExitCode::ok;
  }
  Client client = context.client();
  const Enqueued stored = store(client, jobs).front();
  Answers answers(context, false);
  try {
    answers.add(stored, own_id, 0);
    answers.finish();
  } catch (const OutputFailed&) {  // else whoever tries again stores it twice
    const char* const what = answers.existing == 0 ? " was stored" : " was there already";
    context.complain("the job " + stored.id.to_string() + what);
    throw;
  }
  if (answers.existing == 0) return ExitCode::ok;
  context.say(answers.last == EnqueueStatus::existing_key
                  ? "existing_key: a live job has this unique key; nothing was stored"
                  : "existing_id: a job has this id; nothing was stored");
  return given.exist_ok ? ExitCode::ok : ExitCode::conflict;
}

// ------------------------------------------------------------------------------------------------- many

/// Reads lines, and stores them in batches.
class JobLines {
 public:
  JobLines(Context& context, const NewJobs& given)
      : context_(context), skip_(given.skip), defaults_(options_of(given, context.now())),
        answers_(context, true), stored_(given.skip) {
    if (!given.unique_key.empty() || !given.id.empty()) {
      throw Exit(ExitCode::usage, "--unique-key and --id cannot be those of many jobs: write them in the lines");
    }
  }

  ExitCode run(bool exist_ok) {
    try {
      return store_all(exist_ok);
    } catch (const OutputFailed&) {
      context_.complain(how_far());
      throw;
    }
  }

 private:
  static constexpr std::size_t batch_size = 1000;
  static constexpr std::size_t batch_bytes = std::size_t{8} << 20;

  ExitCode store_all(bool exist_ok) {
    std::string line;
    const sqlq::stop_token stop = context_.stop();
    while (!stop.stop_requested() && read(line)) {
      if (stop.stop_requested()) break;  // the line may be a part of one
      ++number_;
      if (number_ <= skip_ || trimmed(line).empty()) continue;
      take(line);
      if (batch_.size() == batch_size || bytes_ >= batch_bytes) store_batch();
    }
    if (stop.stop_requested()) {
      answers_.finish();
      throw Exit(stored_ == skip_ ? ExitCode::interrupted : ExitCode::partly_done, "interrupted; " + how_far());
    }
    store_batch();
    answers_.finish();
    context_.progress({});
    const std::string what = context_.options().dry_run ? " would be enqueued" : " enqueued";
    context_.say(jobs_text({count_, false}) + what +
                 (answers_.existing == 0 ? "" : "; " + human(answers_.existing) + " there already"));
    if (exist_ok || answers_.existing == 0) return ExitCode::ok;
    return count_ == 0 ? ExitCode::conflict : ExitCode::partly_done;
  }

  bool read(std::string& line) {
    try {
      return next_line(context_.in(), line);
    } catch (const Error& e) {
      refuse(number_ + 1, e.what());
    }
  }

  void take(const std::string& line) {
    const TimePoint now = context_.now();
    try {
      batch_.push_back(read_job(line, defaults_, now));
      check_json(batch_.back().params, PayloadLimits{}, "the field 'params'");
    } catch (const Error& e) {
      refuse(number_, e.what());
    }
    EnqueueOptions& options = batch_.back().options;
    own_ids_.push_back(options.id.has_value());
    if (!options.id) options.id = JobId::make(now);
    numbers_.push_back(number_);
    bytes_ += line.size();
  }

  void store_batch() {
    if (batch_.empty()) return;
    if (!context_.options().dry_run) {
      const std::vector<Enqueued> stored = try_to_store();
      stored_ = number_;
      for (std::size_t i = 0; i < stored.size(); ++i) answers_.add(stored[i], own_ids_[i], numbers_[i]);
      count_ = answers_.inserted;
      context_.out().flush();
    } else {
      stored_ = number_;
      count_ += batch_.size();
    }
    if (batch_.size() == batch_size) context_.progress(jobs_text({count_, false}));
    batch_.clear();
    own_ids_.clear();
    numbers_.clear();
    bytes_ = 0;
  }

  std::vector<Enqueued> try_to_store() {
    try {
      return store(client_ ? *client_ : client_.emplace(context_.client()), batch_);
    } catch (const Error& e) {
      if (e.code() == Errc::invalid_argument) {
        const auto place = place_of(e.what());
        if (place && place->first < numbers_.size()) refuse(numbers_[place->first], place->second);
        if (batch_.size() == 1) refuse(numbers_.front(), e.what());
      }
      const std::string text = "lines " + std::to_string(numbers_.front()) + " to " +
                               std::to_string(numbers_.back()) + ": " + e.what() +
                               (e.outcome_unknown() ? "; it is unknown whether they were stored. Before them " : "; ");
      end();
      if (stored_ != skip_) throw Exit(ExitCode::partly_done, text + how_far());
      throw Error(e.code(), text + how_far(), e.backend(), e.native_code(), e.statement());
    }
  }

  [[noreturn]] void refuse(std::uint64_t number, const std::string& why) {
    end();
    throw Exit(stored_ == skip_ ? ExitCode::usage : ExitCode::partly_done,
               "line " + std::to_string(number) + ": " + why + "; " + how_far());
  }

  void end() {
    context_.progress({});
    answers_.finish();
  }

  [[nodiscard]] std::string how_far() const {
    if (stored_ == 0) return "nothing was stored";
    if (stored_ == skip_) return "nothing was stored: go on with --skip " + std::to_string(skip_);
    return "the lines up to " + std::to_string(stored_) + " were stored: go on with --skip " + std::to_string(stored_);
  }

  Context& context_;
  std::uint64_t skip_;
  EnqueueOptions defaults_;
  Answers answers_;
  std::optional<Client> client_{};
  std::vector<NewJob> batch_{};
  std::vector<bool> own_ids_{};
  std::vector<std::uint64_t> numbers_{};  ///< of the lines of the batch
  std::size_t bytes_ = 0;                 ///< of its lines
  std::uint64_t number_ = 0;              ///< of the line that was read last
  std::uint64_t stored_;                  ///< up to this line all were stored, or skipped
  std::uint64_t count_ = 0;
};

}  // namespace

void add_enqueue_command(CLI::App& root, Context& context) {
  CLI::App& command =
      *noun(root, "job", "Look at jobs, steer them, enqueue them")
           .add_subcommand("enqueue", "Enqueue a job, or with - alone many: JSON lines from standard input");
  auto given = std::make_shared<NewJobs>();
  command.add_option("kind", given->kind, "The kind; - alone: JSON lines with the names of these options")->required();
  command.add_option("params", given->params, "JSON text, @FILE, or - for standard input; {} when not given");
  command.add_option("--queue", given->queue, "The queue; made on first use");
  command.add_option("--priority", given->priority, "Lower numbers come first; 10 when not given");
  command.add_option("--at", given->at, "Not before this time: 2026-11-29T16:20:00Z");
  command.add_option("--in", given->in, "Not before this has passed: 10m, 2h");
  command.add_option("--unique-key", given->unique_key, "At most one live job has this key");
  command.add_option("--key", given->key, "Whose job it is, for limits by key");
  command.add_option("--max-attempts", given->max_attempts, "How often it may be tried; 25 when not given");
  command.add_option("--max-crashes", given->max_crashes, "How often it may end with its worker; 3 when not given");
  command.add_option("--timeout", given->timeout, "Longest run of one attempt");
  command.add_option("--retention", given->retention, "How long it stays when it has finished; or unlimited");
  command.add_option("--keepalive", given->keepalive, "A worker silent for so long has lost it; 30s when not given");
  command.add_option("--id", given->id, "An id of your own: repeated, it stores no second job");
  command.add_option("--header", given->headers, "NAME=VALUE: travels with the job; may be given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_flag("--exist-ok", given->exist_ok, "A job that is there already is no failure");
  command.add_option("--skip", given->skip, "JSON lines: pass over so many first");
  command.footer(
      "Examples:\n  sqlq job enqueue mail '{\"to\":\"ada@example.org\"}' --queue mail --in 10m\n"
      "  sqlq job enqueue - < jobs.jsonl     # {\"kind\":\"mail\",\"params\":{},\"queue\":\"mail\",\"delay\":\"10m\"}");
  context.on(command, [&context, given] {
    if (given->kind != "-") return enqueue_one(context, *given);
    if (!given->params.empty()) throw Exit(ExitCode::usage, "- alone reads JSON lines, which have their own params");
    return JobLines(context, *given).run(given->exist_ok);
  });
}

}  // namespace sqlq::tool
