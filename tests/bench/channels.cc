// SPDX-License-Identifier: Apache-2.0
// What verifying, decrypting and reading a callback of 1 KiB costs beside the cryptography itself:
// a channel's verify() and read(), and the same OpenSSL calls alone. Processor time of this thread,
// the best of many rounds.
// Thread: main only.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "filters/channels/channel.h"
#include "proxy/base/log.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

constexpr std::size_t kTextBytes = 1024;
constexpr std::size_t kBatch = 64;  // exchanges of one round
constexpr int kRounds = 300;

double processorMicroseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// Of one call of `work`, which is told which of the round it is.
double costOf(const std::function<void()>& prepare, const std::function<void(std::size_t)>& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    prepare();
    const double begin = processorMicroseconds();
    for (std::size_t i = 0; i < kBatch; ++i) work(i);
    best = std::min(best, (processorMicroseconds() - begin) / kBatch);
  }
  return best;
}
double costOf(const std::function<void()>& work) {
  return costOf([] {}, [&](std::size_t) { work(); });
}

const unsigned char* bytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The cryptography of the platforms, over as many bytes.
void sha1(std::string_view text) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(bytesOf(text), text.size(), digest);
}
void sha256(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(bytesOf(text), text.size(), digest);
}
void hmac(std::string_view text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), "0123456789abcdef0123456789abcdef", 32, bytesOf(text), text.size(), mac,
       &size);
}
void decrypt(std::size_t size) {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const std::string cipher(size / 16 * 16, 'c');
  std::string plain(size, '\0');
  const std::string key(32, 'k');
  int written = 0;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  EVP_DecryptInit_ex2(context, kCipher, bytesOf(key), bytesOf(key), nullptr);
  EVP_CIPHER_CTX_set_padding(context, 0);
  EVP_DecryptUpdate(context, reinterpret_cast<unsigned char*>(plain.data()), &written,
                    bytesOf(cipher), static_cast<int>(cipher.size()));
  EVP_CIPHER_CTX_free(context);
}
void ed25519(std::string_view text) {
  static EVP_PKEY* const kKey = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  static const std::string kSignature = [&] {
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, nullptr, nullptr, kKey);
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                   bytesOf(text), text.size());
    EVP_MD_CTX_free(context);
    return signature;
  }();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, kKey);
  const int is_valid =
      EVP_DigestVerify(context, bytesOf(kSignature), kSignature.size(), bytesOf(text), text.size());
  CHECK_EQ(is_valid, 1);
  EVP_MD_CTX_free(context);
}

struct Row {
  const char* name;
  const char* config;
  const char* text;  // with `@` where it is filled up
  std::function<void(const RequestText&)> bare;
};

void sealed(const RequestText& request) {
  sha1(request.body);
  decrypt(request.body.size() / 4 * 3);
}

const Row kRows[] = {
    {"qq", R"({dialect: qq, secrets: "${env:SECRET}"})",
     R"({"op":0,"id":"e1","t":"C2C_MESSAGE_CREATE","d":{"author":{"user_openid":"u"},"content":"@"}})",
     [](const RequestText& request) { ed25519(request.body); }},
    {"dingtalk_event",
     R"({dialect: dingtalk_event, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: a})",
     R"({"EventType":"user_add_org","eventId":"1","ChatId":"c","Operator":"o","UserId":["@"]})",
     sealed},
    {"dingtalk_robot", R"({dialect: dingtalk_robot, secrets: "${env:SECRET}"})",
     R"({"msgId":"1","conversationType":"2","conversationId":"c","senderId":"s","msgtype":"text","text":{"content":"@"}})",
     [](const RequestText&) { hmac("1795176000000\ns3cret"); }},
    {"wecom",
     R"({dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: a})",
     "<xml><ToUserName><![CDATA[a]]></ToUserName><FromUserName><![CDATA[u]]></FromUserName>"
     "<CreateTime>1795176000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[@]]>"
     "</Content><MsgId>9231461715071090440</MsgId><AgentID>1000011</AgentID></xml>",
     sealed},
    {"wecom, no MsgId",
     R"({dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: a})",
     "<xml><FromUserName>sys</FromUserName><CreateTime>1795176000</CreateTime>"
     "<MsgType>event</MsgType><Event>change_contact</Event><ChangeType>update_user</ChangeType>"
     "<UserID>@</UserID></xml>",
     sealed},
    {"wecom_bot",
     R"({dialect: wecom_bot, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: ""})",
     R"({"msgid":"1","chatid":"c","chattype":"group","from":{"userid":"u"},"msgtype":"text","text":{"content":"@"}})",
     sealed},
    {"wechat",
     R"({dialect: wechat, encryption: safe, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: a})",
     R"({"FromUserName":"u","CreateTime":1795176000,"MsgType":"text","MsgId":1,"Content":"@"})",
     sealed},
    {"feishu",
     R"({dialect: feishu, encrypt_keys: "${env:SECRET}", verification_tokens: "${env:TOKEN}", app_id: a})",
     R"({"header":{"event_id":"1","event_type":"im.message.receive_v1","token":"t0ken","app_id":"a"},)"
     R"("event":{"message":{"chat_id":"c","content":"@"},"sender":{"sender_id":{"open_id":"o"}}}})",
     [](const RequestText& request) {
       sha256(request.body);
       decrypt(request.body.size() / 4 * 3);
     }},
    {"slack", R"({dialect: slack, secrets: "${env:SECRET}"})",
     R"({"type":"event_callback","event_id":"1","event":{"type":"message","channel":"c","user":"u","text":"@"}})",
     [](const RequestText& request) { hmac(request.body); }},
};

