#pragma once
/// \file
/// Which names the shared libraries show. Users write none of these macros.
///
/// Everything is built with hidden names; what has one of the macros is seen from outside. tests/package compares the
/// names that each library exports with the lists in packaging/abi.
///
///   - `SQLQ_API`: a function that is defined in a library, or a class that has such functions;
///   - `SQLQ_TYPE`: an exception or a class with virtual functions that are all in its header. Its type is one and the
///     same in the program and in all libraries, so that what one throws, another catches;
///   - `SQLQ_LOCAL`: what lies within such a class and is its library's own.
///
/// Static libraries, and shared ones where files are ELF or Mach-O, need nothing else. Where a DLL says what it
/// exports, define SQLQ_API for the whole build: as `__declspec(dllexport)` while the libraries are compiled, and as
/// `__declspec(dllimport)` in programs that use them.

#if (defined(__ELF__) || defined(__MACH__)) && defined(__GNUC__)
#ifndef SQLQ_API
#define SQLQ_API __attribute__((visibility("default")))
#endif
#define SQLQ_TYPE __attribute__((visibility("default")))
#define SQLQ_LOCAL __attribute__((visibility("hidden")))
#else
#ifndef SQLQ_API
#define SQLQ_API
#endif
#define SQLQ_TYPE
#define SQLQ_LOCAL
#endif
