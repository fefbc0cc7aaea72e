// SPDX-License-Identifier: Apache-2.0
// Private keys out of files: what they sign is verified by their public halves.
// Thread: main only.
#include "proxy/crypto/signing_key.h"

#include <gtest/gtest.h>

#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

TEST(SigningKey, SignsWhatItsPublicHalfVerifies) {
  const JwsSigner ed25519(JwsAlgorithm::kEdDsa);
  const JwsSigner rsa(JwsAlgorithm::kRs256);
  for (const JwsSigner* const signer : {&ed25519, &rsa}) {
    const auto key = SigningKey::fromPem(signer->privatePem());
    ASSERT_TRUE(key) << key.error().message;
    const auto half = key->publicHalf();
    const bool is_rsa = signer == &rsa;
    EXPECT_EQ(key->algorithm(), is_rsa ? JwsAlgorithm::kRs256 : JwsAlgorithm::kEdDsa);
    EXPECT_EQ(half.exponent.empty(), !is_rsa);
    const auto verifier =
        is_rsa ? VerifyingKey::rsa(half.bytes, half.exponent) : VerifyingKey::ed25519(half.bytes);
    ASSERT_TRUE(verifier);
    EXPECT_TRUE(verifier->verify("text", key->sign("text").value()));
    EXPECT_TRUE(verifier->verify("", key->sign("").value()));
    EXPECT_FALSE(verifier->verify("texts", key->sign("text").value()));
  }
}

// A passphrase would be asked for at the terminal, in the middle of a script.
TEST(SigningKey, IsOfOneKeyInPemWithoutAPassphrase) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const std::string pem = signer.privatePem();
  ASSERT_TRUE(SigningKey::fromPem(pem));
  for (const std::string& text :
       {std::string(), std::string("secret"), signer.publicPem(), signer.privatePem("pass"),
        pem.substr(0, pem.size() / 2), pem.substr(28), signer.jwks()}) {
    const auto key = SigningKey::fromPem(text);
    ASSERT_FALSE(key) << text;
    EXPECT_EQ(key.error().message, "is no private key in PEM without a passphrase");
  }
}

TEST(SigningKey, IsOfTheTwoKindsThatPlatformsSignBy) {
  const auto key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEs256).privatePem());
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message, "is a private key, but neither of Ed25519 nor of RSA");
}

// openssl genrsa 1024: half as long as RFC 7518 3.3 wants, so nothing here would verify by it.
constexpr const char* kShortRsa = R"(-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAK3wqWCfUJFQWsJU
+Ady5YtvKnrx/ENltaDC01s3b0x7dGhBSfG7pmwcdNXpZEAR/nvcIKv1Vc5q2Ae8
1zMNobRmvv7rlv0QZy1TxnAtqUnwsbWKGIEFaZcxQe0N1W0nYTeAlaGWDH4vzidU
eap7EICtP+rBBH0y/tPZa2p60SN/AgMBAAECgYEAiQOR6HKWXGEXnQyhc/ylpHgk
1kPXmp97uu683pWELpLw107WmHxgU7j2r6nxNib2d0qm0c2nkbnIAhBW0/hg7xTZ
byvYwG/xnwgK3arozokMh9KRNBYf01Jn1uzHG77kKrLoCWRUAp2Yq4OYd3y2CFbE
epx8JdoNKjhU6qkR8AECQQDieHTZJ67ebj/MC3SMKfhDWdObm6tqK5NiaRKhvTu/
MOHYLmMEvCZyugzxkFsJ7velHwdTEo3n2HoubN+APJB/AkEAxJ6/roCzMgB4c5Fh
AKMYdi9LV9mXzTV6dE0VgoTFbmDD/SDEPSTUD55aRqVCKn0IRiaYINRyfvxG/r68
f7HtAQJAV2gCQSWtui928/uf2dEA/o2WvEISoIF8+shu5nmwq5PkNpmAof00Iadp
A3qhiG3wqowVOZy5pDfKwExI3qeBZQJAZXe7WfXHBE3j21gyJB8G967Ohgaf5WHs
0Ooa6KFWNfEwE4h+XUONQIYq9nxAWibuRy2RopeggtH0XXDXXFrZAQJAHfDTiub5
fDYWrfNEQm5q+DZYH1ig9dnjRJer4bsMoqb/DRYiMYS6D/b/At/xBfe6fMycMB8J
9xw3FoGEktyjPg==
-----END PRIVATE KEY-----
)";

TEST(SigningKey, IsAsLongAsAVerifyingKeyMustBe) {
  const auto key = SigningKey::fromPem(kShortRsa);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message, "is an RSA key of 1024 bits: 2048 to 8192 are taken");
}

}  // namespace
}  // namespace edgehold
