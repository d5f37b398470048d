#include "command_line.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "exit_code.hpp"

namespace sqlq::tool {
namespace {

Format format_of(const std::string& name) {
  static const auto& formats = *new std::map<std::string, Format>{
      {"table", Format::table}, {"json", Format::json}, {"jsonl", Format::jsonl}, {"csv", Format::csv}};
  return formats.at(name);
}

void add_global_options(CLI::App& root, GlobalOptions& options) {
  const auto choice = [](std::vector<std::string> values) { return CLI::IsMember(std::move(values)); };
  CLI::Option* const url =
      root.add_option("-d,--database", options.url,
                      "The database; else SQLQ_DATABASE_URL, then DATABASE_URL. Keep a password in one of these "
                      "or in a file: here, process lists show it until the program has started");
  url->type_name("URL");
  root.add_option("--database-file", options.database_file, "A file whose first line is the URL")
      ->type_name("FILE")
      ->excludes(url);
  root.add_option_function<std::string>(
          "-o,--output", [&options](const std::string& name) { options.format = format_of(name); },
          "How records are written [table]")
      ->type_name("FORM")
      ->check(choice({"table", "json", "jsonl", "csv"}));
  root.add_flag_callback(
      "--no-header", [&options] { options.header = false; }, "Tables and csv without their first line");
  root.add_option("--color", options.color, "Colours [auto: on a terminal, unless NO_COLOR is set]")
      ->type_name("WHEN")
      ->check(choice({"auto", "always", "never"}));
  root.add_flag("-y,--yes", options.yes, "Ask nothing");
  root.add_flag("--dry-run", options.dry_run, "Change nothing, say what would be changed");
  root.add_flag("-q,--quiet", options.quiet, "No messages but warnings and errors");
  root.add_option("--wait", options.wait, "Wait so long for a database that is starting, as 30s")->type_name("TIME");
}

/// CLI11's, for terminals of 80 columns: usage with the whole name of the command, texts wrapped.
class Help : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string) const override {
    return CLI::Formatter::make_usage(app, full_name(*app));
  }
  std::string make_subcommand(const CLI::App* app) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, app->get_name(), wrapped(app->get_description()), column_width_);
    return out.str();
  }
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    if (positional) std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
      });
    return name;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_items_expected_max() == 0) return {};
    return " " + option->get_type_name() + (option->get_required() ? " (required)" : "");
  }
  std::string make_option_desc(const CLI::Option* option) const override { return wrapped(option->get_description()); }

 private:
  [[nodiscard]] std::string wrapped(const std::string& text) const {
    std::string out;
    std::size_t used = 0;
    std::istringstream words(text);
    for (std::string word; words >> word; used += word.size() + 1) {
      const bool full = used > 0 && used + word.size() > 79 - column_width_;
      if (full) used = 0;
      out += (out.empty() ? "" : full ? "\n" : " ") + word;
    }
    return out;
  }
};

/// Insertions, deletions, substitutions and swaps of neighbours that make one of the other.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

/// "; did you mean 'list'?", or nothing.
std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : known) {
    const std::size_t apart = word.size() > 2 && name.starts_with(word) ? 1 : distance(word, name);
    if (apart < least) {
      least = apart;
      best = name;
    }
  }
  return best.empty() ? best : "; did you mean '" + best + "'?";
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options([](const CLI::Option*) { return true; })) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

/// An empty value is a variable of a script that was not set, as in --older "$AGE". It must not choose more jobs than
/// were meant, or another database, or be read as 0.
void refuse_empty_values(CLI::App& app) {
  const auto refusal = [](const std::string& value) {
    return std::string(value.empty() ? "the value is empty: is a variable not set?" : "");
  };
  for (CLI::Option* const option : app.get_options()) {
    const std::string name = option->get_name();
    const bool may_be_empty = name == "--description" || name == "command";  // a text; words of another program
    if (!may_be_empty && option->get_items_expected_max() > 0) option->check(refusal);
  }
  for (CLI::App* const command : app.get_subcommands([](CLI::App*) { return true; })) refuse_empty_values(*command);
}

