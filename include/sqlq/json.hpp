#pragma once
/// \file
/// The codec for everything nlohmann::json converts: types with to_json/from_json or one of its macros, standard
/// containers, and nlohmann::json itself; with json_types.hpp also std::optional and std::chrono members. Opt-in by
/// `#include`; the umbrella <sqlq/sqlq.hpp> includes it.
///
/// A job without parameters needs no conversion: a struct that has a kind and no members is stored as {}.

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include <sqlq/args.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>
#include <sqlq/json_types.hpp>

namespace sqlq {

/// A type that nlohmann::json converts to and from.
template <class T>
concept JsonConvertible = requires(const T& value, const nlohmann::json& json) {
  nlohmann::json(value);
  { json.template get<T>() } -> std::same_as<T>;
};

/// A job without parameters.
template <class T>
concept WithoutMembers = std::is_class_v<T> && std::is_empty_v<T> && std::is_default_constructible_v<T> && Named<T>;

/// It is stored as {}, so that members with defaults can be added later. Reading ignores the text, so that members can
/// be taken away.
template <class T>
  requires(WithoutMembers<T> && !JsonConvertible<T>)
struct codec<T> {
  /// Always "{}".
  static std::string encode(const T&) { return "{}"; }
  /// A value, whatever the text.
  static T decode(std::string_view) { return T{}; }
};

namespace detail {

/// Throws Error(invalid_argument) for the first number that JSON cannot have; `at` is where `json` is in the whole.
inline void refuse_not_finite(const nlohmann::json& json, const nlohmann::json::json_pointer& at) {
  if (json.is_number_float() && !std::isfinite(json.get<double>())) {
    throw Error(Errc::invalid_argument, "the value cannot be written as JSON: the number at '" + at.to_string() +
                                            "' is NaN or infinite");
  }
  if (json.is_object()) {
    for (const auto& [key, member] : json.items()) refuse_not_finite(member, at / key);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) refuse_not_finite(json[i], at / i);
  }
}

/// Describes an error of nlohmann::json about the text's shape. The library's own message may quote the text.
[[nodiscard]] inline std::string_view shape_trouble(int error) noexcept {
  switch (error) {
    case 302: return "a value in it has another type";  // get<T>()
    case 304:                                           // at()
    case 305:                                           // operator[]
    case 306: return "it, or a value in it, is not an object";  // value(), of the WITH_DEFAULT macro
    case 401: return "an array in it has too few elements";     // at(number)
    case 403: return "a member is missing; the WITH_DEFAULT macro makes members optional";  // at(name)
    default: return "a value in it cannot be read";
  }
}

/// Why `json` is no T. `error` is the number of the exception that said so.
///
/// A member is named only if a T that was made by its default constructor has it: then the name is one of the
/// program's, not one of the text's. It is found by trying: the first member of `json` (or lack of one) that makes a T
/// unreadable which is readable otherwise. Cost: one conversion for each member of T, when a job has failed.
template <class T>
[[nodiscard]] std::string why_not(const nlohmann::json& json, int error) {
  if constexpr (std::is_default_constructible_v<T>) {
    try {
      const nlohmann::json usual(T{});
      if (usual.is_object() && !json.is_object()) return std::string("it is ") + json.type_name() + ", not an object";
      if (!usual.is_object()) return std::string(shape_trouble(error));
      for (const auto& [name, value] : usual.items()) {
        nlohmann::json tried = usual;
        const auto given = json.find(name);
        if (given != json.end()) tried[name] = *given;
        if (given == json.end()) tried.erase(name);
        try {
          static_cast<void>(tried.template get<T>());
        } catch (const nlohmann::json::exception&) {
          const std::string member = "its member '" + name + "' ";
          if (given == json.end()) return member + "is missing; the WITH_DEFAULT macro makes members optional";
          if (given->type() == value.type()) return member + "has another shape";
          return member + "is " + given->type_name() + ", not " + value.type_name();
        }
      }
    } catch (...) {  // a conversion of the user's that has trouble with a T of defaults
    }
  }
  return std::string(shape_trouble(error));
}

}  // namespace detail

template <JsonConvertible T>
struct codec<T> {
  /// Throws Error(invalid_argument) when a string in the value is not UTF-8 or a number is not finite (JSON has no NaN;
  /// the message names the member by its JSON pointer).
  static std::string encode(const T& value) {
    try {
      const nlohmann::json json(value);
      std::string text = json.dump();
      // nlohmann::json writes a number that is not finite as null.
      if (text.find("null") != std::string::npos) detail::refuse_not_finite(json, nlohmann::json::json_pointer());
      return text;
    } catch (const nlohmann::json::exception&) {  // its text quotes the offending bytes: not for messages
      throw Error(Errc::invalid_argument, "the value cannot be written as JSON: a string in it is not valid UTF-8");
    }
  }
  /// Throws Error(invalid_argument) for text that is not JSON, nested too deeply, or of another shape than T; the
  /// message says what differs and, where it can, at which member of T.
  static T decode(std::string_view text) {
    check_json(text, PayloadLimits{.max_bytes = text.size()}, "the stored JSON");
    const nlohmann::json json = nlohmann::json::parse(text);
    try {
      return json.get<T>();
    } catch (const nlohmann::json::exception& e) {  // id only: the text may quote the payload
      throw Error(Errc::invalid_argument, "the stored JSON has another shape than the type expects: " +
                                              detail::why_not<T>(json, e.id) + " (nlohmann::json error " +
                                              std::to_string(e.id) + ")");
    }
  }
};

}  // namespace sqlq
