// SPDX-License-Identifier: Apache-2.0
// Standard Webhooks, and Svix from which it comes (standard-webhooks/standard-webhooks, spec): id,
// time and body are signed, by HMAC-SHA256 (`v1`) or Ed25519 (`v1a`); a list of signatures lets
// keys be rolled: one that fits is enough, whatever the others are. The key is what stands in
// base64 behind `whsec_` or `whpk_`.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/mac_field.h"
#include "filters/channels/replies.h"
#include "filters/channels/sample_key.h"
#include "filters/grammar.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/ed25519.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using Ed25519Signature = std::array<char, kEd25519SignatureBytes>;

constexpr std::string_view kPublicPrefix = "whpk_";

// How long a sender retries is its own affair; days are usual. What its events are called, too.
const ChannelTraits kTraits = {.window = 300s, .retry_horizon = 72h, .known_events = {}};

// The fields, under the standard's names or Svix's.
struct FieldNames {
  FieldName id, time, signatures;
};
const std::array<FieldNames, 2> kNames = {{
    {FieldName("webhook-id"), FieldName("webhook-timestamp"), FieldName("webhook-signature")},
    {FieldName("svix-id"), FieldName("svix-timestamp"), FieldName("svix-signature")},
}};

struct SignedHead {
  std::string_view id, time, signatures;
  bool operator==(const SignedHead&) const = default;
  std::array<ByteView, 5> pieces(ByteView body) const { return {id, ".", time, ".", body}; }
};

// A dot in it would be the border of another text.
bool isId(std::string_view id) {
  if (id.empty() || id.size() > limits::kFactBytesMax) return false;
  for (const char c : id) {
    if (c <= ' ' || c > '~' || c == '.') return false;
  }
  return true;
}

Result<SignedHead> readHead(const Exchange& exchange, const FieldNames& names) {
  SignedHead head;
  TRY_ASSIGN(head.signatures, signatureField(exchange, names.signatures));
  TRY_ASSIGN(head.id,
             singleField(exchange, names.id, Reason::kSignatureMissing, Reason::kSignatureInvalid));
  TRY_ASSIGN(head.time, singleField(exchange, names.time, Reason::kTimestampMissing,
                                    Reason::kTimestampMissing));
  if (!isId(head.id)) return fail(Reason::kSignatureInvalid, "the id has not the form of one");
  if (isEpochTime(head.time, 10)) return head;
  return fail(Reason::kTimestampMissing, "the timestamp is not 10 digits");
}

bool hasAny(const Exchange& exchange, const FieldNames& names) {
  const Headers& headers = exchange.request.headers;
  return names.id.find(headers).count + names.time.find(headers).count +
             names.signatures.find(headers).count >
         0;
}

// Of both sets of names the upstream may read the one that we did not verify: they must agree.
Result<SignedHead> readHead(const Exchange& exchange) {
  if (!hasAny(exchange, kNames[1])) return readHead(exchange, kNames[0]);
  TRY_ASSIGN(const SignedHead svix, readHead(exchange, kNames[1]));
  if (!hasAny(exchange, kNames[0])) return svix;
  TRY_ASSIGN(const SignedHead standard, readHead(exchange, kNames[0]));
  if (svix == standard) return standard;
  return fail(Reason::kSignatureInvalid, "`svix-` and `webhook-` fields differ");
}

// Calls visit(version, signature) with each of the list. What is no such pair is passed over, as
// the standard wants it of versions that are not ours.
template <class Visit>
Result<void> forEachSignature(std::string_view list, Visit visit) {
  for (std::size_t count = 0; !list.empty();) {
    const std::string_view one = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    if (one.empty()) continue;  // between two blanks
    if (count++ >= limits::kSignaturesMax) {
      return fail(Reason::kSignatureInvalid, "too long a list of signatures");
    }
    const std::size_t comma = one.find(',');
    if (comma != std::string_view::npos) visit(one.substr(0, comma), one.substr(comma + 1));
  }
  return {};
}

