# The configure line of the README, on machines that lack this and that. Nothing is built.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

function(plain)  # plain(LACKING packages... OPTIONS...): configures; sets `output`
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "LACKING;OPTIONS")
  list(TRANSFORM arg_LACKING REPLACE "(.+)" "-DCMAKE_DISABLE_FIND_PACKAGE_\\1=ON")
  file(REMOVE_RECURSE "${SCRATCH}/build")
  set(command ${configure} -S "${SOURCE_DIR}" -B "${SCRATCH}/build" ${arg_LACKING} ${arg_OPTIONS} PARENT_SCOPE)
endfunction()

plain(LACKING GTest rapidcheck SOCI)
run(${command})
says("tests OFF, examples OFF, install ON")
says("program sqlq: on .SQLQ_BUILD_PROGRAM=AUTO")
says("time zones: (date|std) .SQLQ_ZONES=ON")
set(zones "${CMAKE_MATCH_1}")
says("soci::session: off .SOCI not found, on Debian: apt-get install libsoci-dev libboost-dev")
file(STRINGS "${SCRATCH}/build/CMakeCache.txt" type REGEX "^CMAKE_BUILD_TYPE:")
if(NOT type MATCHES "=Release$")
  message(FATAL_ERROR "the default build type is ${type}")
endif()

plain(LACKING CLI11 fmt)
run(${command})
says("program sqlq: off .CLI11, fmt not found, on Debian: apt-get install libcli11-dev libfmt-dev")

plain(LACKING CLI11 OPTIONS -DSQLQ_BUILD_PROGRAM=ON)
refused("SQLQ_BUILD_PROGRAM=ON, but CLI11 was not found.*libcli11-dev" ${command})

plain(LACKING SQLite3 PostgreSQL)
run(${command})
says("backend sqlite: off .SQLite3 not found, on Debian: apt-get install libsqlite3-dev")
says("backend mysql: on")

plain(LACKING SQLite3 PostgreSQL MariaDB)
refused("No database's client library was found.*libsqlite3-dev.*libpq-dev.*libmariadb-dev" ${command})

plain(OPTIONS -DSQLQ_SQLITE=OFF -DSQLQ_POSTGRES=OFF -DSQLQ_MYSQL=OFF)
run(${command})

plain(LACKING SOCI OPTIONS -DSQLQ_SOCI=ON)
refused("SQLQ_SOCI=ON, but SOCI.*libsoci-dev libboost-dev" ${command})

plain(LACKING PostgreSQL OPTIONS -DSQLQ_POSTGRES=ON)
refused("SQLQ_POSTGRES=ON, but PostgreSQL was not found.*libpq-dev" ${command})

plain(LACKING nlohmann_json)
refused("nlohmann_json 3.11 was not found.*apt-get install nlohmann-json3-dev" ${command})

if(zones STREQUAL "date")
  plain(LACKING date)
  refused("date was not found.*libhowardhinnant-date-dev.*SQLQ_ZONES=OFF does without" ${command})
endif()
plain(LACKING date OPTIONS -DSQLQ_ZONES=OFF)
run(${command})
says("time zones: off .SQLQ_ZONES=OFF")

plain(LACKING GTest OPTIONS -DSQLQ_BUILD_TESTS=ON)
refused("GTest was not found.*apt-get install libgtest-dev" ${command})
