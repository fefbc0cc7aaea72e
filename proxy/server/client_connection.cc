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

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// A client that ended its side may still read (a half-close) or be gone; TCP does not tell. An
// answer that makes no progress for so long is given up, so that a closed browser cancels its
// agent's run.
constexpr auto kHalfCloseGrace = 1s;
// How long a client that was told to go (GOAWAY) may keep an idle connection.
constexpr auto kDrainGrace = 1s;
// One of many streams holds a part of what a connection with a single one may.
constexpr std::size_t kStreamsShare = 4;

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

}  // namespace

// One request's place on the connection: tells the driver's answers which stream they belong to.
class ClientConnection::Stream final : public ExchangeDriver::Client {
 public:
  Stream(ClientConnection& connection, StreamId id)
      : connection_(connection), id_(id), driver_(connection.station_) {}

  StreamId id() const { return id_; }
  ExchangeDriver& driver() { return driver_; }

  void onBody(ByteView chunk) {
    waited_bytes_ += chunk.size();
    driver_.onRequestBody(chunk);
  }
  // When the client must have sent more of the body, if that is what is waited for.
  std::optional<Instant> bodyDeadline() {
    if (!driver_.isReceiving()) {
      waits_since_.reset();
      return std::nullopt;
    }
    if (!waits_since_) beginBodyWait();
    return *waits_since_ + driver_.bodyTimeout();
  }
  void beginBodyWait() {
    waits_since_ = connection_.station_.clock().now();
    waited_bytes_ = 0;
  }
  // At the deadline: a byte now and then does not count.
  bool isBodyMovingEnough() const {
    const auto window = std::chrono::duration_cast<std::chrono::milliseconds>(
        connection_.station_.clock().now() - *waits_since_);
    const auto rate =
        static_cast<std::uint64_t>(connection_.station_.snapshot()->limits().client_rate);
    return waited_bytes_ > 0 &&
           waited_bytes_ * 1000 >= rate * static_cast<std::uint64_t>(window.count());
  }

  void credit(std::size_t bytes) override {
    codec().credit(id_, bytes);
    connection_.feeds_again_ = true;
    connection_.flushLater();
  }
  void sendContinue() override {
    codec().sendContinue(id_);
    connection_.flushLater();
  }
  void sendHead(const ResponseHead& head, bool for_head) override {
    if (connection_.station_.isEnding() || connection_.facts_.is_surplus) codec().drain();
    codec().sendHead(id_, head, for_head);
    connection_.owes_record_ = true;  // a claim, if not a record yet
    if (head.status < 400) connection_.needs_record_ = true;
    connection_.flushLater();
  }
  void sendBody(ByteView chunk) override {
    codec().sendBody(id_, chunk);
    connection_.flushLater();
  }
  void sendEnd() override {
    codec().sendEnd(id_);
    connection_.flushLater();
  }
  void abort() override {
    codec().abort(id_);
    connection_.flushLater();
  }
  // Many streams share what a connection may hold.
  std::size_t queuedBytes() override {
    return codec().queuedBytes(id_) * (codec().isMultiplexed() ? kStreamsShare : 1);
  }
  void noteDeadline() override {
    connection_.is_deadline_new_ = true;
    connection_.flushLater();
  }
  void awaitRecord() override {
    connection_.owes_record_ = connection_.needs_record_ = true;
    connection_.flushLater();
  }
  void onExchangeDone(const Decision& decision) override {
    // While nothing can be recorded this is the one thing that is said: nothing was done.
    const bool is_excuse = decision.reason == Reason::kStoreUnavailable && !decision.was_forwarded;
    if (!is_excuse) connection_.needs_record_ = true;
    connection_.endStream(*this);
  }

 private:
  ServerCodec& codec() { return *connection_.codec_; }

  ClientConnection& connection_;
  StreamId id_;
  ExchangeDriver driver_;
  std::optional<Instant> waits_since_;  // for more of the body
  std::uint64_t waited_bytes_ = 0;      // that came meanwhile
};

