// SPDX-License-Identifier: Apache-2.0
// Heads of HTTP/1 requests and responses (RFC 9112 2 to 5), in one pass and without copies: the
// views of a parsed head point into the bytes given. Narrower than the RFC on purpose, see the
// README. Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/recycled.h"
#include "proxy/base/result.h"
#include "proxy/http/http1_framing.h"
#include "proxy/http/message.h"

namespace edgehold {

// Where a head that comes in pieces was left. Lines already parsed are not read again, and a line
// without its end is looked at again only when a line end has come: a slow sender cannot buy work.
class Http1Resume {
 public:
  // False if `bytes` cannot hold more whole lines than at the last call.
  bool isWorthParsing(ByteView bytes) const;
  // Nothing whole was left in `bytes` behind `parsed`.
  void leave(ByteView bytes, std::size_t parsed);
  ByteView parsedBytes() const { return {base_, parsed_}; }
  std::size_t parsed() const { return parsed_; }

 private:
  const char* base_ = nullptr;  // where the bytes were; compared, never read
  std::size_t parsed_ = 0;
  std::size_t seen_ = 0;
};

class Http1RequestParser final : public Recycled<Http1RequestParser> {
 public:
  // `bytes` starts with the head's first byte, at every call for it. Returns the length of the head
  // when it is whole, and 0 while it is not; one parser, one head.
  Result<std::size_t> parse(ByteView bytes);
  // REQUIRES: parse() returned a length; the bytes it got are still there. May be moved from.
  RequestHead& head() { return head_; }

 private:
  Result<std::size_t> parseLines(ByteView bytes);
  Result<std::size_t> parseRequestLine(ByteView bytes);
  Result<void> parseRequestLine(ByteView method, ByteView target, ByteView version);
  Result<void> complete(ByteView block);

  RequestHead head_;
  Http1Framing framing_;
  Http1Resume resume_;
  ByteView target_authority_;
};

// Errors carry kUpstreamMalformed.
class Http1ResponseParser {
 public:
  // As Http1RequestParser::parse(). head().body is what the fields announce; the status and the
  // request's method may forbid it (RFC 9112 6.3), which the codec knows.
  Result<std::size_t> parse(ByteView bytes);
  ResponseHead& head() { return head_; }
  const Http1Framing& framing() const { return framing_; }
  void reset();

 private:
  Result<std::size_t> parseLines(ByteView bytes);
  Result<std::size_t> parseStatusLine(ByteView bytes);
  Result<void> complete(ByteView block);

  ResponseHead head_;
  Http1Framing framing_;
  Http1Resume resume_;
};

}  // namespace edgehold
