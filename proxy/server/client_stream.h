// SPDX-License-Identifier: Apache-2.0
// A part of client_connection.h: one request's place on the connection.
// Thread: one loop (owned by the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/recycled.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/exchange_driver.h"

namespace edgehold {

// Tells the driver's answers which stream they belong to.
class ClientConnection::Stream final : public ExchangeDriver::Client,
                                       public Mortal,
                                       public Recycled<ClientConnection::Stream> {
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
    return waited_bytes_ >=
           connection_.leastBytes(connection_.station_.clock().now() - *waits_since_);
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
    if (connection_.station_.isEnding() || connection_.is_surplus_) codec().drain();
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
  // Many streams share what a connection may hold: each a part of what a single one may.
  std::size_t queuedBytes() override {
    constexpr std::size_t kStreamsShare = 4;
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

}  // namespace edgehold
