#pragma once
/// \file
/// The codec for everything nlohmann::json converts: types with to_json/from_json or one of its macros, standard
/// containers, and nlohmann::json itself; with json_types.hpp also std::optional and std::chrono members. Opt-in by
/// `#include`; the umbrella <sqlq/sqlq.hpp> includes it.
///
/// A job without parameters needs no conversion: a struct that has a kind and no members is stored as {}.

#include <string>
#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include <sqlq/args.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>
#include <sqlq/json_types.hpp>

namespace sqlq {

template <class T>
concept JsonConvertible = requires(const T& value, const nlohmann::json& json) {
  nlohmann::json(value);
  { json.template get<T>() } -> std::same_as<T>;
};

/// A job without parameters.
template <class T>
concept WithoutMembers = std::is_class_v<T> && std::is_empty_v<T> && std::is_default_constructible_v<T> && Named<T>;

/// What is stored is {}, so that members with defaults can be added later; what is read is not looked at, so that
/// members can be taken away.
template <class T>
  requires(WithoutMembers<T> && !JsonConvertible<T>)
struct codec<T> {
  static std::string encode(const T&) { return "{}"; }
  static T decode(std::string_view) { return T{}; }
};

template <JsonConvertible T>
struct codec<T> {
  /// Throws Error(invalid_argument) when a string in the value is not UTF-8.
  static std::string encode(const T& value) {
    try {
      return nlohmann::json(value).dump();
    } catch (const nlohmann::json::exception&) {  // its text quotes the offending bytes: not for messages
      throw Error(Errc::invalid_argument, "the value cannot be written as JSON: a string in it is not valid UTF-8");
    }
  }
  /// Throws Error(invalid_argument) for text that is not JSON, nested too deeply, or of another shape than T.
  static T decode(std::string_view text) {
    check_json(text, PayloadLimits{.max_bytes = text.size()}, "the stored JSON");
    try {
      return nlohmann::json::parse(text).get<T>();
    } catch (const nlohmann::json::exception& e) {  // id only: the text may quote the payload
      throw Error(Errc::invalid_argument,
                  "the stored JSON has another shape than the type expects (nlohmann::json error " +
                      std::to_string(e.id) + "); use the WITH_DEFAULT macro for optional fields");
    }
  }
};

}  // namespace sqlq
