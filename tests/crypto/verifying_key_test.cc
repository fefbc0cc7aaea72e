// SPDX-License-Identifier: Apache-2.0
// Keys against the examples of RFC 7515 A.2 and A.3 and RFC 8037 A.4, and keys that are none.
// Thread: main only.
#include "proxy/crypto/verifying_key.h"

#include <gtest/gtest.h>

#include "proxy/base/base64.h"

namespace edgehold {
namespace {

std::string bytes(std::string_view text) {
  return base64Decode(text, Base64::kUrlUnpadded).value();
}

constexpr std::string_view kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";
constexpr std::string_view kModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
constexpr std::string_view kRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
    "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr std::string_view kX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr std::string_view kY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

struct Example {
  std::string what;
  VerifyingKey key;
  JwsAlgorithm algorithm;
  std::string message, signature;
};

std::vector<Example> examples() {
  return {
      {"RFC 7515 A.2", VerifyingKey::rsa(bytes(kModulus), bytes("AQAB")).value(),
       JwsAlgorithm::kRs256, "eyJhbGciOiJSUzI1NiJ9." + std::string(kPayload), bytes(kRsaSignature)},
      {"RFC 7515 A.3", VerifyingKey::p256(bytes(kX), bytes(kY)).value(), JwsAlgorithm::kEs256,
       "eyJhbGciOiJFUzI1NiJ9." + std::string(kPayload),
       bytes("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1"
             "Q")},
      {"RFC 8037 A.4",
       VerifyingKey::ed25519(bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).value(),
       JwsAlgorithm::kEdDsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
       bytes("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KA"
             "g")},
  };
}

TEST(VerifyingKey, VerifiesTheExamplesOfTheStandards) {
  for (const Example& one : examples()) {
    EXPECT_EQ(one.key.algorithm(), one.algorithm) << one.what;
    EXPECT_TRUE(one.key.verify(one.message, one.signature)) << one.what;
    EXPECT_FALSE(one.key.verify(one.message + "x", one.signature)) << one.what;
    EXPECT_FALSE(one.key.verify("", one.signature)) << one.what;
  }
}

TEST(VerifyingKey, RefusesEveryChangedBitOfASignature) {
  for (const Example& one : examples()) {
    for (std::size_t bit = 0; bit < one.signature.size() * 8; ++bit) {
      std::string changed = one.signature;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(one.key.verify(one.message, changed)) << one.what << " bit " << bit;
    }
  }
}

TEST(VerifyingKey, RefusesSignaturesOfAnotherSize) {
  for (const Example& one : examples()) {
    const std::string& whole = one.signature;
    for (const std::string& other :
         {std::string(), whole.substr(1), whole.substr(0, whole.size() - 1), whole + '\0',
          '\0' + whole, whole + whole, std::string(whole.size(), '\0')}) {
      EXPECT_FALSE(one.key.verify(one.message, other)) << one.what << " " << other.size();
    }
  }
}

// One key's signature is nothing to another key of any kind.
TEST(VerifyingKey, RefusesWhatAnotherKindSigned) {
  const auto all = examples();
  for (const Example& key : all) {
    for (const Example& other : all) {
      EXPECT_EQ(key.key.verify(other.message, other.signature), key.what == other.what);
    }
  }
}

TEST(VerifyingKey, OfRsaHasAModulusOfAUsualSizeAndAnOddExponent) {
  const auto made = [](std::string_view n, std::string_view e) {
    return VerifyingKey::rsa(n, e).has_value();
  };
  const std::string n = bytes(kModulus);
  const std::string three("\x03");
  EXPECT_TRUE(made(n, three));
  EXPECT_FALSE(made(n, ""));
  EXPECT_FALSE(made("", three));
  EXPECT_FALSE(made(n, "\x01"));
  EXPECT_FALSE(made(n, "\x04"));
  EXPECT_FALSE(made(n, std::string_view("\0\x03", 2)));
  EXPECT_FALSE(made(n, "\x01\x01\x01\x01\x01"));
  EXPECT_FALSE(made('\0' + n, three));
  EXPECT_FALSE(made(n.substr(1), three)) << "less than 2048 bits";
  EXPECT_FALSE(made(n.substr(0, n.size() - 1) + '\x02', three)) << "even";
  std::string longest(VerifyingKey::kRsaBytesMax, '\x7f');
  EXPECT_TRUE(made(longest, three));
  EXPECT_FALSE(made(longest + '\x7f', three));
}

TEST(VerifyingKey, OfP256IsAPointOnTheCurve) {
  const std::string x = bytes(kX);
  std::string y = bytes(kY);
  EXPECT_FALSE(VerifyingKey::p256(x.substr(1), y));
  EXPECT_FALSE(VerifyingKey::p256(x, y + '\0'));
  EXPECT_FALSE(VerifyingKey::p256("", ""));
  EXPECT_FALSE(VerifyingKey::p256(std::string(32, '\0'), std::string(32, '\0')));
  EXPECT_FALSE(VerifyingKey::p256(std::string(32, '\xff'), std::string(32, '\xff')));
  y.back() = static_cast<char>(y.back() ^ 1);
  EXPECT_FALSE(VerifyingKey::p256(x, y));
}

TEST(VerifyingKey, OfEd25519HasOneSize) {
  EXPECT_FALSE(VerifyingKey::ed25519(std::string(31, 'a')));
  EXPECT_FALSE(VerifyingKey::ed25519(std::string(33, 'a')));
}

TEST(VerifyingKey, HasNoAlgorithmOfSharedSecrets) {
  for (const char* name : {"none", "None", "", "HS256", "HS384", "HS512", "rs256", "RS256 ",
                           "RS384", "PS256", "ES384", "ES256K", "EDDSA", "A128KW", "dir"}) {
    EXPECT_FALSE(jwsAlgorithmFromName(name)) << name;
  }
}

}  // namespace
}  // namespace edgehold
