// SPDX-License-Identifier: Apache-2.0
// The laws of canonical base64.
// Thread: main only.
#include "proxy/base/base64.h"

#include <gtest/gtest.h>

#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

constexpr Base64 kForms[] = {Base64::kStandard, Base64::kStandardUnpadded, Base64::kUrl,
                             Base64::kUrlUnpadded};

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(base64Encode(bytes, Base64::kStandard), text);
    EXPECT_EQ(base64Decode(text, Base64::kStandard), bytes);
    const std::string_view bare = text.substr(0, text.find('='));
    EXPECT_EQ(base64Encode(bytes, Base64::kUrlUnpadded), bare);
    EXPECT_EQ(base64Decode(bare, Base64::kUrlUnpadded), bytes);
  }
}

TEST(Base64, UsesTheAlphabetThatWasAskedFor) {
  EXPECT_EQ(base64Encode("\xFB\xFF", Base64::kStandard), "+/8=");
  EXPECT_EQ(base64Encode("\xFB\xFF", Base64::kUrl), "-_8=");
  EXPECT_FALSE(base64Decode("-_8=", Base64::kStandard));
  EXPECT_FALSE(base64Decode("+/8=", Base64::kUrl));
}

TEST(Base64, RefusesAnythingButTheCanonicalPaddedText) {
  for (const std::string_view text : {"Z",        "Zg",
                                      "Zg=",      "Zg===",
                                      "Zh==",     "Zm9=",
                                      "Zm8",      "=",
                                      "==",       "====",
                                      "Zg==Zg==", "Zm9v=",
                                      "Zm9v====", "Zm 9v",
                                      " Zm9v",    "Zm9v\n",
                                      "Zm\r\n9v", "Z=g=",
                                      "Zm9v!",    "Zg=\xC3",
                                      "Zm9*",     "Zm9v\xFF\xFF\xFF\xFF"}) {
    EXPECT_FALSE(base64Decode(text, Base64::kStandard)) << text;
  }
  EXPECT_FALSE(base64Decode(std::string_view("Zm9\0", 4), Base64::kStandard));
}

TEST(Base64, RefusesAnythingButTheCanonicalUnpaddedText) {
  for (const std::string_view text : {"Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm8=", "Zm9vZ", "Zg ="}) {
    EXPECT_FALSE(base64Decode(text, Base64::kUrlUnpadded)) << text;
  }
}

// Of all texts of up to four letters over a small alphabet, exactly those decode that are written.
TEST(Base64, DecodesOnlyWhatItEncodes) {
  const std::string_view alphabet = "AQgw/_=";
  for (const Base64 form : kForms) {
    for (std::size_t code = 0; code < 7 * 7 * 7 * 7; ++code) {
      std::string text;
      for (std::size_t rest = code, i = 0; i < 4; ++i, rest /= 7) text += alphabet[rest % 7];
      for (std::size_t size = 0; size <= 4; ++size) {
        const std::string_view part = std::string_view(text).substr(0, size);
        const auto bytes = base64Decode(part, form);
        if (bytes) {
          EXPECT_EQ(base64Encode(*bytes, form), part);
        }
      }
    }
  }
}

TEST(Base64, BringsEveryLengthBack) {
  FakeRandom random;
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(random.next());
    for (const Base64 form : kForms) {
      const std::string text = base64Encode(bytes, form);
      EXPECT_EQ(text.size(), base64EncodedSize(size, form));
      EXPECT_EQ(base64Decode(text, form), bytes);
    }
  }
}

TEST(Base64, RefusesAnOutputThatIsOneByteShort) {
  char out[4];
  EXPECT_EQ(base64Decode("Zm9vYg==", Base64::kStandard, out), 4u);
  EXPECT_FALSE(base64Decode("Zm9vYg==", Base64::kStandard, std::span(out, 3)));
}

}  // namespace
}  // namespace edgehold
