# Which backends are built. Each backend's folder calls sqlq_want_backend and, when it is built, sqlq_builtin_backend.

set_property(GLOBAL PROPERTY SQLQ_SUMMARY "")

# sqlq_want_backend(OUT <var> NAME <name> OPTION <option> PACKAGES <find_package arguments>... DEBIAN <packages>...)
# Sets OUT to whether to build the backend <name>. Each PACKAGES item is one string of find_package arguments; the
# installed package looks the same ones up for its component <name>.
macro(sqlq_want_backend)
  cmake_parse_arguments(want "" "OUT;NAME;OPTION" "PACKAGES;DEBIAN" ${ARGN})
  if(NOT "${${want_OPTION}}" MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${want_OPTION} is '${${want_OPTION}}'; it must be AUTO, ON or OFF")
  endif()
  set(${want_OUT} FALSE)
  set(want_reason "off (${want_OPTION}=OFF)")
  if(NOT "${${want_OPTION}}" STREQUAL "OFF")
    set(want_missing "")
    foreach(want_package IN LISTS want_PACKAGES)
      separate_arguments(want_arguments UNIX_COMMAND "${want_package}")
      list(GET want_arguments 0 want_name)
      find_package(${want_arguments} QUIET)
      if(NOT ${want_name}_FOUND)
        list(APPEND want_missing "${want_name}")
      endif()
    endforeach()
    list(JOIN want_DEBIAN " " want_debian)
    list(JOIN want_missing ", " want_names)
    if(NOT want_missing)
      set(${want_OUT} TRUE)
      set(want_reason "on (${want_OPTION}=${${want_OPTION}})")
    elseif("${${want_OPTION}}" STREQUAL "ON")
      message(FATAL_ERROR
        "${want_OPTION}=ON, but ${want_names} was not found. On Debian: apt-get install ${want_debian}. "
        "Use ${want_OPTION}=OFF to build without it. ${SOCI_NOT_FOUND_MESSAGE}")
    else()
      set(want_reason "off (${want_names} not found, on Debian: apt-get install ${want_debian})")
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY SQLQ_SUMMARY "backend ${want_NAME}: ${want_reason}")
  set_property(GLOBAL PROPERTY SQLQ_PACKAGES_${want_NAME} "${want_PACKAGES}")
endmacro()

# sqlq_builtin_backend(NAME <name> SCHEME <scheme>... FACTORY <expression> HEADER <header> CLIENT <libraries>...
#                      SERVERS <label>=<Name>...)
# Puts the backend sqlq_<name> into the list that sqlq::open registers. CLIENT: what its users' own connections need;
# tests link it. SERVERS: the databases it is tested with, and what the names of their test cases contain.
function(sqlq_builtin_backend)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;FACTORY;HEADER" "SCHEME;CLIENT;SERVERS")
  set_property(GLOBAL APPEND PROPERTY SQLQ_BUILTIN_INCLUDES "#include <${arg_HEADER}>")
  foreach(scheme IN LISTS arg_SCHEME)
    set_property(GLOBAL APPEND PROPERTY SQLQ_BUILTIN_REGISTRATIONS
      "  add_builtin(\"${scheme}\", ${arg_FACTORY})@semicolon@")
  endforeach()
  set_property(GLOBAL APPEND PROPERTY SQLQ_BACKENDS ${arg_NAME})
  set_property(GLOBAL PROPERTY SQLQ_CLIENT_${arg_NAME} "${arg_CLIENT}")
  set_property(GLOBAL PROPERTY SQLQ_SERVERS_${arg_NAME} "${arg_SERVERS}")
endfunction()

function(sqlq_print_summary)
  get_property(lines GLOBAL PROPERTY SQLQ_SUMMARY)
  message(STATUS "sqlq ${PROJECT_VERSION}: tests ${SQLQ_BUILD_TESTS}, examples ${SQLQ_BUILD_EXAMPLES}, "
    "install ${SQLQ_INSTALL}, warnings as errors ${SQLQ_WERROR}")
  foreach(line IN LISTS lines)
    message(STATUS "sqlq ${line}")
  endforeach()
endfunction()

# sqlq_need_sql(): makes sqlq_sql, the layer that the SQL backends share, when the first of them asks for it.
function(sqlq_need_sql)
  if(TARGET sqlq_sql)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/sql/*.cpp")
  sqlq_add_library(sqlq_sql sql ${sources})
  target_link_libraries(sqlq_sql PUBLIC sqlq_core)
endfunction()
