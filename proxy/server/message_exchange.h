// SPDX-License-Identifier: Apache-2.0
// One message of an inspected WebSocket: a small exchange of its own, judged under the policy of
// the moment, decided once and recorded once (law 1).
// Thread: one loop (owned by the relay).
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_chain.h"
#include "proxy/server/station.h"

namespace edgehold {

// What a message is judged by: the route of the socket's name, as it is now.
struct MessageLaw {
  std::shared_ptr<const PolicySnapshot> snapshot;
  const Route* route = nullptr;  // lives in the snapshot
};

class MessageExchange {
 public:
  using Done = std::function<void(std::optional<Verdict>)>;

  // `socket`: the exchange that became the socket; it outlives this one, whose views lie there.
  MessageExchange(Station& station, const Exchange& socket, const MessageLaw& law,
                  MessageFacts message, ByteView payload);
  MessageExchange(const MessageExchange&) = delete;
  MessageExchange& operator=(const MessageExchange&) = delete;

  Exchange& exchange() { return exchange_; }
  // Nothing when it may pass. `done` may come before this returns, and may destroy the exchange.
  void judge(Done done);

  // Exactly one of the three, once. The first two tell every filter that was asked.
  void passed();
  void refused(const Verdict& verdict);
  // The socket ended while it waited.
  void abandoned(Reason reason);

 private:
  void finish(bool is_accepted);

  Station& station_;
  Exchange exchange_;
  std::optional<ChainWalk> walk_;
};

}  // namespace edgehold