ClientConnection::ClientConnection(Station& station, std::unique_ptr<Transport> transport,
                                   OnClosed on_closed)
    : station_(station),
      transport_(std::move(transport)),
      on_closed_(std::move(on_closed)),
      codec_(newHttp1Codec(*this)),
      deadline_(station.loop().makeTimer([this] { onDeadline(); })),
      buffered_(station.bufferedBytes()) {
  facts_.peer = transport_->peer();
  facts_.is_secure = transport_->isSecure();
}

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
  // Each exchange records its decision; ending one removes it from the list.
  const std::vector<std::unique_ptr<Stream>>& streams = streams_;
  while (!streams.empty()) streams.back()->driver().onClientGone(reason);
  station_.metrics().connections_open.add(-1);
  on_closed_(*this);
}

void ClientConnection::onTransportOpen() {
  is_open_ = true;
  facts_.server_name = transport_->serverName();
  facts_.principal = transport_->principal();
  if (pass_ != nullptr) pass_->handsShaken();
  if (transport_->protocol() == "h2") useHttp2();
  if (facts_.is_secure) station_.metrics().tls_handshakes.add(1);
  setWait();
}

void ClientConnection::useHttp2() {
  codec_ = newHttp2Codec(*this, {.is_secure = facts_.is_secure,
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
  ended_.clear();
  // All of this read was seen: what was reset in it has gone nowhere (CVE-2023-44487).
  for (const StreamId id : fresh_) {
    if (Stream* const stream = find(id)) stream->driver().proceed();
  }
  fresh_.clear();
  // A response that ends may let a pipelined request begin, and that one may be answered at once.
  while (std::exchange(feeds_again_, false) && (!input_.empty() || codec_->isMultiplexed())) {
    feedLeftOver();
  }
  ended_.clear();
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
  if (!lingers && !facts_.is_secure) return close();
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

void ClientConnection::endStream(Stream& stream) {
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const auto& candidate) {
    return candidate.get() == &stream;
  });
  CHECK(found != streams_.end());
  ended_.push_back(std::move(*found));  // it is on the stack above us
  streams_.erase(found);
  feeds_again_ = true;
  owes_record_ = true;
  if (!is_closed_) flushLater();
}

void ClientConnection::onRequestHead(StreamId id, RequestHead&& head) {
  Stream& stream = openStream(id);
  if (!codec_->isMultiplexed()) return stream.driver().begin(stream, std::move(head), facts_);
  stream.driver().prepare(stream, std::move(head), facts_);
  fresh_.push_back(id);
}

void ClientConnection::onRequestBody(StreamId id, ByteView chunk) {
  if (Stream* const stream = find(id)) stream->onBody(chunk);
}

void ClientConnection::onRequestEnd(StreamId id) {
  if (Stream* const stream = find(id)) stream->driver().onRequestEnd();
}

void ClientConnection::onRequestError(StreamId id, Error error) {
  if (Stream* const stream = find(id)) return stream->driver().onRequestError(std::move(error));
  Stream& stream = openStream(id);
  stream.driver().beginRefused(stream, facts_, std::move(error));
}

void ClientConnection::onRequestCancelled(StreamId id) {
  if (Stream* const stream = find(id)) stream->driver().onClientGone();
}

void ClientConnection::onAbuse(Http2Abuse kind) {
  station_.metrics().http2_abuses[static_cast<std::size_t>(kind)].add(1);
}

ClientConnection::Wait ClientConnection::currentWait() const {
  if (!is_open_) return Wait::kHandshake;
  if (is_lingering_) return Wait::kLinger;
  if (!codec_->pull().empty() || !transport_->isFlushed()) return Wait::kWrite;
  if (awaits_preface_ && !input_.empty()) return Wait::kHead;
  if (codec_->isIdle()) return Wait::kIdle;
  if (codec_->isInHead()) return Wait::kHead;
  if (!codec_->isMultiplexed()) {
    for (const auto& stream : streams_) {
      if (stream->driver().isReceiving()) return Wait::kBody;
    }
  }
  return has_input_ended_ ? Wait::kHalfClosed : Wait::kNone;
}

bool ClientConnection::isSettled() const {
  if (streams_.empty()) return requests_ > 0 || is_lingering_;
  return std::all_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->driver().isSettled(); });
}

