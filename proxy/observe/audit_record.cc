// SPDX-License-Identifier: Apache-2.0
// Formats audit lines straight into the caller's buffer: no stream, no locale, no tree.
// Thread: one loop.
#include "proxy/observe/audit_record.h"

#include <algorithm>
#include <array>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/route.h"
#include "proxy/observe/redact.h"

namespace edgehold {
namespace {

// Every text is cut to its bound before it is escaped; an escape is at most six bytes for one.
constexpr std::size_t kEscapeBytesMax = 6;
constexpr std::size_t kFactTexts = 19;
constexpr std::size_t kFixedBytesMax = 2048;  // keys, numbers, addresses and braces
static_assert(kEscapeBytesMax * (limits::kAuditPathBytesMax + limits::kAuditDetailBytesMax +
                                 kFactTexts * limits::kFactBytesMax +
                                 (limits::kTagCountMax + limits::kAuditShadowsMax) * 2 *
                                     (limits::kFactBytesMax + 8)) +
                      kFixedBytesMax <=
                  limits::kAuditLineBytesMax,
              "a line of the longest texts fits the reader");
static_assert(kEscapeBytesMax * (limits::kAuditActWhyBytesMax + 5 * limits::kFactBytesMax) +
                      kFixedBytesMax <=
                  limits::kAuditLineBytesMax,
              "so does an operator's");

// Cut at a character, not inside one: a cut character would count as invalid.
std::string_view cutText(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

// DEL and C1 (U+0080 to U+009F) are valid JSON and can still steer the terminal of whoever reads.
bool isTerminalControl(std::string_view text, std::size_t at) {
  if (text[at] == '\x7F') return true;
  return text[at] == '\xC2' && at + 1 < text.size() &&
         static_cast<unsigned char>(text[at + 1]) >= 0x80 &&
         static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

std::string withoutTerminalControls(std::string_view text) {
  std::string cleaned;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!isTerminalControl(text, at)) {
      cleaned.push_back(text[at]);
      continue;
    }
    cleaned.push_back('?');
    if (text[at] == '\xC2') ++at;
  }
  return cleaned;
}

// What stands between the quotes. Texts are nearly always plain: only what stands behind a plain
// beginning is looked at twice.
void putShown(JsonPen& pen, std::string_view text) {
  const std::string_view rest = text.substr(pen.putPlain(text));
  if (!rest.empty()) pen.putEscaped(withoutTerminalControls(rest));
}

// One object of the line. Names come with all that is around them, so that each is one copy of
// known length: `,"name":`, and for texts the quote that opens them. The first one's comma becomes
// the brace.
class Members {
 public:
  explicit Members(JsonPen& pen) : pen_(pen), begin_(pen.reserve(1)) {}
  void close() {
    if (pen_.reserve(0) == begin_) {
      pen_.put('{');
    } else {
      *begin_ = '{';
    }
    pen_.put('}');
  }

  void key(std::string_view key) { pen_.put(key); }
  [[gnu::always_inline]] void text(std::string_view name, std::string_view value,
                                   std::size_t bytes_max = limits::kFactBytesMax) {
    if (value.empty()) return;
    pen_.put(name);
    putShown(pen_, cutText(value, bytes_max));
    pen_.put('"');
  }
  // A word of our own: it needs no look.
  [[gnu::always_inline]] void word(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    pen_.put(name);
    pen_.put(value);
    pen_.put('"');
  }
  [[gnu::always_inline]] void number(std::string_view name, std::uint64_t value) {
    pen_.put(name);
    pen_.putNumber(value);
  }
  void microseconds(std::string_view name, Duration value) {
    number(name, static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)) / 1000);
  }

 private:
  JsonPen& pen_;
  char* const begin_;
};

void putAddress(JsonPen& pen, IpAddress address) {
  pen.put('"');
  char* const text = pen.reserve(kIpTextBytesMax);
  pen.skip(static_cast<std::size_t>(address.writeTo(text) - text));
  pen.put('"');
}

void putShadows(JsonPen& pen, const std::vector<ShadowVerdict>& shadows) {
  pen.put('[');
  for (std::size_t i = 0; i < std::min(shadows.size(), limits::kAuditShadowsMax); ++i) {
    if (i > 0) pen.put(',');
    Members shadow(pen);
    shadow.text(",\"filter\":\"", shadows[i].filter);
    shadow.word(",\"reason\":\"", reasonCode(shadows[i].reason));
    shadow.text(",\"rule\":\"", shadows[i].rule);
    shadow.close();
  }
  pen.put(']');
}

using Tags = std::vector<std::pair<std::string_view, std::string_view>>;

// Strict readers refuse two keys that differ in case only: the tag that was set last counts.
bool isSetAgain(const Tags& tags, std::size_t index) {
  return std::any_of(
      tags.begin() + static_cast<std::ptrdiff_t>(index) + 1, tags.end(),
      [&](const auto& later) { return equalsIgnoreCase(later.first, tags[index].first); });
}

