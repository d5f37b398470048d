# Programs for Windows on x86-64, made on Debian with MinGW-w64 (package g++-mingw-w64-x86-64-posix; the variant with
# POSIX threads, for std::thread). ci/windows shows its use; SQLQ_SYSROOT is the folder with the libraries for the
# target (include, lib).

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

# A cross-compiler's checks read this file again, and know only the variables that are named here.
set(SQLQ_SYSROOT "" CACHE PATH "Libraries and headers of the target")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SQLQ_SYSROOT)
set(CMAKE_FIND_ROOT_PATH "${SQLQ_SYSROOT}")
list(APPEND CMAKE_PREFIX_PATH "${SQLQ_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Objects with many templates have more sections than the format's first edition can count. Programs run without the
# compiler's own libraries beside them. mingw_wait.hpp says why it is included.
set(CMAKE_CXX_FLAGS_INIT "-Wa,-mbig-obj -include ${CMAKE_CURRENT_LIST_DIR}/mingw_wait.hpp")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
# CMake's own list, and what mingw_wait.hpp calls.
set(CMAKE_CXX_STANDARD_LIBRARIES
  "-lkernel32 -luser32 -lgdi32 -lwinspool -lshell32 -lole32 -loleaut32 -luuid -lcomdlg32 -ladvapi32 -lsynchronization"
  CACHE STRING "")
