// SPDX-License-Identifier: Apache-2.0
// Streams between users and one transport, behind http2_upstream_connection.h. Streams leave only
// when the graveyard is emptied, so that none is missing while events are told.
// Thread: one loop.
#include "proxy/upstream/http2_upstream_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/read_scratch.h"

namespace edgehold {

class Http2UpstreamConnection::Stream final : public UpstreamStream {
 public:
  explicit Stream(Http2UpstreamConnection& connection)
      : connection_(&connection), deadline_(connection.loop_.makeTimer([this] { expire(); })) {}
  ~Stream() override {
    if (connection_ != nullptr) connection_->leave(*this);
  }

  void setUser(User* user) override { user_ = user; }
  void start() override {
    if (connection_ != nullptr) connection_->start();
  }
  void sendHead(const RequestHead& head) override {
    if (connection_ != nullptr) connection_->begin(*this, head);
  }
  void sendBody(ByteView chunk) override {
    if (connection_ == nullptr) return;
    connection_->codec_.sendBody(id_, chunk);
    awaitDrain();
  }
  void sendEnd() override {
    if (connection_ == nullptr) return;
    connection_->codec_.sendEnd(id_);
    awaitDrain();
  }
  std::size_t queuedBytes() override {
    return connection_ != nullptr ? connection_->codec_.queuedBytes(id_) : 0;
  }
  void pauseReading(bool is_paused) override {
    if (connection_ == nullptr) return;
    connection_->codec_.pause(id_, is_paused);
    is_resuming = !is_paused;
    if (is_paused) return;
    connection_->is_resuming_ = true;
    connection_->wake();
  }
  void setDeadline(Duration delay, Reason reason) override {
    deadline_reason_ = reason;
    deadline_->arm(delay);
  }
  void clearDeadline() override { deadline_->cancel(); }
  Seen seen() const override { return seen_; }
  bool isDrained() override { return !awaits_drain; }
  bool isReusable() const override { return false; }  // the connection is, without it
  void releaseBuffers() override {}

  void awaitDrain() {
    awaits_drain = true;
    connection_->wake();
  }
  void lose(Error error) {
    deadline_->cancel();
    if (user_ != nullptr) user_->onConnectionLost(std::move(error));
  }
  // The connection has nothing to do with it any more.
  void orphan() {
    connection_ = nullptr;
    deadline_->cancel();
  }
  User* user() const { return user_; }
  StreamId id() const { return id_; }
  void begun(StreamId id, std::uint64_t reads) {
    id_ = id;
    seen_ = Seen::kPerhaps;
    reads_before_ = reads;
  }
  std::uint64_t readsBefore() const { return reads_before_; }
  void setSeen(Seen seen) { seen_ = seen; }

  bool awaits_drain = false;  // something was queued since the user was told
  bool is_resuming = false;   // what the codec kept is wanted now

 private:
  void expire() {
    if (connection_ != nullptr) connection_->onStreamTimeout(*this);
    lose(Error{deadline_reason_, "deadline passed"});
  }

