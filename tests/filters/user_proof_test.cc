// SPDX-License-Identifier: Apache-2.0
// The laws of what proves a mini program's user data, and the platforms' vectors of it.
// EDGEHOLD_VECTORS names one more file of the same form.
// Thread: main only.
#include "filters/sessions/user_proof.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "proxy/base/base64.h"
#include "proxy/base/file.h"
#include "proxy/base/json_tree.h"
#include "proxy/crypto/aes_cbc.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

constexpr std::size_t kVectorFileBytesMax = 64 * 1024 * 1024;
constexpr std::string_view kKey = "HyVFkGl5F5OQWJZZaNzBBg==";
constexpr std::string_view kIv = "r7BXXKkLb8qrSNn05n0qiA==";

bool isProven(const Json::Value& vector, JsonPool& json) {
  const std::string scheme = textMember(vector, "scheme");
  const std::string key = textMember(vector, "session_key");
  const std::string body = textMember(vector, "body");
  const std::string signature = textMember(vector["expect_response"], "signature");
  if (scheme == "wechat_userinfo_sha1") return provesUserInfo(body, key, signature);
  if (scheme == "wechat_session_hmac") return provesPost(body, key, signature);
  const WallTime now{std::chrono::seconds(vector["now_unix"].asInt64())};
  const auto opened = openUserData({body, textMember(vector, "iv")}, key,
                                   textMember(vector, "receive_id"), now, json);
  if (opened && vector.isMember("decrypted")) {
    EXPECT_EQ(*opened, textMember(vector, "decrypted"));
  }
  return opened.has_value();
}

int judgeFile(const std::string& path) {
  const auto text = readFile(path, kVectorFileBytesMax);
  EXPECT_TRUE(text);
  const auto tree = parseJsonTree(*text);
  EXPECT_TRUE(tree);
  FakeRandom random;
  JsonPool json(random);
  int judged = 0;
  for (const Json::Value& vector : (*tree)["vectors"]) {
    if (textMember(vector, "kind") != "session") continue;
    SCOPED_TRACE(textMember(vector, "id"));
    EXPECT_EQ(isProven(vector, json), textMember(vector, "expect") == "accept");
    ++judged;
  }
  return judged;
}

TEST(UserProof, JudgesThePlatformsVectors) { EXPECT_EQ(judgeFile(CHANNEL_VECTORS), 7); }

TEST(UserProof, JudgesTheVectorsOfAnotherFile) {
  const char* const path = std::getenv("EDGEHOLD_VECTORS");
  if (path == nullptr) GTEST_SKIP() << "EDGEHOLD_VECTORS names no file";
  judgeFile(path);
}

class UserProofTest : public testing::Test {
 protected:
  // As the platform encrypts, with any padding.
  static std::string encrypt(std::string text, std::string_view key = kKey, int pad = -1) {
    const auto missing = kAesBlockBytes - text.size() % kAesBlockBytes;
    text.append(missing, static_cast<char>(pad < 0 ? static_cast<int>(missing) : pad));
    const auto aes = AesCbcKey::make(*base64Decode(key, Base64::kStandard));
    EXPECT_TRUE(aes->encrypt(*base64Decode(kIv, Base64::kStandard), text, text.data()));
    return base64Encode(text, Base64::kStandard);
  }
  static std::string userText(std::int64_t timestamp, std::string_view app = "wx1") {
    return R"({"openId":"o1","watermark":{"timestamp":)" + std::to_string(timestamp) +
           R"(,"appid":")" + std::string(app) + R"("}})";
  }
  Reason open(const std::string& text, std::string_view iv = kIv, std::string_view key = kKey) {
    const auto opened = openUserData({text, iv}, key, "wx1", now_, json_);
    return opened ? Reason::kAllowed : opened.error().reason;
  }
  FakeRandom random_;
  JsonPool json_{random_};
  const WallTime now_{std::chrono::seconds(1'795'176'000)};
  const std::int64_t second_ = unixSeconds(now_);
};

TEST_F(UserProofTest, OpensWhatIsFreshAndOursAndNothingElse) {
  EXPECT_EQ(open(encrypt(userText(second_))), Reason::kAllowed);
  EXPECT_EQ(open(encrypt(userText(second_, "wx2"))), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(userText(second_, ""))), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(R"({"openId":"o1"})")), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(R"({"watermark":"wx1"})")), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(R"({"watermark":{"appid":"wx1"}})")), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(open(encrypt(R"({"watermark":{"appid":"wx1","timestamp":"1795176000"}})")),
            Reason::kTimestampOutsideWindow);
  EXPECT_EQ(open(encrypt("no json")), Reason::kSignatureInvalid);
}

