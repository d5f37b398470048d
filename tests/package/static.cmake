# The static library of this very build: installed below an odd folder, moved, and used.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

check_components("${BUILD_DIR}")
if(files_of_runtime)
  message(FATAL_ERROR "programs that are linked to static libraries need nothing at run time: ${files_of_runtime}")
endif()
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${SCRATCH}/first")
set(prefix "${SCRATCH}/an odd+prefix")
file(RENAME "${SCRATCH}/first" "${prefix}")
check_installed("${prefix}" STATIC)
if(EXISTS "${prefix}/bin/sqlq")  # where CLI11 and fmt are
  run("${prefix}/bin/sqlq" -d "sqlite://${SCRATCH}/jobs.db" schema up)
  says("the schema is at [1-9]")
  foreach(file IN ITEMS man/man1/sqlq.1 bash-completion/completions/sqlq zsh/site-functions/_sqlq
      fish/vendor_completions.d/sqlq.fish)
    if(NOT EXISTS "${prefix}/share/${file}")
      message(FATAL_ERROR "share/${file} is not installed")
    endif()
  endforeach()
endif()

# What a newcomer does first, as the installed pages say it.
set(follow "${CMAKE_COMMAND}" -E env "CXX=${CXX}" "CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
  bash "${CMAKE_CURRENT_LIST_DIR}/follow.sh")
run(${follow} "${prefix}/share/doc/sqlq/README.md" "${prefix}" "${SCRATCH}/readme" 1)
says("Hello, Ada")
if(EXISTS "${prefix}/bin/sqlq")
  run(${follow} "${prefix}/share/doc/sqlq/docs/first-job.md" "${prefix}" "${SCRATCH}/first job")
endif()

set(consumer -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -DWAY=installed "-DCMAKE_PREFIX_PATH=${prefix}"
  -DCMAKE_BUILD_TYPE=Debug)
run(${configure} ${consumer} -B "${SCRATCH}/build")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)
run("${SCRATCH}/build/consumer")
says("hello from a job")
run("${SCRATCH}/build/conformance" --gtest_filter=*/Enqueue.*)
says("PASSED  \\] [1-9]")

function(refused_consumer said)  # refused_consumer(REGEX OPTIONS...)
  file(REMOVE_RECURSE "${SCRATCH}/refused")
  refused("${said}" ${configure} ${consumer} -B "${SCRATCH}/refused" ${ARGN})
endfunction()
refused_consumer("without 'nonesuch'. Its components: sqlq, core, testing, conformance, .*sqlite"
  -DCONSUMER_COMPONENTS=nonesuch)
refused_consumer("was not found or is too old: MariaDB 3.3 .on Debian: apt-get install libmariadb-dev"
  -DCONSUMER_COMPONENTS=mysql -DCMAKE_DISABLE_FIND_PACKAGE_MariaDB=ON)
refused_consumer("nlohmann_json 3.11 .*: apt-get install nlohmann-json3-dev.*, GTest .*: apt-get install libgtest-dev"
  -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON)
