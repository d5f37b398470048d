#include <string>

#include <nlohmann/json.hpp>

#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>

#include "core/text.hpp"

namespace sqlq {

namespace {

using nlohmann::json;

// Looks at every token and builds nothing. The parser calls it from a loop, not recursively: depth costs no stack.
class Checker final : public nlohmann::json_sax<json> {
 public:
  explicit Checker(int max_depth) : max_depth_(max_depth) {}

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& value) override { return no_nul(value); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& value) override { return no_nul(value); }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t position, const std::string&, const json::exception& e) override {
    constexpr int number_out_of_range = 406;
    problem_ = e.id == number_out_of_range ? "has a number too large for a double, at byte "
                                           : "is not JSON: error at byte ";
    problem_ += std::to_string(position);
    return false;
  }

 private:
  bool no_nul(const std::string& value) {
    if (value.find('\0') == std::string::npos) return true;
    problem_ = "has a NUL character (\\u0000) in a string, which not every database can store";
    return false;
  }
  bool enter() {
    if (++depth_ <= max_depth_) return true;
    problem_ = "is nested deeper than the " + std::to_string(max_depth_) + " levels allowed (PayloadLimits::max_depth)";
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int max_depth_;
  int depth_ = 0;
  std::string problem_;
};

std::string json_problem(std::string_view text, const PayloadLimits& limits) {
  if (text.empty()) return "is empty: JSON text has at least one value, such as null";
  if (text.size() > limits.max_bytes) {
    return "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(limits.max_bytes) +
           " are allowed (PayloadLimits::max_bytes): store large data elsewhere and refer to it";
  }
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos) {
    return "has a NUL byte, at byte " + std::to_string(at + 1);
  }
  if (const std::size_t at = core::find_invalid_utf8(text); at != std::string_view::npos) {
    return "is not valid UTF-8, at byte " + std::to_string(at + 1);
  }
  // The parser would skip it, but the JSON functions of databases do not.
  if (text.starts_with("\xEF\xBB\xBF")) return "begins with a byte order mark, which JSON must not have";
  Checker checker(limits.max_depth);
  if (json::sax_parse(text.begin(), text.end(), &checker)) return {};
  return checker.problem();
}

}  // namespace

void check_json(std::string_view text, const PayloadLimits& limits, std::string_view what) {
  if (const std::string problem = json_problem(text, limits); !problem.empty()) {
    throw Error(Errc::invalid_argument, std::string(what) + " " + problem);
  }
}

}  // namespace sqlq
