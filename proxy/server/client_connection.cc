// SPDX-License-Identifier: Apache-2.0
// Bytes between a client's transport and its exchanges, behind client_connection.h.
// Thread: one loop (owned by the worker).
#include "proxy/server/client_connection.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/http/http1_server_codec.h"
#include "proxy/http/http2_frame_borders.h"
#include "proxy/http/http2_server_codec.h"
#include "proxy/server/client_stream.h"

namespace edgehold {
namespace {

// Every loop reads into one buffer of its own: an idle connection owns none.
std::span<char> readScratch() {
  thread_local std::array<char, limits::kClientReadBytes> scratch;
  return scratch;
}

std::unique_ptr<ServerCodec> newHttp1Codec(ServerCodec::Events& events) {
  return std::make_unique<Http1ServerCodec>(events);
}

std::unique_ptr<ServerCodec> newHttp2Codec(ServerCodec::Events& events,
                                           const Http2ServerCodec::Options& options) {
  return std::make_unique<Http2ServerCodec>(events, options);
}

// What a codec says of a request that it cannot read; else it was late, or its client left.
bool isSyntax(Reason reason) {
  return reason != Reason::kHeadTimeout && reason != Reason::kBodyTimeout &&
         reason != Reason::kClientClosed;
}

}  // namespace

ClientConnection::ClientConnection(Station& station, std::unique_ptr<Transport> transport,
                                   OnClosed on_closed)
    : station_(station),
      transport_(std::move(transport)),
      on_closed_(std::move(on_closed)),
      codec_(newHttp1Codec(*this)),
      deadline_(station.loop().makeTimer([this] { onDeadline(); })),
      buffered_(station.bufferedBytes()) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::start() {
  station_.metrics().connections_accepted.add(1);
  station_.metrics().connections_open.add(1);
  setWait();
  transport_->start(*this);
}

void ClientConnection::drain() {
  // A request that is here already is answered, not reset with the idle connection it came on.
  if (is_open_ && is_reading_) read();
  if (is_closed_) return;
  is_draining_ = true;
  wait_ = Wait::kNone;  // an idle one gets less time
  // Whoever has just connected gets its first answer: it cannot know what happens here.
  const bool is_new = requests_ == 0 && !codec_->isMultiplexed();
  if (!is_new) codec_->drain();
  for (const auto& stream : streams_) stream->driver().drain();
  flushLater();
}

void ClientConnection::close(Reason reason) {
  if (std::exchange(is_closed_, true)) return;
  pass_ = nullptr;
  deadline_->cancel();
  if (stream_deadline_) stream_deadline_->cancel();
  if (codec_->needsReset()) transport_->breakOff();
  transport_->wantRead(false);
  transport_->wantWrite(false);
  // Each exchange records its decision, or goes on elsewhere; either removes it from the list.
  const std::vector<std::unique_ptr<Stream>>& streams = streams_;
  while (!streams.empty()) abandon(*streams.back(), reason);
  station_.metrics().connections_open.add(-1);
  on_closed_(*this);
}

void ClientConnection::onTransportOpen() {
  is_open_ = true;
  if (pass_ != nullptr) pass_->handsShaken();
  if (transport_->protocol() == "h2") useHttp2();
  if (transport_->isSecure()) station_.metrics().tls_handshakes.add(1);
  setWait();
}

void ClientConnection::useHttp2() {
  codec_ = newHttp2Codec(*this, {.is_secure = transport_->isSecure(),
                                 .allows_tunnels = station_.snapshot()->opensWebSockets()});
  stream_deadline_ = station_.loop().makeTimer([this] { onStreamDeadline(); });
  flushLater();  // our settings
}

// Which version a client in clear text speaks; until its first bytes tell, none.
void ClientConnection::choose() {
  const Http2Preface preface = findHttp2Preface(input_.view());
  if (preface == Http2Preface::kPart) return;
  awaits_preface_ = false;
  if (preface == Http2Preface::kWhole) useHttp2();
  feedLeftOver();
}

// A part of a preface that never became whole is a part of an HTTP/1 head.
void ClientConnection::settleForHttp1() {
  if (std::exchange(awaits_preface_, false)) feedLeftOver();
}

void ClientConnection::onTransportFailed(Error) {
  station_.metrics().tls_handshake_failures.add(1);
  close();
}

void ClientConnection::onTransportReadable() {
  if (!is_reading_) return transport_->wantRead(false);  // only now: most pauses are short
  read();
}

void ClientConnection::read() {
  do {
    const std::span<char> scratch = readScratch();
    const IoResult got = transport_->receive(scratch);
    if (got.kind == IoResult::Kind::kBytes) {
      station_.metrics().client_bytes_in.add(got.bytes);
      received_bytes_ += got.bytes;
      received_at_ = station_.clock().now();
      feed({scratch.data(), got.bytes});
    } else if (got.kind == IoResult::Kind::kEnd) {
      has_input_ended_ = true;
      is_reading_ = false;
      transport_->wantRead(false);
      settleForHttp1();
      codec_->receiveEnd();
      flushLater();
    } else if (got.kind == IoResult::Kind::kFailed) {
      if (transport_->wasAbused()) station_.metrics().tls_abuses.add();
      return close();
    }
  } while (!is_closed_ && is_reading_ && transport_->hasBuffered());
  if (!is_closed_) flushLater();
}

void ClientConnection::feed(ByteView bytes) {
  if (is_lingering_) {
    lingered_bytes_ += bytes.size();
    if (lingered_bytes_ > limits::kLingerBytesMax) close();
    return;
  }
  if (awaits_preface_) {
    input_.append(bytes);
    choose();
  } else if (input_.empty()) {
    const std::size_t used = codec_->receive(bytes);
    if (used < bytes.size()) input_.append(bytes.substr(used));
  } else {
    input_.append(bytes);
    feedLeftOver();
  }
  // Nobody reads on while the codec cannot: the kernel's window tells the client to wait.
  if (input_.size() >= limits::kClientInputBytesMax) is_reading_ = false;
}

void ClientConnection::feedLeftOver() {
  input_.consume(codec_->receive(input_.view()));
  if (input_.empty()) input_.release();
}

void ClientConnection::onTurnEnd() {
  if (is_closed_) return;
  // All of this read was seen: what was reset in it has gone nowhere (CVE-2023-44487).
  for (const StreamId id : fresh_) {
    if (Stream* const stream = find(id)) stream->driver().proceed();
  }
  fresh_.clear();
  // A response that ends may let a pipelined request begin, and that one may be answered at once.
  while (std::exchange(feeds_again_, false) && (!input_.empty() || codec_->isMultiplexed())) {
    feedLeftOver();
  }
  if (!is_reading_ && !has_input_ended_ && input_.size() < limits::kClientInputBytesMax) {
    is_reading_ = true;
    transport_->wantRead(true);
    if (transport_->hasBuffered()) read();
  }
  if (is_open_ && !is_closed_) flush();
  if (is_closed_) return;
  buffered_.set(input_.capacity() + codec_->pull().capacity() + codec_->heldBytes() +
                transport_->bufferedBytes());
  setWait();
}

void ClientConnection::flush() {
  // Law 1 before politeness: what was decided but not recorded is not answered.
  const bool is_recorded = !std::exchange(owes_record_, false) || station_.flushRecords();
  if (std::exchange(needs_record_, false) && !is_recorded) return close();
  bool had_output = false;
  for (;;) {
    Buffer& output = codec_->pull();
    if (output.empty()) break;
    had_output = true;
    const IoResult sent = transport_->send(output.view());
    if (sent.kind == IoResult::Kind::kBytes) {
      station_.metrics().client_bytes_out.add(sent.bytes);
      sent_bytes_ += sent.bytes;
      sent_at_ = station_.clock().now();
      output.consume(sent.bytes);
    } else if (sent.kind == IoResult::Kind::kBlocked) {
      return transport_->wantWrite(true);
    } else {
      return close();
    }
  }
  transport_->wantWrite(false);
  if (had_output) {
    for (const auto& stream : streams_) {
      if (stream->queuedBytes() < station_.outputBytesHigh()) stream->driver().onClientDrained();
    }
    if (!input_.empty()) {
      feeds_again_ = true;
      flushLater();
    }
  }
  const bool is_tunnel = !streams_.empty() && streams_.front()->driver().isTunnel();
  const std::size_t kept = is_tunnel ? limits::kTunnelBufferBytesKept : ~std::size_t{0};
  if (codec_->isIdle() || codec_->pull().capacity() > kept) codec_->pull().release();
  if (codec_->isFinished() && transport_->isFlushed()) finish();
}

void ClientConnection::finish() {
  const bool lingers = codec_->isInputCut() && !has_input_ended_;
  if (!lingers && !transport_->isSecure()) return close();
  if (std::exchange(is_lingering_, true)) {
    if (has_input_ended_) close();
    return;
  }
  if (!codec_->needsReset()) transport_->endOutput();
  if (!lingers) return close();
  input_.release();
  is_reading_ = true;
  transport_->wantRead(true);
}

// Not kept: thousands of idle connections would each hold them.
ClientFacts ClientConnection::facts() const {
  ClientFacts facts;
  facts.peer = transport_->peer();
  facts.is_unknown = is_unknown_;
  facts.is_secure = transport_->isSecure();
  facts.server_name = transport_->serverName();
  facts.principal = transport_->principal();
  facts.listener = listener_;
  facts.is_surplus = is_surplus_;
  return facts;
}

ClientConnection::Stream& ClientConnection::openStream(StreamId id) {
  ++requests_;
  streams_.push_back(std::make_unique<Stream>(*this, id));
  return *streams_.back();
}

ClientConnection::Stream* ClientConnection::find(StreamId id) {
  // The newest are the busiest.
  const auto found = std::find_if(streams_.rbegin(), streams_.rend(),
                                  [id](const auto& stream) { return stream->id() == id; });
  return found != streams_.rend() ? found->get() : nullptr;
}

std::unique_ptr<ClientConnection::Stream> ClientConnection::take(Stream& stream) {
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const auto& candidate) {
    return candidate.get() == &stream;
  });
  CHECK(found != streams_.end());
  std::unique_ptr<Stream> taken = std::move(*found);
  streams_.erase(found);
  feeds_again_ = true;
  return taken;
}