void putTags(JsonPen& pen, const Tags& tags) {
  pen.put('{');
  std::size_t written = 0;
  for (std::size_t i = 0; i < tags.size() && written < limits::kTagCountMax; ++i) {
    if (isSetAgain(tags, i)) continue;
    if (written++ > 0) pen.put(',');
    pen.put('"');
    putShown(pen, cutText(tags[i].first, limits::kFactBytesMax));
    pen.put("\":\"");
    putShown(pen, cutText(tags[i].second, limits::kFactBytesMax));
    pen.put('"');
  }
  pen.put('}');
}

}  // namespace

void appendOperatorAct(Buffer& out, const OperatorAct& act, WallTime when) {
  JsonPen pen(out.prepare(limits::kAuditLineBytesMax));
  Members line(pen);
  line.key(",\"who\":");
  Members who(pen);
  who.text(",\"operator\":\"", act.who);
  who.close();
  line.key(",\"what\":");
  Members what(pen);
  what.text(",\"act\":\"", act.act);
  what.text(",\"target\":\"", act.target);
  what.close();
  line.text(",\"when\":\"", formatRfc3339(when));
  line.key(",\"why\":");
  Members why(pen);
  why.text(",\"detail\":\"", act.why, limits::kAuditActWhyBytesMax);
  why.close();
  line.text(",\"request_id\":\"", act.request_id);
  line.word(",\"decision\":\"", "operator");
  line.word(",\"reason\":\"", reasonCode(act.reason));
  line.text(",\"outcome\":\"", act.outcome);
  line.text(",\"policy\":\"", act.policy);
  line.close();
  pen.put('\n');
  out.commit(pen.size());
}

AuditRecord auditRecordOf(const Exchange& exchange) {
  const Facts& facts = exchange.facts;
  const Decision& decision = exchange.decision;
  AuditRecord record;
  record.address = exchange.client.address;
  record.peer = exchange.client.peer.ip;
  record.principal = facts.principal;
  record.channel = facts.channel;
  record.sender = facts.sender;
  record.group = facts.group;
  record.method = exchange.request.method_token;
  record.host = exchange.request.authority;
  record.path = exchange.request.target.path;
  if (exchange.route != nullptr) record.route = exchange.route->name();
  record.action = facts.action;
  record.event_type = facts.event_type;
  record.event_id = facts.event_id;
  record.when = exchange.started_wall;
  record.decision = decisionName(decision.kind);
  record.reason = reasonCode(decision.reason);
  record.filter = decision.filter;
  record.rule = decision.rule;
  record.detail = decision.why;
  record.shadows = &decision.shadows;
  record.request_id = exchange.request_id;
  record.approval_id = exchange.approval_id;
  record.status = decision.status;
  record.upstream_status = decision.upstream_status;
  record.was_forwarded = decision.was_forwarded;
  record.was_forwarded_whole = decision.was_forwarded_whole;
  record.request_bytes = decision.request_body_bytes;
  record.response_bytes = decision.response_body_bytes;
  record.policy_time = decision.policy_time;
  record.upstream_time = decision.upstream_time;
  record.total_time = decision.total_time;
  record.tags = &facts.tags;
  record.websocket = exchange.websocket;
  record.message = exchange.message;
  record.event_stream = exchange.event_stream;
  return record;
}

AuditFormat::AuditFormat(const std::vector<std::string>& fields) {
  constexpr std::array<std::pair<std::string_view, Lead>, 5> kLeads = {
      {{"who", Lead::kWho},
       {"what", Lead::kWhat},
       {"when", Lead::kWhen},
       {"why", Lead::kWhy},
       {"request_id", Lead::kRequestId}}};
  for (const std::string& field : fields) {
    for (const auto& [name, lead] : kLeads) {
      const bool is_new = std::find(leads_.begin(), leads_.end(), lead) == leads_.end();
      if (name == field && is_new) leads_.push_back(lead);
    }
  }
  if (leads_.empty()) {
    for (const auto& [name, lead] : kLeads) leads_.push_back(lead);
  }
}

void AuditFormat::append(Buffer& out, const AuditRecord& record) {
  JsonPen pen(out.prepare(limits::kAuditLineBytesMax));
  Members line(pen);
  for (const Lead lead : leads_) {
    switch (lead) {
      case Lead::kWho:
        line.key(",\"who\":");
        putWho(pen, record);
        break;
      case Lead::kWhat:
        line.key(",\"what\":");
        putWhat(pen, record);
        break;
      case Lead::kWhen:
        line.word(",\"when\":\"", time_.format(record.when));
        break;
      case Lead::kWhy:
        line.key(",\"why\":");
        putWhy(pen, record);
        break;
      case Lead::kRequestId:
        line.text(",\"request_id\":\"", record.request_id);
        break;
    }
  }
  putRest(pen, record);
  line.close();
  pen.put('\n');
  out.commit(pen.size());
}

