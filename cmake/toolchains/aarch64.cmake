# Cross-builds for 64-bit ARM with Debian's g++-aarch64-linux-gnu; tests run under qemu-user. Used by ci/arm.

set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triple aarch64-linux-gnu)
set(qemu qemu-aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake")
