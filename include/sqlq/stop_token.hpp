#pragma once
/// \file
/// `stop_token`, `stop_source`, `stop_callback` and `jthread`: those of the standard library where it has them.
///
/// `sqlq::stop_token` then *is* `std::stop_token`, and programs write either. libc++ before 20 has none of the four
/// (without `-fexperimental-library`), and those of libstdc++ before 13 may wait for ever where there is no futex
/// (Windows, macOS): there they are this library's own, of `own_stop_token.hpp`, with the same members and rules, and
/// programs write `sqlq::`. The library and the programs that use it must be compiled with the same choice; otherwise
/// they do not link.

#include <version>

#if defined(_GLIBCXX_RELEASE) && !defined(_GLIBCXX_HAVE_LINUX_FUTEX) && !defined(_GLIBCXX_HAVE_PLATFORM_WAIT)
#define SQLQ_STOP_TOKENS_OF_STD (_GLIBCXX_RELEASE >= 13)
#else
#define SQLQ_STOP_TOKENS_OF_STD 1
#endif

#if defined(__cpp_lib_jthread) && SQLQ_STOP_TOKENS_OF_STD
#include <stop_token>
#include <thread>
namespace sqlq {
using std::jthread;
using std::stop_callback;
using std::stop_source;
using std::stop_token;
}  // namespace sqlq
#else
#include <sqlq/own_stop_token.hpp>
namespace sqlq {
using own::jthread;
using own::stop_callback;
using own::stop_source;
using own::stop_token;
}  // namespace sqlq
#endif
#undef SQLQ_STOP_TOKENS_OF_STD
