// SPDX-License-Identifier: Apache-2.0
// Splits and decodes a compact JWS, and judges its header.
// Thread: one loop (owned by the call).
#include "proxy/crypto/jws.h"

#include <algorithm>
#include <array>
#include <optional>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// They would let a token choose its key, or mean something else than we would verify.
constexpr std::array<std::string_view, 7> kRefusedMembers = {"crit", "b64", "zip", "enc",
                                                             "jwk",  "jku", "x5u"};

tl::unexpected<Error> refuse(std::string message) {
  return fail(Reason::kSignatureInvalid, std::move(message));
}

Result<std::string> decodePart(std::string_view text, const char* what) {
  auto bytes = base64Decode(text, Base64::kUrlUnpadded);
  if (!bytes || bytes->empty()) return refuse(std::string(what) + " is no base64url");
  return *std::move(bytes);
}

// A bounded text; an empty one when it is absent.
Result<std::string> textMember(JsonValue header, std::string_view key) {
  const auto value = header.member(key);
  if (!value) return std::string();
  const auto text = value->asString();
  if (!text || text->empty() || text->size() > limits::kJwsNameBytesMax) {
    return refuse("`" + std::string(key) + "` is no text of a usual length");
  }
  return std::string(*text);
}

Result<void> readHeader(std::string_view text, JsonPool& pool, Jws& jws) {
  const auto document = pool.parse(text);
  if (!document) return refuse("its header is no JSON");
  const JsonValue header = document->root();
  if (header.kind() != JsonKind::kObject) return refuse("its header is no object");
  for (const std::string_view member : kRefusedMembers) {
    if (header.member(member)) return refuse("its header has `" + std::string(member) + "`");
  }
  TRY_ASSIGN(const std::string algorithm, textMember(header, "alg"));
  const auto known = jwsAlgorithmFromName(algorithm);
  if (!known) return refuse("its algorithm is none of ours");
  jws.algorithm = *known;
  TRY_ASSIGN(jws.key_id, textMember(header, "kid"));
  TRY_ASSIGN(jws.type, textMember(header, "typ"));
  return {};
}

}  // namespace

Result<Jws> readJws(std::string_view text, JsonPool& pool) {
  if (text.size() > limits::kJwsBytesMax) return refuse("the token is too long");
  if (std::count(text.begin(), text.end(), '.') != 2)
    return refuse("the token has not three parts");
  const std::size_t first = text.find('.');
  const std::size_t second = text.rfind('.');
  Jws jws;
  jws.signed_text = text.substr(0, second);
  TRY_ASSIGN(const std::string header, decodePart(text.substr(0, first), "its header"));
  TRY_ASSIGN(jws.payload, decodePart(text.substr(first + 1, second - first - 1), "its payload"));
  TRY_ASSIGN(jws.signature, decodePart(text.substr(second + 1), "its signature"));
  TRY(readHeader(header, pool, jws));
  return jws;
}

}  // namespace edgehold
