// SPDX-License-Identifier: Apache-2.0
// Bytes between a transport and a client codec, behind upstream_connection.h.
// Thread: one loop.
#include "proxy/upstream/upstream_connection.h"

#include <utility>

#include "proxy/upstream/read_scratch.h"

namespace edgehold {
UpstreamConnection::UpstreamConnection(Loop& loop, std::unique_ptr<Transport> transport,
                                       ConnectionSlots::Slot slot,
                                       std::shared_ptr<UpstreamCounts> counts)
    : loop_(loop),
      counts_(std::move(counts)),
      slot_(std::move(slot)),
      transport_(std::move(transport)),
      codec_(*this),
      deadline_(loop.makeTimer([this] {
        lose(Error{deadline_reason_, "deadline passed"});
      })) {
  ++counts_->opened;
}

void UpstreamConnection::sendHead(const RequestHead& head) {
  ++requests_;
  has_spoken_ = has_heard_ = false;
  stream_ = codec_.sendHead(head);
  loop_.atTurnEnd(*this);
}

void UpstreamConnection::sendBody(ByteView chunk) {
  codec_.sendBody(stream_, chunk);
  loop_.atTurnEnd(*this);
}

void UpstreamConnection::sendEnd() {
  codec_.sendEnd(stream_);
  loop_.atTurnEnd(*this);
}

void UpstreamConnection::setDeadline(Duration delay, Reason reason) {
  deadline_reason_ = reason;
  deadline_->arm(delay);
}

void UpstreamConnection::pauseReading(bool is_paused) {
  if (is_paused_ == is_paused) return;
  is_paused_ = is_paused;
  if (is_paused || is_lost_) return;
  transport_->wantRead(true);
  is_resuming_ = true;  // what was decrypted or left over is not announced again
  loop_.atTurnEnd(*this);
}

void UpstreamConnection::onTransportOpen() {
  is_open_ = true;
  read();  // what is here already answers nothing
  if (!is_lost_ && user_ != nullptr) user_->onConnectionOpen();
}

void UpstreamConnection::onTransportReadable() {
  if (is_paused_) {
    transport_->wantRead(false);  // only now: most pauses end before the peer sends more
    return;
  }
  read();
}

void UpstreamConnection::read() {
  do {
    readOnce(readScratch());
  } while (!is_lost_ && !is_paused_ && transport_->hasBuffered());
}

void UpstreamConnection::readOnce(std::span<char> scratch) {
  const IoResult got = transport_->receive(scratch);
  switch (got.kind) {
    case IoResult::Kind::kBytes:
      counts_->bytes_in += got.bytes;
      // An answer to nothing would be taken for the answer to what comes next.
      if (!has_spoken_) {
        return lose(Error{Reason::kUpstreamMalformed, "upstream spoke before it was asked"});
      }
      has_heard_ = true;
      return feed({scratch.data(), got.bytes});
    case IoResult::Kind::kBlocked:
      return;
    case IoResult::Kind::kEnd:
      slot_.release();  // whoever asks again needs it
      codec_.receiveEnd();
      return lose(Error{Reason::kUpstreamReset, "upstream closed the connection"});
    case IoResult::Kind::kFailed:
      return lose(Error{Reason::kUpstreamReset, "connection to upstream broke"});
  }
}

void UpstreamConnection::releaseBuffers() {
  if (input_.empty()) input_.release();
  if (codec_.pull().empty()) codec_.pull().release();
}

void UpstreamConnection::feed(ByteView bytes) {
  if (!input_.empty()) {
    input_.append(bytes);
    input_.consume(codec_.receive(input_.view()));
    return;
  }
  const std::size_t used = codec_.receive(bytes);
  if (used < bytes.size()) input_.append(bytes.substr(used));
}

void UpstreamConnection::onTurnEnd() {
  if (is_lost_) return;
  if (std::exchange(is_resuming_, false) && !is_paused_) {
    if (!input_.empty()) input_.consume(codec_.receive(input_.view()));
    if (transport_->hasBuffered()) read();
  }
  if (!is_lost_ && is_open_) flush();
}

void UpstreamConnection::flush() {
  Buffer& output = codec_.pull();
  const bool had_output = !output.empty();
  while (!output.empty()) {
    const IoResult sent = transport_->send(output.view());
    if (sent.kind == IoResult::Kind::kBytes) {
      has_spoken_ = true;
      counts_->bytes_out += sent.bytes;
      output.consume(sent.bytes);
    } else if (sent.kind == IoResult::Kind::kBlocked) {
      return transport_->wantWrite(true);
    } else {
      // The peer may have answered before it closed: what it sent is read first, then the end is
      // met.
      is_output_broken_ = true;
      output.clear();
      return;
    }
  }
  transport_->wantWrite(false);
  if (codec_.endsOutput() && !std::exchange(has_ended_output_, true)) transport_->endOutput();
  if (codec_.isTunnel() && output.capacity() > limits::kTunnelBufferBytesKept) output.release();
  if (had_output && user_ != nullptr) user_->onConnectionDrained();
}

void UpstreamConnection::lose(Error error) {
  if (std::exchange(is_lost_, true)) return;
  slot_.release();
  deadline_->cancel();
  transport_->wantRead(false);
  transport_->wantWrite(false);
  if (user_ != nullptr) user_->onConnectionLost(std::move(error));
}

void UpstreamConnection::onResponseHead(StreamId stream, ResponseHead&& head) {
  if (user_ != nullptr) user_->onResponseHead(stream, std::move(head));
}
void UpstreamConnection::onResponseBody(StreamId stream, ByteView chunk) {
  if (user_ != nullptr) user_->onResponseBody(stream, chunk);
}
void UpstreamConnection::onResponseEnd(StreamId stream) {
  if (user_ != nullptr) user_->onResponseEnd(stream);
}
void UpstreamConnection::onResponseError(StreamId stream, Error error) {
  if (user_ != nullptr) user_->onResponseError(stream, std::move(error));
}

}  // namespace edgehold
