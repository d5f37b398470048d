#include "manual.hpp"

#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/version.hpp>

#include "command_line.hpp"

namespace sqlq::tool {
namespace {

/// Text as roff shows it: a line never begins as a request does.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (c == '\'') out += "\\(aq";
    else out += c;
    line_begins = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }

void write_option(std::ostream& out, const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "" : ", ") + bold("-" + name);
  for (const std::string& name : option.get_lnames()) names += (names.empty() ? "" : ", ") + bold("--" + name);
  if (names.empty()) names = "\\fI" + roff(option.get_type_name()) + "\\fR";
  else if (option.get_items_expected_max() > 0) names += " \\fI" + roff(option.get_type_name()) + "\\fR";
  out << ".TP\n" << names << '\n' << roff(option.get_description()) << '\n';
}

void write_options(std::ostream& out, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (option->check_lname("help")) continue;
    write_option(out, *option);
  }
}

/// "sqlq queue limit QUEUE N [OPTIONS]".
std::string synopsis(const CLI::App& app) {
  std::string line = bold(full_name(app));
  bool options = false;
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (option->nonpositional()) {
      options = options || !option->check_lname("help");
      continue;
    }
    const bool several = option->get_items_expected_max() > 1;
    std::string argument = "\\fI" + roff(option->get_type_name()) + "\\fR" + (several ? "..." : "");
    line += " " + (option->get_required() ? argument : "[" + argument + "]");
  }
  return line + (options ? " [options]" : "");
}

/// Examples stand as they are typed, the rest is text.
void write_footer(std::ostream& out, const std::string& footer) {
  std::istringstream lines(footer);
  bool typed = false;
  for (std::string line; std::getline(lines, line);) {
    const bool command = line.starts_with("  ");
    if (command != typed) out << (command ? ".PP\n.RS\n.nf\n" : ".fi\n.RE\n");
    typed = command;
    if (line.empty()) out << ".PP\n";
    else out << roff(command ? line.substr(2) : line) << '\n';
  }
  if (typed) out << ".fi\n.RE\n";
}

void write_commands(std::ostream& out, const CLI::App& app) {
  for (const CLI::App* command : subcommands(app)) {
    if (subcommands(*command).empty()) {
      out << ".SS " << full_name(*command).substr(5) << '\n' << synopsis(*command) << "\n.PP\n";
      out << roff(command->get_description()) << ".\n";
      write_options(out, *command);
      out << ".PP\n";
      write_footer(out, command->get_footer());
    }
    write_commands(out, *command);
  }
}

}  // namespace

std::string manual_page(const CLI::App& root) {
  std::ostringstream out;
  out << ".\\\" Made by \"sqlq man\" of what --help says.\n";
  out << ".TH SQLQ 1 \"\" \"sqlq " SQLQ_VERSION_STRING "\" \"User Commands\"\n";
  out << ".SH NAME\nsqlq \\- " << roff("see, steer, repair and move the jobs of an SQL database") << '\n';
  out << ".SH SYNOPSIS\n.B sqlq\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n";
  out << ".SH DESCRIPTION\n"
      << roff("Jobs of sqlq are rows of an SQL database. This program looks at them, steers them, runs them and moves\n"
              "them. Records go to standard output, all else to standard error.\n");
  out << ".SH OPTIONS\n" << roff("They may stand before and after the command.") << '\n';
  write_options(out, root);
  out << ".SH COMMANDS\n";
  write_commands(out, root);
  out << ".SH EXIT STATUS\n";
  static constexpr std::pair<int, const char*> codes[] = {
      {0, "It is done."},
      {1, "It failed, or the question was not answered with yes."},
      {2, "The command line is wrong."},
      {3, "The database cannot be used."},
      {4, "The schema is missing, behind, newer or changed."},
      {5, "There is no such job, queue or worker."},
      {6, "It is in no state for that, or a live job has the unique key."},
      {7, "Partly done: a message says how to go on."},
      {8, "It did not happen in time."},
      {9, "The job itself failed."},
      {130, "Interrupted before anything was changed."},
  };
  for (const auto& [code, meaning] : codes) out << ".TP\n.B " << code << '\n' << meaning << '\n';
  out << ".SH ENVIRONMENT\n";
  out << ".TP\n.BR SQLQ_DATABASE_URL \", \" DATABASE_URL\nThe database, where neither \\-d nor \\-\\-database\\-file "
         "is given; the first of them that is set.\n";
  out << ".TP\n.B NO_COLOR\nNo colours, whatever its value, unless \\-\\-color is given.\n";
  return out.str();
}

}  // namespace sqlq::tool
