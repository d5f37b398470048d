// sqlq-bench: how fast this library is on a database; see usage() in options.cpp, and README.md beside this file.

#include <algorithm>
#include <exception>
#include <iostream>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

int main(int argc, char** argv) {
  using namespace sqlq::bench;
  try {
    const Options options = parse(argc, argv);
    if (options.help) {
      std::cout << usage();
      return 0;
    }
    if (options.role == "worker") return work_as_process(options);
    Bench bench(options);
    bench.fill();
    for (const Operation& operation : operations()) {
      const bool wanted = options.only.empty() || std::ranges::find(options.only, operation.name) != options.only.end();
      if (wanted) operation.run(bench);
    }
    return 0;
  } catch (const UsageError& e) {
    std::cerr << "sqlq-bench: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "sqlq-bench: " << e.what() << '\n';
    return 1;
  }
}
