/// \file
/// completion, man, version: about the program itself. None needs a database.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "context.hpp"
#include "manual.hpp"

namespace sqlq::tool {
namespace {

Value backends_json() {
  nlohmann::json names = nlohmann::json::array();
  std::string name;
  for (const char c : std::string(SQLQ_PROGRAM_BACKENDS " ")) {
    if (c != ' ') name += c;
    else if (!name.empty()) names.push_back(std::exchange(name, {}));
  }
  return Value::Json{names.dump()};
}

ExitCode version(Context& context) {
  const bool table = context.options().format == Format::table;
  context.record({{"version"}, {"backends"}},
                 {SQLQ_VERSION_STRING, table ? Value(SQLQ_PROGRAM_BACKENDS) : backends_json()});
  return ExitCode::ok;
}

}  // namespace

void add_help_commands(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand("completion", "Print what a shell needs to complete commands and options");
  const auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "For which shell")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}));
  command->footer("Example:\n  sqlq completion bash > sqlq.bash && source sqlq.bash");
  context.on(*command, [&context, &root, shell] {
    context.out() << (*shell == "bash" ? bash_completion(root)
                                       : *shell == "zsh" ? zsh_completion(root) : fish_completion(root));
    return ExitCode::ok;
  });

  command = root.add_subcommand("man", "Print the manual page");
  command->footer("Example:\n  sqlq man > sqlq.1");
  context.on(*command, [&context, &root] {
    context.out() << manual_page(root);
    return ExitCode::ok;
  });

  command = root.add_subcommand("version", "Say which version this is, and which databases it knows");
  command->footer("Example:\n  sqlq version -o json");
  context.on(*command, [&context] { return version(context); });
}

}  // namespace sqlq::tool
