// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error, for every failure that a peer, file, store or rule can cause.
// Thread: any (immutable).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "proxy/base/reason.h"

namespace edgehold {

// Why something failed: a reason code for machines and a sentence for people (lower case, no
// period, input in backticks, place first). Messages reach logs and operators, never clients.
struct [[nodiscard]] Error {
  Reason reason = Reason::kInternalError;
  std::string message;

  // The same error, told from one level further out: `place: message`.
  Error within(std::string_view place) const {
    return Error{reason, std::string(place) + ": " + message};
  }
};

// An Error with no reason code of its own: files, configuration, the operating system.
inline Error failure(std::string message) {
  return Error{Reason::kInternalError, std::move(message)};
}

template <class T>
using Result = tl::expected<T, Error>;

using tl::unexpected;

inline tl::unexpected<Error> fail(Reason reason, std::string message = {}) {
  return tl::unexpected<Error>(Error{reason, std::move(message)});
}
inline tl::unexpected<Error> fail(std::string message) {
  return tl::unexpected<Error>(failure(std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace edgehold

// Returns the error of `expression` from the enclosing function.
#define TRY(expression)                                                           \
  do {                                                                            \
    if (auto try_result_ = (expression); !try_result_) {                          \
      return ::tl::unexpected<::edgehold::Error>(std::move(try_result_).error()); \
    }                                                                             \
  } while (false)

#define EDGEHOLD_JOIN_INNER(a, b) a##b
#define EDGEHOLD_JOIN(a, b) EDGEHOLD_JOIN_INNER(a, b)
#define EDGEHOLD_TRY_ASSIGN(temporary, declaration, expression)               \
  auto temporary = (expression);                                              \
  if (!temporary) {                                                           \
    return ::tl::unexpected<::edgehold::Error>(std::move(temporary).error()); \
  }                                                                           \
  declaration = std::move(*temporary)

// Declares `declaration` from the value of `expression`, or returns its error.
#define TRY_ASSIGN(declaration, expression) \
  EDGEHOLD_TRY_ASSIGN(EDGEHOLD_JOIN(try_value_, __LINE__), declaration, expression)
