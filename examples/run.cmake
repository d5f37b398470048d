# Runs a program in a fresh folder and compares what it prints with a file.
#
#   cmake -D PROGRAM=... -D EXPECTED=... -D SCRATCH=... [-D SERVER=...] -P run.cmake -- ARGUMENTS...
#
# With a SERVER (postgres, mariadb, mysql), `@url@` in the arguments becomes the URL of new tables in the one that
# ci/services has started, `@soci@` SOCI's words for the same database, and `@pq@` those of libpq.

cmake_minimum_required(VERSION 3.25)

if(SERVER)
  string(TOUPPER "SQLQ_TEST_${SERVER}" variable)
  set(server "$ENV{${variable}}")
  if(NOT server MATCHES "^([a-z]+)://([a-z]+)@([^:/]+):([0-9]+)")
    message(FATAL_ERROR "${variable} is not set: run ci/services up ${SERVER} and eval \"$(ci/services env)\"")
  endif()
  set(soci "host=${CMAKE_MATCH_3} port=${CMAKE_MATCH_4} user=${CMAKE_MATCH_2}")
  string(RANDOM LENGTH 8 ALPHABET abcdefghijklmnopqrstuvwxyz name)
  if(SERVER STREQUAL "postgres")
    set(url "${server}?schema=${name}")
    set(pq "${soci} dbname=postgres")
    set(soci "postgresql://${pq}")
  else()
    set(url "${server}/sqlq?prefix=${name}_")
    set(soci "mysql://${soci} db=sqlq")
  endif()
endif()

set(arguments)
set(collecting FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(collecting)
    string(REPLACE "@url@" "${url}" argument "${CMAKE_ARGV${i}}")
    string(REPLACE "@soci@" "${soci}" argument "${argument}")
    string(REPLACE "@pq@" "${pq}" argument "${argument}")
    list(APPEND arguments "${argument}")
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
