# Which parts are built. Each backend's folder calls sqlq_want_backend and, when it is built, sqlq_builtin_backend.

set_property(GLOBAL PROPERTY SQLQ_SUMMARY "")

# sqlq_want_part(OUT <var> LABEL <words> OPTION <option> PACKAGES <target>=<find_package arguments>...
#                DEBIAN <packages>...)
# Sets OUT to whether to build the part that OPTION (AUTO, ON, OFF) is about; LABEL names it in the summary. Each
# PACKAGES item is one string; where its target is there already (a parent project's), nothing is looked up. What lacks
# is in want_missing.
macro(sqlq_want_part)
  cmake_parse_arguments(want "" "OUT;LABEL;OPTION" "PACKAGES;DEBIAN" ${ARGN})
  set(${want_OUT} FALSE)
  set(want_reason "off (${want_OPTION}=OFF)")
  list(JOIN want_DEBIAN " " want_debian)
  set(want_missing "")
  if(NOT "${${want_OPTION}}" STREQUAL "OFF")
    foreach(want_package IN LISTS want_PACKAGES)
      string(REGEX MATCH "^([^=]+)=(.*)$" want_ignored "${want_package}")
      set(want_target "${CMAKE_MATCH_1}")
      separate_arguments(want_arguments UNIX_COMMAND "${CMAKE_MATCH_2}")
      if(NOT TARGET ${want_target})
        list(GET want_arguments 0 want_name)
        find_package(${want_arguments} QUIET)
        if(NOT ${want_name}_FOUND)
          list(APPEND want_missing "${want_name}")
        endif()
      endif()
    endforeach()
    list(JOIN want_missing ", " want_names)
    if(NOT want_missing)
      set(${want_OUT} TRUE)
      set(want_reason "on (${want_OPTION}=${${want_OPTION}})")
    elseif("${${want_OPTION}}" STREQUAL "ON")
      message(FATAL_ERROR
        "${want_OPTION}=ON, but ${want_names} was not found. On Debian: apt-get install ${want_debian}. "
        "Use ${want_OPTION}=OFF to build without it.")
    else()
      set(want_reason "off (${want_names} not found, on Debian: apt-get install ${want_debian})")
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY SQLQ_SUMMARY "${want_LABEL}: ${want_reason}")
endmacro()

# sqlq_want_backend(OUT <var> NAME <name> OPTION <option> PACKAGES <target>=<find_package arguments>...
#                   DEBIAN <packages>... PKG_CONFIG <modules>...)
# The same for the backend <name>. The installed package looks the same PACKAGES up for its component <name>, sqlq.pc
# the PKG_CONFIG modules.
macro(sqlq_want_backend)
  cmake_parse_arguments(want "" "OUT;NAME;OPTION" "PACKAGES;DEBIAN;PKG_CONFIG" ${ARGN})
  set(want_backend "${want_NAME}")
  set(want_modules "${want_PKG_CONFIG}")
  sqlq_want_part(OUT ${want_OUT} LABEL "backend ${want_NAME}" OPTION ${want_OPTION}
    PACKAGES ${want_PACKAGES} DEBIAN ${want_DEBIAN})
  if(want_missing)
    set_property(GLOBAL APPEND PROPERTY SQLQ_LEFT_OUT "${want_OPTION}: apt-get install ${want_debian}")
  endif()
  set_property(GLOBAL PROPERTY SQLQ_PACKAGES_${want_backend} "${want_PACKAGES}")
  set_property(GLOBAL PROPERTY SQLQ_DEBIAN_${want_backend} "${want_debian}")
  set_property(GLOBAL PROPERTY SQLQ_PKG_CONFIG_${want_backend} "${want_modules}")
endmacro()

# sqlq_need_package(DEBIAN package, find_package arguments...): must be there.
function(sqlq_need_package debian name)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    list(JOIN ARGN " " version)
    string(STRIP "${name} ${version}" wanted)
    message(FATAL_ERROR "${wanted} was not found, or what is there is too old. On Debian: apt-get install ${debian}.")
  endif()
