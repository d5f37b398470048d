# Builds deploy_worker with the library of the commit before the newest migration, in SCRATCH. That commit is computed:
# the newest one in the history that lacks the migration and knows of steps that are compatible. Where the history is
# not there, SCRATCH/why_not.txt says so, and the tests are skipped with these words.

file(MAKE_DIRECTORY "${SCRATCH}")
file(REMOVE "${SCRATCH}/why_not.txt")

function(run)  # run(COMMAND...): must succeed; sets `output`
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors
    WORKING_DIRECTORY "${SOURCE_DIR}" OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}\n${output}\n${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

execute_process(COMMAND git rev-parse --is-shallow-repository WORKING_DIRECTORY "${SOURCE_DIR}"
  RESULT_VARIABLE result OUTPUT_VARIABLE shallow ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT result EQUAL 0 OR shallow STREQUAL "true")
  file(WRITE "${SCRATCH}/why_not.txt" "the version before cannot be built: this is no clone with a history "
    "(git fetch --unshallow)")
  message(STATUS "no history: the tests will be skipped")
  return()
endif()

file(GLOB steps RELATIVE "${SOURCE_DIR}" "${SOURCE_DIR}/schema/sqlite/*.up.sql")
list(SORT steps)
list(POP_BACK steps newest)
run(git log --full-history --topo-order --format=%H HEAD -- schema src/sql/migrations.cpp)
string(REPLACE "\n" ";" commits "${output}")
set(commit "")
foreach(candidate IN LISTS commits)
  execute_process(COMMAND git cat-file -e "${candidate}:${newest}" WORKING_DIRECTORY "${SOURCE_DIR}"
    RESULT_VARIABLE lacks ERROR_QUIET)
  execute_process(COMMAND git grep -q compatible_from "${candidate}" -- src/sql/migrations.cpp
    WORKING_DIRECTORY "${SOURCE_DIR}" RESULT_VARIABLE unknowing ERROR_QUIET)
  if(lacks AND NOT unknowing)
    set(commit "${candidate}")
    break()
  endif()
endforeach()
if(NOT commit)
  message(FATAL_ERROR "no commit before ${newest} knows of compatible steps")
endif()
run(git log -1 --format=%h\ %s "${commit}")
message(STATUS "the version before ${newest}: ${output}")

set(built "")
if(EXISTS "${SCRATCH}/commit.txt")
  file(STRINGS "${SCRATCH}/commit.txt" built)
endif()
if(NOT built STREQUAL commit)
  file(REMOVE_RECURSE "${SCRATCH}/source" "${SCRATCH}/build" "${SCRATCH}/deploy_worker")
  file(MAKE_DIRECTORY "${SCRATCH}/source")
  run(git archive --format=tar "--output=${SCRATCH}/source.tar" "${commit}")
  file(ARCHIVE_EXTRACT INPUT "${SCRATCH}/source.tar" DESTINATION "${SCRATCH}/source")
endif()
run("${CMAKE_COMMAND}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DCMAKE_UNITY_BUILD=ON -DSQLQ_SOCI=OFF
  "-DSQLQ_BEFORE=${SCRATCH}/source" "-DOUTPUT=${SCRATCH}" -S "${CMAKE_CURRENT_LIST_DIR}/before" -B "${SCRATCH}/build")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2 --target deploy_worker)
file(WRITE "${SCRATCH}/commit.txt" "${commit}")
