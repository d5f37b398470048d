# What is under packaging/ says what the tree says: the version, and the shared libraries.
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

file(STRINGS "${SOURCE_DIR}/include/sqlq/version.hpp" line REGEX "SQLQ_VERSION_STRING ")
string(REGEX MATCH "([0-9]+\\.[0-9]+)\\.[0-9]+" version "${line}")
set(minor "${CMAKE_MATCH_1}")

file(READ "${SOURCE_DIR}/packaging/vcpkg/vcpkg.json" json)
string(JSON said GET "${json}" version)
if(NOT said STREQUAL version)
  message(SEND_ERROR "packaging/vcpkg/vcpkg.json is of version ${said}, the tree of ${version}")
endif()
foreach(feature sqlite postgres mysql tools)
  string(JSON ignored GET "${json}" features ${feature} description)
endforeach()

file(READ "${SOURCE_DIR}/packaging/debian/changelog" changelog)
if(NOT changelog MATCHES "^sqlq \\(${version}-")
  message(SEND_ERROR "packaging/debian/changelog does not begin with version ${version}")
endif()

# A package with shared libraries is named after what programs load: the minor version.
file(GLOB lists RELATIVE "${SOURCE_DIR}/packaging/debian" "${SOURCE_DIR}/packaging/debian/libsqlq*[0-9].install")
foreach(list IN LISTS lists)
  if(NOT list MATCHES "^libsqlq(-[a-z]+)?${minor}\\.install$")
    message(SEND_ERROR "packaging/debian/${list} is not of version ${minor}")
  endif()
endforeach()
list(LENGTH lists number)
if(NOT number EQUAL 4)
  message(SEND_ERROR "packaging/debian has ${number} packages with shared libraries")
endif()
