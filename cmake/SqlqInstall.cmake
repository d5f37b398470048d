# The installed package: find_package(sqlq COMPONENTS ...) with the targets of this build, sqlq.pc, the documentation.
# Each file belongs to one component of `cmake --install`: runtime (shared libraries as programs load them), dev (what
# compiling against them takes, static libraries included), tools (the program), doc.

include(CMakePackageConfigHelpers)

set(sqlq_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sqlq")
get_property(SQLQ_COMPONENT_LIST GLOBAL PROPERTY SQLQ_BACKENDS)
get_property(type TARGET sqlq_core PROPERTY TYPE)
set(shared FALSE)
if(type STREQUAL "SHARED_LIBRARY")
  set(shared TRUE)
endif()

# What else must be found: a static library needs its own libraries wherever it is linked, a shared one brings them
# along, and no header of ours includes theirs but nlohmann_json's.
set(SQLQ_COMPONENT_DEPENDENCIES "")
set(zones "")
if(SQLQ_ZONES_BY STREQUAL "date" AND NOT shared)
  set(SQLQ_COMPONENT_DEPENDENCIES "sqlq_find(libhowardhinnant-date-dev date::date-tz date 3 CONFIG)\n")
  set(zones -ldate-tz)  # has no module of pkg-config
endif()
set(modules "")
foreach(backend IN LISTS SQLQ_COMPONENT_LIST)
  if(shared)
    break()
  endif()
  get_property(wanted GLOBAL PROPERTY SQLQ_PKG_CONFIG_${backend})
  list(APPEND modules ${wanted})
  get_property(packages GLOBAL PROPERTY SQLQ_PACKAGES_${backend})
  get_property(debian GLOBAL PROPERTY SQLQ_DEBIAN_${backend})
  list(TRANSFORM packages REPLACE "^([^=]+)=(.*)$" "  sqlq_find(\"${debian}\" \\1 \\2)")
  list(JOIN packages "\n" packages)
  string(APPEND SQLQ_COMPONENT_DEPENDENCIES "if(\"${backend}\" IN_LIST sqlq_backends)\n${packages}\nendif()\n")
endforeach()

# sqlq::open exists once for every choice of backends, so that a program links those it asked for and no other: it
# calls each of them, and a library cannot do without what it calls. Each is one small object.
set(umbrellas sqlq)
list(LENGTH SQLQ_COMPONENT_LIST count)
math(EXPR last "(1 << ${count}) - 2")
if(count GREATER 1)
  foreach(number RANGE 1 ${last})
    set(some "")
    set(bit 1)
    foreach(backend IN LISTS SQLQ_COMPONENT_LIST)
      math(EXPR taken "${number} & ${bit}")
      math(EXPR bit "${bit} << 1")
      if(taken)
        list(APPEND some ${backend})
      endif()
    endforeach()
    list(JOIN some "_" name)
    sqlq_umbrella(sqlq_with_${name} with_${name} ${some})
    list(APPEND umbrellas sqlq_with_${name})
  endforeach()
endif()

set(targets "")
list(TRANSFORM SQLQ_COMPONENT_LIST PREPEND sqlq_ OUTPUT_VARIABLE backend_targets)
foreach(target sqlq_core sqlq_sql ${backend_targets} ${umbrellas} sqlq_testing sqlq_conformance)
  if(TARGET ${target})
    list(APPEND targets ${target})
  endif()
endforeach()
# sqlq::sqlq is what the package makes of the umbrella that its user asks for.
list(JOIN SQLQ_COMPONENT_LIST "_" name)
set_property(TARGET sqlq PROPERTY EXPORT_NAME with_${name})
install(TARGETS ${targets} EXPORT sqlqTargets
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev
  OBJECTS DESTINATION "${CMAKE_INSTALL_LIBDIR}/sqlq" COMPONENT dev
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev)
# Headers that compile where the library that they are about is: no part of what must compile alone.
install(DIRECTORY include/sqlq/adapters DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sqlq" COMPONENT dev)
install(EXPORT sqlqTargets NAMESPACE sqlq:: DESTINATION "${sqlq_config_dir}" COMPONENT dev)

configure_package_config_file(cmake/sqlqConfig.cmake.in generated/sqlqConfig.cmake
  INSTALL_DESTINATION "${sqlq_config_dir}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(generated/sqlqConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/generated/sqlqConfig.cmake"
  "${PROJECT_BINARY_DIR}/generated/sqlqConfigVersion.cmake"
  cmake/FindMariaDB.cmake
  DESTINATION "${sqlq_config_dir}" COMPONENT dev)

# sqlq.pc: all backends.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute)
if(absolute)
  set(SQLQ_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  set(SQLQ_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
else()  # found from where the file lies, so that the installation may be moved
  string(REGEX REPLACE "[^/]+" ".." up "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  set(SQLQ_PC_PREFIX "\${pcfiledir}/${up}")
  set(SQLQ_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_INCLUDEDIR absolute)
set(SQLQ_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT absolute)
  string(PREPEND SQLQ_PC_INCLUDEDIR "\${prefix}/")
endif()
list(JOIN modules ", " modules)
set(SQLQ_PC_REQUIRES "nlohmann_json >= 3.11")
if(modules)
  string(APPEND SQLQ_PC_REQUIRES ", ${modules}")
endif()
set(libraries sqlq ${backend_targets})
if(TARGET sqlq_sql AND NOT shared)
  list(APPEND libraries sqlq_sql)
endif()
list(APPEND libraries sqlq_core)
list(TRANSFORM libraries PREPEND "-l")
list(APPEND libraries ${zones} -pthread)
list(JOIN libraries " " SQLQ_PC_LIBS)
configure_file(cmake/sqlq.pc.in generated/sqlq.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/sqlq.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT dev)

# The documentation keeps its folders, so that its links hold (SqlqInstallDocs.cmake sees to the others); headers and
# messages name it as share/doc/sqlq/...
set(doc "${CMAKE_INSTALL_DOCDIR}")
if(NOT PROJECT_IS_TOP_LEVEL)  # that one is named after the project around us
  set(doc "${CMAKE_INSTALL_DATAROOTDIR}/doc/sqlq")
endif()
install(FILES LICENSE README.md CHANGELOG.md SECURITY.md DESTINATION "${doc}" COMPONENT doc)
install(DIRECTORY docs DESTINATION "${doc}" COMPONENT doc)
install(DIRECTORY backends schema examples DESTINATION "${doc}" COMPONENT doc
  FILES_MATCHING PATTERN "README.md" PATTERN "*.sql" REGEX "/examples/[^/]*\\.[ch]pp$"
  PATTERN "src" EXCLUDE PATTERN "include" EXCLUDE PATTERN "data" EXCLUDE PATTERN "expected" EXCLUDE)
foreach(name IN ITEMS doc CMAKE_INSTALL_INCLUDEDIR)
  set(installed_${name} "${${name}}")
  cmake_path(IS_ABSOLUTE ${name} absolute)
  if(NOT absolute)  # --prefix is known when it is installed
    string(PREPEND installed_${name} "\${CMAKE_INSTALL_PREFIX}/")
  endif()
endforeach()
install(CODE "
  set(SQLQ_DOC_DIR \"\$ENV{DESTDIR}${installed_doc}\")
  set(SQLQ_INCLUDE_DIR \"\$ENV{DESTDIR}${installed_CMAKE_INSTALL_INCLUDEDIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/SqlqInstallDocs.cmake\")" COMPONENT doc)
