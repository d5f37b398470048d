# The installed package: find_package(sqlq COMPONENTS ...) with the targets of this build.

include(CMakePackageConfigHelpers)

set(sqlq_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sqlq")
get_property(SQLQ_COMPONENT_LIST GLOBAL PROPERTY SQLQ_BACKENDS)
set(SQLQ_COMPONENT_DEPENDENCIES "")
foreach(backend IN LISTS SQLQ_COMPONENT_LIST)
  get_property(packages GLOBAL PROPERTY SQLQ_PACKAGES_${backend})
  list(TRANSFORM packages PREPEND "  find_dependency(")
  list(TRANSFORM packages APPEND ")")
  list(JOIN packages "\n" packages)
  string(APPEND SQLQ_COMPONENT_DEPENDENCIES
    "if(\"${backend}\" IN_LIST sqlq_wanted OR sqlq_want_all)\n${packages}\nendif()\n")
endforeach()

set(targets "")
list(TRANSFORM SQLQ_COMPONENT_LIST PREPEND sqlq_ OUTPUT_VARIABLE backend_targets)
foreach(target sqlq_core sqlq_sql ${backend_targets} sqlq sqlq_testing sqlq_conformance)
  if(TARGET ${target})
    list(APPEND targets ${target})
  endif()
endforeach()
install(TARGETS ${targets} EXPORT sqlqTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  OBJECTS DESTINATION "${CMAKE_INSTALL_LIBDIR}/sqlq"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/sqlq/adapters DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sqlq")  # each needs its own library
install(EXPORT sqlqTargets NAMESPACE sqlq:: DESTINATION "${sqlq_config_dir}")

configure_package_config_file(cmake/sqlqConfig.cmake.in generated/sqlqConfig.cmake
  INSTALL_DESTINATION "${sqlq_config_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(generated/sqlqConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/generated/sqlqConfig.cmake"
  "${PROJECT_BINARY_DIR}/generated/sqlqConfigVersion.cmake"
  cmake/FindSOCI.cmake
  cmake/FindMariaDB.cmake
  DESTINATION "${sqlq_config_dir}")
install(FILES LICENSE README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)
