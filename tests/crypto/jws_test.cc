// SPDX-License-Identifier: Apache-2.0
// Tokens: how they are read, by which key they are verified, and when what they say counts.
// Thread: main only.
#include "proxy/crypto/jws.h"

#include <gtest/gtest.h>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/jwks.h"
#include "proxy/crypto/jwt_claims.h"
#include "tests/support/fake_random.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

std::string encode(std::string_view bytes) { return base64Encode(bytes, Base64::kUrlUnpadded); }

std::string tokenWith(std::string_view header) { return encode(header) + ".e30.AAAA"; }

class JwsTest : public ::testing::Test {
 protected:
  Result<Jws> read(std::string_view text) { return readJws(text, pool); }
  // The reason, or kAllowed when `keys` verify it.
  Reason verify(const Jwks& keys, std::string_view text) {
    const auto jws = read(text);
    if (!jws) return jws.error().reason;
    const auto jwk = keys.verify(*jws);
    return jwk ? Reason::kAllowed : jwk.error().reason;
  }
  FakeRandom random;
  JsonPool pool{random};
};

// --- reading

TEST_F(JwsTest, IsReadIntoItsParts) {
  const std::string text = tokenWith(R"({"alg":"ES256","kid":"a b","typ":"JWT","x5t":"q"})");
  const auto jws = read(text);
  ASSERT_TRUE(jws) << jws.error().message;
  EXPECT_EQ(jws->algorithm, JwsAlgorithm::kEs256);
  EXPECT_EQ(jws->key_id, "a b");
  EXPECT_EQ(jws->type, "JWT");
  EXPECT_EQ(jws->payload, "{}");
  EXPECT_EQ(jws->signature, std::string(3, '\0'));
  EXPECT_EQ(jws->signed_text, text.substr(0, text.rfind('.')));
}

TEST_F(JwsTest, NamesAnAlgorithmOfPublicKeys) {
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"PS256"})", R"({"alg":"rs256"})",
        R"({"alg":""})", R"({"alg":null})", R"({"alg":["RS256"]})", R"({"typ":"JWT"})", "{}"}) {
    EXPECT_FALSE(read(tokenWith(header))) << header;
  }
}

TEST_F(JwsTest, HasNothingInItsHeaderThatChangesWhatIsVerified) {
  for (const char* member :
       {R"("crit":["exp"])", R"("crit":[])", R"("b64":false)", R"("b64":true)", R"("zip":"DEF")",
        R"("enc":"A128GCM")", R"("jwk":{})", R"("jku":"https://evil.example/k")",
        R"("x5u":"https://evil.example/k")", R"("kid":1)", R"("kid":"")", R"("kid":{})",
        R"("typ":[])", R"("alg":"RS256")", R"("ALG":"none")"}) {
    const std::string header = R"({"alg":"RS256",)" + std::string(member) + "}";
    EXPECT_FALSE(read(tokenWith(header))) << header;
  }
}

TEST_F(JwsTest, IsThreePartsOfCanonicalBase64Url) {
  const std::string header = encode(R"({"alg":"RS256"})");
  EXPECT_TRUE(read(header + ".e30.AAAA"));
  const std::vector<std::string> malformed = {"",
                                              ".",
                                              "..",
                                              header,
                                              header + ".e30",
                                              header + ".e30.AAAA.",
                                              header + ".e30.AAAA.AAAA",
                                              "." + header + ".e30.AAAA",
                                              header + "..AAAA",
                                              header + ".e30.",
                                              ".e30.AAAA",
                                              header + "=.e30.AAAA",
                                              header + ".e30=.AAAA",
                                              header + ".e30.AAA=",
                                              header + ".e30.AAB",
                                              header + ".e31.AAAA",
                                              header + ".e30.AA+A",
                                              header + ".e30.AA/A",
                                              header + " .e30.AAAA",
                                              header + ".e30.AAAA ",
                                              header + ".e30.AAAA\n",
                                              header + ".e3%30.AAAA",
                                              " " + header + ".e30.AAAA"};
  for (const std::string& text : malformed) EXPECT_FALSE(read(text)) << text;
}

TEST_F(JwsTest, HasAHeaderThatIsOneJsonObject) {
  for (const char* header :
       {"", "[]", "1", R"("RS256")", "null", R"({"alg":"RS256")", R"({"alg":"RS256"}{})",
        R"({"alg":"RS256","alg":"RS256"})", "\xEF\xBB\xBF{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"a\":\"\xFF\"}"}) {
    EXPECT_FALSE(read(tokenWith(header))) << header;
  }
}

