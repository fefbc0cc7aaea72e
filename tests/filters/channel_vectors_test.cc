// SPDX-License-Identifier: Apache-2.0
// Vectors of the chat platforms' callbacks, through the channel and dedupe filters as an operator
// configures them: published samples, generated ones, and attacks. EDGEHOLD_VECTORS names one more
// file of the same form.
// Thread: main only.
#include <algorithm>
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

#include "filters/channels/platform_cipher.h"
#include "proxy/base/base64.h"
#include "proxy/base/file.h"
#include "proxy/base/json_tree.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/signed_samples.h"

namespace edgehold {
namespace {

constexpr std::size_t kVectorFileBytesMax = 64 * 1024 * 1024;

// The configuration of each scheme; `@key@` stands for what the vector says.
const std::map<std::string, std::string, std::less<>> kConfigs = {
    {"qq_ed25519", R"({dialect: qq, secrets: "${env:SECRET}"})"},
    {"dingtalk_robot_hmac", R"({dialect: dingtalk_robot, secrets: "${env:SECRET}"})"},
    {"dingtalk_event_aes", R"({dialect: dingtalk_event, tokens: "${env:TOKEN}",
                               aes_keys: "${env:AES_KEY}", receive_id: "@receive_id@"})"},
    {"wecom_aes_xml", R"({dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}",
                          receive_id: "@receive_id@"})"},
    {"wecom_aes_json", R"({dialect: wecom_bot, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}",
                           receive_id: "@receive_id@"})"},
    {"wechat_plain", R"({dialect: wechat, encryption: plain, tokens: "${env:TOKEN}"})"},
    {"wechat_safe", R"({dialect: wechat, encryption: safe, tokens: "${env:TOKEN}",
                        aes_keys: "${env:AES_KEY}", receive_id: "@receive_id@"})"},
    {"feishu_sha256_aes", R"({dialect: feishu, encrypt_keys: "${env:SECRET}",
                              verification_tokens: "${env:TOKEN}", app_id: "@app_id@"})"},
    {"slack_v0", R"({dialect: slack, secrets: "${env:SECRET}"})"},
    {"telegram_secret_token", R"({dialect: telegram, secrets: "${env:SECRET}"})"},
    {"discord_ed25519", R"({dialect: discord, public_keys: "@public_key@"})"},
    {"line_hmac", R"({dialect: line, secrets: "${env:SECRET}"})"},
    {"meta_hmac", R"({dialect: whatsapp, secrets: "${env:SECRET}",
                      verify_tokens: "${env:TOKEN}"})"},
    {"github_hmac", R"({dialect: github, secrets: "${env:SECRET}"})"},
    {"stripe_v1", R"({dialect: stripe, secrets: "${env:SECRET}"})"},
    {"standard_webhooks_v1", R"({dialect: standard_webhooks, secrets: "${env:SECRET}"})"},
    {"standard_webhooks_v1a", R"({dialect: standard_webhooks, public_keys: "@public_key@"})"},
    {"teams_outgoing_hmac", R"({dialect: teams_outgoing, secrets: "${env:SECRET}"})"},
    {"botframework_jwt", R"({dialect: teams, app_id: "@app_id@", jwks_file: /jwks.json})"},
};

// A set-up request of QQ without a signature, which is for the time of the set-up only.
bool cameUnsigned(const Json::Value& vector) {
  if (textMember(vector, "scheme") != "qq_ed25519") return false;
  if (textMember(vector, "kind") != "handshake" || textMember(vector, "expect") != "accept") {
    return false;
  }
  for (const Json::Value& pair : vector["headers"]) {
    if (pair[0].asString() == "X-Signature-Ed25519") return false;
  }
  return true;
}

std::string configOf(const Json::Value& vector) {
  const auto found = kConfigs.find(textMember(vector, "scheme"));
  if (found == kConfigs.end()) return {};
  std::string config = found->second;
  for (const char* const key : {"receive_id", "app_id", "public_key"}) {
    const std::string mark = "@" + std::string(key) + "@";
    const std::size_t at = config.find(mark);
    if (at != std::string::npos) config.replace(at, mark.size(), textMember(vector, key));
  }
  if (cameUnsigned(vector)) {
    config.replace(config.size() - 1, 1, R"(, setup_until: "2100-01-01T00:00:00Z"})");
  }
  return config;
}

std::vector<std::pair<std::string, std::string>> headersOf(const Json::Value& vector) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const Json::Value& pair : vector["headers"]) {
    headers.emplace_back(pair[0].asString(), pair[1].asString());
  }
  return headers;
}

RequestText requestOf(const Json::Value& vector) {
  RequestText request;
  request.method = textMember(vector, "method");
  request.target = textMember(vector, "path_query");
  request.headers = headersOf(vector);
  request.body = textMember(vector, "body");
  if (vector.isMember("body_b64")) {
    request.body = base64Decode(textMember(vector, "body_b64"), Base64::kStandard).value();
  }
  return request;
}

