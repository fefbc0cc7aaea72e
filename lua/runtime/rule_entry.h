// SPDX-License-Identifier: Apache-2.0
// What a rule can be asked: the functions of the table that its file returns.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edgehold {

enum class RuleEntry : std::uint8_t {
  kCheck,     // a request
  kMessage,   // a message of an inspected WebSocket
  kSseEvent,  // one event of an answer that is an event stream
  kCount,     // keep last
};

inline constexpr std::size_t kRuleEntryCount = static_cast<std::size_t>(RuleEntry::kCount);
inline constexpr std::array<std::string_view, kRuleEntryCount> kRuleEntryNames = {
    "check", "on_message", "on_sse_event"};

constexpr std::size_t indexOf(RuleEntry entry) { return static_cast<std::size_t>(entry); }
constexpr std::string_view nameOf(RuleEntry entry) { return kRuleEntryNames[indexOf(entry)]; }

}  // namespace edgehold
