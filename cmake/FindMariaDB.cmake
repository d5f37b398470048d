# FindMariaDB: MariaDB Connector/C, the client library for MariaDB and MySQL servers.
#
#   find_package(MariaDB 3.3 REQUIRED)
#
# Makes the target MariaDB::Client; sets MariaDB_FOUND and MariaDB_VERSION. Connector/C brings a pkg-config file and no
# CMake package.

cmake_policy(PUSH)
cmake_policy(VERSION 3.25)

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(MariaDB_PC QUIET libmariadb)
endif()
find_path(MariaDB_INCLUDE_DIR NAMES mysql.h HINTS ${MariaDB_PC_INCLUDE_DIRS} PATH_SUFFIXES mariadb mysql)
find_library(MariaDB_LIBRARY NAMES mariadb HINTS ${MariaDB_PC_LIBRARY_DIRS})
if(MariaDB_INCLUDE_DIR AND EXISTS "${MariaDB_INCLUDE_DIR}/mariadb_version.h")
  file(STRINGS "${MariaDB_INCLUDE_DIR}/mariadb_version.h" _mariadb_version
    REGEX "define MARIADB_PACKAGE_VERSION ")
  if(_mariadb_version MATCHES "\"([0-9]+\\.[0-9]+\\.[0-9]+)")
    set(MariaDB_VERSION "${CMAKE_MATCH_1}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MariaDB
  REQUIRED_VARS MariaDB_LIBRARY MariaDB_INCLUDE_DIR MariaDB_VERSION
  VERSION_VAR MariaDB_VERSION)
mark_as_advanced(MariaDB_INCLUDE_DIR MariaDB_LIBRARY)

if(MariaDB_FOUND AND NOT TARGET MariaDB::Client)
  add_library(MariaDB::Client UNKNOWN IMPORTED)
  set_target_properties(MariaDB::Client PROPERTIES
    IMPORTED_LOCATION "${MariaDB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MariaDB_INCLUDE_DIR}")
endif()

cmake_policy(POP)