class Judge {
 public:
  explicit Judge(const Json::Value& vector) : vector_(vector) {
    const auto add = [&](const char* name, const char* key) {
      if (vector.isMember(key)) f_.secrets.secrets[name] = {textMember(vector, key)};
    };
    add("${env:SECRET}", "secret");
    add("${env:TOKEN}", "token");
    add("${env:AES_KEY}", "aes_key");
    if (vector.isMember("jwks")) {
      f_.files.files["/jwks.json"] = writeJsonCompact(vector["jwks"]);
    }
  }

  bool isConfigurable() {
    const std::string config = configOf(vector_);
    if (config.empty()) return false;
    f_.add("channel", config);
    EXPECT_TRUE(f_.mistakes.empty()) << f_.mistakes.front();
    if (!f_.mistakes.empty()) return false;
    f_.add("dedupe", "{}");
    return true;
  }

  // By the dialect alone, without the filter around it.
  std::unique_ptr<Passage> verify(const Json::Value& vector) {
    channel_ = makeChannel(f_, configOf(vector));
    setTime(vector);
    auto passage = f_.passage(requestOf(vector));
    passage->exchange.body.append(requestOf(vector).body);
    passage->exchange.is_body_complete = true;
    const auto result = channel_->verify(passage->exchange, f_.services);
    error = result ? "" : reasonCode(result.error().reason);
    if (result) verified = *result;
    return passage;
  }
  std::string_view error;
  Verified verified;

  std::unique_ptr<Passage> send(const Json::Value& vector) {
    setTime(vector);
    auto passage = f_.send(requestOf(vector));
    if (passage->isAllowed()) passage->commit(f_.loop.clock().now());
    return passage;
  }

 private:
  void setTime(const Json::Value& vector) {
    const WallTime now{std::chrono::seconds(vector["now_unix"].asInt64())};
    f_.loop.fakeClock().jumpWall(now - f_.loop.clock().wallNow());
  }
  const Json::Value& vector_;
  std::unique_ptr<const Channel> channel_;
  ExchangeFixture f_;
};

void expectFact(const Json::Value& vector, const char* key, std::string_view fact) {
  if (!vector[key].isString()) return;
  EXPECT_EQ(fact, vector[key].asString()) << key;
}

void expectReply(const Json::Value& expected, const Reply& reply) {
  if (expected.isMember("status")) {
    EXPECT_EQ(reply.status, expected["status"].asUInt());
  }
  if (expected.isMember("body")) {
    EXPECT_EQ(reply.body, expected["body"].asString());
  }
  if (expected.isMember("body_any_of")) {
    const Json::Value& any = expected["body_any_of"];
    EXPECT_TRUE(std::find(any.begin(), any.end(), Json::Value(reply.body)) != any.end())
        << reply.body;
  }
  if (expected.isMember("json")) {
    const auto sent = parseJsonTree(reply.body);
    ASSERT_TRUE(sent) << reply.body;
    EXPECT_EQ(*sent, expected["json"]);
    EXPECT_EQ(reply.content_type, "application/json");
  }
}

// Every event of a batch is known by its id; the first one is the request's own.
void expectBatch(const Json::Value& vector, const Facts& facts) {
  const Json::Value& events = vector["events"];
  if (events.size() == 0) return;
  std::vector<std::string> ids(facts.batch_ids.begin(), facts.batch_ids.end());
  ids.insert(ids.begin(), std::string(facts.event_id));
  std::vector<std::string> expected;
  for (const Json::Value& event : events) expected.push_back(textMember(event, "event_id"));
  EXPECT_EQ(ids, expected);
  expectFact(events[0], "event_type", facts.event_type);
  expectFact(events[0], "group_id", facts.group);
  expectFact(events[0], "sender_id", facts.sender);
}

PlatformCipher cipherOf(const Json::Value& vector) {
  Tokens tokens;
  tokens.push_back({std::make_shared<const SecretString>(textMember(vector, "token")), {}});
  Credentials<AesCbcKey> keys;
  keys.push_back({decodeAesKey(textMember(vector, "aes_key")).value(), {}});
  return {std::move(tokens), std::move(keys), textMember(vector, "receive_id")};
}

// An answer of ours, with what is random in it given.
void expectSealed(const Json::Value& vector, const std::string& text) {
  const Json::Value& given = vector["expect_response"]["example_with"];
  const Json::Value& expected = vector["expect_response"]["example_json"];
  const bool is_lower = expected.isMember("encrypt");  // DingTalk, and WeCom's AI bots
  const char* const signature = expected.isMember("msg_signature") ? "msg_signature"
                                : is_lower                         ? "msgsignature"
                                                                   : "MsgSignature";
  const std::string random16 = textMember(given, "random16");
  const std::string timestamp =
      given[given.isMember("timeStamp") ? "timeStamp" : "timestamp"].asString();
  const std::string nonce = textMember(given, "nonce");
  const auto sealed = cipherOf(vector).seal(0, text, {random16, timestamp, nonce});
  EXPECT_EQ(sealed.encrypted, textMember(expected, is_lower ? "encrypt" : "Encrypt"));
  EXPECT_EQ(sealed.signature, textMember(expected, signature));
}

