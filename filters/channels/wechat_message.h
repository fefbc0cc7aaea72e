// SPDX-License-Identifier: Apache-2.0
// The messages that WeCom apps and WeChat push: the same members as XML or as JSON.
// Thread: one loop (owned by the call).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "filters/channels/channel.h"
#include "filters/channels/xml.h"
#include "proxy/base/json.h"

namespace edgehold {

enum class MessageFormat : std::uint8_t { kAny, kXml, kJson };

// What `text` begins as: `<` or `{`. Errors: kMalformedRequest when it is neither or not `wanted`.
Result<MessageFormat> formatOf(std::string_view text, MessageFormat wanted);

// The encrypted text of an envelope, under `name`, copied to the exchange. The envelope is not
// signed, so it may hold nothing but `names`: another reader might take it for what was said.
// Errors: kMalformedRequest, kJsonInvalid, kSignatureInvalid when there is none.
struct EnvelopeForm {
  MessageFormat format = MessageFormat::kAny;
  std::string_view name;
  std::initializer_list<std::string_view> names;
};
Result<std::string_view> encryptedOf(Exchange& exchange, Services& services,
                                     const EnvelopeForm& form);

// Reads the event of a verified text. The id is MsgId; events have none, and FromUserName with
// CreateTime is not unique (`sys` may change a hundred contacts in one second): they get a digest
// of their text beside it. Errors as of Channel::read.
struct MessageForm {
  MessageFormat format = MessageFormat::kAny;
  bool has_change_type = false;  // Event.ChangeType is the type, and InfoType may stand for it
};
Result<Received> readMessage(Exchange& exchange, Services& services, std::string_view text,
                             const MessageForm& form);

// A message with a new id, as both platforms would send it.
std::string sampleMessage(const SampleWish& wish);

}  // namespace edgehold
