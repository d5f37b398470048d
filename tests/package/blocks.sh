#!/bin/sh
# Prints what is in the fenced blocks of a language below one heading of a document; fails where there is none.
#
#   blocks.sh DOCUMENT LANGUAGE [HEADING]      without a heading: the first block of the document
set -eu
awk -v language="$2" -v heading="${3-}" '
  BEGIN { below = heading == "" }
  /^```/ {
    inside = !inside
    taken = inside && below && $0 == "```" language && !(heading == "" && found)
    if (taken) found = 1
    next
  }
  taken && inside { print; next }
  !inside && heading != "" && /^#+ / { sub(/^#+ /, ""); below = $0 == heading }
  END { exit !found }
' "$1" || { echo "$1: no block of $2 below '${3-}'" >&2; exit 1; }