  Http2UpstreamConnection* connection_;  // null once it is gone
  std::unique_ptr<Timer> deadline_;
  User* user_ = nullptr;
  StreamId id_ = kNoStream;
  std::uint64_t reads_before_ = 0;
  Reason deadline_reason_ = Reason::kUpstreamTimeout;
  Seen seen_ = Seen::kNever;
};

Http2UpstreamConnection::Http2UpstreamConnection(Loop& loop, Owner& owner, const UpstreamSpec& spec,
                                                 std::unique_ptr<Transport> transport,
                                                 ConnectionSlots::Slot slot,
                                                 std::shared_ptr<UpstreamCounts> counts)
    : loop_(loop),
      owner_(&owner),
      spec_(spec),
      counts_(std::move(counts)),
      slot_(std::move(slot)),
      transport_(std::move(transport)),
      codec_(*this, spec.is_tls),
      deadline_(loop.makeTimer([this] { onOpeningTimeout(); })) {
  ++counts_->opened;
}

Http2UpstreamConnection::~Http2UpstreamConnection() {
  ++counts_->closed;
  for (Stream* const stream : waiting_) stream->orphan();
  for (Stream* const stream : active_) stream->orphan();
}

// --- its streams ---------------------------------------------------------------------------------

bool Http2UpstreamConnection::isReady() const {
  return is_open_ && isUsable() && waiting_.empty() && codec_.hasRoom();
}

bool Http2UpstreamConnection::isJoinable(std::size_t streams_max) const {
  return isUsable() && streams() < (is_settled_ ? codec_.streamsMax() : streams_max);
}

std::unique_ptr<UpstreamStream> Http2UpstreamConnection::makeStream() {
  auto stream = std::make_unique<Stream>(*this);
  waiting_.push_back(stream.get());
  if (is_settled_) deadline_->cancel();
  return stream;
}

void Http2UpstreamConnection::start() {
  wake();  // it may be open, and have room
  if (std::exchange(has_started_, true)) return;
  deadline_->arm(spec_.connect_timeout);
  transport_->start(*this);
}

void Http2UpstreamConnection::begin(Stream& stream, const RequestHead& head) {
  std::erase(waiting_, &stream);
  stream.begun(codec_.sendHead(head), reads_);
  active_.push_back(&stream);
  stream.awaitDrain();
}

// The upstream sees that whoever asked left, unless all was said.
void Http2UpstreamConnection::leave(Stream& stream) {
  codec_.cancel(stream.id());
  std::erase(waiting_, &stream);
  std::erase(active_, &stream);
  wake();
}

// A connection that says nothing to anybody may be dead without an end.
void Http2UpstreamConnection::onStreamTimeout(const Stream& stream) {
  if (stream.id() != kNoStream && stream.readsBefore() == reads_) retire();
}

Http2UpstreamConnection::Stream* Http2UpstreamConnection::find(StreamId stream) const {
  const auto found =
      std::lower_bound(active_.begin(), active_.end(), stream,
                       [](const Stream* own, StreamId wanted) { return own->id() < wanted; });
  return found != active_.end() && (*found)->id() == stream ? *found : nullptr;
}

void Http2UpstreamConnection::onResponseHead(StreamId id, ResponseHead&& head) {
  Stream* const stream = find(id);
  if (stream != nullptr && stream->user() != nullptr) {
    stream->user()->onResponseHead(id, std::move(head));
  }
}

void Http2UpstreamConnection::onResponseBody(StreamId id, ByteView chunk) {
  Stream* const stream = find(id);
  if (stream != nullptr && stream->user() != nullptr) stream->user()->onResponseBody(id, chunk);
}

void Http2UpstreamConnection::onResponseEnd(StreamId id) {
  has_served_ = true;
  Stream* const stream = find(id);
  if (stream != nullptr && stream->user() != nullptr) stream->user()->onResponseEnd(id);
}

void Http2UpstreamConnection::onResponseError(StreamId id, Error error) {
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  // As with HTTP/1: it had served before and broke without a word to anybody.
  const bool was_stale = is_lost_ && has_served_ && stream->readsBefore() == reads_;
  if (was_stale) stream->setSeen(UpstreamStream::Seen::kHardly);
  stream->lose(std::move(error));
}

void Http2UpstreamConnection::onRequestRefused(StreamId id, Error error) {
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  stream->setSeen(UpstreamStream::Seen::kHardly);
  stream->lose(std::move(error));
}

// --- the transport -------------------------------------------------------------------------------

void Http2UpstreamConnection::onTransportOpen() {
  constexpr std::string_view kHttp2 = "h2";  // RFC 9113 3.2
  if (spec_.is_tls && transport_->protocol() != kHttp2) {
    return lose(Error{Reason::kUpstreamUnreachable, "upstream did not choose HTTP/2 by ALPN"});
  }
  is_open_ = true;
  wake();
}

void Http2UpstreamConnection::onOpeningTimeout() {
  if (!is_open_) {
    return lose(Error{Reason::kUpstreamUnreachable, "not connected in time"});
  }
  retire();
}

void Http2UpstreamConnection::read() {
  do {
    readOnce(readScratch());
  } while (!is_lost_ && transport_->hasBuffered());
  wake();
}

void Http2UpstreamConnection::readOnce(std::span<char> scratch) {
  const IoResult got = transport_->receive(scratch);
  switch (got.kind) {
    case IoResult::Kind::kBytes:
      ++reads_;
      counts_->bytes_in += got.bytes;
      codec_.receive({scratch.data(), got.bytes});
      return;
    case IoResult::Kind::kBlocked:
      return;
    case IoResult::Kind::kEnd:
      return lose(Error{Reason::kUpstreamReset, "upstream closed the connection"});
    case IoResult::Kind::kFailed:
      return lose(Error{Reason::kUpstreamReset, "connection to upstream broke"});
  }
}

void Http2UpstreamConnection::onTurnEnd() {
  if (is_open_ && !is_lost_) {
    offerRoom();
    flush();
  }
  deliverResumed();  // also what came before the connection was lost
  if (is_open_ && !is_lost_) flush();
  endIfUnused();
}

void Http2UpstreamConnection::deliverResumed() {
  if (!std::exchange(is_resuming_, false)) return;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (std::exchange(active_[i]->is_resuming, false)) codec_.deliver(active_[i]->id());
  }
}

