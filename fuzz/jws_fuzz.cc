// SPDX-License-Identifier: Apache-2.0
// Any token and any set of keys, an empty line between them: a token that is read is written back
// to itself, and no key verifies what nobody signed. Thread: main only.
#include <string>
#include <string_view>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/crypto/jwks.h"
#include "proxy/crypto/jws.h"
#include "proxy/crypto/jwt_claims.h"

namespace edgehold {
namespace {

class FixedRandom final : public Random {
 public:
  std::uint64_t next() override { return 0x9E3779B97F4A7C15u; }
};

void checkToken(std::string_view text, const Result<Jwks>& keys) {
  static FixedRandom random;
  static JsonPool pool(random);
  const auto jws = readJws(text, pool);
  if (!jws) return;
  CHECK_LE(text.size(), limits::kJwsBytesMax);
  CHECK_EQ(std::string(jws->signed_text) + "." + base64Encode(jws->signature, Base64::kUrlUnpadded),
           text);
  CHECK(jws->signed_text.ends_with("." + base64Encode(jws->payload, Base64::kUrlUnpadded)));
  if (keys) CHECK(!keys->verify(*jws));
  const auto claims = pool.parse(jws->payload);
  if (!claims) return;
  static_cast<void>(checkJwtTimes(claims->root(), WallTime(), std::chrono::seconds(300)));
  CHECK_LE(isJwtClaim(claims->root(), "aud", "a"), isJwtFor(claims->root(), "a"));
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::size_t mark = input.find("\n\n");
  const auto keys =
      edgehold::Jwks::parse(mark == input.npos ? std::string_view() : input.substr(mark + 2));
  edgehold::checkToken(input.substr(0, mark), keys);
  return 0;
}
