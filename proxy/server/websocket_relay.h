// SPDX-License-Identifier: Apache-2.0
// An inspected WebSocket: frames of both directions are read strictly, whole messages pass the
// chain, and only what passed reaches the other side. README.md says what a reload does to it.
// Thread: one loop (owned by the exchange driver).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/quota.h"
#include "proxy/exchange/websocket_spec.h"
#include "proxy/server/admission_watch.h"
#include "proxy/server/message_exchange.h"
#include "proxy/server/tunnel.h"
#include "proxy/server/websocket_side.h"

namespace edgehold {

class WebSocketRelay final : public Tunnel, private WebSocketSide::Owner {
 public:
  WebSocketRelay(const Ends& ends, Tunnel::Owner& owner);
  ~WebSocketRelay() override;

  void begin() override;
  void onClientBytes(ByteView bytes) override;
  void onClientEnd() override;
  void onClientDrained() override { updateFlow(); }
  void onUpstreamBytes(ByteView bytes) override;
  void onUpstreamEnd() override;
  void onUpstreamLost(Error error) override;
  void onUpstreamDrained() override { updateFlow(); }
  void drain() override;
  End onClientGone(Reason reason) override;
  Instant deadline() const override;
  void onDeadline() override;

 private:
  using Direction = MessageFacts::Direction;

  // A message whose verdict is awaited.
  struct Waiting {
    std::unique_ptr<MessageExchange> message;
    ByteView frames;   // as they came, when they may be sent on unchanged
    std::string kept;  // `frames`, when the call in which they came is over
    bool is_paused = false;
    std::optional<std::pair<std::optional<std::uint16_t>, std::string>> close;  // came behind it
  };

  // WebSocketSide::Owner
  void onMessage(WebSocketSide& from, const WebSocketMessage& message) override;
  void onClose(WebSocketSide& from, std::optional<std::uint16_t> code,
               std::string_view reason) override;
  void onViolation(WebSocketSide& from, std::uint16_t close_code, Error error) override;
  void send(WebSocketSide& to, ByteView frames) override;

  // messages
  const Route* routeNow() const;
  bool followPolicy();
  void followBounds();
  void adopt(const Route& route);
  std::optional<Verdict> refusalOf(MessageExchange& message);
  const Admission* endedAdmission() { return admissions_.ended(ends_.station, ends_.exchange); }
  void judge(WebSocketSide& from, std::unique_ptr<MessageExchange> message, ByteView frames);
  void onVerdict(Direction direction, const std::optional<Verdict>& verdict);
  void pass(MessageExchange& message, ByteView frames);
  void refuse(MessageExchange& message, const Verdict& verdict);
  std::optional<std::string> answerTo(MessageExchange& message, const Verdict& verdict);
  void noteAuthentication(MessageExchange& message);
  bool isAuthenticationOf(Exchange& answer);
  bool isAuthenticated() const { return client_limit_ == spec_.message_bytes_max; }

  // flow and the end
  void updateFlow();
  bool charge();
  Instant messageUntil() const;
  void closeBoth(std::uint16_t code, std::string_view reason, End end);
  void awaitClose();
  void abandonWaiting(Reason reason);
  void over(End end);

  Direction directionFrom(const WebSocketSide& side) const {
    return &side == &client_ ? Direction::kToUpstream : Direction::kToClient;
  }
  Waiting& waitingIn(Direction direction) { return waiting_[static_cast<std::size_t>(direction)]; }

  const Ends ends_;
  Tunnel::Owner& owner_;
  MessageLaw law_;
  WebSocketSpec spec_;
  WebSocketSide client_;
  WebSocketSide upstream_;
  Waiting waiting_[2];
  AdmissionWatch admissions_;
  QuotaShare held_;
  std::string connect_id_;                        // of the request whose answer authenticates
  bool has_asked_ = false;                        // the client's first message has passed
  std::size_t client_limit_ = 0;                  // of a message of the client, now
  std::size_t credit_bytes_ = 0;                  // granted to the client and not used yet
  Instant noted_message_until_ = Instant::max();  // what the driver knows of messageUntil()
  Instant close_until_ = Instant::max();          // a Close must be answered until then
  End end_;                                       // if it is not
  bool is_upstream_paused_ = false;
  bool is_over_ = false;
};

}  // namespace edgehold
