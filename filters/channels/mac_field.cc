// SPDX-License-Identifier: Apache-2.0
// Reads and compares MACs. Thread: any (immutable).
#include "filters/channels/mac_field.h"

#include "filters/channels/head_fields.h"

namespace edgehold {

Result<Mac> MacField::read(const Exchange& exchange) const {
  TRY_ASSIGN(std::string_view text, signatureField(exchange, name_));
  Mac mac{};
  const bool has_prefix = text.starts_with(prefix_);
  if (has_prefix) text.remove_prefix(prefix_.size());
  const bool is_mac = form_ == Form::kHex ? decodeHexInto(text, mac)
                                          : decodeBase64Into(text, Base64::kStandard, mac);
  if (has_prefix && is_mac) return mac;
  return fail(Reason::kSignatureInvalid, "`" + name_.text() + "` is no SHA-256 MAC in its form");
}

std::string MacField::write(const HmacKey& key, std::span<const ByteView> pieces) const {
  const DigestBytes mac = key.sign(pieces);
  std::string text(prefix_);
  return text.append(form_ == Form::kHex ? hexEncode(mac.view())
                                         : base64Encode(mac.view(), Base64::kStandard));
}

MacKeys readMacKeys(ConfigReader& config, std::string_view key, const FilterBuild& build) {
  return readKeys<HmacKey>(config, key, build, {}, [](ByteView secret) {
    return std::optional<HmacKey>(std::in_place, DigestKind::kSha256, secret);
  });
}

std::optional<HmacKey> macKeyFromBase64(std::string_view text, std::string_view prefix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  auto bytes = base64Decode(text, Base64::kStandard);
  if (!bytes || bytes->empty()) return std::nullopt;
  const SecretString key = SecretString::take(*std::move(bytes));
  return std::optional<HmacKey>(std::in_place, DigestKind::kSha256, key.reveal());
}

std::optional<std::size_t> fittingMac(const MacKeys& keys, const Exchange& exchange,
                                      std::span<const ByteView> pieces, const Mac& mac) {
  return fittingKey(keys, exchange.started_wall, [&](const HmacKey& key) {
    return key.verify(pieces, {mac.data(), mac.size()});
  });
}

}  // namespace edgehold
