# Builds and runs consumer/ against the library, WAY: installed (cmake --install, find_package) or subdirectory.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
if(WAY STREQUAL "installed")
  run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${SCRATCH}/prefix")
  set(where "-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix")
else()
  # A consumer may compile all he has several files at a time; it takes half of the time, too.
  set(where "-DSQLQ_SOURCE_DIR=${SOURCE_DIR}" -DCMAKE_UNITY_BUILD=ON)
endif()

# Warnings stay the consumer's business: it asks for none, and must see none of ours turned into errors.
run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${SCRATCH}/build" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_BUILD_TYPE=${CONFIG}" ${where})
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)

run("${SCRATCH}/build/consumer")
if(NOT output MATCHES "hello from a job")
  message(FATAL_ERROR "the consumer ran, but said:\n${output}")
endif()

if(WAY STREQUAL "installed")
  run("${SCRATCH}/build/conformance" --gtest_filter=*/Enqueue.*)
  if(NOT output MATCHES "PASSED  \\] [1-9]")
    message(FATAL_ERROR "the installed suite did not run for the consumer's backend:\n${output}")
  endif()

  # A component that is not there is refused with its name.
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${SCRATCH}/refused" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${CXX}" "${where}" -DCONSUMER_COMPONENTS=nonesuch
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0 OR NOT output MATCHES "without[ \n]+'nonesuch'")
    message(FATAL_ERROR "an unknown component was not refused by name:\n${output}")
  endif()
endif()
