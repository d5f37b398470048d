# Runs a program in a fresh folder and compares what it prints with a file.
#
#   cmake -D PROGRAM=... -D EXPECTED=... -D SCRATCH=... -P run.cmake -- ARGUMENTS...

set(arguments)
set(collecting FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(collecting)
    list(APPEND arguments "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(collecting TRUE)
  endif()
endforeach()

file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")
execute_process(
  COMMAND "${PROGRAM}" ${arguments}
  WORKING_DIRECTORY "${SCRATCH}"
  TIMEOUT 60
  RESULT_VARIABLE status
  OUTPUT_VARIABLE actual
  ERROR_VARIABLE errors)
if(NOT status STREQUAL "0")
  message(FATAL_ERROR "it ended with ${status}\n${actual}\n${errors}")
endif()
file(READ "${EXPECTED}" expected)
if(NOT actual STREQUAL expected)
  file(WRITE "${SCRATCH}/actual.txt" "${actual}")
  execute_process(COMMAND diff -u "${EXPECTED}" "${SCRATCH}/actual.txt")
  message(FATAL_ERROR "the output is not the expected one; standard error:\n${errors}")
endif()
