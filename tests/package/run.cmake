# What the package tests share: running commands, and a consumer's configuration.

set(SQLQ_PACKAGE_TESTS "${CMAKE_CURRENT_LIST_DIR}")

function(run)  # run(COMMAND...): must succeed; sets `output`
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(refused said)  # refused(REGEX COMMAND...): must fail and say so; line breaks count as spaces
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(result EQUAL 0 OR NOT output MATCHES "${said}")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}, and should have been refused with '${said}':\n${output}")
  endif()
endfunction()

function(says regex)
  if(NOT output MATCHES "${regex}")
    message(FATAL_ERROR "'${regex}' is missing in:\n${output}")
  endif()
endfunction()

function(says_not regex)
  if(output MATCHES "${regex}")
    message(FATAL_ERROR "'${regex}' should not be in:\n${output}")
  endif()
endfunction()

# Warnings stay the consumer's business: it asks for none, and must see none of ours turned into errors.
set(configure "${CMAKE_COMMAND}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
  "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")

# check_installed(PREFIX): every choice of backends links those and no other, by find_package and by pkg-config.
function(check_installed prefix)
  run(${configure} -S "${SQLQ_PACKAGE_TESTS}/subset" -B "${SCRATCH}/subset" -DCMAKE_BUILD_TYPE=Debug
    "-DCMAKE_PREFIX_PATH=${prefix}" "-DSQLQ_PREFIX=${prefix}")
  run("${CMAKE_COMMAND}" --build "${SCRATCH}/subset" --parallel 2)
  set(library_sqlite libsqlite3)
  set(library_postgres libpq)
  set(library_mysql libmariadb)
  foreach(program sqlite postgres mysql sqlite_postgres postgres_mysql sqlite_mysql sqlite_postgres_mysql twice)
    run("${SCRATCH}/subset/opens_${program}")
    set(said "${output}")
    run(ldd "${SCRATCH}/subset/opens_${program}")
    string(APPEND said "${output}")
    string(REPLACE twice sqlite_mysql knows "${program}")
    string(REPLACE "_" " " words "${knows}")
    set(output "${said}")
    says("opens: ${words}\n")
    foreach(backend sqlite postgres mysql)
      if("_${knows}_" MATCHES "_${backend}_")
        says("${library_${backend}}\\.so")
      else()
        says_not("${library_${backend}}\\.so")
      endif()
    endforeach()
  endforeach()

  file(GLOB_RECURSE pc "${prefix}/sqlq.pc")
  cmake_path(GET pc PARENT_PATH folder)
  set(by_hand "${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${folder}" sh -ec)
  set(rpath "$(pkg-config --libs-only-L sqlq | sed 's/-L/-Wl,-rpath,/')")
  run(${by_hand} "eval '${CXX}' -std=c++20 -c '${SQLQ_PACKAGE_TESTS}/consumer/main.cpp' \
    -o '${SCRATCH}/by_hand.o' $(pkg-config --cflags sqlq)")
  run(${by_hand} "eval '${CXX}' '${SCRATCH}/by_hand.o' -o '${SCRATCH}/by_hand' $(pkg-config --libs sqlq) ${rpath}")
  run("${SCRATCH}/by_hand")
  says("hello from a job")
  run(${by_hand} "pkg-config --static --libs sqlq")  # Debian's libpq.pc names libraries that Debian has not: not linked
  foreach(library sqlq sqlq_sqlite sqlq_postgres sqlq_mysql sqlq_sql sqlq_core sqlite3 pq mariadb)
    says(" -l${library}( |\n)")
  endforeach()

  foreach(file pqxx qtsql sqlitecpp)
    if(NOT EXISTS "${prefix}/include/sqlq/adapters/${file}.hpp")
      message(FATAL_ERROR "the adapter ${file} was not installed")
    endif()
  endforeach()
  foreach(file README.md docs/concepts.md docs/decisions/README.md backends/sqlite/README.md backends/mysql/README.md
      schema/postgres/001_init.up.sql examples/02_enqueue_and_work.cpp)
    if(NOT EXISTS "${prefix}/share/doc/sqlq/${file}")
      message(FATAL_ERROR "share/doc/sqlq/${file} was not installed")
    endif()
  endforeach()
endfunction()
