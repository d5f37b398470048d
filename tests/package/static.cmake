# The static library of this very build: installed below an odd folder, moved, and used.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${SCRATCH}/first")
set(prefix "${SCRATCH}/an odd+prefix")
file(RENAME "${SCRATCH}/first" "${prefix}")
check_installed("${prefix}")

set(consumer -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -DWAY=installed "-DCMAKE_PREFIX_PATH=${prefix}"
  -DCMAKE_BUILD_TYPE=Debug)
run(${configure} ${consumer} -B "${SCRATCH}/build")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2)
run("${SCRATCH}/build/consumer")
says("hello from a job")
run("${SCRATCH}/build/conformance" --gtest_filter=*/Enqueue.*)
says("PASSED  \\] [1-9]")
refused("without 'nonesuch'" ${configure} ${consumer} -B "${SCRATCH}/refused" -DCONSUMER_COMPONENTS=nonesuch)
