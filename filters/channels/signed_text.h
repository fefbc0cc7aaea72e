// SPDX-License-Identifier: Apache-2.0
// The text that a sender signs, from a template such as `{timestamp}\n{body}`. Evaluated as pieces:
// nothing is joined or copied. Templates whose pieces could be cut elsewhere and still give the
// same text are refused, and so are values that would blur a border.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filters/field_name.h"
#include "proxy/base/bytes.h"
#include "proxy/base/limits.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

class SignedText {
 public:
  // `{body}` (once, always), `{timestamp}`, `{method}`, `{path}`, `{target}` (path and query),
  // `{header:X}`; all else is literal, `\n` and `\\` as in C.
  static Result<SignedText> compile(std::string_view text);

  bool usesTimestamp() const { return uses_timestamp_; }

  struct Pieces {
    std::array<ByteView, limits::kSignedPiecesMax> views;
    std::size_t count = 0;
    std::span<const ByteView> span() const { return std::span(views).first(count); }
  };
  // The views live in the exchange. `timestamp` is decimal digits. Errors: kSignatureInvalid.
  Result<Pieces> evaluate(const Exchange& exchange, std::string_view timestamp) const;

 private:
  enum class Kind : std::uint8_t { kLiteral, kBody, kTimestamp, kMethod, kPath, kTarget, kHeader };
  struct Piece {
    Kind kind = Kind::kLiteral;
    std::string text;  // kLiteral
    FieldName field;   // kHeader
  };
  Result<void> add(std::string_view placeholder);
  Result<void> check() const;
  void addLiteral(char c);
  static bool mayTouchNext(Kind kind) { return kind == Kind::kTimestamp || kind == Kind::kMethod; }
  static Result<ByteView> valueOf(const Piece& piece, const Exchange& exchange,
                                  std::string_view timestamp);

  std::vector<Piece> pieces_;
  bool uses_timestamp_ = false;
};

}  // namespace edgehold
