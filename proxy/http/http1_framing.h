// SPDX-License-Identifier: Apache-2.0
// What the fields of a head say about the message's end and the connection (RFC 9112 6.3, 9.3).
// Every doubt about where a message ends is an attack on whoever reads it after us: refused.
// Thread: one loop (owned by the parser).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/headers.h"
#include "proxy/http/message.h"

namespace edgehold {

// Collects from one field after the other.
class Http1Framing {
 public:
  // Fails with kFramingConflict, kTransferCodingUnsupported, kExpectationUnsupported or
  // kMalformedRequest, also for a field that may come once and came twice.
  Result<void> note(const Header& field);
  // The same for a response, where only the fields that frame it matter: an upstream that repeats
  // its content type is careless, not an attacker.
  Result<void> noteOfResponse(const Header& field);

  // Of a request: a body only if one is announced. Fails with kFramingConflict.
  Result<BodyLength> requestBody(std::uint8_t version_minor) const;
  // Of a response, ignoring its status and the request's method: without a length, until the close.
  Result<BodyLength> responseBody(std::uint8_t version_minor) const;

  // RFC 9112 9.3.
  bool isPersistent(std::uint8_t version_minor) const {
    return !has_close_ && (version_minor >= 1 || has_keep_alive_);
  }
  bool wantsUpgrade() const { return has_upgrade_token_ && hasSeen(HeaderId::kUpgrade); }
  bool expectsContinue() const { return hasSeen(HeaderId::kExpect); }
  // What Content-Length said, if it came.
  std::optional<std::uint64_t> declaredBytes() const {
    return hasSeen(HeaderId::kContentLength) ? std::optional(length_) : std::nullopt;
  }
  bool hasSeen(HeaderId id) const { return (seen_ & bitOf(id)) != 0; }

 private:
  static constexpr std::uint64_t bitOf(HeaderId id) {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  Result<void> noteLength(std::string_view value);
  Result<void> noteTransferEncoding(std::string_view value);
  Result<void> noteConnection(std::string_view value);
  Result<void> checkConflict(std::uint8_t version_minor) const;

  std::uint64_t seen_ = 0;
  std::uint64_t length_ = 0;
  std::size_t connection_options_ = 0;
  bool has_close_ = false;
  bool has_keep_alive_ = false;
  bool has_upgrade_token_ = false;
};

}  // namespace edgehold
