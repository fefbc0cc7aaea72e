// SPDX-License-Identifier: Apache-2.0
// The dialect `hmac`: any sender that signs its callbacks with a shared secret. What others hard
// code is configuration here: names of fields, signed text, digest, encoding, where the facts are.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/credentials.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/signed_text.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/crypto/hmac.h"

namespace edgehold {
namespace {

// Freshness, event types and budgets are what operators say in filters of their own.
const ChannelTraits kTraits = {};

enum class Encoding : std::uint8_t { kHex, kBase64, kBase64Url };

struct SignatureForm {
  FieldName header;
  std::string prefix;  // `sha256=`
  Encoding encoding = Encoding::kHex;
};

// Where the event's own time is: in a header or in the body, never in both.
struct TimestampForm {
  FieldName header;
  std::optional<ValueSource> pointer;
  TimeUnit unit = TimeUnit::kSeconds;
};

struct FactPointers {
  std::optional<ValueSource> event_id, event_type, group, sender;
  bool empty() const { return !event_id && !event_type && !group && !sender; }
};

struct Parts {
  SignatureForm signature;
  std::optional<SignedText> signed_text;
  DigestKind digest = DigestKind::kSha256;
  TimestampForm timestamp;
  FactPointers facts;
  Credentials<HmacKey> keys;     // none live: nothing can be verified
  std::optional<Reply> success;  // for a duplicate; none: the edge's own
};

class HmacChannel final : public Channel {
 public:
  explicit HmacChannel(Parts parts) : parts_(std::move(parts)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(readHead(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const SignedHead head, readHead(exchange));
    TRY_ASSIGN(const SignedText::Pieces pieces, parts_.signed_text->evaluate(exchange, head.time));
    const auto key = fittingKey(parts_.keys, exchange.started_wall, [&](const HmacKey& one) {
      return one.verify(pieces.span(), head.mac.view());
    });
    if (!key) return fail(Reason::kSignatureInvalid);
    Verified verified{exchange.body.view(), {}, *key};
    if (!head.time.empty()) {
      verified.signed_at_ms = parseTimestamp(head.time, parts_.timestamp.unit);
    }
    return verified;
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    Received received;
    if (parts_.facts.empty() && !parts_.timestamp.pointer) return received;
    if (const auto& document = exchange.json(services.json); !document) {
      return fail(document.error());
    }
    TRY(readTime(exchange, services, received.event));
    const auto read = [&](const std::optional<ValueSource>& source, std::string_view& fact) {
      if (!source) return;
      const auto text = source->find(exchange, services);  // the body is JSON by now
      if (text && *text) fact = exchange.keepFact(**text);
    };
    read(parts_.facts.event_id, received.event.id);
    read(parts_.facts.event_type, received.event.type);
    read(parts_.facts.group, received.event.group);
    read(parts_.facts.sender, received.event.sender);
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const HmacKey* const key = firstLive(parts_.keys, wish.now);
    if (key == nullptr) return fail("no secret has resolved");
    if (wish.body.empty()) {
      return fail("what its sender's events look like is not known: give one with --body");
    }
    SampleRequest request;
    request.body = wish.body;
    std::string time;
    if (!parts_.timestamp.header.empty()) {
      const bool in_seconds = parts_.timestamp.unit == TimeUnit::kSeconds;
      time = std::to_string(in_seconds ? unixSeconds(wish.now) : unixMilliseconds(wish.now));
      request.headers.emplace_back(parts_.timestamp.header.text(), time);
    }
    Exchange exchange;
    exchange.body.append(request.body);
    exchange.request.method_token = request.method;
    exchange.request.target.path = exchange.request.target.text = wish.path;
    TRY_ASSIGN(const SignedText::Pieces pieces, parts_.signed_text->evaluate(exchange, time));
    request.headers.emplace_back(parts_.signature.header.text(),
                                 signatureText(key->sign(pieces.span()).view()));
    request.headers.emplace_back("Content-Type", "application/json");
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return parts_.success;
  }

 private:
  struct SignedHead {
    DigestBytes mac;
    std::string_view time;  // the digits; empty when the time is not in a header
  };
  Result<SignedHead> readHead(const Exchange& exchange) const {
    TRY(requireLive(parts_.keys, exchange.started_wall));
    TRY_ASSIGN(const DigestBytes mac, readSignature(exchange));
    TRY_ASSIGN(const std::string_view time, readTimestampField(exchange));
    return SignedHead{mac, time};
  }

  std::string signatureText(ByteView mac) const {
    switch (parts_.signature.encoding) {
      case Encoding::kHex:
        return parts_.signature.prefix + hexEncode(mac);
      case Encoding::kBase64:
        return parts_.signature.prefix + base64Encode(mac, Base64::kStandard);
      case Encoding::kBase64Url:
        break;
    }
    return parts_.signature.prefix + base64Encode(mac, Base64::kUrlUnpadded);
  }

  Result<DigestBytes> readSignature(const Exchange& exchange) const {
    const SignatureForm& form = parts_.signature;
    TRY_ASSIGN(std::string_view text, signatureField(exchange, form.header));
    if (!text.starts_with(form.prefix)) {
      return fail(Reason::kSignatureInvalid, "the signature lacks its prefix");
    }
    text.remove_prefix(form.prefix.size());
    DigestBytes mac;
    mac.size = digestSize(parts_.digest);
    const std::span<char> room(mac.bytes.data(), mac.size);
    const bool is_decoded = form.encoding == Encoding::kHex ? decodeHexInto(text, room)
                            : form.encoding == Encoding::kBase64
                                ? decodeBase64Into(text, Base64::kStandard, room)
                                : decodeBase64Into(text, Base64::kUrlUnpadded, room);
    if (!is_decoded) return fail(Reason::kSignatureInvalid, "the signature is no digest");
    return mac;
  }

  Result<std::string_view> readTimestampField(const Exchange& exchange) const {
    const TimestampForm& form = parts_.timestamp;
    if (form.header.empty()) return std::string_view();
    TRY_ASSIGN(
        const std::string_view text,
        singleField(exchange, form.header, Reason::kTimestampMissing, Reason::kTimestampMissing));
    if (parseTimestamp(text, form.unit)) return text;
    return fail(Reason::kTimestampMissing, "`" + form.header.text() + "` is no time");
  }

  Result<void> readTime(Exchange& exchange, Services& services, ChannelEvent& event) const {
    const TimestampForm& form = parts_.timestamp;
    if (!form.pointer) return {};
    TRY_ASSIGN(const auto text, form.pointer->find(exchange, services));
    event.timestamp_ms = text ? parseTimestamp(*text, form.unit) : std::nullopt;
    if (!event.timestamp_ms) return fail(Reason::kTimestampMissing);
    return {};
  }

  const Parts parts_;
};

SignatureForm readSignatureForm(ConfigReader& config) {
  SignatureForm form;
  auto signature = config.child("signature");
  if (!signature) {
    config.reject("signature", "needs a map such as `{header: X-Signature, encoding: hex}`");
    return form;
  }
  form.header = FieldName(signature->requiredText("header"));
  if (!form.header.empty() && !isFieldName(form.header.text())) {
    signature->reject("header", "names no header");
  }
  form.prefix = signature->text("prefix");
  form.encoding = signature->choice<Encoding>("encoding", Encoding::kHex,
                                              {{"hex", Encoding::kHex},
                                               {"base64", Encoding::kBase64},
                                               {"base64url", Encoding::kBase64Url}});
  signature->finish();
  return form;
}

TimestampForm readTimestampForm(ConfigReader& config) {
  TimestampForm form;
  auto timestamp = config.child("timestamp");
  if (!timestamp) return form;
  form.header = FieldName(timestamp->text("header"));
  form.pointer = readPointer(*timestamp, "pointer");
  form.unit = readTimeUnit(*timestamp);
  if (!form.header.empty() && !isFieldName(form.header.text())) {
    timestamp->reject("header", "names no header");
  }
  if (form.header.empty() == !timestamp->has("pointer")) {
    timestamp->reject("header", "give one of `header` and `pointer`");
  }
  timestamp->finish();
  return form;
}

FactPointers readFactPointers(ConfigReader& config) {
  FactPointers pointers;
  auto facts = config.child("facts");
  if (!facts) return pointers;
  pointers.event_id = readPointer(*facts, "event_id");
  pointers.event_type = readPointer(*facts, "event_type");
  pointers.group = readPointer(*facts, "group");
  pointers.sender = readPointer(*facts, "sender");
  facts->finish();
  return pointers;
}

std::optional<SignedText> readSignedText(ConfigReader& config, const TimestampForm& timestamp) {
  const std::string text =
      config.text("signed", timestamp.header.empty() ? "{body}" : "{timestamp}.{body}");
  Result<SignedText> compiled = SignedText::compile(text);
  if (!compiled) {
    config.reject("signed", compiled.error().message);
    return std::nullopt;
  }
  // A time that is not signed can be rewritten, and one that is not there cannot be signed.
  if (!timestamp.header.empty() && !compiled->usesTimestamp()) {
    config.reject("signed", "must hold `{timestamp}`, or a replay only needs a new header");
  }
  if (timestamp.header.empty() && compiled->usesTimestamp()) {
    config.reject("signed", "`{timestamp}` needs `timestamp: {header: …}`");
  }
  return *std::move(compiled);
}

std::optional<Reply> readSuccess(ConfigReader& config) {
  auto reply = config.child("reply");
  if (!reply) return std::nullopt;
  Reply success;
  success.status = static_cast<std::uint16_t>(reply->number("status", 200, 200, 299));
  success.content_type = reply->text("content_type", "application/json");
  success.body = reply->text("body");
  success.has_body = true;
  reply->finish();
  return success;
}

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  Parts parts;
  parts.signature = readSignatureForm(config);
  parts.digest = config.choice<DigestKind>("digest", DigestKind::kSha256,
                                           {{"sha256", DigestKind::kSha256},
                                            {"sha1", DigestKind::kSha1},
                                            {"sha512", DigestKind::kSha512}});
  parts.timestamp = readTimestampForm(config);
  parts.facts = readFactPointers(config);
  parts.signed_text = readSignedText(config, parts.timestamp);
  parts.success = readSuccess(config);
  parts.keys = readKeys<HmacKey>(config, "secrets", build, {}, [&](ByteView secret) {
    return std::optional<HmacKey>(std::in_place, parts.digest, secret);
  });
  if (!parts.signed_text) return nullptr;
  return std::make_unique<HmacChannel>(std::move(parts));
}

}  // namespace

ChannelDialect hmacDialect() { return {"hmac", make}; }

}  // namespace edgehold