TEST_F(JwsTest, IsBounded) {
  const std::string header = encode(R"({"alg":"RS256"})");
  const std::string longest(limits::kJwsBytesMax - header.size() - 6, 'A');
  ASSERT_EQ(longest.size() % 4, 2u);
  EXPECT_TRUE(read(header + "." + longest + ".AAAA"));
  EXPECT_FALSE(read(header + "." + longest + ".AAAAA"));
  const auto named = [](std::size_t size) {
    return tokenWith(R"({"alg":"RS256","kid":")" + std::string(size, 'k') + "\"}");
  };
  EXPECT_TRUE(read(named(limits::kJwsNameBytesMax)));
  EXPECT_FALSE(read(named(limits::kJwsNameBytesMax + 1)));
}

// --- verifying

TEST_F(JwsTest, IsVerifiedByTheKeyThatItNames) {
  for (const JwsAlgorithm algorithm :
       {JwsAlgorithm::kRs256, JwsAlgorithm::kEs256, JwsAlgorithm::kEdDsa}) {
    const JwsSigner signer(algorithm);
    const JwsSigner stranger(algorithm);
    const Jwks keys = Jwks::parse(signer.jwks()).value();
    const std::string token = signer.sign("{}");
    EXPECT_EQ(verify(keys, token), Reason::kAllowed) << signer.algorithmName();
    EXPECT_EQ(verify(keys, stranger.sign("{}")), Reason::kSignatureInvalid);
    EXPECT_EQ(verify(Jwks(), token), Reason::kSignatureInvalid);
    std::string changed = token;
    changed[token.find('.') + 1] = 'f';
    EXPECT_EQ(verify(keys, changed), Reason::kSignatureInvalid);
  }
}

TEST_F(JwsTest, IsNeverVerifiedByAKeyThatItDoesNotName) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const Jwks keys = Jwks::parse(signer.jwks()).value();
  for (const char* header : {R"({"alg":"EdDSA"})", R"({"alg":"EdDSA","kid":"k2"})",
                             R"({"alg":"EdDSA","kid":"K1"})", R"({"alg":"EdDSA","kid":"k1 "})"}) {
    EXPECT_EQ(verify(keys, signer.signUnder(header, "{}")), Reason::kSignatureInvalid) << header;
  }
}

// The header may lie about the algorithm even where the signature would fit.
TEST_F(JwsTest, IsOfTheAlgorithmOfItsKey) {
  const JwsSigner ed(JwsAlgorithm::kEdDsa, "ed");
  const JwsSigner ec(JwsAlgorithm::kEs256, "ec");
  const Jwks keys =
      Jwks::parse(R"({"keys":[{)" + ed.jwkMembers() + "},{" + ec.jwkMembers() + "}]}").value();
  EXPECT_EQ(verify(keys, ed.sign("{}")), Reason::kAllowed);
  EXPECT_EQ(verify(keys, ec.sign("{}")), Reason::kAllowed);
  for (const char* algorithm : {"RS256", "ES256", "none", "HS256"}) {
    const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","kid":"ed"})";
    EXPECT_EQ(verify(keys, ed.signUnder(header, "{}")), Reason::kSignatureInvalid) << algorithm;
  }
  EXPECT_EQ(verify(keys, ec.signUnder(R"({"alg":"ES256","kid":"ed"})", "{}")),
            Reason::kSignatureInvalid);
}

// --- sets of keys

TEST(Jwks, PassOverKeysThatAreNotForUs) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const std::string good = "{" + signer.jwkMembers() + R"(,"use":"sig","alg":"EdDSA"})";
  const std::string other =
      R"(,{"kty":"oct","kid":"o","k":"AAAA"},{"kty":"EC","crv":"P-384","kid":"e","x":"","y":""},)"
      R"({"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"RSA"},{},"text",null,)"
      R"({"kty":"OKP","crv":"X25519","kid":"x","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
  const auto keys = Jwks::parse(R"({"keys":[)" + good + other + R"(],"more":1})");
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->keys().size(), 1u);
  EXPECT_TRUE(keys->knows("k1"));
  for (const char* id : {"o", "e", "r", "x", ""}) EXPECT_FALSE(keys->knows(id)) << id;
}

TEST(Jwks, TakeKeysForTheUseThatTheyNameOnly) {
  const JwsSigner signer(JwsAlgorithm::kEs256);
  for (const char* more : {"", R"(,"use":"sig")", R"(,"key_ops":["verify"])", R"(,"alg":"ES256")",
                           R"(,"key_ops":["sign","verify"],"x5c":["AAAA"],"d":"AAAA")"}) {
    EXPECT_TRUE(Jwks::parse(signer.jwks(more))) << more;
  }
  for (const char* more :
       {R"(,"use":"enc")", R"(,"use":1)", R"(,"use":"")", R"(,"key_ops":[])",
        R"(,"key_ops":["sign"])", R"(,"key_ops":"verify")", R"(,"alg":"RS256")", R"(,"alg":"none")",
        R"(,"alg":"HS256")", R"(,"alg":null)", R"(,"alg":"")"}) {
    EXPECT_FALSE(Jwks::parse(signer.jwks(more))) << more;
  }
}

