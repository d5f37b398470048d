# sqlq::sqlq: the core, every built backend, and the one generated list of them; sqlq::testing on top of it.

get_property(includes GLOBAL PROPERTY SQLQ_BUILTIN_INCLUDES)
get_property(registrations GLOBAL PROPERTY SQLQ_BUILTIN_REGISTRATIONS)
get_property(backends GLOBAL PROPERTY SQLQ_BACKENDS)
list(TRANSFORM backends PREPEND sqlq_)
list(JOIN includes "\n" SQLQ_BUILTIN_INCLUDES)
list(JOIN registrations "\n" SQLQ_BUILTIN_REGISTRATIONS)
string(REPLACE "@semicolon@" ";" SQLQ_BUILTIN_REGISTRATIONS "${SQLQ_BUILTIN_REGISTRATIONS}")

set(builtin "${PROJECT_BINARY_DIR}/generated/builtin_backends.cpp")
configure_file("${PROJECT_SOURCE_DIR}/src/builtin_backends.cpp.in" "${builtin}" @ONLY)

sqlq_add_library(sqlq sqlq "${builtin}")
target_link_libraries(sqlq PUBLIC sqlq_core ${backends})

file(GLOB testing_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/testing/*.cpp")
list(FILTER testing_sources EXCLUDE REGEX "/manual_clock\\.cpp$")
sqlq_add_library(sqlq_testing testing ${testing_sources})
target_link_libraries(sqlq_testing PUBLIC sqlq)
