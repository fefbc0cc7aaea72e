// SPDX-License-Identifier: Apache-2.0
// One set of members out of two formats.
// Thread: one loop (owned by the call).
#include "filters/channels/wechat_message.h"

#include <algorithm>
#include <string>

#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/grammar.h"
#include "proxy/base/clock.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::string_view kRootName = "xml";

// The members of a message, looked up by name in either format.
class Members {
 public:
  static Result<Members> read(Exchange& exchange, Services& services, std::string_view text,
                              MessageFormat format) {
    TRY_ASSIGN(const MessageFormat found, formatOf(text, format));
    Members members(exchange);
    if (found == MessageFormat::kXml) {
      TRY_ASSIGN(members.xml_, XmlDocument::parse(text, exchange.arena));
      if (members.xml_->rootName() == kRootName) return members;
      return fail(Reason::kMalformedRequest, "the root is not `xml`");
    }
    TRY_ASSIGN(const JsonFacts facts, objectFacts(exchange, services));
    members.json_.emplace(facts);
    return members;
  }

  // Without blanks around; empty when there is none.
  Result<std::string_view> text(std::string_view name) const {
    if (json_) return json_->id({name});
    TRY_ASSIGN(const auto text, xml_->text(name, exchange_.arena));
    const std::string_view found = trimBlanks(text.value_or(""));
    if (found.size() > limits::kFactBytesMax) return hashFact(exchange_, found);
    return found;
  }

 private:
  explicit Members(Exchange& exchange) : exchange_(exchange) {}
  Exchange& exchange_;
  std::optional<XmlDocument> xml_;
  std::optional<JsonFacts> json_;
};

// MsgType; of events what they are about.
Result<std::string_view> typeOf(const Members& members, const MessageForm& form,
                                Exchange& exchange) {
  TRY_ASSIGN(std::string_view type, members.text("MsgType"));
  if (type == "event") {
    TRY_ASSIGN(type, members.text("Event"));
  } else if (type.empty() && form.has_change_type) {
    TRY_ASSIGN(type, members.text("InfoType"));
  } else {
    return type;
  }
  if (!form.has_change_type) return type;
  TRY_ASSIGN(const std::string_view change, members.text("ChangeType"));
  return change.empty() ? type : exchange.keepFact(exchange.arena.join({type, ".", change}));
}

tl::unexpected<Error> notEncrypted() {
  return fail(Reason::kSignatureInvalid, "no encrypted text, or unsigned text beside it");
}

Result<std::string_view> encryptedOfXml(Exchange& exchange, const EnvelopeForm& form) {
  TRY_ASSIGN(const XmlDocument document, XmlDocument::parse(exchange.body.view(), exchange.arena));
  if (!document.hasOnly(form.names)) return notEncrypted();
  TRY_ASSIGN(const auto text, document.text(form.name, exchange.arena));
  if (!text || document.rootName() != kRootName) return notEncrypted();
  return *text;
}

}  // namespace

Result<MessageFormat> formatOf(std::string_view text, MessageFormat wanted) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const char first = begin == std::string_view::npos ? '\0' : text[begin];
  const auto found = first == '<'   ? MessageFormat::kXml
                     : first == '{' ? MessageFormat::kJson
                                    : MessageFormat::kAny;
  if (found != MessageFormat::kAny && (wanted == MessageFormat::kAny || wanted == found)) {
    return found;
  }
  return fail(Reason::kMalformedRequest, "the body is not in the format that is expected");
}

Result<std::string_view> encryptedOf(Exchange& exchange, Services& services,
                                     const EnvelopeForm& form) {
  TRY_ASSIGN(const MessageFormat found, formatOf(exchange.body.view(), form.format));
  if (found == MessageFormat::kXml) return encryptedOfXml(exchange, form);
  // Not exchange.json(): that is for what it decrypts to.
  TRY_ASSIGN(const JsonDocument document, services.json.parse(exchange.body.view()));
  std::string_view text;
  for (const JsonMember& member : document.root().members()) {
    if (std::find(form.names.begin(), form.names.end(), member.key) == form.names.end()) {
      return notEncrypted();
    }
    if (member.key == form.name) text = member.value.asString().value_or("");
  }
  if (text.empty()) return notEncrypted();
  return exchange.arena.copy(text);
}

Result<Received> readMessage(Exchange& exchange, Services& services, std::string_view text,
                             const MessageForm& form) {
  TRY_ASSIGN(const Members members, Members::read(exchange, services, text, form.format));
  Received received;
  ChannelEvent& event = received.event;
  TRY_ASSIGN(event.type, typeOf(members, form, exchange));
  TRY_ASSIGN(event.sender, members.text("FromUserName"));
  TRY_ASSIGN(event.id, members.text("MsgId"));
  TRY_ASSIGN(const std::string_view created, members.text("CreateTime"));
  if (isEpochTime(created, 10)) event.timestamp_ms = parseTimestamp(created, TimeUnit::kSeconds);
  if (!event.id.empty()) return received;
  received.digest = hashFact(exchange, text);
  event.id =
      event.sender.empty() ? received.digest : exchange.arena.join({event.sender, ":", created});
  if (event.id.size() > limits::kFactBytesMax) event.id = received.digest;
  return received;
}

std::string sampleMessage(const SampleWish& wish) {
  std::string text =
      "<xml><ToUserName><![CDATA[SAMPLE]]></ToUserName>"
      "<FromUserName><![CDATA[SAMPLE]]></FromUserName><CreateTime>";
  text.append(std::to_string(unixSeconds(wish.now)));
  text.append("</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hello]]>");
  text.append("</Content><MsgId>").append(std::to_string(wish.random.next() >> 1));
  return text.append("</MsgId></xml>");
}

}  // namespace edgehold
