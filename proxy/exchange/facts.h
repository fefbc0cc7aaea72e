// SPDX-License-Identifier: Apache-2.0
// What filters learned of an exchange. Views live in the exchange's arena.
// Thread: one loop (owned by the exchange).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace edgehold {

// What a principal may be for: names between commas. A tag, so that a hold keeps it.
inline constexpr std::string_view kRolesTag = "roles";

// Empty text means: not known. Every value is bounded by limits::kFactBytesMax.
struct Facts {
  std::string_view principal;   // who is authenticated: an API key's or channel's name
  std::string_view channel;     // which channel verified it
  std::string_view event_type;  // as the platform names it
  std::string_view event_id;    // unique per event; what dedupe claims
  // Of the event's content, where the platform gives one id to several events (those of one second,
  // say): dedupe claims both together.
  std::string_view event_digest;
  std::string_view twin_id;  // a second name of the same event, where its id is not signed
  std::string_view group;    // conversation the event belongs to
  std::string_view sender;   // who caused it
  std::string_view action;   // class of what the request does: `read`, `mass_send` …
  std::optional<std::int64_t> timestamp_ms;  // the event's own time, Unix milliseconds
  std::chrono::seconds retry_horizon{0};     // how long its sender may send it again; 0: not known
  std::vector<std::string_view> batch_ids;   // of further events in the same request
  std::string_view seen_ids;                 // of those, what had come before: `id,id`
  // Set by rules and by whoever authenticated, for the audit.
  std::vector<std::pair<std::string_view, std::string_view>> tags;

  std::string_view roles() const {
    for (const auto& [name, value] : tags) {
      if (name == kRolesTag) return value;
    }
    return {};
  }
};

}  // namespace edgehold
