# Who reads the system's time zones for schedules: the standard library where it can, else Howard Hinnant's date; on
# Windows, where that finds none, the library itself. src/core/zone_files.cpp is the only file that knows.

include(CheckCXXSourceCompiles)

set(SQLQ_ZONES_BY off)
if(SQLQ_ZONES)
  set(CMAKE_CXX_STANDARD 20)
  check_cxx_source_compiles("
    #include <chrono>
    #if !defined(__cpp_lib_chrono) || __cpp_lib_chrono < 201907L
    #error no time zones
    #endif
    int main() { return std::chrono::locate_zone(\"UTC\") == nullptr; }" SQLQ_STD_HAS_ZONES)
  unset(CMAKE_CXX_STANDARD)
  if(SQLQ_STD_HAS_ZONES)
    set(SQLQ_ZONES_BY std)
  elseif(WIN32)
    set(SQLQ_ZONES_BY files)
  else()
    set(SQLQ_ZONES_BY date)
    if(NOT TARGET date::date-tz)  # a parent project's own goes first
      find_package(date 3 CONFIG QUIET)
      if(NOT date_FOUND)
        message(FATAL_ERROR "SQLQ_ZONES=ON, but this compiler has no time zones, and date was not found. "
          "On Debian: apt-get install libhowardhinnant-date-dev. "
          "SQLQ_ZONES=OFF does without: then schedules know only UTC.")
      endif()
    endif()
  endif()
endif()
set_property(GLOBAL APPEND PROPERTY SQLQ_SUMMARY "time zones: ${SQLQ_ZONES_BY} (SQLQ_ZONES=${SQLQ_ZONES})")

# sqlq_use_zones(TARGET): for what src/core is compiled into.
function(sqlq_use_zones target)
  if(NOT SQLQ_ZONES_BY STREQUAL "off")
    string(TOUPPER "${SQLQ_ZONES_BY}" upper)
    target_compile_definitions(${target} PRIVATE SQLQ_ZONES_BY_${upper})
  endif()
  if(SQLQ_ZONES_BY STREQUAL "date")
    get_property(type TARGET ${target} PROPERTY TYPE)
    if(type STREQUAL "SHARED_LIBRARY")  # it brings date along: whoever links it when it is installed need not find it
      target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:date::date-tz>)
    else()
      target_link_libraries(${target} PRIVATE date::date-tz)
    endif()
  endif()
endfunction()