class Bench {
 public:
  Bench() {
    f_.secrets.secrets = {{"${env:SECRET}", {"s3cret"}},
                          {"${env:TOKEN}", {"t0ken"}},
                          {"${env:AES_KEY}", {"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"}}};
  }

  void run(const Row& row) {
    const auto channel = channelOf(row);
    if (channel == nullptr) return;
    std::string text = row.text;
    const std::size_t at = text.find('@');
    text.replace(at, 1, kTextBytes - text.size() + 1, 'x');
    auto sample = channel->sample({.platform = row.name,
                                   .body = text,
                                   .path = "/",
                                   .now = f_.loop.clock().wallNow(),
                                   .random = f_.random});
    CHECK(sample) << row.name << ": " << sample.error().message;
    const RequestText request{.method = sample->method,
                              .target = sample->query.empty() ? "/" : "/?" + sample->query,
                              .headers = sample->headers,
                              .body = sample->body};
    const double ours = costOf(*channel, request);
    const double bare = edgehold::costOf([&] { row.bare(request); });
    std::printf("%-18s %6zu %8.2f %8.2f %8.2f\n", row.name, request.body.size(), ours, bare,
                ours - bare);
  }

 private:
  double costOf(const Channel& channel, const RequestText& request) {
    std::vector<std::unique_ptr<Passage>> passages;
    const auto prepare = [&] {
      passages.clear();
      for (std::size_t i = 0; i < kBatch; ++i) {
        passages.push_back(f_.passage(request));
        Exchange& exchange = passages.back()->exchange;
        exchange.body.append(request.body);
        exchange.is_body_complete = true;
      }
    };
    return edgehold::costOf(prepare, [&](std::size_t i) {
      Exchange& exchange = passages[i]->exchange;
      const bool is_formed = channel.checkHead(exchange).has_value();
      const auto verified = channel.verify(exchange, f_.services);
      CHECK(is_formed && verified) << verified.error().message;
      if (verified->text.data() != exchange.body.view().data()) exchange.content = verified->text;
      const auto received = channel.read(exchange, *verified, f_.services);
      CHECK(received && !received->event.type.empty() && !received->event.id.empty());
    });
  }
  std::unique_ptr<const Channel> channelOf(const Row& row) {
    const ConfigNode node = configLiteral(row.config);
    ConfigErrors errors;
    ConfigReader config(node, "channel", errors);
    const FilterBuild build{.secrets = f_.secrets, .files = f_.files, .route = "bot"};
    const std::string name = config.text("dialect");
    for (const ChannelDialect& dialect : channelDialects()) {
      if (dialect.name == name) return dialect.make(config, build);
    }
    return nullptr;
  }
  ExchangeFixture f_;
};

}  // namespace
}  // namespace edgehold

int main() {
  std::printf("%-18s %6s %8s %8s %8s\n", "us per callback", "bytes", "ours", "bare", "beside");
  edgehold::Bench bench;
  for (const edgehold::Row& row : edgehold::kRows) bench.run(row);
}
