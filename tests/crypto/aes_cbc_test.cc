// SPDX-License-Identifier: Apache-2.0
// AES-CBC against NIST SP 800-38A F.2, and padding to blocks of 16 and of 32.
// Thread: main only.
#include "proxy/crypto/aes_cbc.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

std::string bytes(std::string_view hex) { return hexDecode(hex).value(); }

const std::string kIv = bytes("000102030405060708090a0b0c0d0e0f");
const std::string kPlain =
    bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");

TEST(AesCbc, GivesTheVectorsOfSp80038a) {
  struct Case {
    std::string_view key, cipher;
  };
  const Case cases[] = {
      {"2b7e151628aed2a6abf7158809cf4f3c",
       "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"},
      {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
       "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"},
  };
  for (const Case& one : cases) {
    const auto key = AesCbcKey::make(bytes(one.key));
    ASSERT_TRUE(key);
    std::string text = kPlain;
    ASSERT_TRUE(key->encrypt(kIv, text, text.data()));
    EXPECT_EQ(hexEncode(text), one.cipher);
    ASSERT_TRUE(key->decrypt(kIv, text, text.data()));
    EXPECT_EQ(text, kPlain);
  }
}

TEST(AesCbc, TakesWholeBlocksOnly) {
  const auto key = AesCbcKey::make(std::string(32, 'k')).value();
  std::string out(64, 0);
  for (const std::size_t size : {0u, 1u, 15u, 17u, 31u}) {
    EXPECT_FALSE(key.decrypt(kIv, std::string(size, 'x'), out.data())) << size;
    EXPECT_FALSE(key.encrypt(kIv, std::string(size, 'x'), out.data())) << size;
  }
  EXPECT_FALSE(key.decrypt(kIv.substr(1), std::string(16, 'x'), out.data()));
  EXPECT_FALSE(AesCbcKey::make(std::string(24, 'k')));
  EXPECT_FALSE(AesCbcKey::make(""));
}

TEST(Padding, IsTakenOffWhenEveryByteOfItFits) {
  for (const std::size_t block : {16u, 32u}) {
    for (std::size_t pad = 1; pad <= block; ++pad) {
      const std::string text(64 - pad, 'x');
      const std::string padded = text + std::string(pad, static_cast<char>(pad));
      const auto plain = withoutPadding(padded, block);
      ASSERT_TRUE(plain) << pad;
      EXPECT_EQ(*plain, text);
    }
  }
}

TEST(Padding, IsRefusedWhenAnyByteOfItIsAnother) {
  for (std::size_t pad = 1; pad <= 32; ++pad) {
    for (std::size_t at = 1; at <= pad; ++at) {
      std::string text = std::string(64 - pad, 'x') + std::string(pad, static_cast<char>(pad));
      text[64 - at] = static_cast<char>(text[64 - at] ^ 0x40);
      EXPECT_FALSE(withoutPadding(text, 32)) << pad << " " << at;
    }
  }
  EXPECT_FALSE(withoutPadding(std::string(64, '\0'), 32));
  EXPECT_FALSE(withoutPadding(std::string(64, '\x21'), 32));
  EXPECT_FALSE(withoutPadding(std::string(64, '\x11'), 16));
  EXPECT_FALSE(withoutPadding(std::string(16, '\x10'), 32));  // shorter than a block of the padding
  EXPECT_FALSE(withoutPadding("", 16));
}

}  // namespace
}  // namespace edgehold