bool ClientConnection::isIdle(Wait wait) {
  return wait == Wait::kHandshake || wait == Wait::kIdle || wait == Wait::kHead;
}

// What moves while `wait_` lasts: what the client sends, takes, or either.
std::uint64_t ClientConnection::movedBytes() const {
  if (wait_ == Wait::kBody) return received_bytes_;
  if (wait_ == Wait::kWrite) return sent_bytes_;
  return received_bytes_ + sent_bytes_;
}

void ClientConnection::setWait() {
  if (codec_->isMultiplexed()) setStreamWait();
  const Wait wait = currentWait();
  if (pass_ != nullptr) pass_->setIdle(isIdle(wait));
  // An idle wait starts anew when anything moves. A head's covers the whole head: a byte now and
  // then does not prolong it. A body's and an answer's are judged when they are over.
  // Frames that are no request (PING) leave an idle connection idle.
  const bool is_renewed = wait == Wait::kIdle || wait == Wait::kHalfClosed;
  const bool has_moved = wait == Wait::kIdle && codec_->isMultiplexed()
                             ? requests_ != wait_requests_
                             : movedBytes() != wait_bytes_;
  if (std::exchange(is_deadline_new_, false)) armDeadline();
  if (wait == wait_ && (!is_renewed || !has_moved)) return;
  beginWait(wait, Duration::zero());
}

// `idle`: for so long nothing has moved already.
void ClientConnection::beginWait(Wait wait, Duration idle) {
  wait_ = wait;
  wait_since_ = station_.clock().now();
  wait_idle_since_ = wait_since_ - idle;
  wait_bytes_ = movedBytes();
  wait_requests_ = requests_;
  const Duration time = waitTime();
  wait_until_ = time == Duration::max() ? Instant::max() : wait_since_ + time - idle;
  armDeadline();
}

void ClientConnection::armDeadline() {
  const Instant until = std::min(wait_until_, exchangeDeadline());
  if (until == Instant::max()) return deadline_->cancel();
  deadline_->arm(until - station_.clock().now());
}

Duration ClientConnection::waitTime() const {
  const TimeoutSpec& timeouts = station_.snapshot()->timeouts();
  const auto timeOf = [&](Wait wait) -> Duration {
    switch (wait) {
      case Wait::kNone:
        return Duration::max();
      case Wait::kHandshake:
        return timeouts.handshake;
      case Wait::kIdle:
        return is_draining_ ? std::min<Duration>(kDrainGrace, timeouts.idle) : timeouts.idle;
      case Wait::kHead:
        return timeouts.head;
      case Wait::kBody:
        // The exchange may have ended in this very turn.
        return streams_.empty() ? limits::kBodyTimeout : streams_.front()->driver().bodyTimeout();
      case Wait::kWrite:
        return timeouts.write;
      case Wait::kHalfClosed:
        return kHalfCloseGrace;
      case Wait::kLinger:
        return limits::kLingerTimeout;
    }
    return Duration::max();
  };
  const Duration time = timeOf(wait_);
  return facts_.is_surplus ? std::min<Duration>(time, limits::kSurplusTimeout) : time;
}

// What moves in `time` if the peer is not too slow; nothing at all is always too slow.
std::uint64_t ClientConnection::leastBytes(Duration time) const {
  const auto rate = static_cast<std::uint64_t>(station_.snapshot()->limits().client_rate);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return std::max<std::uint64_t>(1, rate * static_cast<std::uint64_t>(seconds));
}