void Http2UpstreamConnection::offerRoom() {
  if (codec_.isSettled() && !std::exchange(is_settled_, true)) {
    deadline_->cancel();
    if (owner_ != nullptr) owner_->onConnectionSettled(codec_.streamsMax());
  }
  while (!waiting_.empty() && isUsable() && codec_.hasRoom()) {
    Stream& first = *waiting_.front();
    if (first.user() == nullptr) {  // buried, and about to leave
      first.orphan();
      waiting_.erase(waiting_.begin());
      continue;
    }
    first.user()->onConnectionOpen();
    if (!waiting_.empty() && waiting_.front() == &first) break;  // it did not want it after all
  }
  if (is_settled_) {
    turnAway(Error{Reason::kUpstreamReset, "upstream takes no more streams on this connection"});
  } else if (codec_.isFinished()) {
    turnAway(Error{Reason::kUpstreamUnreachable, "upstream does not speak HTTP/2"});
  } else if (!isUsable()) {
    turnAway(Error{Reason::kUpstreamUnreachable, "upstream took no stream in time"});
  }
}

// Those who wait may go elsewhere: nothing of theirs was sent.
void Http2UpstreamConnection::turnAway(const Error& error) {
  for (Stream* const stream : std::exchange(waiting_, {})) {
    stream->orphan();
    stream->lose(error);
  }
}

void Http2UpstreamConnection::flush() {
  for (;;) {
    Buffer& output = codec_.pull();
    if (is_output_broken_) return output.clear();
    if (output.empty()) break;
    const IoResult sent = transport_->send(output.view());
    if (sent.kind == IoResult::Kind::kBlocked) return transport_->wantWrite(true);
    if (sent.kind != IoResult::Kind::kBytes) {
      // The peer may have answered before it closed: what it sent is read first, then the end is
      // met.
      is_output_broken_ = true;
      output.clear();
      return;
    }
    counts_->bytes_out += sent.bytes;
    output.consume(sent.bytes);
  }
  transport_->wantWrite(false);
  if (codec_.isFinished()) {
    return lose(Error{Reason::kUpstreamReset, "the HTTP/2 connection has ended"});
  }
  tellDrained();
}

void Http2UpstreamConnection::tellDrained() {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    Stream& stream = *active_[i];
    if (!stream.awaits_drain || codec_.queuedBytes(stream.id()) > 0) continue;
    stream.awaits_drain = false;
    if (stream.user() != nullptr) stream.user()->onConnectionDrained();
  }
}

// --- the end -------------------------------------------------------------------------------------

void Http2UpstreamConnection::retire() {
  is_retired_ = true;
  wake();
}

void Http2UpstreamConnection::abandon() {
  owner_ = nullptr;
  if (!is_open_ || is_lost_ || streams() > 0) return;
  codec_.close();
  const Buffer& farewell = codec_.pull();
  if (!farewell.empty()) transport_->send(farewell.view());
}

void Http2UpstreamConnection::lose(Error error) {
  if (std::exchange(is_lost_, true)) return;
  slot_.release();  // whoever asks again needs it
  deadline_->cancel();
  transport_->wantRead(false);
  transport_->wantWrite(false);
  codec_.receiveEnd();
  // Who did not get as far as that will not get further on another connection.
  if (!is_settled_) error.reason = Reason::kUpstreamUnreachable;
  turnAway(error);
  wake();
}

void Http2UpstreamConnection::endIfUnused() {
  if (streams() > 0 || owner_ == nullptr || !has_started_) return;
  if (!isUsable() || !owner_->keepsIdle()) return owner_->onConnectionOver(*this);
  if (is_open_ && !deadline_->isArmed()) deadline_->arm(spec_.idle_timeout);
}

}  // namespace edgehold