void ClientConnection::endStream(Stream& stream) {
  station_.graveyard().bury(take(stream));  // it is on the stack above us
  owes_record_ = true;
  if (!is_closed_) flushLater();
}

// While there is time, the upstream's answer to an event is waited for without its client.
void ClientConnection::abandon(Stream& stream, Reason reason) {
  ExchangeDriver& driver = stream.driver();
  if (reason == Reason::kDraining || !driver.outlivesClient()) return driver.onClientGone(reason);
  station_.orphans().adopt(take(stream), driver, reason);
}

void ClientConnection::onRequestHead(StreamId id, RequestHead&& head) {
  Stream& stream = openStream(id);
  if (!codec_->isMultiplexed()) return stream.driver().begin(stream, std::move(head), facts());
  stream.driver().prepare(stream, std::move(head), facts());
  fresh_.push_back(id);
}

void ClientConnection::onRequestBody(StreamId id, ByteView chunk) {
  if (Stream* const stream = find(id)) stream->onBody(chunk);
}

void ClientConnection::onRequestEnd(StreamId id) {
  if (Stream* const stream = find(id)) stream->driver().onRequestEnd();
}

void ClientConnection::onRequestError(StreamId id, Error error) {
  if (!codec_->isMultiplexed() && isSyntax(error.reason)) {
    station_.metrics().protocolBroken(WorkerMetrics::Broken::kHttp1Syntax);
  }
  if (Stream* const stream = find(id)) return stream->driver().onRequestError(std::move(error));
  Stream& stream = openStream(id);
  stream.driver().beginRefused(stream, facts(), std::move(error));
}

void ClientConnection::onRequestCancelled(StreamId id) {
  if (Stream* const stream = find(id)) abandon(*stream, Reason::kClientClosed);
}

void ClientConnection::onAbuse(Http2Abuse kind) {
  station_.metrics().http2_abuses[static_cast<std::size_t>(kind)].add(1);
}

void ClientConnection::onProtocolError() {
  station_.metrics().protocolBroken(WorkerMetrics::Broken::kHttp2Protocol);
}

}  // namespace edgehold
