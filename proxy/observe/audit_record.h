// SPDX-License-Identifier: Apache-2.0
// What one audit line says, and how it is written: one JSON object, bounded, in UTF-8, with nothing
// secret in it. README.md has the schema. Thread: one loop (views for the length of one call).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/json_pen.h"
#include "proxy/base/reason.h"
#include "proxy/exchange/decision.h"
#include "proxy/exchange/event_stream_report.h"
#include "proxy/exchange/facts.h"
#include "proxy/exchange/websocket_facts.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {

class Exchange;

// Empty text and absent numbers are left out of the line.
struct AuditRecord {
  // who
  std::optional<IpAddress> address;
  std::optional<IpAddress> peer;  // told when it is not the address: a trusted proxy's
  std::string_view principal;
  std::string_view channel;
  std::string_view sender;
  std::string_view group;
  // what
  std::string_view method;
  std::string_view host;  // with its port; the route was chosen by it
  std::string_view path;  // without the query; token-like pieces of both are redacted when written
  std::string_view route;
  std::string_view action;
  std::string_view event_type;
  std::string_view event_id;
  // when
  WallTime when{};
  // why, and what became of it
  std::string_view decision;
  std::string_view reason;
  std::string_view filter;
  std::string_view rule;
  std::string_view detail;
  const std::vector<ShadowVerdict>* shadows = nullptr;
  std::string_view request_id;
  std::string_view approval_id;
  std::string_view policy;
  std::string_view trace_id;
  std::uint16_t status = 0;
  std::uint16_t upstream_status = 0;
  bool was_forwarded = false;  // a byte of it may have reached an upstream; told without a status
  bool was_forwarded_whole = false;  // and all of it has left for it
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  Duration policy_time{};
  Duration upstream_time{};
  Duration total_time{};
  std::optional<EventStreamReport> event_stream;  // of an inspected one
  const std::vector<std::pair<std::string_view, std::string_view>>* tags = nullptr;
  std::optional<WebSocketReport> websocket;  // it became one
  std::optional<MessageFacts> message;       // it is one message of one
};

// What an operator did, or was refused: a line of the same file and form, whose decision is
// `operator`. It has all five lead fields whatever security.audit.fields says.
struct OperatorAct {
  std::string_view who;      // what the transport proves: `uid:0 (root)`; or `signal`, `watch`
  std::string_view act;      // `policy.reload`
  std::string_view target;   // what it was about: a policy's version, an approval's id
  std::string_view outcome;  // `taken`, `refused`
  std::string_view why;      // in words; cut at limits::kAuditActWhyBytesMax
  std::string_view request_id;
  std::string_view policy;  // in force when it was done
  Reason reason = Reason::kAllowed;
};

// Appends one line with its line feed: at most limits::kAuditLineBytesMax.
void appendOperatorAct(Buffer& out, const OperatorAct& act, WallTime when);

// The record of an exchange whose decision stands. Valid while the exchange is.
AuditRecord auditRecordOf(const Exchange& exchange);

// Writes records as lines. Keeps what can be kept between them: the second's text, the order.
class AuditFormat {
 public:
  // `fields`: which of who, what, when, why, request_id lead the line, in that order
  // (security.audit.fields; unknown words were refused when it was loaded). Empty: all five.
  explicit AuditFormat(const std::vector<std::string>& fields);

  // Appends one line with its line feed: at most limits::kAuditLineBytesMax.
  void append(Buffer& out, const AuditRecord& record);

 private:
  enum class Lead : std::uint8_t { kWho, kWhat, kWhen, kWhy, kRequestId };

  void putWho(JsonPen& pen, const AuditRecord& record);
  void putWhat(JsonPen& pen, const AuditRecord& record);
  static void putWhy(JsonPen& pen, const AuditRecord& record);
  static void putWebSocket(JsonPen& pen, const WebSocketReport& socket);
  static void putMessage(JsonPen& pen, const MessageFacts& message);
  static void putRest(JsonPen& pen, const AuditRecord& record);

  std::vector<Lead> leads_;
  Rfc3339Cache time_;
  std::string scratch_;
};

}  // namespace edgehold
