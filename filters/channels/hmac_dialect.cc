// SPDX-License-Identifier: Apache-2.0
// The dialect `hmac`: any sender that signs its callbacks with a shared secret. What others hard
// code is configuration here: names of fields, signed text, digest, encoding, where the facts are.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/signed_text.h"
#include "filters/field_name.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/hmac.h"
#include "proxy/crypto/secret.h"

namespace edgehold {
namespace {

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
  std::vector<HmacKey> keys;     // live versions; none: nothing can be verified
  std::optional<Reply> success;  // for a duplicate; none: the edge's own
};

// The only field of that name.
Result<std::string_view> singleField(const Exchange& exchange, const FieldName& name,
                                     Reason missing, Reason repeated) {
  const FieldName::Found found = name.find(exchange.request.headers);
  if (found.count == 0) return fail(missing, "no `" + name.text() + "`");
  if (found.count > 1) return fail(repeated, "`" + name.text() + "` comes more than once");
  return found.value;
}

bool decodeHex(std::string_view text, DigestBytes& out) {
  if (text.size() != out.size * 2) return false;
  int all = 0;  // negative as soon as one digit is none
  const char* digit = text.data();
  for (std::size_t i = 0; i < out.size; ++i, digit += 2) {
    const int value = hexValue(digit[0]) * 16 | hexValue(digit[1]);
    all |= value;
    out.bytes[i] = static_cast<char>(value);
  }
  return all >= 0;
}

bool decodeBase64(std::string_view text, Base64 form, DigestBytes& out) {
  std::array<char, base64DecodedSizeMax(2 * kDigestBytesMax)> bytes;
  if (text.size() > 2 * kDigestBytesMax) return false;
  const auto decoded = base64Decode(text, form, bytes);
  if (!decoded || *decoded != out.size) return false;
  std::copy_n(bytes.begin(), out.size, out.bytes.begin());
  return true;
}

class HmacChannel final : public Channel {
 public:
  explicit HmacChannel(Parts parts) : parts_(std::move(parts)) {}

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(readHead(exchange));
    return {};
  }

  Result<Received> receive(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(const SignedHead head, readHead(exchange));
    TRY_ASSIGN(const SignedText::Pieces pieces, parts_.signed_text->evaluate(exchange, head.time));
    bool is_genuine = false;
    // Every key is tried, whichever fits: time tells nothing about which.
    for (const HmacKey& key : parts_.keys) is_genuine |= key.verify(pieces.span(), head.mac.view());
    if (!is_genuine) return fail(Reason::kSignatureInvalid);
    return readFacts(exchange, services, head.time);
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
    if (parts_.keys.empty()) return fail(Reason::kSecretUnavailable, "no secret has resolved");
    TRY_ASSIGN(const DigestBytes mac, readSignature(exchange));
    TRY_ASSIGN(const std::string_view time, readTimestampField(exchange));
    return SignedHead{mac, time};
  }

  Result<DigestBytes> readSignature(const Exchange& exchange) const {
    const SignatureForm& form = parts_.signature;
    TRY_ASSIGN(std::string_view text, singleField(exchange, form.header, Reason::kSignatureMissing,
                                                  Reason::kSignatureInvalid));
    if (!text.starts_with(form.prefix)) {
      return fail(Reason::kSignatureInvalid, "the signature lacks its prefix");
    }
    text.remove_prefix(form.prefix.size());
    DigestBytes mac;
    mac.size = digestSize(parts_.digest);
    const bool is_decoded = form.encoding == Encoding::kHex ? decodeHex(text, mac)
                            : form.encoding == Encoding::kBase64
                                ? decodeBase64(text, Base64::kStandard, mac)
                                : decodeBase64(text, Base64::kUrlUnpadded, mac);
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

  Result<Received> readFacts(Exchange& exchange, Services& services, std::string_view time) const {
    Received received;
    const TimestampForm& form = parts_.timestamp;
    if (!time.empty()) received.facts.timestamp_ms = parseTimestamp(time, form.unit);
    if (parts_.facts.empty() && !form.pointer) return received;
    if (const auto& document = exchange.json(services.json); !document) {
      return fail(document.error());
    }
    if (form.pointer) {
      TRY_ASSIGN(const auto text, form.pointer->find(exchange, services));
      received.facts.timestamp_ms = text ? parseTimestamp(*text, form.unit) : std::nullopt;
      if (!received.facts.timestamp_ms) return fail(Reason::kTimestampMissing);
    }
    const auto read = [&](const std::optional<ValueSource>& source, std::string_view& fact) {
      if (!source) return;
      const auto text = source->find(exchange, services);  // the body is JSON by now
      if (text && *text) fact = exchange.keepFact(**text);
    };
    read(parts_.facts.event_id, received.facts.event_id);
    read(parts_.facts.event_type, received.facts.event_type);
    read(parts_.facts.group, received.facts.group);
    read(parts_.facts.sender, received.facts.sender);
    return received;
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

void readKeys(ConfigReader& config, const FilterBuild& build, Parts& parts) {
  const SecretVersions versions = build.secrets.read(config, "secrets");
  if (versions.size() > limits::kSecretsMax) config.reject("secrets", "more than 16 live secrets");
  static_assert(limits::kSecretsMax == 16, "the message above says so");
  parts.keys.reserve(versions.size());
  for (const auto& secret : versions) {
    // Anybody can sign with an empty key: one that resolved to nothing is not live.
    if (secret != nullptr && !secret->empty())
      parts.keys.emplace_back(parts.digest, secret->reveal());
  }
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
  readKeys(config, build, parts);
  if (!parts.signed_text) return nullptr;
  return std::make_unique<HmacChannel>(std::move(parts));
}

}  // namespace

ChannelDialect hmacDialect() { return {"hmac", make}; }

}  // namespace edgehold
