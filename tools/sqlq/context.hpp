#pragma once
/// \file
/// What every command has: the options before the command, the database, standard output and questions.
///
/// Thread-safety: one thread, but `stop` is tripped by signals.

#include <functional>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "exit_code.hpp"
#include "records.hpp"

namespace sqlq::tool {

/// The options of the program itself; each may also stand after the command.
struct GlobalOptions {
  std::string url{};            ///< -d, --database; then SQLQ_DATABASE_URL, DATABASE_URL
  std::string database_file{};  ///< --database-file: the URL is the first line of this file
  Format format = Format::table;  ///< -o
  bool header = true;           ///< --no-header
  std::string color = "auto";   ///< --color auto|always|never; NO_COLOR, TERM=dumb
  bool yes = false;             ///< -y: no questions
  bool dry_run = false;         ///< changes nothing, says what it would
  bool quiet = false;           ///< -q: no messages but errors
  std::string wait{};           ///< --wait 30s: for a database that is starting
  /// The words after the first "--", as they came: a command line that is not ours. Of an option that takes several
  /// values CLI11 takes those in brackets apart, as in `sh -c '[ -e file ]'`.
  std::vector<std::string> after_dashes{};
};

class Context {
 public:
  /// What a command does. Errors of the library become exit codes in main.cpp.
  using Action = std::function<ExitCode()>;

  Context(std::ostream& out, std::ostream& err, std::istream& in);

  [[nodiscard]] GlobalOptions& options() noexcept { return options_; }
  /// Runs `action` when `command` was given.
  void on(CLI::App& command, Action action);
  /// Called once by main after parsing. What was asked for: Exit(usage) when no command was given.
  [[nodiscard]] ExitCode run();

  /// Opens the database once (also by another thread). A URL on the command line that holds a password is overwritten
  /// there as soon as it was read, so that process lists do not show it.
  [[nodiscard]] Database& database();
  /// The options that chose it, as words of a command line, for "go on with" messages; empty: a variable did. A URL
  /// with a password is written as URL.
  [[nodiscard]] std::string same_database() const;
  /// `database` for --from and --to of `copy`. `what` names the option in errors. `create`: a file that is not there
  /// is made; else it is an error, unless the URL says create=true.
  [[nodiscard]] Database open(const std::string& url, std::string_view what, bool create = false);
  /// `database` makes a file that is not there: for `schema up`. Called before it.
  void may_create() noexcept { may_create_ = true; }
  /// " (in SQLite 3.40.1, /var/jobs.db)", or nothing before it was opened: whoever mistyped its name sees it.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] Admin admin() { return Admin{database()}; }
  [[nodiscard]] Client client() { return Client{database()}; }
  [[nodiscard]] TimePoint now();

  [[nodiscard]] std::ostream& out() noexcept { return out_; }
  [[nodiscard]] std::istream& in() noexcept { return in_; }
  [[nodiscard]] Look look();
  [[nodiscard]] Records records(std::vector<Column> columns) { return Records(out_, look(), std::move(columns)); }
  void record(const std::vector<Column>& columns, const std::vector<Value>& row) {
    print_record(out_, look(), columns, row);
  }
  /// What a command has done: a sentence as `say` where tables are asked for, else a record on standard output.
  void tell(const std::string& sentence, const std::vector<Column>& columns, const std::vector<Value>& row);
  /// A line on standard error, made printable; not with --quiet.
  void say(const std::string& line);
  /// A word of the command line: messages do not quote the passwords in it.
  void hide_passwords_of(const std::string& word);
  /// The same after "sqlq: ", also with --quiet: warnings and errors.
  void complain(const std::string& line);
  /// The exit code of what was done to several things that the command line names. Where only a part was done, it
  /// complains and says how to go on: "done for 2 of 3 queues: " and `next`. Empty: by the names that are listed.
  [[nodiscard]] ExitCode ended(const Tally& tally, const std::string& thing, std::string next = {});
  /// Asks on the terminal ("... [y/N] "); true with --yes. Where there is no terminal: Exit(usage) that says to use
  /// --yes.
  [[nodiscard]] bool confirm(const std::string& question);
  /// Says that nothing was changed, for who has answered no.
  [[nodiscard]] ExitCode declined();
  /// A line on standard error that is drawn over the one before it on a terminal; else one line in 5 s. Empty: the
  /// end of it.
  void progress(const std::string& line);

  /// Tripped by SIGINT, SIGTERM, SIGHUP: commands end after the step that they are in.
  [[nodiscard]] sqlq::stop_token stop();
  /// Whether it was, where `stop` was asked for.
  [[nodiscard]] bool stopped() const { return signals_ && signals_->token().stop_requested(); }
  [[nodiscard]] bool stdout_is_terminal() const;

 private:
  [[nodiscard]] std::string url() const;
  void write_line(const std::string& line);
  /// Without control characters and passwords.
  [[nodiscard]] std::string shown(std::string line) const;

  std::ostream& out_;
  std::ostream& err_;
  std::istream& in_;
  GlobalOptions options_{};
  Action action_{};
  std::mutex opening_{};
  std::optional<Database> database_{};
  bool may_create_ = false;
  std::optional<SignalStop> signals_{};
  std::string progress_{};
  std::vector<std::string> words_with_passwords_{};
  TimePoint progressed_{};
};

/// What was done to each of several things: `Context::tell` for each. Where data is asked for and there are several,
/// they are one set of records, which ends with this.
class Told {
 public:
  Told(Context& context, std::size_t things, std::vector<Column> columns);
  ~Told();
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  void add(const std::string& sentence, const std::vector<Value>& row);

 private:
  Context& context_;
  std::vector<Column> columns_;
  std::optional<Records> records_{};
};

/// The commands of each noun; each is in a file of its own. Each command has an example:
/// `command.footer("Example:\n  sqlq queue pause mail")`. Help, manual and completion are made of the same
/// descriptions. Values from a list have `check(CLI::IsMember(std::vector<std::string>{...}))`: completion offers them.
void add_schema_commands(CLI::App& root, Context& context);
void add_job_commands(CLI::App& root, Context& context);       ///< list, show, logs, wait, tail
void add_job_changes(CLI::App& root, Context& context);        ///< retry, cancel, delete, move, run-now, priority,
                                                               ///< take-away
void add_enqueue_command(CLI::App& root, Context& context);    ///< job enqueue
void add_job_steps(CLI::App& root, Context& context);          ///< job signal, restart
void add_schedule_commands(CLI::App& root, Context& context);  ///< list, show, next, preview
void add_schedule_changes(CLI::App& root, Context& context);   ///< set, pause, resume, run, backfill, remove
void add_queue_commands(CLI::App& root, Context& context);
void add_key_commands(CLI::App& root, Context& context);       ///< queue keys, limit-keys, shut-key, open-key
void add_worker_commands(CLI::App& root, Context& context);
void add_work_command(CLI::App& root, Context& context);
void add_stats_commands(CLI::App& root, Context& context);     ///< stats
void add_top_command(CLI::App& root, Context& context);
void add_health_commands(CLI::App& root, Context& context);    ///< explain, doctor
void add_transfer_commands(CLI::App& root, Context& context);  ///< copy, export, import
void add_prune_command(CLI::App& root, Context& context);
void add_bench_command(CLI::App& root, Context& context);
void add_help_commands(CLI::App& root, Context& context);      ///< completion, man, version

/// The subcommand `noun` of root, made once: several files add to "job".
[[nodiscard]] CLI::App& noun(CLI::App& root, const std::string& name, const std::string& description);

}  // namespace sqlq::tool
