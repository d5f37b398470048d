# What `ci/test BACKEND --label LABELS` chooses, asked with --list of the preset that this build is.
#
#   cmake -D SOURCE_DIR=... -D PRESET=... -P select.cmake

function(chosen)  # ci/test's arguments; sets `output` and `result`
  execute_process(COMMAND "${SOURCE_DIR}/ci/test" --list --preset "${PRESET}" ${ARGN}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(output "${output}" PARENT_SCOPE)
  set(result "${result}" PARENT_SCOPE)
endfunction()

function(expect what)  # expect(WHAT [HAS regex...] [LACKS regex...])
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HAS;LACKS")
  foreach(regex IN LISTS arg_HAS)
    if(NOT output MATCHES "${regex}")
      message(SEND_ERROR "ci/test ${what} lacks ${regex}:\n${output}")
    endif()
  endforeach()
  foreach(regex IN LISTS arg_LACKS)
    if(output MATCHES "${regex}")
      message(SEND_ERROR "ci/test ${what} must not have ${regex}:\n${output}")
    endif()
  endforeach()
endfunction()

set(unit ": tidy\\.|: package\\.|: examples\\.")
chosen(sqlite --label unit)
expect("sqlite --label unit" HAS ": memory_conformance" LACKS "${unit}" ": sqlite_conformance")
chosen(sqlite --label unit,examples)
expect("sqlite --label unit,examples"
  HAS ": memory_conformance" ": examples\\.blocks_of_README" ": examples\\.readme\n"
  LACKS ": examples\\.readme\\.(postgres|mysql|mariadb)" ": tidy\\.")
chosen(sqlite)
expect("sqlite" HAS ": memory_conformance" ": tidy\\." ": sqlite_conformance"
  LACKS ": postgres_conformance" ": mysql_conformance" ": mariadb_conformance")
chosen(--label conformance sqlite mariadb)
expect("--label conformance sqlite mariadb" HAS ": memory_conformance" ": sqlite_conformance"
  LACKS ": postgres_conformance" ": mysql_conformance" ": tidy\\.")
chosen(--label unti,examples)
if(result EQUAL 0 OR NOT output MATCHES "no label 'unti'")
  message(SEND_ERROR "a label that does not exist was not refused:\n${output}")
endif()