Instant ClientConnection::exchangeDeadline() const {
  Instant earliest = Instant::max();
  for (const auto& stream : streams_) earliest = std::min(earliest, stream->driver().deadline());
  return earliest;
}

Duration ClientConnection::idleTime() const {
  const Instant last = wait_ == Wait::kBody ? received_at_ : sent_at_;
  return station_.clock().now() - std::max(last, wait_idle_since_);
}

// A peer that sends or takes a byte now and then holds a connection for ever, if any byte counts.
bool ClientConnection::isMovingEnough() const {
  const Instant now = station_.clock().now();
  if (idleTime() >= waitTime()) return false;
  const auto window = std::chrono::duration_cast<std::chrono::milliseconds>(now - wait_since_);
  const std::uint64_t moved = movedBytes() - wait_bytes_;
  const auto rate = static_cast<std::uint64_t>(station_.snapshot()->limits().client_rate);
  return moved * 1000 >= rate * static_cast<std::uint64_t>(window.count());
}

// Streams share one timer: each waits for its own body, and for its own window to open.
void ClientConnection::setStreamWait() {
  std::optional<Instant> earliest;
  for (const auto& stream : streams_) {
    const auto deadline = stream->bodyDeadline();
    if (deadline) earliest = std::min(*deadline, earliest.value_or(*deadline));
  }
  const Instant now = station_.clock().now();
  const bool was_stalled = std::exchange(is_stalled_, codec_->isStalled());
  if (is_stalled_) {
    if (!was_stalled) stall_check_ = now + station_.snapshot()->timeouts().write;
    earliest = std::min(stall_check_, earliest.value_or(stall_check_));
  }
  if (!earliest) return stream_deadline_->cancel();
  stream_deadline_->arm(*earliest - now);
}

void ClientConnection::onStreamDeadline() {
  const Instant now = station_.clock().now();
  std::vector<StreamId> late;  // failing one ends it
  for (const auto& stream : streams_) {
    const auto deadline = stream->bodyDeadline();
    if (!deadline || *deadline > now) continue;
    if (stream->isBodyMovingEnough()) {
      stream->beginBodyWait();
    } else {
      late.push_back(stream->id());
    }
  }
  for (const StreamId id : late) {
    codec_->fail(id, Error{Reason::kBodyTimeout, "request body took too long"});
  }
  if (is_stalled_ && stall_check_ <= now) {
    codec_->resetStalled(leastBytes(station_.snapshot()->timeouts().write));
    is_stalled_ = false;  // the next check is a whole wait from now
  }
  flushLater();
}

void ClientConnection::onDeadline() {
  const Instant now = station_.clock().now();
  const auto late = std::find_if(streams_.begin(), streams_.end(), [now](const auto& stream) {
    return stream->driver().deadline() <= now;
  });
  if (late != streams_.end()) {
    (*late)->driver().onDeadline();
    is_deadline_new_ = true;  // a tunnel that was silent may have been asked
    wait_ = Wait::kNone;      // another wait begins
    return flushLater();
  }
  if (now < wait_until_) return armDeadline();  // the exchange got more time meanwhile
  onWaitOver();
}

void ClientConnection::onWaitOver() {
  const bool is_judged = wait_ == Wait::kBody || wait_ == Wait::kWrite;
  if (is_judged && isMovingEnough()) return beginWait(wait_, idleTime());
  switch (wait_) {
    case Wait::kHead:
      settleForHttp1();
      codec_->fail(kNoStream, Error{Reason::kHeadTimeout, "request head took too long"});
      break;
    case Wait::kBody:
      codec_->fail(streams_.front()->id(),
                   Error{Reason::kBodyTimeout, "request body took too long"});
      break;
    case Wait::kWrite:
      return close(Reason::kClientTooSlow);
    default:
      return close();
  }
  wait_ = Wait::kNone;
  flushLater();
}

}  // namespace edgehold
