// SPDX-License-Identifier: Apache-2.0
// The fields of an HTTP/2 header block (RFC 9113 8.2), by the rules of HTTP/1 and narrower.
// Thread: any (immutable); a block one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/headers.h"

namespace edgehold {

inline constexpr std::size_t kHttp2FieldOverheadBytes = 32;  // RFC 9113 6.5.2

// A name in lower case and a clean value. Fail with kMalformedRequest or kHeadTooLarge.
Result<void> checkHttp2Name(std::string_view name);
Result<void> checkHttp2Value(std::string_view value);
// RFC 9113 8.2.2: it belongs to one connection and has no place here (`te: trailers` aside).
bool concernsConnection(HeaderId id);

// The fields of one decoded block. Texts are given out only when all are here: they move while the
// block grows.
class Http2FieldBlock {
 public:
  struct Piece {
    std::uint32_t at = 0;
    std::uint32_t bytes = 0;
  };

  void clear();
  Piece keep(std::string_view text);
  void add(const Header& field);
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

  // Views last until the next keep(), add() or clear().
  std::string_view text(Piece piece) const { return {bytes_.data() + piece.at, piece.bytes}; }
  std::string_view bytes() const { return bytes_; }
  void appendTo(Headers& headers) const;

 private:
  struct Field {
    Piece name;
    Piece value;
    HeaderId id = HeaderId::kOther;
  };

  std::string bytes_;
  std::vector<Field> fields_;
};

}  // namespace edgehold