TEST_F(UserProofTest, KeepsToTheBordersOfTheWindow) {
  for (const std::int64_t off : {-300, 300}) {
    EXPECT_EQ(open(encrypt(userText(second_ + off))), Reason::kAllowed) << off;
  }
  for (const std::int64_t off : {-301, 301}) {
    EXPECT_EQ(open(encrypt(userText(second_ + off))), Reason::kTimestampOutsideWindow) << off;
  }
  for (const char* const number : {"9223372036854775807", "-9223372036854775808", "1e3"}) {
    const std::string text =
        R"({"watermark":{"appid":"wx1","timestamp":)" + std::string(number) + "}}";
    EXPECT_EQ(open(encrypt(text)), Reason::kTimestampOutsideWindow) << number;
  }
}

TEST_F(UserProofTest, RefusesMalformedKeysVectorsTextsAndPadding) {
  const std::string good = encrypt(userText(second_));
  for (const std::string_view iv :
       {"", "AAAA", "r7BXXKkLb8qrSNn05n0qiA=", "r7BXXKkLb8qrSNn05n0qiB=="}) {
    EXPECT_EQ(open(good, iv), Reason::kSignatureInvalid) << iv;
  }
  for (const std::string_view key : {"", "AAAA", "HyVFkGl5F5OQWJZZaNzBBh=="}) {
    EXPECT_EQ(open(good, kIv, key), Reason::kSignatureInvalid) << key;
  }
  EXPECT_EQ(open(""), Reason::kSignatureInvalid);
  EXPECT_EQ(open(good.substr(0, good.size() - 4)), Reason::kSignatureInvalid);
  EXPECT_EQ(open(" " + good), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(userText(second_), kKey, 0)), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(userText(second_), kKey, 17)), Reason::kSignatureInvalid);
  EXPECT_EQ(open(encrypt(userText(second_), kKey, 16)), Reason::kSignatureInvalid);
}

TEST(UserProof, ComparesWholeSignaturesOnly) {
  const std::string_view good = "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b";
  const std::string_view key = "o0q0otL8aEzpcZL/FT9WsQ==";
  EXPECT_TRUE(provesPost(R"({"foo":"bar"})", key, good));
  EXPECT_FALSE(provesPost(R"({"foo":"baz"})", key, good));
  EXPECT_FALSE(provesPost(R"({"foo":"bar"})", key, good.substr(0, 62)));
  EXPECT_FALSE(provesPost(R"({"foo":"bar"})", key, ""));
  EXPECT_FALSE(provesPost(R"({"foo":"bar"})", key, std::string(good) + "00"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed(good);
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(provesPost(R"({"foo":"bar"})", key, changed)) << i;
  }
  EXPECT_FALSE(provesUserInfo("", key, std::string(40, 'g')));
}

TEST(UserProof, KnowsTheFormOfASessionKey) {
  EXPECT_TRUE(isSessionKey(kKey));
  for (const std::string_view text : {"", "AAAA", "HyVFkGl5F5OQWJZZaNzBBg",
                                      "HyVFkGl5F5OQWJZZaNzBBh==", "HyVFkGl5F5OQWJZZaNzBBg== "}) {
    EXPECT_FALSE(isSessionKey(text)) << text;
  }
}

}  // namespace
}  // namespace edgehold
