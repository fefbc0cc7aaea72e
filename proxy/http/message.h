// SPDX-License-Identifier: Apache-2.0
// What a request and a response are, whatever version carried them (RFC 9110).
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/arena.h"
#include "proxy/http/headers.h"

namespace edgehold {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kPatch,
  kOptions,
  kTrace,
  kConnect,
  kOther,
};

// Case-sensitive (RFC 9110 9.1); a token that is none of ours is kOther.
Method methodOf(std::string_view token);
// RFC 9110 9.2.2: repeating the request has the same effect as sending it once.
bool isIdempotent(Method method);

// Where a body ends (RFC 9112 6.3).
struct BodyLength {
  enum class Kind : std::uint8_t { kNone, kKnown, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t bytes = 0;  // kKnown only

  static constexpr BodyLength none() { return {}; }
  static constexpr BodyLength known(std::uint64_t bytes) { return {Kind::kKnown, bytes}; }
  static constexpr BodyLength chunked() { return {Kind::kChunked, 0}; }
  static constexpr BodyLength untilClose() { return {Kind::kUntilClose, 0}; }
  // False also for a declared length of zero: there is nothing to wait for.
  constexpr bool hasBody() const {
    return kind != Kind::kNone && !(kind == Kind::kKnown && bytes == 0);
  }
};

// A request target in canonical form; anything else was refused (http/target.h).
struct Target {
  std::string_view text;   // path and query as they go upstream; "*" for OPTIONS *
  std::string_view path;   // starts with '/', or is "*"
  std::string_view query;  // without '?'; empty when there is none
  bool has_query = false;
};

struct RequestHead {
  Method method = Method::kOther;
  std::string_view method_token;
  Target target;
  std::string_view authority;  // Host, or :authority; lower case is not forced
  Headers headers;             // with Host, without pseudo-header fields
  BodyLength body;
  std::uint8_t version_minor = 1;  // HTTP/1.x; 1 for HTTP/2 as well
  bool is_persistent = true;       // the client wants the connection kept (RFC 9112 9.3)
  bool expects_continue = false;   // Expect: 100-continue (RFC 9110 10.1.1)
  bool wants_upgrade = false;      // Connection: upgrade with an Upgrade field, or RFC 8441
  // `:protocol` of an extended CONNECT (RFC 8441 4); empty in HTTP/1. REQUIRES: wants_upgrade.
  std::string_view protocol;

  // All views above lie in here. The codec owns it for the call; keepIn() makes it last.
  std::string_view block;

  // Copies the block into `arena` and moves every view there.
  void keepIn(Arena& arena);
  // Moves every view that lies in `from` to the same place in `to` (bytes already there).
  void rebase(std::string_view from, const char* to);
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::string_view reason;  // phrase; may be empty (RFC 9112 4)
  Headers headers;
  BodyLength body;
  std::uint8_t version_minor = 1;
  bool is_persistent = true;
  std::string_view block;

  void keepIn(Arena& arena);
  void rebase(std::string_view from, const char* to);
};

// RFC 9110 6.4.1: 1xx, 204, 304 and answers to HEAD have no content whatever their fields say.
bool statusForbidsBody(std::uint16_t status);
// The phrase of RFC 9110 15 for `status`, or "".
std::string_view reasonPhrase(std::uint16_t status);

}  // namespace edgehold