// DingTalk's: with what is random in it ours, and read as the platform does.
void expectOpens(const Json::Value& vector, const Reply& reply) {
  const auto sent = parseJsonTree(reply.body);
  ASSERT_TRUE(sent) << reply.body;
  const std::string query = "msg_signature=" + textMember(*sent, "msg_signature") +
                            "&timestamp=" + textMember(*sent, "timeStamp") +
                            "&nonce=" + textMember(*sent, "nonce");
  const auto read =
      readSignedQuery(query, {.signature = "msg_signature", .unit = TimeUnit::kMilliseconds});
  ASSERT_TRUE(read) << query;
  Arena arena;
  const auto opened = cipherOf(vector).open(*read, textMember(*sent, "encrypt"), {}, arena);
  ASSERT_TRUE(opened) << reply.body;
  EXPECT_EQ(opened->text, textMember(vector["expect_response"], "decrypts_to"));
}

void expectAccepted(const Json::Value& vector, const Passage& passage) {
  const bool is_handshake = textMember(vector, "kind") == "handshake";
  EXPECT_EQ(reasonCode(passage.reason()), "allowed")
      << (passage.verdict ? passage.verdict->why() : "");
  EXPECT_EQ(passage.verdict.has_value(), is_handshake);
  if (is_handshake && passage.verdict && passage.verdict->reply() != nullptr) {
    expectReply(vector["expect_response"], *passage.verdict->reply());
    if (vector["expect_response"].isMember("decrypts_to")) {
      expectOpens(vector, *passage.verdict->reply());
      expectSealed(vector, textMember(vector["expect_response"], "decrypts_to"));
    }
  }
  if (is_handshake) return;
  const Facts& facts = passage.exchange.facts;
  expectFact(vector, "event_type", facts.event_type);
  expectFact(vector, "event_id", facts.event_id);
  expectFact(vector, "group_id", facts.group);
  expectFact(vector, "sender_id", facts.sender);
  expectBatch(vector, facts);
  if (vector.isMember("decrypted")) expectFact(vector, "decrypted", passage.exchange.content);
}

// The signature and what it decrypts, and nothing else: the body is a sample and no event.
void expectVerified(const Json::Value& vector, Judge& judge) {
  const auto passage = judge.verify(vector);
  EXPECT_EQ(judge.error.empty(), textMember(vector, "expect") == "accept") << judge.error;
  if (judge.error.empty() && vector.isMember("decrypted")) {
    EXPECT_EQ(judge.verified.text, vector["decrypted"].asString());
  }
}

void judge(const Json::Value& vector, const std::map<std::string, Json::Value>& all) {
  if (textMember(vector, "kind") == "session") return;  // session_test.cc judges them
  SCOPED_TRACE(textMember(vector, "id"));
  if (textMember(vector, "kind") == "reply") {
    return expectSealed(vector, textMember(vector, "body"));
  }
  Judge judge(vector);
  ASSERT_TRUE(judge.isConfigurable()) << "no configuration for this scheme";
  for (const Json::Value& prior : vector["prior"]) {
    EXPECT_TRUE(judge.send(all.at(prior.asString()))->isAllowed()) << prior.asString();
  }
  if (textMember(vector, "kind") == "signature_only") return expectVerified(vector, judge);
  const auto passage = judge.send(vector);
  if (textMember(vector, "expect") == "accept") return expectAccepted(vector, *passage);
  EXPECT_FALSE(passage->isAllowed());
  EXPECT_NE(passage->reason(), Reason::kAllowed);
  EXPECT_NE(passage->reason(), Reason::kInternalError);
}

void judgeFile(const std::string& path) {
  const auto text = readFile(path, kVectorFileBytesMax);
  ASSERT_TRUE(text) << text.error().message;
  const auto tree = parseJsonTree(*text);
  ASSERT_TRUE(tree) << tree.error().message;
  std::map<std::string, Json::Value> all;
  for (const Json::Value& vector : (*tree)["vectors"]) all[textMember(vector, "id")] = vector;
  ASSERT_FALSE(all.empty());
  for (const auto& [id, vector] : all) judge(vector, all);
}

TEST(ChannelVectors, AreJudgedAsThePlatformsMeanThem) { judgeFile(CHANNEL_VECTORS); }

TEST(ChannelVectors, OfAnotherFileAreJudgedToo) {
  const char* const path = std::getenv("EDGEHOLD_VECTORS");
  if (path == nullptr) GTEST_SKIP() << "EDGEHOLD_VECTORS names no file";
  judgeFile(path);
}

}  // namespace
}  // namespace edgehold
