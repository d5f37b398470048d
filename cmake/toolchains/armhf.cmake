# Cross-builds for 32-bit ARM (ARMv7, hard float) with Debian's g++-arm-linux-gnueabihf; tests run under qemu-user. Used
# by ci/arm.

set(CMAKE_SYSTEM_PROCESSOR armv7)
set(triple arm-linux-gnueabihf)
set(qemu qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake")

set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)  # notes about g++ before 7.1
