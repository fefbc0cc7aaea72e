// SPDX-License-Identifier: Apache-2.0
// The fields of an HTTP/2 header block as a request (RFC 9113 8.3), by the rules of HTTP/1 and
// narrower: what passes here can be written as HTTP/1 and read there as the same request.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/http1_framing.h"
#include "proxy/http/http2_field.h"
#include "proxy/http/message.h"

namespace edgehold {

class Http2RequestHead {
 public:
  // `is_secure`: the transport is TLS, and `:scheme` must say so. `allows_tunnels`: the client was
  // told that it may use `:protocol` (RFC 8441).
  explicit Http2RequestHead(bool is_secure, bool allows_tunnels = false)
      : is_secure_(is_secure), allows_tunnels_(allows_tunnels) {}

  enum class Block : std::uint8_t { kHead, kTrailers };

  // A new block. Views of the last head end here.
  void begin(Block block = Block::kHead);
  // The next field as it was decoded. The first fault is kept for finish(), what follows ignored.
  void add(std::string_view name, std::string_view value);
  // The block so far, as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 6.5.2).
  std::size_t listBytes() const { return list_bytes_; }
  // `has_content`: the stream did not end with the block. The views last until begin(). Fails as
  // Http1RequestParser does. An extended CONNECT wants_upgrade and has the target of a GET.
  Result<RequestHead> finish(bool has_content);
  // What the head said of its content, also where that is nothing.
  std::optional<std::uint64_t> declaredBytes() const { return framing_.declaredBytes(); }
  // Trailers may be dropped if they are well-formed (RFC 9110 6.5.1).
  Result<void> finishTrailers() const;

 private:
  using Piece = Http2FieldBlock::Piece;

  Result<void> take(std::string_view name, std::string_view value);
  Result<void> takePseudo(std::string_view name, std::string_view value);
  // Where the value of that pseudo-header field belongs; null if there is no such field.
  std::optional<Piece>* pseudoField(std::string_view name);
  Result<void> takeField(const Header& field);
  Result<void> checkMethod() const;
  bool isTunnel() const { return protocol_.has_value(); }
  Result<void> checkTransport() const;
  Result<void> checkAuthority() const;
  // REQUIRES: checkAuthority().
  std::string_view authority() const { return text(authority_ ? *authority_ : *host_); }
  Result<BodyLength> contentLength(bool has_content) const;
  std::string_view text(Piece piece) const { return fields_.text(piece); }

  const bool is_secure_;
  const bool allows_tunnels_;
  std::string cookie_;
  Http2FieldBlock fields_;
  std::optional<Piece> method_;
  std::optional<Piece> scheme_;
  std::optional<Piece> authority_;
  std::optional<Piece> path_;
  std::optional<Piece> protocol_;
  std::optional<Piece> host_;
  Http1Framing framing_;
  std::optional<Error> fault_;
  std::size_t list_bytes_ = 0;
  Block kind_ = Block::kHead;
  bool has_fields_ = false;  // a field that is no pseudo-header: those come first
  bool has_cookie_ = false;
};

}  // namespace edgehold
