// SPDX-License-Identifier: Apache-2.0
// Reads sets of keys. Thread: any (immutable).
#include "proxy/crypto/jwks.h"

#include <algorithm>
#include <optional>

#include "proxy/base/base64.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

std::string bytesMember(const Json::Value& jwk, std::string_view key) {
  return base64Decode(textMember(jwk, key), Base64::kUrlUnpadded).value_or("");
}

// RFC 7517 4.2, 4.3: what it says of its use must allow to verify.
bool isForSignatures(const Json::Value& jwk) {
  if (const Json::Value* const use = anyMember(jwk, "use"); use != nullptr) {
    if (textMember(jwk, "use") != "sig") return false;
  }
  const Json::Value* const operations = anyMember(jwk, "key_ops");
  if (operations == nullptr) return true;
  if (!operations->isArray()) return false;
  return std::any_of(operations->begin(), operations->end(), [](const Json::Value& one) {
    return one.isString() && one.asString() == "verify";
  });
}

std::optional<VerifyingKey> keyOf(const Json::Value& jwk) {
  const std::string type = textMember(jwk, "kty");
  const std::string curve = textMember(jwk, "crv");
  if (type == "RSA") return VerifyingKey::rsa(bytesMember(jwk, "n"), bytesMember(jwk, "e"));
  if (type == "EC" && curve == "P-256") {
    return VerifyingKey::p256(bytesMember(jwk, "x"), bytesMember(jwk, "y"));
  }
  if (type == "OKP" && curve == "Ed25519") return VerifyingKey::ed25519(bytesMember(jwk, "x"));
  return std::nullopt;
}

std::vector<std::string> endorsementsOf(const Json::Value& jwk) {
  std::vector<std::string> endorsements;
  const Json::Value* const list = anyMember(jwk, "endorsements");
  if (list == nullptr || !list->isArray()) return endorsements;
  for (const Json::Value& one : *list) {
    if (one.isString()) endorsements.push_back(one.asString());
  }
  std::sort(endorsements.begin(), endorsements.end());
  return endorsements;
}

std::optional<Jwk> readKey(const Json::Value& jwk) {
  if (!jwk.isObject() || !isForSignatures(jwk)) return std::nullopt;
  std::string id = textMember(jwk, "kid");
  if (id.empty() || id.size() > limits::kJwsNameBytesMax) return std::nullopt;
  auto key = keyOf(jwk);
  if (!key) return std::nullopt;
  if (anyMember(jwk, "alg") != nullptr &&
      jwsAlgorithmFromName(textMember(jwk, "alg")) != key->algorithm()) {
    return std::nullopt;
  }
  return Jwk{std::move(id), *std::move(key), endorsementsOf(jwk)};
}

}  // namespace

Result<Jwks> Jwks::parse(std::string_view text) {
  if (text.size() > limits::kJwksBytesMax) {
    return fail(Reason::kPayloadTooLarge, "the set of keys is too long");
  }
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(text));
  const Json::Value* const list = anyMember(tree, "keys");
  if (list == nullptr || !list->isArray()) return fail("the set has no list `keys`");
  if (list->size() > limits::kJwksKeysMax) return fail("the set has too many keys");
  Jwks set;
  for (const Json::Value& one : *list) {
    std::optional<Jwk> jwk = readKey(one);
    if (!jwk) continue;
    if (set.knows(jwk->id)) return fail("two keys are named `" + jwk->id + "`");
    set.keys_.push_back(*std::move(jwk));
  }
  if (set.keys_.empty()) return fail("the set has no key that we can verify with");
  return set;
}

const Jwk* Jwks::find(std::string_view id) const {
  for (const Jwk& jwk : keys_) {
    if (jwk.id == id) return &jwk;
  }
  return nullptr;
}

Result<const Jwk*> Jwks::verify(const Jws& jws) const {
  if (jws.key_id.empty()) return fail(Reason::kSignatureInvalid, "the token names no key");
  const Jwk* const jwk = find(jws.key_id);
  if (jwk == nullptr) return fail(Reason::kSignatureInvalid, "the token's key is not in the set");
  if (jwk->key.algorithm() != jws.algorithm) {
    return fail(Reason::kSignatureInvalid, "the token's algorithm is not its key's");
  }
  if (!jwk->key.verify(jws.signed_text, jws.signature)) return fail(Reason::kSignatureInvalid);
  return jwk;
}

}  // namespace edgehold
