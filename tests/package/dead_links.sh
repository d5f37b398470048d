#!/bin/sh
# Prints every relative link in the documents below a folder that leads nowhere. Code is passed over.
#
#   dead_links.sh FOLDER
set -eu
cd "$1"
find . -name '*.md' | sort | while IFS= read -r document; do
  # In the text of a link there may be code and line breaks; ](target) is in one piece.
  sed -e '/^ *```/,/^ *```/d' -e 's/`[^`]*`//g' "$document" | grep -oE '\]\([^)]+\)' |
    sed -e 's/^](//' -e 's/[#)].*//' | while IFS= read -r target; do
      case $target in '' | *:*) continue ;; esac
      [ -e "$(dirname "$document")/$target" ] || echo "$document: $target"
    done
done
