# FindSOCI: SOCI with one set of target names, whatever brought it.
#
#   find_package(SOCI 4.0 REQUIRED COMPONENTS Core SQLite3)
#
# Components: Core (always), SQLite3, PostgreSQL, MySQL; each is a target, SOCI::Core and so on.
# Sets SOCI_FOUND, SOCI_VERSION and, per component, SOCI_<component>_FOUND.
#
# Debian's libsoci-dev has neither a CMake package nor a pkg-config file, and its soci.h includes Boost headers without
# the package depending on them: both are dealt with here. A CMake package of SOCI is preferred where there is one;
# 4.0 calls its targets SOCI::soci_core, 4.1 SOCI::Core.

cmake_policy(PUSH)
cmake_policy(VERSION 3.25)

set(_soci_libs Core soci_core SQLite3 soci_sqlite3 PostgreSQL soci_postgresql MySQL soci_mysql)
list(REMOVE_DUPLICATES SOCI_FIND_COMPONENTS)
list(REMOVE_ITEM SOCI_FIND_COMPONENTS Core)
list(PREPEND SOCI_FIND_COMPONENTS Core)
set(SOCI_FIND_REQUIRED_Core TRUE)
set(SOCI_NOT_FOUND_MESSAGE "")

find_package(SOCI CONFIG QUIET)
# One that lacks something of its own says so after it has made its targets: they are not to be used.
set(_soci_refused FALSE)
if(SOCI_CONSIDERED_CONFIGS AND NOT SOCI_FOUND)
  set(_soci_refused TRUE)
  if(NOT SOCI_NOT_FOUND_MESSAGE)
    set(SOCI_NOT_FOUND_MESSAGE "SOCI's own package refused (on Debian 14 and newer: libboost-date-time-dev).")
  endif()
endif()

# A target SOCI::Core may be ours, of an earlier call in another folder.
if(NOT _soci_refused AND NOT SOCI_CONFIG AND NOT TARGET SOCI::soci_core AND NOT TARGET SOCI::soci_core_static)
  find_path(SOCI_INCLUDE_DIR NAMES soci/soci.h)
  if(SOCI_INCLUDE_DIR AND EXISTS "${SOCI_INCLUDE_DIR}/soci/version.h")
    file(STRINGS "${SOCI_INCLUDE_DIR}/soci/version.h" _soci_version REGEX "define SOCI_LIB_VERSION ")
    if(_soci_version MATCHES "\"([0-9]+)_([0-9]+)_([0-9]+)\"")
      set(SOCI_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  endif()

  set(_soci_include_dirs "${SOCI_INCLUDE_DIR}")
  set(_soci_headers_work TRUE)
  if(SOCI_INCLUDE_DIR AND EXISTS "${SOCI_INCLUDE_DIR}/soci/soci-config.h")
    file(STRINGS "${SOCI_INCLUDE_DIR}/soci/soci-config.h" _soci_boost REGEX "^[ \t]*#define[ \t]+SOCI_HAVE_BOOST")
    if(_soci_boost)
      find_path(SOCI_BOOST_INCLUDE_DIR NAMES boost/fusion/include/is_sequence.hpp)
      if(SOCI_BOOST_INCLUDE_DIR)
        list(APPEND _soci_include_dirs "${SOCI_BOOST_INCLUDE_DIR}")
      else()
        set(_soci_headers_work FALSE)
        string(CONCAT SOCI_NOT_FOUND_MESSAGE
          "This SOCI was built with Boost and its headers include Boost's, which were not found "
          "(on Debian: libboost-dev).")
      endif()
    endif()
  endif()
endif()

foreach(_soci_component IN LISTS SOCI_FIND_COMPONENTS)
  set(SOCI_${_soci_component}_FOUND FALSE)
  list(FIND _soci_libs "${_soci_component}" _soci_index)
  if(_soci_index EQUAL -1 OR _soci_refused)
    continue()
  endif()
  math(EXPR _soci_index "${_soci_index} + 1")
  list(GET _soci_libs ${_soci_index} _soci_lib)

  if(NOT TARGET SOCI::${_soci_component})
    if(TARGET SOCI::${_soci_lib} OR TARGET SOCI::${_soci_lib}_static)
      if(TARGET SOCI::${_soci_lib})
        set(_soci_real SOCI::${_soci_lib})
      else()
        set(_soci_real SOCI::${_soci_lib}_static)
      endif()
      add_library(SOCI::${_soci_component} INTERFACE IMPORTED)
      target_link_libraries(SOCI::${_soci_component} INTERFACE ${_soci_real})
    elseif(SOCI_INCLUDE_DIR AND _soci_headers_work)
      find_library(SOCI_${_soci_component}_LIBRARY NAMES ${_soci_lib})
      mark_as_advanced(SOCI_${_soci_component}_LIBRARY)
      if(SOCI_${_soci_component}_LIBRARY)
        add_library(SOCI::${_soci_component} UNKNOWN IMPORTED)
        set_target_properties(SOCI::${_soci_component} PROPERTIES
          IMPORTED_LOCATION "${SOCI_${_soci_component}_LIBRARY}"
          INTERFACE_INCLUDE_DIRECTORIES "${_soci_include_dirs}")
        if(_soci_component STREQUAL "Core")
          set_property(TARGET SOCI::Core PROPERTY INTERFACE_LINK_LIBRARIES ${CMAKE_DL_LIBS})
        else()
          set_property(TARGET SOCI::${_soci_component} PROPERTY INTERFACE_LINK_LIBRARIES SOCI::Core)
        endif()
      endif()
    endif()
  endif()
  if(TARGET SOCI::${_soci_component})
    set(SOCI_${_soci_component}_FOUND TRUE)
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SOCI
  REQUIRED_VARS SOCI_Core_FOUND
  VERSION_VAR SOCI_VERSION
  HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE "${SOCI_NOT_FOUND_MESSAGE}")
mark_as_advanced(SOCI_INCLUDE_DIR SOCI_BOOST_INCLUDE_DIR)

cmake_policy(POP)
