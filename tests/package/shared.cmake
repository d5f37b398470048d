# Fetched from a folder, shared, without SOCI, in a project that hides its own symbols; then installed by that project.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

run(${configure} -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${SCRATCH}/build" -DWAY=fetch
  "-DSQLQ_SOURCE_DIR=${SOURCE_DIR}" -DBUILD_SHARED_LIBS=ON -DSQLQ_SOCI=OFF -DSQLQ_INSTALL=ON
  -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON -DCMAKE_UNITY_BUILD=ON)
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)
run("${SCRATCH}/build/consumer")
says("hello from a job")
check_components("${SCRATCH}/build")
set(files ${files_of_runtime})
list(FILTER files EXCLUDE REGEX "^lib[^/]*/(.*/)?libsqlq_[a-z]+\\.so\\.[0-9.]+$")
if(files OR NOT files_of_runtime)
  message(FATAL_ERROR "the runtime component is the shared libraries under the names that programs load, and no more: "
    "${files_of_runtime}")
endif()
run("${CMAKE_COMMAND}" --install "${SCRATCH}/build" --prefix "${SCRATCH}/an odd+prefix")
file(REMOVE_RECURSE "${SCRATCH}/build")  # nothing may be found there any more
check_installed("${SCRATCH}/an odd+prefix")

# Shared libraries bring what they need: whoever links them need not have it.
run(${configure} -S "${SQLQ_PACKAGE_TESTS}/consumer" -B "${SCRATCH}/alone" -DWAY=installed -DCONSUMER_COMPONENTS=sqlq
  "-DCMAKE_PREFIX_PATH=${SCRATCH}/an odd+prefix" -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON
  -DCMAKE_DISABLE_FIND_PACKAGE_PostgreSQL=ON -DCMAKE_DISABLE_FIND_PACKAGE_MariaDB=ON
  -DCMAKE_DISABLE_FIND_PACKAGE_date=ON)
run("${CMAKE_COMMAND}" --build "${SCRATCH}/alone" --parallel 2)
run("${SCRATCH}/alone/consumer")
says("hello from a job")
refused("built without SOCI.*SQLQ_SOCI=ON" "${SCRATCH}/subset/opens_sqlite" --soci)
