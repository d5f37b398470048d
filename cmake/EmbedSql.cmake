# Turns the files of schema/<backend> (*.sql, *.txt, queries/*.sql) into one C++ file, so that the program carries its
# SQL and nothing is read at run time.
#
#   sqlq_embed_sql(TARGET <target> BACKEND <name>)
#
# adds to TARGET the definition of
#
#   namespace sqlq::<name> { std::span<const sqlq::sql::EmbeddedFile> schema_files() noexcept; }
#
# with one entry per file, in the order of their names (src/sql/embedded.hpp); those of queries/ are one, "queries.sql".
# Changed, new and removed files are seen by the build. Run as a script (cmake -P) this file is the generator itself.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(sqlq_embed_script "${CMAKE_CURRENT_LIST_FILE}")

  function(sqlq_embed_sql)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;BACKEND" "")
    set(dir "${PROJECT_SOURCE_DIR}/schema/${arg_BACKEND}")
    set(output "${PROJECT_BINARY_DIR}/generated/${arg_BACKEND}_schema.cpp")
    file(GLOB files CONFIGURE_DEPENDS "${dir}/*.sql" "${dir}/*.txt" "${dir}/queries/*.sql")

    # A removed file changes no time stamp: the list itself is a file, rewritten only when it differs.
    set(list_file "${PROJECT_BINARY_DIR}/generated/${arg_BACKEND}_schema.list")
    list(JOIN files "\n" lines)
    file(CONFIGURE OUTPUT "${list_file}" CONTENT "@lines@\n" @ONLY)

    add_custom_command(
      OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" -D "LIST_FILE=${list_file}" -D "OUTPUT=${output}" -D "BACKEND=${arg_BACKEND}"
              -P "${sqlq_embed_script}"
      DEPENDS ${files} "${list_file}" "${sqlq_embed_script}"
      COMMENT "Embedding schema/${arg_BACKEND}"
      VERBATIM)
    target_sources(${arg_TARGET} PRIVATE "${output}")
  endfunction()
  return()
endif()

# One string literal may not be longer than compilers guarantee (65,536 bytes, also of adjacent ones) or accept: pieces
# of at most 8 KB, cut after a line, which `sql::joined` puts together.
function(literal out text)
  set(pieces "")
  string(LENGTH "${text}" left)
  while(left GREATER 0)
    string(SUBSTRING "${text}" 0 8000 piece)
    string(LENGTH "${piece}" size)
    if(size LESS left)
      string(FIND "${piece}" "\n" end REVERSE)
      if(end GREATER 0)
        math(EXPR size "${end} + 1")
      endif()
      string(SUBSTRING "${text}" 0 ${size} piece)
    endif()
    string(SUBSTRING "${text}" ${size} -1 text)
    if(NOT pieces STREQUAL "")
      string(APPEND pieces ",")
    endif()
    string(APPEND pieces "\n    R\"sqlq_sql(${piece})sqlq_sql\"")
    string(LENGTH "${text}" left)
  endwhile()
  if(pieces STREQUAL "")
    set(pieces "\"\"")
  endif()
  set(${out} "${pieces}" PARENT_SCOPE)
endfunction()

file(STRINGS "${LIST_FILE}" files)
set(number 0)
set(queries "")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(FIND "${text}" ")sqlq_sql\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${file} contains )sqlq_sql\", which ends the literal it is embedded in; write it differently")
  endif()
  if(file MATCHES "/queries/[^/]*$")
    string(APPEND queries "${text}\n")
    continue()
  endif()
  math(EXPR number "${number} + 1")
  get_filename_component(name_${number} "${file}" NAME)
  set(text_${number} "${text}")
endforeach()
math(EXPR count "${number} + 1")
set(name_${count} "queries.sql")
set(text_${count} "${queries}")

set(texts "")
set(entries "")
foreach(number RANGE 1 ${count})
  literal(code "${text_${number}}")
  string(APPEND texts "  static constexpr auto text_${number} = sql::joined(${code});\n")
  string(APPEND entries "    {\"${name_${number}}\", {text_${number}.data(), text_${number}.size()}},\n")
endforeach()

file(WRITE "${OUTPUT}" "// Generated from schema/${BACKEND} by cmake/EmbedSql.cmake.
#include <array>
#include <span>

#include \"sql/embedded.hpp\"

namespace sqlq::${BACKEND} {

std::span<const sql::EmbeddedFile> schema_files() noexcept {
${texts}  static constexpr std::array<sql::EmbeddedFile, ${count}> files{{
${entries}  }};
  return files;
}

}  // namespace sqlq::${BACKEND}
")
