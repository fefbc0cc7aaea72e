// SPDX-License-Identifier: Apache-2.0
// The state machine behind http1_client_codec.h.
// Thread: one loop (owned by the upstream connection).
#include "proxy/http/http1_client_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_writer.h"

namespace edgehold {
namespace {

// RFC 9110 8.6: a method that usually has content says so even when there is none.
bool announcesNoContent(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch;
}

}  // namespace

StreamId Http1ClientCodec::sendHead(const RequestHead& head) {
  CHECK(isReusable()) << "one request at a time";
  BodyLength framing = head.body;
  if (framing.kind == BodyLength::Kind::kNone && announcesNoContent(head.method)) {
    framing = BodyLength::known(0);
  }
  // RFC 9112 6.3: a request cannot end with the connection.
  if (framing.kind == BodyLength::Kind::kUntilClose) framing = BodyLength::chunked();
  content_ = framing.kind;
  content_left_ = framing.bytes;
  is_head_request_ = head.method == Method::kHead;
  is_upgrade_wanted_ = head.wants_upgrade;
  is_request_whole_ = false;
  informational_ = 0;
  input_ = Input::kHead;
  parser_.reset();
  writeHttp1RequestHead(output_, head, framing);
  return ++stream_;
}

void Http1ClientCodec::sendBody(StreamId stream, ByteView chunk) {
  if (!isCurrent(stream)) return;
  switch (content_) {
    case BodyLength::Kind::kNone:
      DCHECK(chunk.empty()) << "content of a request without a body";
      return;
    case BodyLength::Kind::kKnown:
      DCHECK_LE(chunk.size(), content_left_) << "request longer than declared";
      chunk = chunk.substr(0, static_cast<std::size_t>(content_left_));
      content_left_ -= chunk.size();
      output_.append(chunk);
      return;
    case BodyLength::Kind::kUntilClose:  // after 101: bytes as they are
      output_.append(chunk);
      return;
    case BodyLength::Kind::kChunked:
      writeHttp1Chunk(output_, chunk);
      return;
  }
}

void Http1ClientCodec::sendEnd(StreamId stream) {
  if (!isCurrent(stream)) return;
  if (content_ == BodyLength::Kind::kChunked) writeHttp1LastChunk(output_);
  is_request_whole_ = true;
  // Less than declared: the upstream waits for the rest, so the connection ends here.
  if (content_left_ > 0) is_reusable_ = false;
}

std::size_t Http1ClientCodec::receive(ByteView bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ByteView rest = bytes.substr(used);
    std::size_t step = 0;
    switch (input_) {
      case Input::kHead:
        step = readHead(rest);
        break;
      case Input::kBody:
        step = readBody(rest);
        break;
      case Input::kIdle:  // bytes that nobody asked for
        is_reusable_ = false;
        input_ = Input::kStopped;
        return bytes.size();
      case Input::kStopped:
        return bytes.size();
    }
    // The last event of a response may have destroyed the codec: touch nothing after it.
    if (step == kAllConsumed) return bytes.size();
    used += step;
    if (step == 0) break;
  }
  return used;
}

std::size_t Http1ClientCodec::readHead(ByteView bytes) {
  auto length = parser_.parse(bytes);
  if (!length) {
    fault(std::move(length.error()));
    return kAllConsumed;
  }
  if (*length == 0) return 0;
  ResponseHead& head = parser_.head();
  if (head.status < 200 && !takeInformational(head)) return kAllConsumed;
  if (head.status < 200 && head.status != kSwitchingProtocols) {
    parser_.reset();
    return *length;
  }
  is_reusable_ = is_reusable_ && head.is_persistent;
  body_ = Http1BodyReader(takeContentLength(head), ChunkedDecoder::Trailers::kDropped);
  input_ = Input::kBody;
  const StreamId stream = stream_;
  events_.onResponseHead(stream, std::move(head));
  if (!body_.isDone()) return *length;
  complete(bytes.size() > *length);
  return kAllConsumed;
}

