#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "manual.hpp"

namespace sqlq::tool {
namespace {

using Words = std::vector<std::string>;

std::string joined(const Words& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
  return all;
}

/// For the inside of single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

Words names_of(const CLI::Option& option) {
  Words names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The values that it is chosen from: "FORM:{table,json}" is how CLI11 tells them.
Words choices_of(const CLI::Option& option) {
  Words choices;
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.rfind('}');
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::istringstream values(type.substr(begin + 1, end - begin - 1));
  for (std::string value; std::getline(values, value, ',');) choices.push_back(value);
  return choices;
}

/// The commands and options that may follow.
Words words_of(const CLI::App& app) {
  Words words;
  for (const CLI::App* command : subcommands(app)) words.push_back(command->get_name());
  for (const CLI::Option* option : options_of(app)) {
    for (const std::string& name : names_of(*option)) words.push_back(name);
  }
  for (const CLI::Option* option : app.get_options([](const CLI::Option* it) { return !it->nonpositional(); })) {
    for (const std::string& choice : choices_of(*option)) words.push_back(choice);
  }
  return words;
}

void each(const CLI::App& app, const std::function<void(const CLI::App&)>& use) {
  use(app);
  for (const CLI::App* command : subcommands(app)) each(*command, use);
}

/// Cases of a shell: what follows each command; what each option is chosen from; which options take a value.
std::string cases(const CLI::App& root) {
  std::ostringstream words;
  std::ostringstream values;
  std::ostringstream valued;
  each(root, [&](const CLI::App& app) {
    words << "    " << quoted(full_name(app)) << ") echo " << quoted(joined(words_of(app))) << " ;;\n";
    for (const CLI::Option* option : options_of(app)) {
      if (!takes_value(*option)) continue;
      for (const std::string& name : names_of(*option)) {
        valued << "    " << quoted(full_name(app) + " " + name) << ") return 0 ;;\n";
        const Words choices = choices_of(*option);
        if (choices.empty()) continue;
        values << "    " << quoted(full_name(app) + " " + name) << ") echo " << quoted(joined(choices)) << " ;;\n";
      }
    }
  });
  return "_sqlq_words() {\n  case \"$1\" in\n" + words.str() + "  esac\n}\n\n_sqlq_values() {\n  case \"$1\" in\n" +
         values.str() + "  esac\n}\n\n_sqlq_takes_value() {\n  case \"$1\" in\n" + valued.str() +
         "  esac\n  return 1\n}\n\n";
}

/// Walks the words before the one at the cursor: sets so_far (the command; `path` means something to zsh) and, when the
/// word before it is an option that takes a value, option. Options of the program may stand anywhere.
constexpr const char* walk = R"SH(_sqlq_walk() {
  local word parent
  so_far=sqlq option=
  for word in "$@"; do
    if [ -n "$option" ]; then option=; continue; fi
    case "$word" in
      -*)
        if _sqlq_takes_value "$so_far $word"; then option="$so_far $word"
        elif _sqlq_takes_value "sqlq $word"; then option="sqlq $word"
        fi ;;
      *)
        case " $(_sqlq_words "$so_far") " in
          *" $word "*) if [ -n "$(_sqlq_words "$so_far $word")" ]; then so_far="$so_far $word"; fi ;;
        esac ;;
    esac
  done
}

)SH";

}  // namespace

std::string bash_completion(const CLI::App& root) {
  return "# bash completion of sqlq, made by \"sqlq completion bash\".\n\n" + cases(root) + walk + R"SH(_sqlq() {
  local so_far option current=${COMP_WORDS[COMP_CWORD]} candidates
  _sqlq_walk "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [ -n "$option" ]; then
    candidates=$(_sqlq_values "$option")
    if [ -n "$candidates" ]; then
      COMPREPLY=($(compgen -W "$candidates" -- "$current"))
    else
      COMPREPLY=($(compgen -f -- "$current"))
    fi
    return
  fi
  candidates=$(_sqlq_words "$so_far")
  case "$current" in
    -*) candidates="$candidates $(_sqlq_words sqlq)" ;;
    *) candidates=" $candidates "; candidates=$(printf '%s\n' $candidates | grep -v '^-') ;;
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _sqlq sqlq
)SH";
}

std::string zsh_completion(const CLI::App& root) {
  return "#compdef sqlq\n# zsh completion of sqlq, made by \"sqlq completion zsh\".\n\n" + cases(root) + walk +
         R"SH(_sqlq() {
  local so_far option
  local -a candidates
  _sqlq_walk "${(@)words[2,CURRENT-1]}"
  if [[ -n $option ]]; then
    candidates=(${=$(_sqlq_values "$option")})
    if (( $#candidates )); then compadd -a candidates; else _files; fi
    return
  fi
  candidates=(${=$(_sqlq_words "$so_far")})
  if [[ ${words[CURRENT]} == -* ]]; then
    candidates+=(${=$(_sqlq_words sqlq)})
    candidates=(${(M)candidates:#-*})
  else
    candidates=(${candidates:#-*})
  fi
  if (( $#candidates )); then compadd -a candidates; else _files; fi
}
if [ "$funcstack[1]" = "_sqlq" ]; then _sqlq "$@"; else compdef _sqlq sqlq; fi
)SH";
}

std::string fish_completion(const CLI::App& root) {
  std::ostringstream out;
  out << "# fish completion of sqlq, made by \"sqlq completion fish\".\n\n"
         "# Whether the commands so far are these.\n"
         "function __sqlq_at\n"
         "    set -l given\n"
         "    for word in (commandline -opc)[2..-1]\n"
         "        string match -q -- '-*' $word; or set -a given $word\n"
         "    end\n"
         "    test (count $given) -ge (count $argv); or return 1\n"
         "    test (count $argv) -eq 0; and test (count $given) -gt 0; and return 1\n"
         "    test (count $argv) -eq 0; or test \"$given[1..\"(count $argv)\"]\" = \"$argv\"\n"
         "end\n\n";
  each(root, [&](const CLI::App& app) {
    const std::string path = app.get_parent() == nullptr ? "" : full_name(app).substr(4);
    for (const CLI::App* command : subcommands(app)) {
      out << "complete -c sqlq -f -n " << quoted("__sqlq_at" + path) << " -a " << quoted(command->get_name()) << " -d "
          << quoted(command->get_description()) << '\n';
    }
    for (const CLI::Option* option : options_of(app)) {
      out << "complete -c sqlq";
      if (!path.empty()) out << " -n " << quoted("__sqlq_at" + path);
      for (const std::string& name : option->get_snames()) out << " -s " << name;
      for (const std::string& name : option->get_lnames()) out << " -l " << name;
      if (const Words choices = choices_of(*option); !choices.empty()) out << " -x -a " << quoted(joined(choices));
      else if (takes_value(*option)) out << " -r";
      out << " -d " << quoted(option->get_description()) << '\n';
    }
    for (const CLI::Option* option : app.get_options([](const CLI::Option* it) { return !it->nonpositional(); })) {
      const Words choices = choices_of(*option);
      if (choices.empty()) continue;
      out << "complete -c sqlq -f -n " << quoted("__sqlq_at" + path) << " -a " << quoted(joined(choices)) << '\n';
    }
  });
  return out.str();
}

}  // namespace sqlq::tool