TEST(Jwks, AreASetWithOneKeyOfANameAtLeast) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const std::string key = "{" + signer.jwkMembers() + "}";
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[]})"), key, "[" + key + "]",
        R"({"keys":[)" + key + "," + key + "]}", R"({"keys":[)" + key + R"(],"keys":[]})",
        R"({"keys":[)" + key + "]} x"}) {
    EXPECT_FALSE(Jwks::parse(text)) << text;
  }
  EXPECT_FALSE(Jwks::parse(JwsSigner(JwsAlgorithm::kEdDsa, "").jwks())) << "a key without a name";
}

TEST(Jwks, AreBounded) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const auto setOf = [&](std::size_t others) {
    std::string text = R"({"keys":[{)" + signer.jwkMembers() + "}";
    for (std::size_t i = 0; i < others; ++i) text += ",{}";
    return text + "]}";
  };
  EXPECT_TRUE(Jwks::parse(setOf(limits::kJwksKeysMax - 1)));
  EXPECT_FALSE(Jwks::parse(setOf(limits::kJwksKeysMax)));
  std::string text = signer.jwks();
  text.resize(limits::kJwksBytesMax, ' ');
  EXPECT_TRUE(Jwks::parse(text));
  EXPECT_FALSE(Jwks::parse(text + " "));
}

TEST(Jwks, KeepTheEndorsementsOfAKey) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  const auto keys = Jwks::parse(signer.jwks(R"(,"endorsements":["msteams",1,"directline"])"));
  const std::vector<std::string> expected = {"directline", "msteams"};
  EXPECT_EQ(keys->keys()[0].endorsements, expected);
}

// --- claims

class JwtClaimsTest : public JwsTest {
 protected:
  Reason times(std::string_view text) {
    const auto claims = pool.parse(text);
    const auto checked = checkJwtTimes(claims->root(), WallTime(1'000'000s), 300s);
    return checked ? Reason::kAllowed : checked.error().reason;
  }
};

TEST_F(JwtClaimsTest, CountFromNbfToExpWithLeewayBothWays) {
  EXPECT_EQ(times(R"({"exp":999700})"), Reason::kAllowed);
  EXPECT_EQ(times(R"({"exp":999699})"), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(times(R"({"exp":999699.9})"), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(times(R"({"exp":2000000,"nbf":1000300})"), Reason::kAllowed);
  EXPECT_EQ(times(R"({"exp":2000000,"nbf":1000301})"), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(times(R"({"exp":2000000,"nbf":0})"), Reason::kAllowed);
}

TEST_F(JwtClaimsTest, HaveTimesThatAreNumbers) {
  for (const char* claims :
       {"{}", R"({"nbf":1})", R"({"exp":"2000000"})", R"({"exp":null})", R"({"exp":-1})",
        R"({"exp":1e300})", R"({"exp":9007199254740994})", R"({"exp":2000000,"nbf":"1"})",
        R"({"exp":2000000,"nbf":null})", R"({"exp":[2000000]})", "[]", "1"}) {
    EXPECT_EQ(times(claims), Reason::kTimestampMissing) << claims;
  }
}

TEST_F(JwtClaimsTest, EndWithExpAndTheLeeway) {
  const auto end = [&](std::string_view text) { return jwtEnd(pool.parse(text)->root(), 10s); };
  EXPECT_EQ(end(R"({"exp":1000000})"), WallTime(1'000'010s));
  EXPECT_EQ(end(R"({"exp":1000000.5})"), WallTime(1'000'010s + 500ms));
  EXPECT_EQ(end(R"({"exp":9000000000})"), WallTime(9'000'000'010s));
  EXPECT_EQ(end(R"({"exp":9007199254740992})"), WallTime::max());
  EXPECT_EQ(end(R"({"exp":"1000000"})"), WallTime::min());
  EXPECT_EQ(end("{}"), WallTime::min());
}

TEST_F(JwtClaimsTest, NameTheirAudienceAloneOrInAList) {
  const auto isFor = [&](std::string_view text) {
    return isJwtFor(pool.parse(text)->root(), "me");
  };
  EXPECT_TRUE(isFor(R"({"aud":"me"})"));
  EXPECT_TRUE(isFor(R"({"aud":["you","me"]})"));
  for (const char* claims :
       {R"({"aud":"Me"})", R"({"aud":"me "})", R"({"aud":[]})", R"({"aud":[["me"]]})",
        R"({"aud":{"me":"me"}})", R"({"aud":null})", "{}", R"(["me"])"}) {
    EXPECT_FALSE(isFor(claims)) << claims;
  }
}

}  // namespace
}  // namespace edgehold
