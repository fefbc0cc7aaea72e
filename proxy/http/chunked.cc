// SPDX-License-Identifier: Apache-2.0
// The decoder behind chunked.h: framing byte by byte (it is short), content in spans.
// Thread: one loop (owned by the codec).
#include "proxy/http/chunked.h"

#include <algorithm>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/headers.h"

namespace edgehold {
namespace {

constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 60;
constexpr std::size_t kSizeDigitsMax = 16;  // readers of 64 bits take no more, zeros included

tl::unexpected<Error> malformed(const char* why) {
  return fail(Reason::kFramingConflict, std::string("chunked body: ") + why);
}

// RFC 9110 6.5.1. We drop trailers, but a reader that merges them must not be fooled either.
bool isRefusedInTrailers(std::string_view name) {
  switch (headerIdOf(name)) {
    case HeaderId::kAuthorization:
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kContentType:
    case HeaderId::kCookie:
    case HeaderId::kExpect:
    case HeaderId::kHost:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::step(ByteView bytes, std::size_t content_max) {
  Step step;
  while (step.consumed < bytes.size() && state_ != State::kDone) {
    if (state_ == State::kContent) {
      const std::uint64_t rest = std::min<std::uint64_t>(bytes.size() - step.consumed, left_);
      const std::size_t count = std::min(static_cast<std::size_t>(rest), content_max);
      step.content = bytes.substr(step.consumed, count);
      step.consumed += count;
      left_ -= count;
      if (left_ == 0) state_ = State::kContentReturn;
      return step;
    }
    TRY(frame(bytes[step.consumed]));
    ++step.consumed;
  }
  return step;
}

Result<void> ChunkedDecoder::frame(char c) {
  switch (state_) {
    case State::kContentReturn:
      return expect(c, '\r', State::kContentLineFeed);
    case State::kContentLineFeed:
      line_bytes_ = 0;
      return expect(c, '\n', State::kSizeFirst);
    case State::kSizeFirst:
    case State::kSize:
    case State::kExtensionFirst:
    case State::kExtension:
    case State::kSizeLineFeed:
      if (++line_bytes_ > limits::kChunkLineBytesMax) return malformed("size line too long");
      return frameSize(c);
    default:
      if (++trailer_bytes_ > limits::kTrailerBytesMax) return malformed("trailers too long");
      return frameTrailer(c);
  }
}

Result<void> ChunkedDecoder::expect(char c, char wanted, State next) {
  if (c != wanted) return malformed("line end is not CRLF");
  state_ = next;
  return {};
}

Result<void> ChunkedDecoder::frameSize(char c) {
  switch (state_) {
    case State::kSizeFirst:
    case State::kSize:
      if (const int digit = hexValue(c); digit >= 0) {
        const bool is_too_large = left_ >= kChunkBytesMax / 16 || line_bytes_ > kSizeDigitsMax;
        if (is_too_large) return malformed("size too large");
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        state_ = State::kSize;
        return {};
      }
      if (state_ == State::kSizeFirst) return malformed("no size");
      if (c == ';') {
        state_ = State::kExtensionFirst;
        return {};
      }
      return expect(c, '\r', State::kSizeLineFeed);
    case State::kExtensionFirst:
      if (!isTokenByte(c)) return malformed("malformed extension");
      state_ = State::kExtension;
      return {};
    case State::kExtension:
      // Many small chunks with long extensions are work for nothing; a response may last for days.
      if (trailers_ == Trailers::kRefused && ++extension_bytes_ > limits::kChunkExtensionBytesMax) {
        return malformed("too many extensions");
      }
      if (c == '\r') {
        state_ = State::kSizeLineFeed;
      } else if (isControl(c) || static_cast<unsigned char>(c) >= 0x80) {
        return malformed("malformed extension");
      }
      return {};
    default:
      return expect(c, '\n', left_ == 0 ? State::kTrailerFirst : State::kContent);
  }
}

Result<void> ChunkedDecoder::frameTrailer(char c) {
  switch (state_) {
    case State::kTrailerFirst:
      if (c == '\r') {
        state_ = State::kLastLineFeed;
        return {};
      }
      if (trailers_ == Trailers::kRefused) return malformed("trailer");
      if (c == '-' || c == '_' || c == '.' || c == ':') return malformed("malformed trailer");
      state_ = State::kTrailerName;
      name_bytes_ = 0;
      return frameTrailerName(c);
    case State::kTrailerName:
      return frameTrailerName(c);
    case State::kTrailerValue:
      if (c == '\r') {
        state_ = State::kTrailerLineFeed;
      } else if (isControl(c)) {
        return malformed("malformed trailer");
      }
      return {};
    case State::kTrailerLineFeed:
      return expect(c, '\n', State::kTrailerFirst);
    default:
      return expect(c, '\n', State::kDone);
  }
}

Result<void> ChunkedDecoder::frameTrailerName(char c) {
  if (c == ':') {
    const bool is_kept_whole = name_bytes_ <= name_.size();
    if (is_kept_whole && isRefusedInTrailers({name_.data(), name_bytes_})) {
      return malformed("field that may not be a trailer");
    }
    state_ = State::kTrailerValue;
    return {};
  }
  if (!isNameByte(c)) return malformed("malformed trailer");
  if (name_bytes_ < name_.size()) name_[name_bytes_] = c;
  ++name_bytes_;
  return {};
}

}  // namespace edgehold
