// SPDX-License-Identifier: Apache-2.0
// What filters learned of an exchange. Views live in the exchange's arena.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace edgehold {

// Empty text means: not known. Every value is bounded by limits::kFactBytesMax.
struct Facts {
  std::string_view principal;   // who is authenticated: an API key's or channel's name
  std::string_view channel;     // which channel verified it
  std::string_view event_type;  // as the platform names it
  std::string_view event_id;    // unique per event; what dedupe claims
  std::string_view group;       // conversation the event belongs to
  std::string_view sender;      // who caused it
  std::string_view action;      // class of what the request does: `read`, `mass_send` …
  std::optional<std::int64_t> timestamp_ms;  // the event's own time, Unix milliseconds
  std::vector<std::pair<std::string_view, std::string_view>> tags;  // set by rules, for the audit
};

}  // namespace edgehold
