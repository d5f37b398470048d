# Runs PROGRAM with ARGUMENTS in the empty folder SCRATCH; what it prints must be the file EXPECTED, byte for byte.

file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")
execute_process(
  COMMAND "${PROGRAM}" ${ARGUMENTS}
  WORKING_DIRECTORY "${SCRATCH}"
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}\n${output}${errors}")
endif()
file(READ "${EXPECTED}" expected)
if(NOT output STREQUAL expected)
  file(WRITE "${SCRATCH}/output.txt" "${output}")
  execute_process(COMMAND diff -u "${EXPECTED}" "${SCRATCH}/output.txt" OUTPUT_VARIABLE difference)
  message(FATAL_ERROR "${PROGRAM} printed something else than ${EXPECTED}:\n${difference}${errors}")
endif()
