# As a subdirectory of a project that has SQLite and nlohmann_json of its own and optimises at link time.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

run(${configure} -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${SCRATCH}/build" -DWAY=subdirectory
  "-DSQLQ_SOURCE_DIR=${SOURCE_DIR}" -DSQLQ_POSTGRES=OFF -DSQLQ_MYSQL=OFF -DSQLQ_SOCI=OFF
  -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DCMAKE_UNITY_BUILD=ON)
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)
run("${SCRATCH}/build/consumer")
says("hello from a job")
