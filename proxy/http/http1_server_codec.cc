// SPDX-License-Identifier: Apache-2.0
// The state machine behind http1_server_codec.h. Every event may call back into the codec, so state
// is settled before an event and read again after it. Thread: one loop (owned by the connection).
#include "proxy/http/http1_server_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_writer.h"

namespace edgehold {

std::size_t Http1ServerCodec::receive(ByteView bytes) {
  std::size_t used = 0;
  unread_ = bytes.size();
  while (used < bytes.size()) {
    const std::size_t step = receiveSome(bytes.substr(used));
    used += step;
    unread_ = bytes.size() - used;
    if (step == 0) break;
  }
  if (is_end_received_) checkEnd();
  return used;
}

// Whoever asks and asks and takes no answer is not read on.
bool Http1ServerCodec::isCongested() const { return output_.size() >= limits::kOutputBytesHigh; }

std::size_t Http1ServerCodec::receiveSome(ByteView bytes) {
  switch (input_) {
    case Input::kHead:
      return isCongested() ? 0 : readHead(bytes);
    case Input::kBody:
      return readBody(bytes);
    case Input::kWhole:
      return 0;
    case Input::kDiscard:
      return discardBody(bytes);
    case Input::kTunnel:
      return readTunnel(bytes);
    case Input::kStopped:
      return bytes.size();
  }
  return 0;
}

std::size_t Http1ServerCodec::readHead(ByteView bytes) {
  is_unread_new_ = false;
  // RFC 9112 2.2: one empty line before a request line is forgiven.
  const std::size_t skipped = bytes.starts_with("\r\n") && !is_line_skipped_ ? 2 : 0;
  if (skipped > 0) {
    is_line_skipped_ = true;
    return skipped;
  }
  if (bytes == "\r" && !is_line_skipped_) return 0;
  if (parser_ == nullptr) parser_ = std::make_unique<Http1RequestParser>();
  auto length = parser_->parse(bytes);
  if (!length) {
    refuse(std::move(length.error()));
    return bytes.size();
  }
  if (*length == 0) return 0;

  const auto parser = std::move(parser_);
  RequestHead& head = parser->head();
  const StreamId stream = ++stream_;
  is_open_ = true;
  is_head_sent_ = false;
  version_minor_ = head.version_minor;
  is_persistent_ = head.is_persistent;
  may_continue_ = head.expects_continue;
  may_switch_ = head.wants_upgrade;
  credit_ = 0;
  if (head.body.hasBody()) {
    body_ = std::make_unique<Http1BodyReader>(head.body, ChunkedDecoder::Trailers::kRefused);
  }
  input_ = body_ == nullptr ? Input::kWhole : Input::kBody;
  unread_ = bytes.size() - *length;
  events_.onRequestHead(stream, std::move(head));
  // The answer may have come within the event; then nobody waits for the end.
  if (isCurrent(stream) && input_ == Input::kWhole) events_.onRequestEnd(stream);
  return *length;
}

std::size_t Http1ServerCodec::readBody(ByteView bytes) {
  const StreamId stream = stream_;
  auto step = body_->step(bytes, credit_);
  if (!step) {
    refuse(std::move(step.error()));
    return bytes.size();
  }
  credit_ -= step->content.size();
  unread_ = bytes.size() - step->consumed;
  const bool is_whole = body_->isDone();
  if (is_whole) input_ = Input::kWhole;
  if (!step->content.empty()) {
    may_continue_ = false;  // the client did not wait
    events_.onRequestBody(stream, step->content);
  }
  if (is_whole && isCurrent(stream) && input_ == Input::kWhole) events_.onRequestEnd(stream);
  return step->consumed;
}

std::size_t Http1ServerCodec::discardBody(ByteView bytes) {
  auto step = body_->step(bytes, std::numeric_limits<std::size_t>::max());
  if (!step) {
    input_ = Input::kStopped;
    return bytes.size();
  }
  if (body_->isDone()) nextRequest();
  return step->consumed;
}

std::size_t Http1ServerCodec::readTunnel(ByteView bytes) {
  const ByteView taken = bytes.substr(0, credit_);
  if (taken.empty()) return 0;
  credit_ -= taken.size();
  unread_ = bytes.size() - taken.size();
  events_.onRequestBody(stream_, taken);
  return taken.size();
}

void Http1ServerCodec::refuse(Error error) {
  input_ = Input::kStopped;
  closes_ = true;
  is_input_cut_ = true;
  unread_ = 0;
  if (!is_open_) {
    ++stream_;
    is_open_ = true;
    is_head_sent_ = false;
    version_minor_ = 1;
  }
  events_.onRequestError(stream_, std::move(error));
}

void Http1ServerCodec::receiveEnd() {
  is_end_received_ = true;
  checkEnd();
}

void Http1ServerCodec::fail(StreamId, Error error) {
  const bool is_half_read = input_ == Input::kBody || isInHead();
  if (is_half_read) refuse(std::move(error));
}

// After the peer's last byte: what is incomplete with nothing left to read stays incomplete.
void Http1ServerCodec::checkEnd() {
  switch (input_) {
    case Input::kHead:
      if (is_unread_new_ || isCongested()) return;  // whole requests may wait with the owner
      if (unread_ == 0) {
        input_ = Input::kStopped;
      } else {
        refuse(Error{Reason::kMalformedRequest, "head: cut short"});
      }
      return;
    case Input::kBody:
      if (unread_ == 0) refuse(Error{Reason::kClientClosed, "request body: cut short"});
      return;
    case Input::kDiscard:
      if (unread_ == 0) input_ = Input::kStopped;
      return;
    case Input::kTunnel:
      if (unread_ > 0) return;
      input_ = Input::kStopped;
      events_.onRequestEnd(stream_);
      return;
    case Input::kWhole:
    case Input::kStopped:
      return;
  }
}

void Http1ServerCodec::credit(StreamId stream, std::size_t bytes) {
  if (!isCurrent(stream)) return;
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  credit_ = bytes > kMost - credit_ ? kMost : credit_ + bytes;
}

void Http1ServerCodec::sendContinue(StreamId stream) {
  if (!isCurrent(stream) || is_head_sent_ || !may_continue_) return;
  may_continue_ = false;
  output_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

// True if the request is whole, or becomes so with the bytes the owner holds already: then the
// connection can be kept whatever the owner does with the rest.
bool Http1ServerCodec::isRestHere() const {
  if (input_ == Input::kWhole) return true;
  return input_ == Input::kBody &&
         body_->isCompletedBy(std::min(unread_, limits::kDiscardedBodyBytesMax));
}

BodyLength Http1ServerCodec::framingOf(const ResponseHead& head, bool for_head) const {
  if (statusForbidsBody(head.status)) return BodyLength::none();
  switch (head.body.kind) {
    case BodyLength::Kind::kNone:
      return for_head ? BodyLength::none() : BodyLength::known(0);
    case BodyLength::Kind::kKnown:
      return head.body;
    case BodyLength::Kind::kChunked:
    case BodyLength::Kind::kUntilClose:
      break;
  }
  return version_minor_ >= 1 ? BodyLength::chunked() : BodyLength::untilClose();
}

void Http1ServerCodec::sendHead(StreamId stream, const ResponseHead& head, bool for_head) {
  if (!isCurrent(stream) || is_head_sent_) return;
  is_head_sent_ = true;
  may_continue_ = false;
  if (head.status == kSwitchingProtocols) return openTunnel(head);
  DCHECK_GE(head.status, 200) << "interim responses have calls of their own";
  const BodyLength framing = framingOf(head, for_head);
  const bool has_content = !for_head && framing.hasBody();
  content_ = has_content ? framing.kind : BodyLength::Kind::kNone;
  content_left_ = has_content ? framing.bytes : 0;

  const bool is_last = is_draining_ || (is_end_received_ && unread_ == 0);
  closes_ = closes_ || is_last || !is_persistent_ || !isRestHere() ||
            content_ == BodyLength::Kind::kUntilClose;
  Http1ConnectionField connection = Http1ConnectionField::kNone;
  if (closes_) {
    connection = Http1ConnectionField::kClose;
  } else if (version_minor_ == 0) {
    connection = Http1ConnectionField::kKeepAlive;
  }
  writeHttp1ResponseHead(output_, head, framing, connection);
}

void Http1ServerCodec::openTunnel(const ResponseHead& head) {
  CHECK(may_switch_ && input_ == Input::kWhole) << "the client asked for no upgrade";
  input_ = Input::kTunnel;
  content_ = BodyLength::Kind::kUntilClose;
  content_left_ = 0;
  closes_ = true;
  writeHttp1ResponseHead(output_, head, BodyLength::none(), Http1ConnectionField::kAsGiven);
}

void Http1ServerCodec::sendBody(StreamId stream, ByteView chunk) {
  if (!isCurrent(stream) || !is_head_sent_) return;
  switch (content_) {
    case BodyLength::Kind::kNone:
      return;
    case BodyLength::Kind::kKnown:
      DCHECK_LE(chunk.size(), content_left_) << "response longer than declared";
      chunk = chunk.substr(0, static_cast<std::size_t>(content_left_));
      content_left_ -= chunk.size();
      output_.append(chunk);
      return;
    case BodyLength::Kind::kChunked:
      writeHttp1Chunk(output_, chunk);
      return;
    case BodyLength::Kind::kUntilClose:
      output_.append(chunk);
      return;
  }
}

void Http1ServerCodec::sendEnd(StreamId stream) {
  if (!isCurrent(stream)) return;
  if (!is_head_sent_ || content_left_ > 0) return abort(stream);
  if (content_ == BodyLength::Kind::kChunked) writeHttp1LastChunk(output_);
  is_open_ = false;
  if (closes_ || input_ == Input::kStopped) {
    // Also what came behind a request to upgrade that was refused: nobody will read it.
    is_input_cut_ = is_input_cut_ || input_ == Input::kBody || input_ == Input::kTunnel ||
                    (may_switch_ && unread_ > 0);
    input_ = Input::kStopped;
  } else if (input_ == Input::kBody) {
    input_ = Input::kDiscard;
  } else {
    nextRequest();
  }
}

void Http1ServerCodec::nextRequest() {
  const bool is_last = is_draining_ || (is_end_received_ && unread_ == 0);
  input_ = is_last ? Input::kStopped : Input::kHead;
  is_line_skipped_ = false;
  is_unread_new_ = unread_ > 0;
  body_.reset();
}

void Http1ServerCodec::abort(StreamId stream) {
  if (!isCurrent(stream)) return;
  is_open_ = false;
  closes_ = is_aborted_ = true;
  is_input_cut_ = false;
  input_ = Input::kStopped;
}

void Http1ServerCodec::drain() {
  is_draining_ = true;
  if (isIdle()) input_ = Input::kStopped;
}

}  // namespace edgehold
