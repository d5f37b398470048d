#!/bin/sh
# The names that each shared library of a folder exports, in a file of OUT for each: demangled, sorted, each once (a
# constructor is two symbols), the standard library's strings by their usual names. Without what every file that needs
# it brings along (weak symbols: tables and types of classes that are whole in a header).
#
#   exported_names.sh LIBDIR OUT
set -eu
export LC_ALL=C
mkdir -p "$2"
for library in "$1"/libsqlq*.so; do
  nm --dynamic --defined-only "$library" | awk '$2 !~ /^[WVuvw]$/ { print $3 }' | c++filt |
    sed -e 's/std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >/std::string/g' \
      -e 's/std::basic_string_view<char, std::char_traits<char> >/std::string_view/g' \
      -e 's/std::chrono::duration<long, std::ratio<1l, 1000000l> >/sqlq::Duration/g' \
      -e 's/std::chrono::time_point<std::chrono::_V2::system_clock, sqlq::Duration >/sqlq::TimePoint/g' \
      -e 's/, std::allocator<[a-zA-Z:]*> >/>/g' -e 's/, 18446744073709551615ul>/>/g' -e 's/\[abi:cxx11\]//g' |
    sort -u >"$2/$(basename "$library" .so).names"
done
