# Compiles SOURCE with -DSQLQ_MISTAKE=MISTAKE and the OPTIONS. Without a mistake (0) it must compile; else it must fail
# with WORDS.

separate_arguments(options UNIX_COMMAND "${OPTIONS}")
execute_process(
  COMMAND "${CXX}" -std=c++20 -fsyntax-only ${options} "-I${INCLUDE}" "-DSQLQ_MISTAKE=${MISTAKE}" "${SOURCE}"
  RESULT_VARIABLE status
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
if(MISTAKE EQUAL 0)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "it does not compile:\n${errors}")
  endif()
elseif(status EQUAL 0)
  message(FATAL_ERROR "it compiles; expected: ${WORDS}")
else()
  string(FIND "${errors}" "${WORDS}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the compiler does not say: ${WORDS}\n${errors}")
  endif()
endif()
