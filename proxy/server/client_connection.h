// SPDX-License-Identifier: Apache-2.0
// One accepted connection: its transport, its codec, and the exchanges it carries.
// Thread: one loop (owned by the worker).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/loop.h"
#include "proxy/http/codec.h"
#include "proxy/net/transport.h"
#include "proxy/server/connection_gate.h"
#include "proxy/server/exchange_driver.h"
#include "proxy/server/station.h"

namespace edgehold {

class ClientConnection final : public Mortal,
                               private Transport::Observer,
                               private ServerCodec::Events,
                               private TurnEndTask {
 public:
  using OnClosed = std::function<void(ClientConnection&)>;

  // `on_closed` is called once, when nothing more will happen here; it buries the connection.
  ClientConnection(Station& station, std::unique_ptr<Transport> transport, OnClosed on_closed);
  ~ClientConnection() override;

  // Before start(): it is over a cap, and its request is answered with 503 and a close.
  void refuseRequests() { is_surplus_ = true; }
  // Before start(): the proxy that relays it did not say whose it is.
  void distrust() { is_unknown_ = true; }
  // Before start(): by which listener of the policy, and in whose place. REQUIRES: `pass` lives
  // until the connection is closed.
  void arriveBy(std::size_t listener, ConnectionGate::Pass& pass) {
    listener_ = listener;
    pass_ = &pass;
  }
  // No request of it is under way: closing it costs its client nothing but a new one.
  bool isIdle() const { return isIdle(currentWait()); }
  // Before start(), in clear text: the client may begin with the preface of HTTP/2.
  void allowHttp2() { awaits_preface_ = true; }
  void start();
  // No new requests: idle connections close now, others after the answer that is under way.
  void drain();
  // Nothing of it needs what is remembered, and nothing can begin on it. REQUIRES: drain().
  bool isSettled() const;
  // Breaks everything off; what is under way is recorded with `reason`.
  void close(Reason reason = Reason::kClientClosed);

 private:
  class Stream;
  enum class Wait : std::uint8_t {
    kNone,
    kHandshake,
    kIdle,
    kHead,
    kBody,
    kWrite,
    kHalfClosed,
    kLinger
  };

  // Transport::Observer
  void onTransportOpen() override;
  void onTransportReadable() override;
  void onTransportWritable() override { flushLater(); }
  void onTransportFailed(Error error) override;

  // ServerCodec::Events
  void onRequestHead(StreamId stream, RequestHead&& head) override;
  void onRequestBody(StreamId stream, ByteView chunk) override;
  void onRequestEnd(StreamId stream) override;
  void onRequestError(StreamId stream, Error error) override;
  void onRequestCancelled(StreamId stream) override;
  void onAbuse(Http2Abuse kind) override;
  void onProtocolError() override;

  void onTurnEnd() override;
  void flushLater() { station_.loop().atTurnEnd(*this); }
  void read();
  void feed(ByteView bytes);
  void feedLeftOver();
  void choose();
  void settleForHttp1();
  void useHttp2();
  void flush();
  void finish();
  void setWait();
  Wait currentWait() const;
  static bool isIdle(Wait wait);
  void beginWait(Wait wait, Duration idle);
  void armDeadline();
  Duration waitTime() const;
  std::uint64_t movedBytes() const;
  Duration idleTime() const;
  bool isMovingEnough() const;
  std::uint64_t leastBytes(Duration time) const;
  Instant exchangeDeadline() const;
  void onDeadline();
  void onWaitOver();
  void setStreamWait();
  void onStreamDeadline();
  std::unique_ptr<Stream> take(Stream& stream);
  void endStream(Stream& stream);
  void abandon(Stream& stream, Reason reason);
  ClientFacts facts() const;
  Stream& openStream(StreamId id);
  Stream* find(StreamId id);

  Station& station_;
  std::unique_ptr<Transport> transport_;
  OnClosed on_closed_;
  std::unique_ptr<ServerCodec> codec_;
  std::size_t listener_ = 0;
  ConnectionGate::Pass* pass_ = nullptr;  // null: nobody counts it, or it is closed
  std::unique_ptr<Timer> deadline_;
  std::unique_ptr<Timer> stream_deadline_;        // HTTP/2: the earliest of all streams
  Instant stall_check_{};                         // when responses that stand still are given up
  std::vector<std::unique_ptr<Stream>> streams_;  // HTTP/1: at most one
  std::vector<StreamId> fresh_;                   // HTTP/2: requests of this turn, not begun
  Buffer input_;  // what the codec left: a part of a head, a body without credit, the next request
  QuotaShare buffered_;
  // How far each direction came, and when last.
  std::uint64_t received_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  Instant received_at_{};
  Instant sent_at_{};
  // What is waited for, since when, until when, and how far it was then.
  Wait wait_ = Wait::kNone;
  Instant wait_since_{};
  Instant wait_idle_since_{};  // at the latest: nothing moved between the two
  Instant wait_until_ = Instant::max();
  std::uint64_t wait_bytes_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t wait_requests_ = 0;
  std::size_t lingered_bytes_ = 0;
  bool is_surplus_ = false;
  bool is_unknown_ = false;  // the proxy that relays it did not say whose it is
  bool is_open_ = false;
  bool is_closed_ = false;
  bool is_draining_ = false;
  bool is_lingering_ = false;  // all is said; the client is only read until it sees that
  bool is_reading_ = true;
  bool has_input_ended_ = false;
  bool awaits_preface_ = false;   // the first bytes say which version it is
  bool owes_record_ = false;      // a decision or claim of this turn is not known to be written
  bool needs_record_ = false;     // and no answer leaves without it
  bool is_stalled_ = false;       // stall_check_ is due some time
  bool is_deadline_new_ = false;  // an exchange must be over sooner than it was
  bool feeds_again_ = false;      // credit or a finished response may let the codec go on
};

}  // namespace edgehold
