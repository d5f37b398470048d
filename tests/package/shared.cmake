# Fetched from a folder, shared, without SOCI, in a project that hides its own symbols; then installed by that project.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

run(${configure} -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${SCRATCH}/build" -DWAY=fetch
  "-DSQLQ_SOURCE_DIR=${SOURCE_DIR}" -DBUILD_SHARED_LIBS=ON -DSQLQ_SOCI=OFF -DSQLQ_INSTALL=ON
  -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON -DCMAKE_UNITY_BUILD=ON)
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)
run("${SCRATCH}/build/consumer")
says("hello from a job")
run("${CMAKE_COMMAND}" --install "${SCRATCH}/build" --prefix "${SCRATCH}/an odd+prefix")
file(REMOVE_RECURSE "${SCRATCH}/build")  # nothing may be found there any more
check_installed("${SCRATCH}/an odd+prefix")
refused("built without SOCI.*SQLQ_SOCI=ON" "${SCRATCH}/subset/opens_sqlite" --soci)
