#pragma once
/// \file
/// The processes that have claimed jobs of a file, so that the jobs of one that died are taken back at once instead of
/// when their leases end: whoever shares a file shares its host, mostly, and then it is known who lives.

#include <cstdint>
#include <functional>
#include <string>

#include "operations.hpp"
#include "platform/process.hpp"

namespace sqlq::sqlite {

/// This process's number in every file: random, so that none is used twice; 0 where the system does not tell enough.
[[nodiscard]] std::int64_t process_number();

/// Writes down who this process is. Forgets processes of other hosts, boots and containers that hold no job.
void enlist(const Context& c);

/// A JSON array of the numbers of processes that have died; `[]` nearly always.
[[nodiscard]] std::string dead_processes(const Context& c);
/// Forgets those of them that hold no job any more.
void forget_processes(const Context& c, const std::string& dead);

}  // namespace sqlq::sqlite
