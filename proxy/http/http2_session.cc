// SPDX-License-Identifier: Apache-2.0
// Content through nghttp2, behind http2_session.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_session.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "proxy/base/block_pool.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// How much is made ready to leave at once; TLS and the kernel like it in one piece.
constexpr std::size_t kOutputBytesAtOnce = 64 * 1024;
constexpr std::size_t kFrameHeaderBytes = 9;  // RFC 9113 4.1

ssize_t readContent(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room,
                    std::uint32_t* flags, nghttp2_data_source* source, void*) {
  Http2Outgoing& outgoing = *static_cast<Http2Outgoing*>(source->ptr);
  if (outgoing.content.empty() && !outgoing.is_over) {
    outgoing.is_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t bytes = std::min(room, outgoing.content.size());
  if (bytes > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (outgoing.is_over && bytes == outgoing.content.size()) {
    outgoing.is_sent = true;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (outgoing.is_malformed) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(bytes);
}

// RFC 7541 7.1.3: many clients share one table of an upstream's, and none may find another's
// secrets by size.
bool isSecret(HeaderId id) {
  return id == HeaderId::kAuthorization || id == HeaderId::kCookie ||
         id == HeaderId::kProxyAuthorization;
}

// Never the same twice: it would drive out of the table what comes again, and nghttp2 looks through
// all entries of one name.
bool isUnique(HeaderId id) { return id == HeaderId::kXRequestId || id == HeaderId::kTraceparent; }

}  // namespace

nghttp2_data_provider http2Provider(Http2Outgoing& outgoing) {
  return {{.ptr = &outgoing}, &readContent};
}

void writeHttp2Content(Buffer& output, const std::uint8_t* frame_header, std::size_t bytes,
                       const nghttp2_data_source& source) {
  Http2Outgoing& outgoing = *static_cast<Http2Outgoing*>(source.ptr);
  output.append(http2View(frame_header, kFrameHeaderBytes));
  output.append(outgoing.content.view().substr(0, bytes));
  outgoing.content.consume(bytes);
}

void resumeHttp2(nghttp2_session& session, std::int32_t stream, Http2Outgoing& outgoing) {
  if (std::exchange(outgoing.is_deferred, false)) nghttp2_session_resume_data(&session, stream);
}

void pullHttp2(nghttp2_session& session, Buffer& output) {
  while (output.size() < kOutputBytesAtOnce) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(&session, &bytes);
    if (count <= 0) break;
    output.append(http2View(bytes, static_cast<std::size_t>(count)));
  }
}

nghttp2_option* makeHttp2Option() {
  nghttp2_option* option = nullptr;
  CHECK_EQ(nghttp2_option_new(&option), 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // Our heads are stricter than nghttp2's.
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_max_settings(option, limits::kHttp2SettingsEntriesMax);
  // Counted by us: nghttp2 counts the pieces in which the header of one arrives.
  nghttp2_option_set_max_continuations(option, std::numeric_limits<std::size_t>::max());
  return option;
}

nghttp2_mem* http2Memory() {
  static nghttp2_mem memory = {
      .mem_user_data = nullptr,
      .malloc = [](std::size_t bytes, void*) { return takeBlock(bytes); },
      .free = [](void* block, void*) { giveBlock(block); },
      .calloc = [](std::size_t count, std::size_t each, void*) -> void* {
        std::size_t bytes = 0;
        if (__builtin_mul_overflow(count, each, &bytes)) return nullptr;
        void* const block = takeBlock(bytes);
        return block != nullptr ? std::memset(block, 0, bytes) : nullptr;
      },
      .realloc = [](void* block, std::size_t bytes, void*) { return resizeBlock(block, bytes); },
  };
  return &memory;
}

nghttp2_nv makeHttp2Field(std::string_view name, std::string_view value) {
  const auto bytesOf = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytesOf(name), bytesOf(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

nghttp2_nv makeHttp2Field(const Header& field) {
  nghttp2_nv made = makeHttp2Field(field.name, field.value);
  if (isSecret(field.id) || isUnique(field.id)) made.flags = NGHTTP2_NV_FLAG_NO_INDEX;
  return made;
}

}  // namespace edgehold