void AuditFormat::putWho(JsonPen& pen, const AuditRecord& record) {
  Members who(pen);
  if (record.address) {
    who.key(",\"address\":");
    putAddress(pen, *record.address);
  }
  if (record.peer && record.peer != record.address) {
    who.key(",\"peer\":");
    putAddress(pen, *record.peer);
  }
  who.text(",\"principal\":\"", record.principal);
  who.text(",\"channel\":\"", record.channel);
  who.text(",\"sender\":\"", record.sender);
  who.text(",\"group\":\"", record.group);
  who.close();
}

void AuditFormat::putWhat(JsonPen& pen, const AuditRecord& record) {
  Members what(pen);
  what.text(",\"method\":\"", record.method, limits::kMethodBytesMax);
  what.text(",\"host\":\"", shownHost(record.host, scratch_));
  what.text(",\"path\":\"", shownPath(record.path, scratch_), limits::kAuditPathBytesMax);
  what.text(",\"route\":\"", record.route);
  what.text(",\"action\":\"", record.action);
  what.text(",\"event_type\":\"", record.event_type);
  what.text(",\"event_id\":\"", record.event_id);
  what.close();
}

void AuditFormat::putWhy(JsonPen& pen, const AuditRecord& record) {
  Members why(pen);
  why.text(",\"filter\":\"", record.filter);
  why.text(",\"rule\":\"", record.rule);
  why.text(",\"detail\":\"", record.detail, limits::kAuditDetailBytesMax);
  if (record.shadows != nullptr && !record.shadows->empty()) {
    why.key(",\"shadows\":");
    putShadows(pen, *record.shadows);
  }
  why.close();
}

void AuditFormat::putWebSocket(JsonPen& pen, const WebSocketReport& socket) {
  constexpr std::array<std::string_view, 4> kEnders = {"", "client", "upstream", "edgehold"};
  Members members(pen);
  if (socket.is_inspected) {
    members.number(",\"messages_in\":", socket.messages_in);
    members.number(",\"messages_out\":", socket.messages_out);
    members.number(",\"messages_denied\":", socket.messages_denied);
  }
  if (socket.close_code != 0) members.number(",\"close_code\":", socket.close_code);
  members.word(",\"ended_by\":\"", kEnders[static_cast<std::size_t>(socket.ender)]);
  members.close();
}

void AuditFormat::putMessage(JsonPen& pen, const MessageFacts& message) {
  const bool is_request = message.direction == MessageFacts::Direction::kToUpstream;
  Members members(pen);
  members.text(",\"socket\":\"", message.socket_id);
  members.number(",\"number\":", message.number);
  members.word(",\"direction\":\"", is_request ? "to_upstream" : "to_client");
  members.word(",\"type\":\"", message.is_text ? "text" : "binary");
  members.close();
}

// The closed list that is always there, whatever leads. decision and reason are among it, so that a
// record without `why` still tells what became of the exchange.
void AuditFormat::putRest(JsonPen& pen, const AuditRecord& record) {
  Members rest(pen);  // the object is open: nothing is closed, so the first comma stays
  rest.word(",\"decision\":\"", record.decision);
  rest.word(",\"reason\":\"", record.reason);
  rest.text(",\"approval_id\":\"", record.approval_id);
  rest.text(",\"policy\":\"", record.policy);
  rest.number(",\"status\":", record.status);
  if (record.upstream_status != 0) {
    rest.number(",\"upstream_status\":", record.upstream_status);
  } else if (record.was_forwarded) {  // and no answer came
    rest.word(",\"upstream\":\"", record.was_forwarded_whole ? "sent" : "begun");
  }
  rest.number(",\"request_bytes\":", record.request_bytes);
  rest.number(",\"response_bytes\":", record.response_bytes);
  rest.microseconds(",\"policy_us\":", record.policy_time);
  if (record.upstream_status != 0) {
    rest.microseconds(",\"upstream_us\":", record.upstream_time);
  }
  rest.microseconds(",\"total_us\":", record.total_time);
  if (record.event_stream) {
    rest.number(",\"events_passed\":", record.event_stream->events_passed);
    rest.number(",\"events_dropped\":", record.event_stream->events_dropped);
  }
  if (record.tags != nullptr && !record.tags->empty()) {
    rest.key(",\"tags\":");
    putTags(pen, *record.tags);
  }
  if (record.websocket) {
    rest.key(",\"websocket\":");
    putWebSocket(pen, *record.websocket);
  }
  if (record.message) {
    rest.key(",\"message\":");
    putMessage(pen, *record.message);
  }
  rest.text(",\"trace_id\":\"", record.trace_id);
}

}  // namespace edgehold