/// CLI11's sentence, or ours where it says little.
std::string in_words(const CLI::ParseError& error) {
  const std::string message = error.what();
  const auto named = [](std::string name) {  // arguments are in capitals in --help
    if (!name.starts_with("-")) std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
      });
    return name;
  };
  const auto before = [&](std::string_view text, std::size_t from = 0) {
    const std::size_t at = message.find(text, from);
    return at == std::string::npos ? std::string() : named(message.substr(from, at - from));
  };
  constexpr std::string_view no_number = "Could not convert: ";
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr && message.starts_with(no_number)) {
    if (const std::string name = before(" = ", no_number.size()); !name.empty()) {
      return name + " needs a whole number: '" + message.substr(no_number.size() + name.size() + 3) +
             "' is none, or too large";
    }
  }
  if (const std::string name = before(": Value "); !name.empty()) {
    constexpr std::string_view bounds = " not in range ";
    const std::size_t value = name.size() + std::string_view(": Value ").size();
    if (const std::size_t at = message.find(bounds, value); at != std::string::npos) {
      const std::string range = message.substr(at + bounds.size());
      const std::size_t to = range.find(" to ");
      const bool open_ended = to != std::string::npos && range.size() - to > 18;  // digits of more than anybody means
      return name + " needs a number from " + (open_ended ? range.substr(0, to) + " on" : range) + ", not '" +
             message.substr(value, at - value) + "'";
    }
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && message.ends_with(" missing")) {
    if (const std::string name = before(": "); !name.empty()) return name + " needs a value";
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    if (const std::string name = before(" is required"); !name.empty()) return name + " is missing";
  }
  return message;
}

}  // namespace

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  auto found = app.get_subcommands([](const CLI::App*) { return true; });
  std::sort(found.begin(), found.end(),
            [](const CLI::App* a, const CLI::App* b) { return a->get_name() < b->get_name(); });
  return found;
}

std::string full_name(const CLI::App& app) {
  return (app.get_parent() == nullptr ? "" : full_name(*app.get_parent()) + " ") + app.get_name();
}

const CLI::App& given_command(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return *app;
}

std::string usage_error(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& command = given_command(root);
  std::string message = in_words(error);
  const std::vector<std::string> extra = root.remaining(true);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extra.empty()) {
    const std::string& word = extra.front();
    if (word.starts_with("-")) {
      message = "'" + full_name(command) + "' has no option '" + word + "'" +
                suggestion(word.substr(0, word.find('=')), option_names(&command));
    } else if (const auto known = subcommands(command); !known.empty()) {
      std::vector<std::string> names;
      for (const CLI::App* app : known) names.push_back(app->get_name());
      message = "there is no command '" + full_name(command) + " " + word + "'" + suggestion(word, names);
    } else {
      message = "'" + full_name(command) + "' takes no argument '" + word + "'";
    }
  }
  return message + " ('" + full_name(command) + " --help' says more)";
}

std::unique_ptr<CLI::App> make_command_line(Context& context) {
  auto root = std::make_unique<CLI::App>("See, steer, repair and move the jobs of an SQL database.", "sqlq");
  root->formatter(std::make_shared<Help>());
  root->get_formatter()->column_width(28);
  root->get_formatter()->label("OPTIONS", "options");
  root->get_formatter()->label("SUBCOMMAND", "COMMAND");
  root->get_formatter()->label("Subcommands", "Commands");
  root->fallthrough();  // options of the program may stand after the command
  root->require_subcommand(0, 1);
  root->set_version_flag("--version", "sqlq " SQLQ_VERSION_STRING, "Print the version");
  root->footer("Example:\n  sqlq -d sqlite://jobs.db stats\n\n"
               "These options may stand before and after the command; 'sqlq COMMAND --help' tells its own.");
  add_global_options(*root, context.options());
  add_schema_commands(*root, context);
  add_job_commands(*root, context);
  add_job_changes(*root, context);
  add_enqueue_command(*root, context);
  add_job_steps(*root, context);
  add_schedule_commands(*root, context);
  add_schedule_changes(*root, context);
  add_queue_commands(*root, context);
  add_key_commands(*root, context);
  add_worker_commands(*root, context);
  add_work_command(*root, context);
  add_stats_commands(*root, context);
  add_top_command(*root, context);
  add_health_commands(*root, context);
  add_transfer_commands(*root, context);
  add_prune_command(*root, context);
  add_bench_command(*root, context);
  add_help_commands(*root, context);
  refuse_empty_values(*root);
  return root;
}

}  // namespace sqlq::tool
