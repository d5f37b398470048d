#!/usr/bin/env bash
# Does what a page says, as somebody new would do it, in an empty folder: its first block of C++ is main.cpp, its first
# block of CMake CMakeLists.txt, and the blocks of sh and console behind that are run in one shell.
#
#   follow.sh PAGE PREFIX FOLDER [N]     PREFIX: where the library is installed; N: so many blocks of sh and console
#
# In a block of console, "$ " begins a command. What it prints, errors included, must be what follows, where "..." is
# any text. The page's ~/.local is PREFIX. Commands inherit CXX and the like from the environment.
set -euo pipefail
page=$(realpath "$1") prefix=$(realpath "$2") folder=$3 most=${4:-1000}
mkdir -p "$folder"
cd "$folder"
[ -z "$(ls -A)" ] || { echo "the folder $folder is not empty" >&2; exit 2; }

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
awk -v parts="$parts" -v most="$most" '
  function script(line) { print line >(parts "/script") }
  function end_command() { if (command != "") { close(command); close(output); script("tried " number); command = "" } }
  !inside && /^```cpp$/ && !program++ { inside = "program"; next }
  !inside && /^```cmake$/ && !project++ { inside = "project"; next }
  !inside && /^```(sh|console)$/ && project && blocks < most { ++blocks; inside = substr($0, 4); next }
  !inside && /^```./ { inside = "other"; next }
  inside && /^```$/ { end_command(); inside = ""; next }
  inside == "program" { print >"main.cpp" }
  inside == "project" { print >"CMakeLists.txt" }
  inside == "sh" { script($0) }
  inside == "console" && /^[$] / {
    end_command()
    command = parts "/" ++number ".command"
    output = parts "/" number ".output"
    printf "" >output
    print substr($0, 3) >command
    next
  }
  inside == "console" { print >output }
  END { if (!blocks) { print "nothing to run in the page" >"/dev/stderr"; exit 1 } }' "$page"

tried() {  # tried NUMBER: runs a command, and compares what it printed
  local said pattern
  # shellcheck disable=SC1090
  source "$parts/$1.command" >"$parts/said" 2>&1 || true
  said=$(sed 's/[[:space:]]*$//' "$parts/said")
  pattern=$(sed -e 's/[][*?\\]/\\&/g' -e 's/\.\.\./*/g' "$parts/$1.output")
  # shellcheck disable=SC2053
  if ! [[ $said == $pattern ]]; then
    printf '%s: the page does not show what happens:\n$ %s\n%s\n' "$page" "$(cat "$parts/$1.command")" "$said" >&2
    exit 1
  fi
}

export PATH="$prefix/bin:$PATH"
sed -e "s#\\\$HOME/.local#'$prefix'#g" -e "s#~/.local#'$prefix'#g" "$parts/script" >"$parts/all"
# shellcheck disable=SC1091
source "$parts/all"
echo "$page: $(grep -c . "$parts/script") lines run"
