# Runs packaging/vcpkg/portfile.cmake where there is no vcpkg: the functions it calls are stood in for, each doing what
# vcpkg's manual says of it, as far as this port asks for it, in one configuration. An unknown argument is an error.
#
#   cmake -D SOURCE_DIR=... -D SCRATCH=... -D "FEATURES=sqlite;tools" -P vcpkg_portfile.cmake
#
# The package is then in SCRATCH/package.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")  # empties SCRATCH

set(PORT sqlq)
set(CURRENT_PACKAGES_DIR "${SCRATCH}/package")

macro(parsed one many)
  cmake_parse_arguments(arg "" "${one}" "${many}" ${ARGN})
  if(DEFINED arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(vcpkg_check_features)
  parsed("OUT_FEATURE_OPTIONS" "FEATURES" ${ARGN})
  set(options "")
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature variable)
    if(feature IN_LIST FEATURES)
      list(APPEND options "-D${variable}=ON")
    else()
      list(APPEND options "-D${variable}=OFF")
    endif()
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} "${options}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  parsed("SOURCE_PATH" "OPTIONS" ${ARGN})
  run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${SCRATCH}/build" -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_UNITY_BUILD=ON "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" -DCMAKE_INSTALL_LIBDIR=lib ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  parsed("" "" ${ARGN})
  run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 2 --target install)
endfunction()

function(vcpkg_cmake_config_fixup)
  parsed("PACKAGE_NAME;CONFIG_PATH" "" ${ARGN})
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/${arg_PACKAGE_NAME}Config.cmake")
    message(FATAL_ERROR "no configuration in ${arg_CONFIG_PATH}")
  endif()
  file(GLOB files "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*.cmake")
  file(COPY ${files} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME}")
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}")
  # Files that count folders up to the prefix are one folder nearer to it now.
  file(GLOB files "${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME}/*.cmake")
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    string(REPLACE "/../../../\" ABSOLUTE" "/../../\" ABSOLUTE" text "${text}")
    string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nif" "if" text "${text}")
    file(WRITE "${file}" "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/${PORT}.pc")
    message(FATAL_ERROR "no ${PORT}.pc")
  endif()
endfunction()

function(vcpkg_copy_tools)
  cmake_parse_arguments(PARSE_ARGV 0 arg "AUTO_CLEAN" "" "TOOL_NAMES")
  foreach(tool IN LISTS arg_TOOL_NAMES)
    file(COPY "${CURRENT_PACKAGES_DIR}/bin/${tool}" DESTINATION "${CURRENT_PACKAGES_DIR}/tools/${PORT}")
  endforeach()
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/bin")
endfunction()

function(vcpkg_install_copyright)
  parsed("" "FILE_LIST" ${ARGN})
  file(INSTALL ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
endfunction()

include("${SOURCE_DIR}/packaging/vcpkg/portfile.cmake")

foreach(file copyright usage sqlqConfig.cmake sqlqTargets.cmake)
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/${PORT}/${file}")
    message(FATAL_ERROR "share/${PORT}/${file} is missing")
  endif()
endforeach()
run("${CMAKE_COMMAND}" -S "${SQLQ_PACKAGE_TESTS}/consumer" -B "${SCRATCH}/consumer" -DWAY=installed
  -DCONSUMER_COMPONENTS=sqlite "-DCMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/consumer")
run("${SCRATCH}/consumer/consumer")
says("hello from a job")
