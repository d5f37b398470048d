#!/bin/sh
# Prints a header with the pages that it names as links into the site: Doxygen's INPUT_FILTER.
exec sed -E -e 's,(share/doc/sqlq/)?((docs|backends)/[A-Za-z/-]+)\.md,[\2.md](../\2.html),g' \
  -e 's,/README\.html\),/index.html),g' -e 's,: README\.md\.,: [README.md](../index.html).,' "$1"
