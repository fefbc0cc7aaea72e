// SPDX-License-Identifier: Apache-2.0
// An HMAC-SHA256 in a field of its own, as most platforms send it: `sha256=` and hexadecimal, or
// base64.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "filters/channels/credentials.h"
#include "filters/field_name.h"
#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/crypto/hmac.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

using Mac = std::array<char, 32>;
using MacKeys = Credentials<HmacKey>;

class MacField {
 public:
  enum class Form : std::uint8_t { kHex, kBase64 };
  // REQUIRES: `prefix` is a literal.
  MacField(std::string name, std::string_view prefix, Form form)
      : name_(std::move(name)), prefix_(prefix), form_(form) {}

  const FieldName& name() const { return name_; }
  // Errors: kSignatureMissing, kSignatureInvalid when it comes twice or is in another form.
  Result<Mac> read(const Exchange& exchange) const;
  // What the sender would write.
  std::string write(const HmacKey& key, std::span<const ByteView> pieces) const;

 private:
  const FieldName name_;
  const std::string_view prefix_;
  const Form form_;
};

// The secrets under `key`, as they stand.
MacKeys readMacKeys(ConfigReader& config, std::string_view key, const FilterBuild& build);

// The key that stands in base64 behind `prefix`, which may be left out; nothing when it is none.
std::optional<HmacKey> macKeyFromBase64(std::string_view text, std::string_view prefix = {});

// The live key by which `mac` is that of the pieces.
std::optional<std::size_t> fittingMac(const MacKeys& keys, const Exchange& exchange,
                                      std::span<const ByteView> pieces, const Mac& mac);

}  // namespace edgehold
