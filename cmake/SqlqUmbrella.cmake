# sqlq::sqlq: the core, every built backend, and sqlq::open, which knows them; sqlq::testing beside it.

get_property(backends GLOBAL PROPERTY SQLQ_BACKENDS)

add_library(sqlq_open OBJECT "${PROJECT_SOURCE_DIR}/src/open.cpp")
sqlq_set_up(sqlq_open)
target_link_libraries(sqlq_open PUBLIC sqlq_core)

# sqlq_umbrella(TARGET EXPORT_NAME BACKENDS...): sqlq::open with these backends. Two small objects that nothing but a
# program's own choice of backends needs: a static library always, so that no shared one needs several databases.
function(sqlq_umbrella target alias)
  set(SQLQ_DECLARATIONS "")
  set(SQLQ_CALLS "")
  foreach(backend IN LISTS ARGN)
    string(APPEND SQLQ_DECLARATIONS "namespace ${backend} {\nvoid register_schemes();\n}\n")
    string(APPEND SQLQ_CALLS "  ${backend}::register_schemes();\n")
  endforeach()
  set(builtin "${PROJECT_BINARY_DIR}/generated/${target}_backends.cpp")
  configure_file("${PROJECT_SOURCE_DIR}/src/builtin_backends.cpp.in" "${builtin}" @ONLY)
  sqlq_add_library(${target} ${alias} STATIC "${builtin}" $<TARGET_OBJECTS:sqlq_open>)
  list(TRANSFORM ARGN PREPEND sqlq_)
  target_link_libraries(${target} PUBLIC sqlq_core ${ARGN})
endfunction()

sqlq_umbrella(sqlq sqlq ${backends})

file(GLOB testing_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/testing/*.cpp")
list(FILTER testing_sources EXCLUDE REGEX "/(manual_clock|harness)\\.cpp$")  # sqlq_core has them
sqlq_add_library(sqlq_testing testing ${testing_sources})
# The harness opens databases in the tests that use it: they get the umbrella, the library itself does not need it.
target_link_libraries(sqlq_testing PUBLIC sqlq_core INTERFACE $<BUILD_INTERFACE:sqlq>)
