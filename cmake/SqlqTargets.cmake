# How the project's own targets are made: language level, warnings, hardening, include directories.
# Nothing here is visible to consumers: the flags hang on an interface target that is linked for the build only.

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(SQLQ_CCACHE ccache)
  mark_as_advanced(SQLQ_CCACHE)
  if(SQLQ_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SQLQ_CCACHE}")
  endif()
endif()

# What is installed is the same whatever the umask is (ci/reproducible).
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS)
  set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endif()

# -Wthread-safety: what src/core/mutex.hpp says is checked by clang.
# -Wrestrict: g++ 12 finds overlaps where there are none in "literal" + std::string, when it optimises (its bug 105651).
add_library(sqlq_build_flags INTERFACE)
target_compile_options(sqlq_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety>
  $<$<BOOL:${SQLQ_WERROR}>:-Werror>
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
  -ffile-prefix-map=${PROJECT_BINARY_DIR}/=build/)

# On 32-bit systems the C library refuses files over 2 GiB and times after 2038 unless it is asked for the large ones.
# No public header has a type of that size.
target_compile_definitions(sqlq_build_flags INTERFACE _FILE_OFFSET_BITS=64 _TIME_BITS=64)

# Hardening of optimised builds; ci/hardening looks whether a program has it. Each processor has its own protection of
# the control flow. Some compilers define _FORTIFY_SOURCE themselves; a second definition would be a warning.
include(CheckPIESupported)
check_pie_supported()
set(hardening -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  list(APPEND hardening -fstack-clash-protection -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  list(APPEND hardening -mbranch-protection=standard)
endif()
if(WIN32)  # g++ 12 dies of -fstack-clash-protection there; the others need libssp of whoever links us
  set(hardening "")
endif()
target_compile_options(sqlq_build_flags INTERFACE "$<$<CONFIG:Release,RelWithDebInfo>:${hardening}>")
if(NOT WIN32 AND NOT APPLE)  # linkers of ELF only
  target_link_options(sqlq_build_flags INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:LINKER:-z,relro,-z,now,-z,noexecstack>)
endif()

# sqlq_set_up(TARGET): what every target of ours gets.
function(sqlq_set_up target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # sqlq/export.hpp says what is seen from outside.
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:sqlq_build_flags>)
endfunction()

# sqlq_add_library(TARGET ALIAS SOURCES...): an installable library; sqlq_core is sqlq::core for users.
function(sqlq_add_library target alias)
  add_library(${target} ${ARGN})
  add_library(sqlq::${alias} ALIAS ${target})
  sqlq_set_up(${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${alias}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(APPLE)  # our shared libraries find each other wherever they lie
    set_property(TARGET ${target} APPEND PROPERTY INSTALL_RPATH "@loader_path")
  else()
    set_property(TARGET ${target} APPEND PROPERTY INSTALL_RPATH "$ORIGIN")
  endif()
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  # What templates of others are made of in our code is exported nevertheless, for their namespaces are visible.
  get_property(type TARGET ${target} PROPERTY TYPE)
  if(type STREQUAL "SHARED_LIBRARY" AND CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
    set(names "${PROJECT_SOURCE_DIR}/cmake/exported_names.map")
    target_link_options(${target} PRIVATE "LINKER:--version-script,${names}")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${names}")
  endif()
endfunction()

# sqlq_public_headers(TARGET DIR PATTERN...): makes DIR a public include directory and its headers installable.
function(sqlq_public_headers target dir)
  list(TRANSFORM ARGN PREPEND "${dir}/" OUTPUT_VARIABLE patterns)
  file(GLOB headers CONFIGURE_DEPENDS ${patterns})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS "${dir}" FILES ${headers})
endfunction()
