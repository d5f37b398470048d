# What the toolchain files of Debian's cross compilers share: they set `triple`, the name of Debian's architecture, and
# `qemu`, the program that runs what is built.
#
# SQLQ_SYSROOT: a folder with the target's libraries and headers, as ci/arm makes it; the C and C++ libraries are those
# of the cross compiler's packages.

set(SQLQ_SYSROOT "" CACHE PATH "Libraries and headers of the target")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SQLQ_SYSROOT)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CXX_COMPILER ${triple}-g++)
set(CMAKE_FIND_ROOT_PATH "${SQLQ_SYSROOT}" /usr/${triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR ${qemu} -L /usr/${triple} -E "LD_LIBRARY_PATH=${SQLQ_SYSROOT}/usr/lib/${triple}")
