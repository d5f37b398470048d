# The program in a document is the one that is compiled, to the letter.
#
#   cmake -D README=... -D PROGRAM=... -P check_readme.cmake

file(READ "${README}" readme)
file(READ "${PROGRAM}" program)
string(FIND "${readme}" "```cpp\n${program}```\n" found)
if(found EQUAL -1)
  message(FATAL_ERROR "${README} does not contain ${PROGRAM} as it is")
endif()
