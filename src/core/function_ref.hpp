#pragma once
/// \file
/// A reference to something that can be called, for parameters: allocates nothing.

#include <memory>
#include <type_traits>
#include <utility>

namespace sqlq::core {

template <class Signature>
class FunctionRef;

/// Borrows the callable: it must live until the last call.
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<Result, F&, Args...>)
  FunctionRef(F&& f)  // NOLINT(google-explicit-constructor): a parameter type
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))), call_([](void* o, Args... args) {
          return static_cast<Result>((*static_cast<std::remove_reference_t<F>*>(o))(std::forward<Args>(args)...));
        }) {}
  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

}  // namespace sqlq::core
