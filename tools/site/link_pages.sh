#!/bin/sh
# Doxygen's INPUT_FILTER: prints a header with the pages that it names as links into the site, and docs/reference.md,
# the main page of the reference, with the headers that it links as Doxygen links them: by their names.
case $1 in
  *.md) exec sed -E -e 's,\[([a-z_/]+\.hpp)\]\([^)]*\),\1,g' -e 's,\]\(([a-z-]+)\.md\),](../docs/\1.html),g' \
    -e 's,On the site the links lead.*,,' -e 's,^to the headers themselves.*,,' "$1" ;;
esac
exec sed -E -e 's,(share/doc/sqlq/)?((docs|backends)/[A-Za-z/-]+)\.md,[\2.md](../\2.html),g' \
  -e 's,/README\.html\),/index.html),g' "$1"
