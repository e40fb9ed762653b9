//===- Result.h - Errors as values ------------------------------*- C++ -*-===//
//
// What the LLVM-free part of Quipu returns when something can go wrong for a
// reason outside the program: a bad file, a full disk, a missing device.
// Programming errors are assertions and never a Result.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_RESULT_H
#define QUIPU_BASE_RESULT_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace quipu {

/// Why something failed, as one line for a user: lower case, no period, and
/// naming file, field, what was found and what was expected where they apply.
struct Error {
  std::string message;
};

/// A `T`, or the Error that kept it from being made.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state.index() == 0; }

  T &operator*() { return get(); }
  const T &operator*() const { return const_cast<Result *>(this)->get(); }
  T *operator->() { return &get(); }
  const T *operator->() const { return &**this; }

  /// The failure; only where this converts to false.
  const Error &error() const {
    assert(state.index() == 1 && "no error: the result holds a value");
    return *std::get_if<1>(&state);
  }

private:
  T &get() {
    assert(state.index() == 0 && "unchecked error");
    return *std::get_if<0>(&state);
  }

  std::variant<T, Error> state;
};

/// Success, or an Error, where there is no value to return.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}

  explicit operator bool() const { return !failure; }
  const Error &error() const {
    assert(failure && "no error");
    return *failure;
  }

private:
  std::optional<Error> failure;
};

} // namespace quipu

#endif // QUIPU_BASE_RESULT_H
