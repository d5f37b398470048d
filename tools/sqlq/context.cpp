#include "context.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "filter_options.hpp"
#include "secrets.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return value == nullptr ? std::string() : value;
}

std::size_t terminal_width(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) {
    throw Exit(ExitCode::cannot_connect, "cannot read a URL from the first line of " + file);
  }
  const auto begin = line.find_first_not_of(" \t\r");
  return begin == std::string::npos ? std::string() : line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

Context::Context(std::ostream& out, std::ostream& err, std::istream& in) : out_(out), err_(err), in_(in) {}

void Context::on(CLI::App& command, Action action) {
  command.callback([this, action = std::move(action)] { action_ = action; });
}

ExitCode Context::run() {
  if (!action_) throw Exit(ExitCode::usage, "no command was given");
  const ExitCode code = action_();
  progress({});
  out_.flush();
  return code;
}

std::string Context::url() const {
  if (!options_.url.empty()) return options_.url;
  if (!options_.database_file.empty()) return first_line(options_.database_file);
  for (const char* name : {"SQLQ_DATABASE_URL", "DATABASE_URL"}) {
    if (std::string url = variable(name); !url.empty()) return url;
  }
  throw Exit(ExitCode::usage, "which database? Give -d URL or --database-file FILE, or set SQLQ_DATABASE_URL");
}

std::string Context::same_database() const {
  if (!options_.url.empty()) return passwords(options_.url, true).empty() ? "-d " + shell_word(options_.url)
                                                                                   : "-d URL";
  return options_.database_file.empty() ? "" : "--database-file " + shell_word(options_.database_file);
}

Database& Context::database() {
  const std::lock_guard lock(opening_);
  if (!database_) database_ = open(url(), "--database", may_create_);
  return *database_;
}

Database Context::open(const std::string& url, std::string_view what, bool create) {
  if (url.empty()) throw Exit(ExitCode::usage, std::string(what) + " needs a URL");
  std::string whole = url;
  const auto add = [&whole](const std::string& option) {
    whole += (whole.find('?') == std::string::npos ? "?" : "&") + option;
  };
  if (!options_.wait.empty()) add("wait=" + options_.wait);
  const bool says_itself = url.find("?create=") != std::string::npos || url.find("&create=") != std::string::npos;
  if (!create && !says_itself) add("create=false");
  return sqlq::open(whole);
}

TimePoint Context::now() { return system_clock()->now(); }

Look Context::look() {
  const bool terminal = stdout_is_terminal();
  Look look{.format = options_.format, .header = options_.header, .now = now()};
  look.width = terminal ? terminal_width(STDOUT_FILENO) : 0;
  look.color = options_.color == "always" || (options_.color == "auto" && terminal && variable("NO_COLOR").empty() &&
                                              variable("TERM") != "dumb");
  return look;
}

void Context::tell(const std::string& sentence, const std::vector<Column>& columns, const std::vector<Value>& row) {
  if (options_.format == Format::table) {
    say(sentence);
  } else {
    record(columns, row);
  }
}

std::string Context::where() const { return database_ ? " (in " + database_->description() + ")" : std::string(); }

void Context::say(const std::string& line) {
  if (!options_.quiet) write_line(line);
}

void Context::complain(const std::string& line) { write_line("sqlq: " + line); }

ExitCode Context::ended(const Tally& tally, const std::string& thing, std::string next) {
  const ExitCode code = tally.code();
  if (code != ExitCode::partly_done) return code;
  if (next.empty()) next = "repeat it for the others alone, by the names that 'sqlq " + thing + " list' shows";
  complain("done for " + human(tally.done) + " of " + counted(tally.things, thing) + ": " + next);
  return code;
}

void Context::write_line(const std::string& line) {
  progress({});
  if (out_.good()) out_.flush();  // so that both are in order where they go to the same place
  err_ << shown(line) + "\n" << std::flush;
}

void Context::hide_passwords_of(const std::string& word) {
  if (!passwords(word, true).empty()) words_with_passwords_.push_back(word);
}

std::string Context::shown(std::string line) const {
  for (const std::string& word : words_with_passwords_) line = without_passwords_of(word, std::move(line));
  return printable(without_passwords(line));
}

bool Context::confirm(const std::string& question) {
  if (options_.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    throw Exit(ExitCode::usage, question + " There is no terminal to ask on: nothing was changed. Use --yes");
  }
  progress({});
  out_.flush();
  err_ << shown(question) + " [y/N] " << std::flush;
  std::string answer;
  std::getline(in_, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

ExitCode Context::declined() {
  say("nothing was changed");
  return ExitCode::failed;
}

void Context::progress(const std::string& line) {
  if (options_.quiet || (line.empty() && progress_.empty())) return;
  const bool drawn = ::isatty(STDERR_FILENO) != 0;
  if (drawn) {
    const std::size_t columns = terminal_width(STDERR_FILENO) - 1;
    err_ << (line.empty() ? "\n" : "\r" + cut(printable(line), columns) + "\x1b[K") << std::flush;
  } else if (!line.empty() && (progress_.empty() || now() >= progressed_ + std::chrono::seconds(5))) {
    err_ << printable(line) + "\n" << std::flush;
    progressed_ = now();
  }
  progress_ = line;
}

sqlq::stop_token Context::stop() {
  if (!signals_) signals_.emplace(std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP});
  return signals_->token();
}

bool Context::stdout_is_terminal() const { return ::isatty(STDOUT_FILENO) != 0; }

Told::Told(Context& context, std::size_t things, std::vector<Column> columns)
    : context_(context), columns_(std::move(columns)) {
  if (things > 1 && context.options().format != Format::table) records_.emplace(context.records(columns_));
}

Told::~Told() {
  if (records_) records_->finish();
}

void Told::add(const std::string& sentence, const std::vector<Value>& row) {
  if (records_) {
    records_->add(row);
  } else {
    context_.tell(sentence, columns_, row);
  }
}

CLI::App& noun(CLI::App& root, const std::string& name, const std::string& description) {
  const auto found = root.get_subcommands([&](CLI::App* app) { return app->get_name() == name; });
  if (!found.empty()) return *found.front();
  CLI::App* const app = root.add_subcommand(name, description);
  app->require_subcommand(0, 1);
  app->footer("'sqlq " + name + " COMMAND --help' has examples.");
  return *app;
}

}  // namespace sqlq::tool
