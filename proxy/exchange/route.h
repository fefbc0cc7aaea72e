// SPDX-License-Identifier: Apache-2.0
// A route: what it matches, which filters it carries, where it goes, and its limits.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/limits.h"
#include "proxy/exchange/filter_chain.h"
#include "proxy/exchange/websocket_spec.h"
#include "proxy/http/message.h"

namespace edgehold {

struct RouteMatch {
  std::vector<std::string> hosts;  // lower case, exact or `*.suffix`; empty: any
  std::string path;                // canonical; see is_prefix
  bool is_prefix = true;  // matches the path itself and what is below it, segment by segment
};

struct RouteLimits {
  std::size_t body_bytes_max = limits::kBodyBytesDefault;  // enforced while streaming; 413 past it
  std::chrono::nanoseconds body_timeout = limits::kBodyTimeout;
  std::chrono::nanoseconds first_byte_timeout = limits::kFirstByteTimeout;
  std::chrono::nanoseconds response_idle_timeout = limits::kFirstByteTimeout;
  std::size_t event_bytes_max = limits::kSseEventBytesMax;  // of one inspected server-sent event
  std::chrono::nanoseconds total_timeout = limits::kTotalTimeout;  // from head to last byte
  bool is_total_strict = false;  // written by the operator: an event stream ends at it as well
};

class Route {
 public:
  struct Parts {
    std::string name;
    RouteMatch match;
    std::string upstream;  // name of an upstream of the same snapshot
    RouteLimits limits;
    std::optional<WebSocketSpec> websocket = {};
    std::vector<ChainEntry> filters;
  };
  explicit Route(Parts parts);

  const std::string& name() const { return name_; }
  const RouteMatch& match() const { return match_; }
  const std::string& upstream() const { return upstream_; }
  const RouteLimits& limits() const { return limits_; }
  // Nothing: requests to upgrade are refused.
  const std::optional<WebSocketSpec>& websocket() const { return websocket_; }
  const FilterChain& chain() const { return chain_; }
  // A request body must be collected whole before onRequestBody().
  bool collectsBody() const { return chain_.bodyPlan().request_body == FilterNeeds::Body::kWhole; }

 private:
  std::string name_;
  RouteMatch match_;
  std::string upstream_;
  RouteLimits limits_;
  std::optional<WebSocketSpec> websocket_;
  FilterChain chain_;
};

}  // namespace edgehold
