// Migrates: once, or up and down for ever.

#include <cstdlib>
#include <iostream>
#include <string>

#include <sqlq/sqlq.hpp>

#include "helper.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;

int run(const Arguments& arguments) {
  if (arguments.text("do") == "open") {  // also what makes the file is to be killed
    std::cout << "ready" << std::endl;
    std::cout << "steps " << Migrator{open(arguments.text("url"))}.up() << std::endl;
    return EXIT_SUCCESS;
  }
  Migrator migrator{open(arguments.text("url"))};
  std::cout << "ready" << std::endl;
  std::string go;
  std::getline(std::cin, go);
  if (arguments.text("do") == "once") {
    std::cout << "steps " << migrator.up() << std::endl;
    return EXIT_SUCCESS;
  }
  for (;;) {
    migrator.up();
    migrator.down(0);
  }
}

}  // namespace

int main(int argc, char** argv) { return sqlq::process::run_helper(argc, argv, {"url", "do"}, run); }
