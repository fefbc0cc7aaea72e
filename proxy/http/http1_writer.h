// SPDX-License-Identifier: Apache-2.0
// Heads and chunks as HTTP/1 bytes, appended to a Buffer in one reservation each.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/http/message.h"

namespace edgehold {

enum class Http1ConnectionField : std::uint8_t {
  kAsGiven,    // the head's own Connection fields are kept (upgrades, requests)
  kNone,       // the version's default holds
  kClose,      // Connection: close
  kKeepAlive,  // Connection: keep-alive (HTTP/1.0 clients)
};

// `framing`: kNone and kUntilClose write no field, kKnown a Content-Length, kChunked a
// Transfer-Encoding. Content-Length, Transfer-Encoding and Keep-Alive fields of `head` are left
// out, so that a message never carries two lengths; so is a field with a control byte in its value.
// REQUIRES: names and start lines are well-formed (grammar.h).
void writeHttp1RequestHead(Buffer& out, const RequestHead& head, BodyLength framing);
void writeHttp1ResponseHead(Buffer& out, const ResponseHead& head, BodyLength framing,
                            Http1ConnectionField connection);

// Nothing for an empty `content`: an empty chunk would end the body.
void writeHttp1Chunk(Buffer& out, ByteView content);
void writeHttp1LastChunk(Buffer& out);

}  // namespace edgehold