endfunction()

# sqlq_builtin_backend(NAME <name> CLIENT <libraries>... [SOCI <component>] SERVERS <label>=<Name>...)
# Puts the backend sqlq_<name> into the list of those that sqlq::open knows: it calls sqlq::<name>::register_schemes().
# CLIENT: what its users' own connections need; tests link it. SOCI: SOCI's name of that database; its headers are used
# when they are there (SQLQ_SOCI), and nothing of SOCI is linked. SERVERS: the databases it is tested with, and what the
# names of their test cases contain.
function(sqlq_builtin_backend)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SOCI" "CLIENT;SERVERS")
  set_property(GLOBAL APPEND PROPERTY SQLQ_BACKENDS ${arg_NAME})
  set_property(GLOBAL PROPERTY SQLQ_CLIENT_${arg_NAME} "${arg_CLIENT}")
  set_property(GLOBAL PROPERTY SQLQ_SERVERS_${arg_NAME} "${arg_SERVERS}")
  if(arg_SOCI AND NOT SQLQ_SOCI STREQUAL "OFF")
    find_package(SOCI 4.0 QUIET COMPONENTS Core ${arg_SOCI})
    if(SOCI_FOUND)
      target_compile_definitions(sqlq_${arg_NAME} PRIVATE SQLQ_SOCI)
      target_include_directories(sqlq_${arg_NAME} SYSTEM PRIVATE
        $<TARGET_PROPERTY:SOCI::${arg_SOCI},INTERFACE_INCLUDE_DIRECTORIES>
        $<TARGET_PROPERTY:SOCI::Core,INTERFACE_INCLUDE_DIRECTORIES>)
      set_property(GLOBAL PROPERTY SQLQ_SOCI_${arg_NAME} SOCI::${arg_SOCI} SOCI::Core)
      set_property(GLOBAL APPEND PROPERTY SQLQ_SOCI_WITH ${arg_NAME})
    elseif(SQLQ_SOCI STREQUAL "ON")
      message(FATAL_ERROR "SQLQ_SOCI=ON, but SOCI with its backend ${arg_SOCI} was not found. "
        "On Debian: apt-get install libsoci-dev libboost-dev. Only who borrows the transaction of a soci::session "
        "needs it: SQLQ_SOCI=OFF does without. ${SOCI_NOT_FOUND_MESSAGE}")
    endif()
  endif()
endfunction()

# A library without any database is only what somebody asked for.
function(sqlq_need_a_backend)
  get_property(backends GLOBAL PROPERTY SQLQ_BACKENDS)
  get_property(left_out GLOBAL PROPERTY SQLQ_LEFT_OUT)
  if(left_out AND NOT backends)
    list(JOIN left_out "\n  " left_out)
    message(FATAL_ERROR "No database's client library was found. Install one or more, on Debian:\n  ${left_out}\n"
      "or set these options to OFF for a library that has no database of its own.")
  endif()
endfunction()

function(sqlq_print_summary)
  get_property(lines GLOBAL PROPERTY SQLQ_SUMMARY)
  get_property(with GLOBAL PROPERTY SQLQ_SOCI_WITH)
  if(with)
    list(JOIN with ", " with)
    list(APPEND lines "borrowing a soci::session: on for ${with} (SQLQ_SOCI=${SQLQ_SOCI})")
  elseif(SQLQ_SOCI STREQUAL "OFF")
    list(APPEND lines "borrowing a soci::session: off (SQLQ_SOCI=OFF)")
  else()
    list(APPEND lines
      "borrowing a soci::session: off (SOCI not found, on Debian: apt-get install libsoci-dev libboost-dev)")
  endif()
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
  if(SQLQ_MUTANTS)  # core/mutant.hpp
    target_compile_definitions(sqlq_sql PRIVATE SQLQ_MUTANTS)
  endif()
endfunction()