// False if it may not be; the stream is then at its end.
bool Http1ClientCodec::takeInformational(const ResponseHead& head) {
  const auto refuse = [this](const char* why) {
    fault(Error{Reason::kUpstreamMalformed, why});
    return false;
  };
  // RFC 9110 8.6, RFC 9112 6.1: it never announces content, so what follows may be anything. Behind
  // a 101 one reader would see a tunnel's first bytes, another a message.
  const Http1Framing& framing = parser_.framing();
  if (framing.hasSeen(HeaderId::kContentLength) || framing.hasSeen(HeaderId::kTransferEncoding)) {
    return refuse("response: 1xx head with a length");
  }
  if (head.status == kSwitchingProtocols) {
    return is_upgrade_wanted_ || refuse("response: switches protocols unasked");
  }
  return ++informational_ <= limits::kInformationalResponsesMax ||
         refuse("response: too many 1xx heads");
}

// RFC 9112 6.3: how much content follows this head, and what `head` tells the owner of it.
BodyLength Http1ClientCodec::takeContentLength(ResponseHead& head) {
  if (head.status == kSwitchingProtocols) {
    // RFC 9110 7.8: from here on, content is bytes as they are, both ways, until the close. The
    // request was whole; what goes out now is the tunnel's.
    head.body = BodyLength::untilClose();
    content_ = BodyLength::Kind::kUntilClose;
    content_left_ = 0;
    is_tunnel_ = true;
    is_request_whole_ = false;
    is_reusable_ = false;
    return head.body;
  }
  if (statusForbidsBody(head.status)) {
    // A 204 that announces content may be followed by it (RFC 9112 6.1 forbids both).
    const bool is_doubtful = head.status == 204 && head.body.hasBody() &&
                             head.body.kind != BodyLength::Kind::kUntilClose;
    if (is_doubtful) is_reusable_ = false;
    head.body = BodyLength::none();
    return head.body;
  }
  if (is_head_request_) {
    if (head.body.kind == BodyLength::Kind::kUntilClose) head.body = BodyLength::none();
    return BodyLength::none();
  }
  if (head.body.kind == BodyLength::Kind::kUntilClose) is_reusable_ = false;
  return head.body;
}

std::size_t Http1ClientCodec::readBody(ByteView bytes) {
  auto step = body_.step(bytes, std::numeric_limits<std::size_t>::max());
  if (!step) {
    fault(Error{Reason::kUpstreamMalformed, std::move(step.error().message)});
    return kAllConsumed;
  }
  if (!step->content.empty()) events_.onResponseBody(stream_, step->content);
  if (input_ != Input::kBody || !body_.isDone()) return step->consumed;
  complete(bytes.size() > step->consumed);
  return kAllConsumed;
}

// `is_more_left`: bytes follow the response. Before the request is whole, the upstream may still
// take what we send for its next request's body or head: the connection is done for as well.
void Http1ClientCodec::complete(bool is_more_left) {
  if (is_more_left || !is_request_whole_ || !output_.empty()) is_reusable_ = false;
  is_request_whole_ = true;  // the upstream has its mind made up: nothing more is sent
  input_ = is_reusable_ ? Input::kIdle : Input::kStopped;
  events_.onResponseEnd(stream_);
}

void Http1ClientCodec::fault(Error error) {
  input_ = Input::kStopped;
  is_reusable_ = false;
  is_request_whole_ = true;  // nothing more is sent either
  events_.onResponseError(stream_, std::move(error));
}

void Http1ClientCodec::receiveEnd() {
  switch (input_) {
    case Input::kHead:
      return fault(Error{Reason::kUpstreamReset, "response: closed before a whole head"});
    case Input::kBody:
      if (body_.endsWithConnection()) return complete(false);
      return fault(Error{Reason::kUpstreamReset, "response: closed within the body"});
    case Input::kIdle:
    case Input::kStopped:
      input_ = Input::kStopped;
      is_reusable_ = false;
      return;
  }
}

}  // namespace edgehold
