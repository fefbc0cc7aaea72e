// SPDX-License-Identifier: Apache-2.0
// Drives one exchange from its head to its decision. advance() owns the order: route, filters on
// the head, body, filters on the body, upstream, answer, decision; nothing else calls any of them.
// Thread: one loop (owned by whoever asked: a client's stream, or the release of a hold).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_chain.h"
#include "proxy/server/client_side.h"
#include "proxy/server/event_stream.h"
#include "proxy/server/station.h"
#include "proxy/server/tunnel.h"
#include "proxy/server/websocket_upgrade.h"
#include "proxy/upstream/upstream_request.h"

namespace edgehold {

class ExchangeDriver final : private UpstreamRequest::Events, private Tunnel::Owner {
 public:
  using Client = ClientSide;

  explicit ExchangeDriver(Station& station)
      : station_(station),
        slot_(station.exchanges()),
        buffered_(station.bufferedBytes()),
        upstream_(*this) {}
  ~ExchangeDriver() override = default;

  // A request's head has come. REQUIRES: idle. `client` outlives the exchange.
  void begin(Client& client, RequestHead&& head, const ClientFacts& facts) {
    prepare(client, std::move(head), facts);
    proceed();
  }
  // The same in two steps: a client may take its request back in between.
  void prepare(Client& client, RequestHead&& head, const ClientFacts& facts);
  void proceed() { advance(); }
  // A request that could not even be understood: it is answered, decided and recorded all the same.
  void beginRefused(Client& client, const ClientFacts& facts, Error error);
  // A hold was approved: its request is checked again under the current policy, then sent.
  // `prepare` fills the new exchange (head, body, facts, id).
  void beginRelease(Client& client, const std::function<void(Exchange&)>& prepare);

  void onRequestBody(ByteView chunk);
  void onRequestEnd();
  void onRequestError(Error error);
  // The client's connection is gone, or given up for `reason`; nothing can be sent any more.
  void onClientGone(Reason reason = Reason::kClientClosed);
  // The upstream is at work on an event: without a client the exchange goes on all the same.
  bool outlivesClient() const;
  // The client left for `reason`, and `nobody` is there in its place.
  // REQUIRES: outlivesClient(); `nobody` outlives the exchange.
  void loseClient(Client& nobody, Reason reason);
  // deadline() has passed.
  void onDeadline();
  // The client took what was queued for it.
  void onClientDrained();
  // The server drains: an open tunnel is asked to end.
  void drain();

  bool isTunnel() const { return tunnel_ != nullptr; }
  bool isIdle() const { return step_ == Step::kIdle; }
  // Nothing that it does from here on needs what is remembered: the upstream answers, and the
  // claims are settled.
  bool isSettled() const;
  // The body is awaited from the client (its timeout runs, not ours). Without credit it is the
  // upstream that is waited for.
  bool isReceiving() const { return awaits_body_ && !is_request_whole_ && credit_out_ > 0; }
  // When the exchange as a whole must be over. A tunnel's moves on as bytes do.
  Instant deadline() const { return tunnel_ != nullptr ? tunnel_->deadline() : deadline_; }
  Duration bodyTimeout() const;

 private:
  enum class Step : std::uint8_t { kIdle, kHead, kCollect, kBody, kForward, kAnswer, kTunnel };

  // begin()
  void open(Client& client, const ClientFacts& facts);
  std::optional<Verdict> refusalOfHead();
  bool isOverCap();
  void setDeadline();

  // the steps
  void advance();
  void walkHead();
  void collectBody();
  void walkBody();
  bool reserveForUpstream();
  void forward();
  void takeBody(std::size_t bytes);
  void onVerdict(std::optional<Verdict> verdict);

  // UpstreamRequest::Events
  void onUpstreamHead(ResponseHead&& head) override;
  void onUpstreamBody(ByteView chunk) override;
  void onUpstreamEnd() override;
  void onUpstreamError(Error error) override;
  void onUpstreamDrained() override;

  // the tunnel
  void openTunnel(ResponseHead&& head);
  void endTunnel();
  void onTunnelOver(Tunnel::End end) override;

  // the end
  void decide(Decision::Kind kind, Reason reason, std::string why = {});
  void endAllowed();
  void refuse(Reason reason, std::string why = {});
  void refuseForBytes();
  void answer(const Verdict& verdict);
  bool answersItself() const;
  void acknowledge();
  void sendOwn(const Verdict& verdict);
  void finish();
  void settle();

  Station& station_;
  Client* client_ = nullptr;
  Step step_ = Step::kIdle;
  std::optional<Exchange> exchange_;
  std::optional<ChainWalk> walk_;
  std::optional<EventStream> event_stream_;  // of an answer whose events are looked at
  std::optional<Async<Verdict>> status_wait_;
  std::shared_ptr<UpstreamPool> pool_;
  QuotaShare slot_;      // one exchange
  QuotaShare buffered_;  // the request body, here or on its way to the upstream
  UpstreamRequest upstream_;
  std::optional<WebSocketUpgrade> upgrade_;  // the request asks for one
  std::unique_ptr<Tunnel> tunnel_;           // it was taken
  Instant forwarded_at_{};
  Instant deadline_ = Instant::max();
  std::optional<Reason> left_for_;  // its client is gone
  std::size_t credit_out_ = 0;      // granted to the client and not used yet
  bool is_client_named_ = true;     // false: a trusted proxy names it, but not by an address
  bool awaits_body_ = false;
  bool is_request_whole_ = false;
  bool is_upstream_paused_ = false;
  bool has_continued_ = false;
  bool is_accepted_ = false;  // the upstream took it: settlements commit
  bool is_stream_ = false;    // its answer lasts as long as somebody listens
};

}  // namespace edgehold
