/// \file
/// The program sqlq: reads the command line, does what it says, and turns errors into exit codes.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "command_line.hpp"
#include "context.hpp"
#include "input.hpp"
#include "output.hpp"
#include "secrets.hpp"

namespace sqlq::tool {
namespace {

/// Nobody reads what we print: the program ends as one that does not look at SIGPIPE.
constexpr int nobody_reads = -1;

ExitCode code_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::misuse: return ExitCode::usage;
    case Errc::permission:
    case Errc::configuration:
    case Errc::busy:
    case Errc::connection:
    case Errc::wrong_node: return ExitCode::cannot_connect;
    case Errc::schema: return ExitCode::schema;
    case Errc::refused:
    case Errc::retry_transaction:
    case Errc::outcome_unknown:
    case Errc::lease_lost:
    case Errc::corrupt:
    case Errc::internal: break;
  }
  return ExitCode::failed;
}

/// Nothing that is opened later, such as a connection, becomes a standard stream that was closed: it would be read as
/// input, or written to as output. What is opened instead is at its end, and refuses to be written to.
void occupy_standard_streams() {
  int fd = 0;
  do fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

/// The words, last one first, as CLI11 takes them. Passwords in argv are overwritten.
std::vector<std::string> take_words(int argc, char** argv, Context& context) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    words.emplace_back(argv[i]);
    context.hide_passwords_of(words.back());
    blank_passwords(argv[i]);
  }
  return words;
}

ExitCode parse_and_run(std::vector<std::string> words, Context& context, std::ostream& out) {
  const auto dashes = std::find(words.rbegin(), words.rend(), "--");
  if (dashes != words.rend()) context.options().after_dashes.assign(dashes + 1, words.rend());
  const auto root = make_command_line(context);
  try {
    root->parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      const bool version = dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr;
      out << (version ? std::string(error.what()) : given_command(*root).help()) << '\n';
      out.flush();
      return ExitCode::ok;
    }
    throw Exit(ExitCode::usage, usage_error(*root, error));
  }
  if (const CLI::App& command = given_command(*root); !subcommands(command).empty()) {
    std::cerr << command.help() << "\n\n";
    throw Exit(ExitCode::usage, "'" + full_name(command) + "' needs a command");
  }
  return context.run();
}

int run(int argc, char** argv) {
  Output out(STDOUT_FILENO);
  Input in(STDIN_FILENO);
  Context context(out, std::cerr, in);
  in.end_when([&context] { return context.stopped(); });
  try {
    try {
      return static_cast<int>(parse_and_run(take_words(argc, argv, context), context, out));
    } catch (const OutputFailed&) {
      throw;
    } catch (...) {
      out.flush();  // what was done before it failed
      throw;
    }
  } catch (const OutputFailed& failed) {
    if (failed.number == EPIPE) return nobody_reads;
    context.complain(std::string("cannot write to standard output: ") + std::strerror(failed.number));
    return static_cast<int>(ExitCode::failed);
  } catch (const Exit& exit) {
    context.complain(exit.what());
    return static_cast<int>(exit.code());
  } catch (const Error& error) {
    context.complain(error.what() + (error.code() == Errc::schema ? context.where() : std::string()));
    return static_cast<int>(code_of(error.code()));
  } catch (const std::exception& error) {
    context.complain(std::string("internal error: ") + error.what());
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace
}  // namespace sqlq::tool

int main(int argc, char** argv) {
  sqlq::tool::occupy_standard_streams();
  // Connections that went away are errors of the library; see nobody_reads for standard output.
  std::signal(SIGPIPE, SIG_IGN);
  const int code = sqlq::tool::run(argc, argv);
  if (code != sqlq::tool::nobody_reads) return code;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  return 128 + SIGPIPE;
}