class StandardChannel final : public Channel {
 public:
  StandardChannel(MacKeys secrets, Credentials<Ed25519Key> public_keys)
      : secrets_(std::move(secrets)), public_keys_(std::move(public_keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    if (firstLive(public_keys_, exchange.started_wall) == nullptr) {
      TRY(requireLive(secrets_, exchange.started_wall));
    }
    TRY(readHead(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const SignedHead head, readHead(exchange));
    std::optional<std::size_t> found;
    bool has_ours = false;
    TRY(forEachSignature(head.signatures, [&](std::string_view version, std::string_view text) {
      if (!isOurs(version)) return;
      has_ours = true;
      const auto key = fitting(exchange, head, version, text);
      if (!found) found = key;
    }));
    if (!has_ours) return fail(Reason::kSignatureMissing, "no signature of a version that is ours");
    if (!found) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), parseTimestamp(head.time, TimeUnit::kSeconds), *found};
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const SignedHead head, readHead(exchange));
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    Received received;
    received.event.type = body.fact({"type"});
    received.event.id = exchange.arena.copy(head.id);
    received.event.timestamp_ms = body.time({"timestamp"});
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    SampleRequest request;
    request.body =
        wish.body.empty() ? R"({"type":"contact.created","data":{"id":"1"}})" : wish.body;
    const std::string id = "msg_" + randomHex(wish.random, 2);
    const std::string time = std::to_string(unixSeconds(wish.now));
    TRY_ASSIGN(const std::string signature, sampleSignature(wish, {id, time, {}}, request.body));
    request.headers = {{"Content-Type", "application/json"},
                       {kNames[0].id.text(), id},
                       {kNames[0].time.text(), time},
                       {kNames[0].signatures.text(), signature}};
    return request;
  }
  bool takesSigningKey() const override { return !public_keys_.empty(); }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply(204);
  }

 private:
  Result<std::string> sampleSignature(const SampleWish& wish, const SignedHead& head,
                                      std::string_view body) const {
    const auto pieces = head.pieces(body);
    const HmacKey* const key = firstLive(secrets_, wish.now);
    if (wish.signing_key == nullptr && (key != nullptr || public_keys_.empty())) {
      if (key == nullptr) return fail("no secret has resolved");
      return "v1," + base64Encode(key->sign(pieces).view(), Base64::kStandard);
    }
    std::string message;
    for (const ByteView piece : pieces) message += piece;
    TRY_ASSIGN(const std::string signature, signSample(
                                                wish, public_keys_,
                                                [](ByteView one) {
                                                  return std::string(kPublicPrefix) +
                                                         base64Encode(one, Base64::kStandard);
                                                },
                                                message));
    return "v1a," + base64Encode(signature, Base64::kStandard);
  }
  // Whether there are keys for it.
  bool isOurs(std::string_view version) const {
    return version == "v1" ? !secrets_.empty() : version == "v1a" && !public_keys_.empty();
  }
  // Nothing when no key fits, or `text` is no base64 of its size. REQUIRES: isOurs(version).
  std::optional<std::size_t> fitting(const Exchange& exchange, const SignedHead& head,
                                     std::string_view version, std::string_view text) const {
    const auto pieces = head.pieces(exchange.body.view());
    if (version == "v1") {
      Mac mac{};
      if (!decodeBase64Into(text, Base64::kStandard, mac)) return std::nullopt;
      return fittingMac(secrets_, exchange, pieces, mac);
    }
    Ed25519Signature signature{};
    if (!decodeBase64Into(text, Base64::kStandard, signature)) return std::nullopt;
    return fittingKey(public_keys_, exchange.started_wall, [&](const Ed25519Key& key) {
      return key.verify(pieces, {signature.data(), signature.size()});
    });
  }

  const MacKeys secrets_;
  const Credentials<Ed25519Key> public_keys_;
};

std::optional<Ed25519Key> publicKeyFrom(std::string_view text) {
  const bool has_prefix = text.starts_with(kPublicPrefix);
  const auto bytes =
      base64Decode(has_prefix ? text.substr(kPublicPrefix.size()) : text, Base64::kStandard);
  return bytes ? Ed25519Key::fromPublic(*bytes) : std::nullopt;
}

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  MacKeys secrets;
  Credentials<Ed25519Key> public_keys;
  if (config.has("public_keys")) {
    public_keys = readPublicKeys<Ed25519Key>(
        config, "public_keys", "is no key: `whpk_` and 32 bytes in base64", publicKeyFrom);
  }
  if (config.has("secrets") || !config.has("public_keys")) {
    secrets = readKeys<HmacKey>(config, "secrets", build, "is no base64 behind `whsec_`",
                                [](ByteView secret) { return macKeyFromBase64(secret, "whsec_"); });
  }
  return std::make_unique<StandardChannel>(std::move(secrets), std::move(public_keys));
}

}  // namespace

ChannelDialect standardWebhooksDialect() { return {"standard_webhooks", make}; }

}  // namespace edgehold
