#include "json_argument.hpp"

#include <fstream>
#include <iterator>

#include "enqueue_line.hpp"

namespace sqlq::tool {

std::string json_argument(Context& context, const std::string& given) {
  std::string text = given;
  if (given == "-") {
    text.assign(std::istreambuf_iterator<char>(context.in()), {});
  } else if (given.starts_with('@')) {
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file) throw Exit(ExitCode::usage, "the file '" + given.substr(1) + "' cannot be read");
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  text = trimmed(text);
  check_json(text, PayloadLimits{}, "the JSON text");
  return text;
}

}  // namespace sqlq::tool
