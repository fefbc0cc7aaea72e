// SPDX-License-Identifier: Apache-2.0
// What WeCom, WeChat and DingTalk share: the signed query, the cipher, the XML.
// Thread: main only.
#include <gtest/gtest.h>

#include "filters/channels/platform_cipher.h"
#include "filters/channels/xml.h"
#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

// --- the signed query

constexpr QueryForm kForm = {.signature = "msg_signature"};
constexpr QueryForm kDingtalkForm = {.signature = "msg_signature",
                                     .signature_or = "signature",
                                     .timestamp_or = "timeStamp",
                                     .unit = TimeUnit::kMilliseconds};
const std::string kSha(40, 'a');

Reason reasonOf(std::string_view query, const QueryForm& form = kForm) {
  const auto read = readSignedQuery(query, form);
  return read ? Reason::kAllowed : read.error().reason;
}

TEST(SignedQuery, HasEachPartOnceInItsOneForm) {
  const std::string sha = "msg_signature=" + kSha;
  EXPECT_EQ(reasonOf(sha + "&timestamp=1795176000&nonce=a1B"), Reason::kAllowed);
  EXPECT_EQ(reasonOf("x=1&nonce=1&timestamp=1795176000&" + sha), Reason::kAllowed);
  EXPECT_EQ(reasonOf(sha + "&timestamp=1795176000&nonce=" + std::string(32, 'x')),
            Reason::kAllowed);
  EXPECT_EQ(reasonOf(""), Reason::kSignatureMissing);
  EXPECT_EQ(reasonOf("timestamp=1795176000&nonce=1"), Reason::kSignatureMissing);
  for (const std::string& query :
       {sha + "0&timestamp=1795176000&nonce=1", sha + "&timestamp=1795176000",
        sha + "&timestamp=1795176000&nonce=", sha + "&timestamp=1795176000&nonce=a-b",
        sha + "&timestamp=1795176000&nonce=%31", sha + "&timestamp=1795176000&nonce=a+b",
        sha + "&timestamp=1795176000&nonce=" + std::string(33, 'x'),
        "msg_signature=" + std::string(40, 'g') + "&timestamp=1795176000&nonce=1"}) {
    EXPECT_EQ(reasonOf(query), Reason::kSignatureInvalid) << query;
  }
  for (const char* time : {"", "&timestamp=", "&timestamp=179517600", "&timestamp=17951760001",
                           "&timestamp=1795176000000", "&timestamp=%31795176000",
                           "&timestamp=-179517600", "&Timestamp=1795176000"}) {
    EXPECT_EQ(reasonOf(sha + "&nonce=1" + time), Reason::kTimestampMissing) << time;
  }
  for (const std::string& query : {sha + "&" + sha + "&timestamp=1795176000&nonce=1",
                                   sha + "&timestamp=1795176000&nonce=1&timestamp=1795176000",
                                   sha + "&timestamp=1795176000&nonce=1&nonce=2",
                                   sha + "&timestamp=1795176000&nonce=1&%6Eonce=2"}) {
    EXPECT_EQ(reasonOf(query), Reason::kMalformedRequest) << query;
  }
}

TEST(SignedQuery, MaySayAPartUnderTwoNamesWhenBothSayTheSame) {
  const std::string rest = "&timestamp=1795176000123&nonce=1";
  EXPECT_EQ(reasonOf("msg_signature=" + kSha + rest, kDingtalkForm), Reason::kAllowed);
  EXPECT_EQ(reasonOf("signature=" + kSha + rest, kDingtalkForm), Reason::kAllowed);
  EXPECT_EQ(reasonOf("signature=" + kSha + "&msg_signature=" + kSha + rest, kDingtalkForm),
            Reason::kAllowed);
  EXPECT_EQ(reasonOf("signature=" + kSha + "&timeStamp=1795176000123&nonce=1", kDingtalkForm),
            Reason::kAllowed);
  const std::string other(40, 'b');
  EXPECT_EQ(reasonOf("signature=" + other + "&msg_signature=" + kSha + rest, kDingtalkForm),
            Reason::kSignatureInvalid);
  EXPECT_EQ(reasonOf("signature=" + kSha + rest + "&timeStamp=1795176000124", kDingtalkForm),
            Reason::kSignatureInvalid);
  EXPECT_EQ(reasonOf("signature=" + kSha + "&timestamp=1795176000&nonce=1", kDingtalkForm),
            Reason::kTimestampMissing);
}

// The digest is the same for digits that moved from one part to the next: the forms refuse it.
TEST(SignedQuery, DigitsThatMovedFromOnePartToTheNextAreRefused) {
  EXPECT_EQ(sortedSha1({"t", "1795176000", "1795176123456", ""}).view(),
            sortedSha1({"t", "17951760001", "795176123456", ""}).view());
  EXPECT_EQ(reasonOf("msg_signature=" + kSha + "&timestamp=17951760001&nonce=795176123456"),
            Reason::kTimestampMissing);
}

// --- keys

TEST(EncodingAesKey, Has43LettersOfWhichTheLastTwoBitsMeanNothing) {
  const std::string canonical = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  const auto expected = decodeAesKey(canonical);
  ASSERT_TRUE(expected);
  EXPECT_EQ(expected->bytes(), std::string(32, '\0'));
  for (const char last : {'B', 'C', 'D'}) {
    std::string key = canonical;
    key.back() = last;
    ASSERT_TRUE(decodeAesKey(key)) << key;
    EXPECT_EQ(decodeAesKey(key)->bytes(), expected->bytes());
  }
  EXPECT_NE(decodeAesKey(canonical.substr(1) + "E")->bytes(), expected->bytes());
  for (const std::string& key :
       {std::string(), canonical + "=", canonical + "A", canonical.substr(1),
        canonical.substr(1) + "=", canonical.substr(1) + " ", "-" + canonical.substr(1)}) {
    EXPECT_FALSE(decodeAesKey(key)) << key;
  }
}

// --- the cipher

constexpr std::string_view kAesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";
constexpr std::string_view kOtherAesKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const WallTime kNow{std::chrono::seconds(1'795'176'000)};

class PlatformCipherTest : public ::testing::Test {
 protected:
  struct Keyring {
    std::vector<std::pair<std::string_view, Validity>> tokens = {{"token", {}}};
    std::vector<std::pair<std::string_view, Validity>> keys = {{kAesKey, {}}};
    std::string receive_id = "corp";
  };
  static PlatformCipher cipher(const Keyring& ring) {
    Tokens tokens;
    for (const auto& [text, validity] : ring.tokens) {
      tokens.push_back({std::make_shared<const SecretString>(text), validity});
    }
    Credentials<AesCbcKey> keys;
    for (const auto& [text, validity] : ring.keys) {
      keys.push_back({decodeAesKey(text).value(), validity});
    }
    return {std::move(tokens), std::move(keys), ring.receive_id};
  }
  // Opens what is encrypted whatever it is, signed as it should be.
  Result<Verified> open(const PlatformCipher& with, std::string_view encrypted,
                        std::string_view token = "token") {
    SignedQuery query{{}, "1795176000", "n0nce", 1'795'176'000'000};
    const DigestBytes digest = sortedSha1({token, query.timestamp, query.nonce, encrypted});
    std::copy_n(digest.bytes.begin(), query.signature.size(), query.signature.begin());
    return with.open(query, encrypted, kNow, arena);
  }
  // `plain`, whole blocks, encrypted without any padding.
  static std::string encrypted(std::string plain, std::string_view aes_key = kAesKey) {
    const auto key = decodeAesKey(aes_key).value();
    EXPECT_TRUE(key.encrypt(key.bytes().substr(0, 16), plain, plain.data()));
    return base64Encode(plain, Base64::kStandard);
  }
  static std::string framed(std::string_view text, std::string_view receive_id, std::size_t size) {
    std::string plain(16, 'r');
    for (int shift = 24; shift >= 0; shift -= 8) plain.push_back(static_cast<char>(size >> shift));
    return plain.append(text).append(receive_id);
  }
  static std::string padded(std::string plain, std::size_t block = 32) {
    const std::size_t pad = block - plain.size() % block;
    return plain.append(pad, static_cast<char>(pad));
  }
  static std::string sealed(const PlatformCipher& with, std::string_view text,
                            std::size_t key = 0) {
    return with.seal(key, text, {"0123456789abcdef", "1795176000", "n0nce"}).encrypted;
  }
  Arena arena;
};

TEST_F(PlatformCipherTest, OpensWhatItSealedWhateverItsSize) {
  const PlatformCipher with = cipher({});
  for (std::size_t size = 1; size <= 70; ++size) {
    const std::string text(size, 'x');
    const auto opened = open(with, sealed(with, text));
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->text, text);
  }
}

TEST_F(PlatformCipherTest, RefusesEveryPaddingButTheOneThatIsRight) {
  const PlatformCipher with = cipher({});
  const std::string plain = framed("hello world", "corp", 11);  // 35 bytes
  ASSERT_TRUE(open(with, encrypted(padded(plain))));
  for (unsigned last = 0; last < 256; ++last) {
    std::string changed = padded(plain);
    if (static_cast<unsigned char>(changed.back()) == last) continue;
    changed.back() = static_cast<char>(last);
    EXPECT_FALSE(open(with, encrypted(changed))) << last;
  }
  for (std::size_t i = plain.size(); i < padded(plain).size(); ++i) {
    std::string changed = padded(plain);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(open(with, encrypted(changed))) << i;
  }
  const std::string shorter = framed("hello", "corp", 5) + std::string(3, '\3');  // 32 bytes
  EXPECT_TRUE(open(with, encrypted(shorter)));
  EXPECT_FALSE(open(with, encrypted(padded(framed("hello world", "corp", 11), 16))))
      << "padded to 16, as a library does";
}

TEST_F(PlatformCipherTest, ComparesTheReceiveIdWholeAndTheLengthWithTheEnd) {
  const PlatformCipher with = cipher({});
  EXPECT_TRUE(open(with, encrypted(padded(framed("text", "corp", 4)))));
  for (const auto& [id, size] :
       std::vector<std::pair<std::string, std::size_t>>{{"corq", 4},
                                                        {"", 4},
                                                        {"cor", 4},
                                                        {"corpo", 4},
                                                        {"Corp", 4},
                                                        {"corp", 3},
                                                        {"corp", 5},
                                                        {"corp", 0},
                                                        {"corp", 8},
                                                        {"corp", 9},
                                                        {"corp", 0xFFFFFFFF},
                                                        {"corp", 0x80000000}}) {
    EXPECT_FALSE(open(with, encrypted(padded(framed("text", id, size))))) << id << size;
  }
  const PlatformCipher without = cipher({.receive_id = ""});
  EXPECT_TRUE(open(without, encrypted(padded(framed("text", "", 4)))));
  EXPECT_FALSE(open(without, encrypted(padded(framed("text", "corp", 4)))));
}

// Else whoever asks for the text would be given what it came in.
TEST_F(PlatformCipherTest, RefusesATextOfNothing) {
  for (const char* id : {"", "corp"}) {
    EXPECT_FALSE(open(cipher({.receive_id = id}), encrypted(padded(framed("", id, 0))))) << id;
  }
}

TEST_F(PlatformCipherTest, RefusesWhatHasNoRoomForItsFrame) {
  const PlatformCipher with = cipher({.receive_id = ""});
  EXPECT_FALSE(open(with, ""));
  EXPECT_FALSE(open(with, "AAAA"));
  EXPECT_FALSE(open(with, encrypted(padded(std::string(19, 'r')))));
  EXPECT_FALSE(open(with, encrypted(std::string(32, '\x20'))));  // padding and nothing else
  EXPECT_FALSE(open(with, encrypted(std::string(16, '\x10'))));
}

TEST_F(PlatformCipherTest, TakesCanonicalBase64Only) {
  const PlatformCipher with = cipher({});
  std::string text = encrypted(padded(framed("text", "corp", 4)));
  ASSERT_TRUE(open(with, text));
  for (const std::string& other :
       {text + "\n", " " + text, text + "=", text.substr(0, text.size() - 1), text + "AAAA",
        text.substr(4)}) {
    EXPECT_FALSE(open(with, other)) << other;
  }
  ASSERT_EQ(text.back(), '=');
  text[text.size() - 2] = static_cast<char>(text[text.size() - 2] + 1);  // bits behind the end
  EXPECT_FALSE(open(with, text));
}

TEST_F(PlatformCipherTest, EveryTokenAndEveryKeyCountsInItsTime) {
  const Validity past{WallTime::min(), kNow};
  const Validity future{kNow + std::chrono::seconds(1), WallTime::max()};
  const Validity live{kNow, kNow + std::chrono::seconds(1)};
  const PlatformCipher with = cipher({.tokens = {{"old", past}, {"new", live}, {"next", future}},
                                      .keys = {{kAesKey, past}, {kOtherAesKey, live}}});
  const std::string plain = padded(framed("text", "corp", 4));
  const auto opened = open(with, encrypted(plain, kOtherAesKey), "new");
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->text, "text");
  EXPECT_FALSE(open(with, encrypted(plain, kAesKey), "new"));
  EXPECT_FALSE(open(with, encrypted(plain, kOtherAesKey), "old"));
  EXPECT_FALSE(open(with, encrypted(plain, kOtherAesKey), "next"));
  EXPECT_TRUE(with.requireLive(kNow));
  for (const auto& ring : {Keyring{.tokens = {{"next", future}}, .keys = {{kAesKey, {}}}},
                           Keyring{.tokens = {{"token", {}}}, .keys = {{kAesKey, past}}}}) {
    EXPECT_EQ(cipher(ring).requireLive(kNow).error().reason, Reason::kSecretUnavailable);
  }
}

TEST_F(PlatformCipherTest, AnswersWithTheKeysThatWereAskedWith) {
  const PlatformCipher with =
      cipher({.tokens = {{"new", {}}, {"old", {}}}, .keys = {{kOtherAesKey, {}}, {kAesKey, {}}}});
  const auto opened = open(with, encrypted(padded(framed("text", "corp", 4))), "old");
  ASSERT_TRUE(opened);
  const auto answer = with.seal(opened->key, "success", {"0123456789abcdef", "1", "n"});
  EXPECT_EQ(answer.signature, hexEncode(sortedSha1({"old", "1", "n", answer.encrypted}).view()));
  EXPECT_TRUE(open(cipher({}), answer.encrypted));
}

TEST_F(PlatformCipherTest, DecryptsNothingWhoseSignatureDoesNotFit) {
  const PlatformCipher with = cipher({});
  const std::string text = sealed(with, "text");
  EXPECT_EQ(open(with, text, "tokem").error().reason, Reason::kSignatureInvalid);
  EXPECT_EQ(open(with, text, "").error().reason, Reason::kSignatureInvalid);
}

TEST_F(PlatformCipherTest, NoTwoAnswersAreEncryptedAlike) {
  FakeRandom random;
  const SealRandom one(random);
  const SealRandom two(random);
  EXPECT_EQ(one.random16.size(), 16u);
  EXPECT_EQ(one.nonce.size(), 16u);
  EXPECT_NE(one.random16, two.random16);
  EXPECT_NE(one.nonce, two.nonce);
}

// --- XML

class XmlTest : public ::testing::Test {
 protected:
  // The text of the child `a`; `?` when there is none, `!` when it is refused.
  std::string a(std::string_view text) {
    const auto document = XmlDocument::parse(text, arena);
    if (!document) return "!";
    const auto found = document->text("a", arena);
    if (!found) return "!!";
    return std::string(found->value_or("?"));
  }
  Arena arena;
};

TEST_F(XmlTest, GivesTheTextOfAnElementHoweverItIsWritten) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"<xml><a>x</a></xml>", "x"},
           {"<xml><a><![CDATA[x]]></a></xml>", "x"},
           {"<xml><a></a></xml>", ""},
           {"<xml><a/></xml>", ""},
           {"<xml><a /></xml>", ""},
           {"<xml><a><![CDATA[]]></a></xml>", ""},
           {"<xml><b>1</b></xml>", "?"},
           {"<xml/>", "?"},
           {" \n<xml>\n <a>x</a >\r\n\t<b>y</b></xml>\n ", "x"},
           {"<xml><a>1 &lt;2&gt; &amp;&quot;&apos;</a></xml>", "1 <2> &\"'"},
           {"<xml><a>&#65;&#x42;&#x4f60;&#128512;&#9;</a></xml>",
            "AB\xE4\xBD\xA0\xF0\x9F\x98\x80\t"},
           {"<xml><a>x<![CDATA[<b>&amp;]]>y<![CDATA[]]]]><![CDATA[>]]></a></xml>", "x<b>&amp;y]]>"},
           {"<xml><a><![CDATA[你 <好> & ]]]></a></xml>", "你 <好> & ]"},
           {"<xml><a>a]b]]c>d</a></xml>", "a]b]]c>d"},
           {"<xml><b><a>1</a></b><a>2</a></xml>", "2"},
           {"<?xml version=\"1.0\"?><xml><a>x</a></xml>", "x"},
           {"<?xml version='1.0' encoding='utf-8' standalone=\"yes\" ?>\n<xml><a>x</a></xml>", "x"},
       }) {
    EXPECT_EQ(a(text), expected) << text;
  }
}

TEST_F(XmlTest, RefusesWhatItDoesNotTakeForXml) {
  for (const char* text : {
           "",
           " ",
           "x",
           "<",
           "<xml",
           "<xml>",
           "<xml><a>x</a>",
           "<xml></xm>",
           "</xml>",
           "<xml><a>x</b></xml>",
           "<xml><a>x</xml></a>",
           "<xml></xml><xml></xml>",
           "<xml></xml>x",
           "x<xml></xml>",
           "<xml></xml><!-- x -->",
           "<xml>&amp;<a>1</a></xml>",
           // what XML has and these platforms have not
           "<!DOCTYPE xml><xml><a>x</a></xml>",
           "<xml><!DOCTYPE x><a>x</a></xml>",
           "<!DOCTYPE xml [<!ENTITY e \"x\">]><xml><a>&e;</a></xml>",
           "<xml><!ENTITY e \"x\"><a>x</a></xml>",
           "<xml><!-- c --><a>x</a></xml>",
           "<xml><a><!-- c -->x</a></xml>",
           "<xml><?php x ?><a>x</a></xml>",
           "<?xml-stylesheet x?><xml><a>x</a></xml>",
           "<xml><?xml version=\"1.0\"?></xml>",
           "<xml a=\"1\"><a>x</a></xml>",
           "<xml><a b='1'>x</a></xml>",
           "<xml><n:a>x</n:a></xml>",
           "<xml xmlns=\"x\"/>",
           // another parser would read another text
           "<?xml version=\"1.1\"?><xml/>",
           "<?xml version=\"1.0\" encoding=\"UTF-16\"?><xml/>",
           "<?xml encoding=\"UTF-8\"?><xml/>",
           "<?xml version=\"1.0\" x=\"y\"?><xml/>",
           "<?xml version=\"1.0'?><xml/>",
           "<?xml version=1.0?><xml/>",
           "<?xml?><xml/>",
           " <?xml version=\"1.0\"?><xml/>",
           "\xEF\xBB\xBF<xml/>",
           // references
           "<xml><a>&</a></xml>",
           "<xml><a>&;</a></xml>",
           "<xml><a>&e;</a></xml>",
           "<xml><a>&amp</a></xml>",
           "<xml><a>&AMP;</a></xml>",
           "<xml><a>&nbsp;</a></xml>",
           "<xml><a>&#;</a></xml>",
           "<xml><a>&#x;</a></xml>",
           "<xml><a>&#0;</a></xml>",
           "<xml><a>&#x1F;</a></xml>",
           "<xml><a>&#xD800;</a></xml>",
           "<xml><a>&#xFFFE;</a></xml>",
           "<xml><a>&#x110000;</a></xml>",
           "<xml><a>&#1114112;</a></xml>",
           "<xml><a>&#X41;</a></xml>",
           "<xml><a>&# 65;</a></xml>",
           "<xml><a>&#-5;</a></xml>",
           "<xml><a>&#x100000041;</a></xml>",
           "<xml><a>& lt;</a></xml>",
           "<xml>&lt;<a/></xml>",
           // text
           "<xml><a>]]></a></xml>",
           "<xml><a><![CDATA[x]]</a></xml>",
           "<xml><a><![cdata[x]]></a></xml>",
           "<xml><a><b</a></xml>",
           "<xml><a>\x01</a></xml>",
           "<xml><a>\xFF</a></xml>",
           "<xml><a>\xC0\x80</a></xml>",
           "<xml>text<a>x</a></xml>",
           "<xml><a>x</a>text</xml>",
           "<xml><b>text<a>x</a></b></xml>",
           "<xml><![CDATA[text]]><a>x</a></xml>",
           "<xml>< a>x</a></xml>",
           "<xml><a>x</ a></xml>",
           "<xml><a/ ></xml>",
           "<xml><1>x</1></xml>",
           "<xml><>x</></xml>",
           "<xml><A>x</a></xml>",
       }) {
    EXPECT_EQ(a(text), "!") << text;
  }
  EXPECT_EQ(a(std::string("<xml><a>\0</a></xml>", 19)), "!");
}

TEST_F(XmlTest, GivesNoTextOfWhatIsThereTwiceOrHasElements) {
  EXPECT_EQ(a("<xml><a>1</a><a>1</a></xml>"), "!!");
  EXPECT_EQ(a("<xml><a>1</a><b/><a/></xml>"), "!!");
  EXPECT_EQ(a("<xml><a><b>1</b></a></xml>"), "!!");
  EXPECT_EQ(a("<xml><a>1</a><b>1</b><b>2</b></xml>"), "1") << "nobody asks for b";
}

TEST_F(XmlTest, IsBounded) {
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "<a>";
    for (std::size_t i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_TRUE(XmlDocument::parse(nested(limits::kXmlDepthMax), arena));
  EXPECT_FALSE(XmlDocument::parse(nested(limits::kXmlDepthMax + 1), arena));
  const auto many = [](std::size_t count) {
    std::string text = "<xml>";
    for (std::size_t i = 1; i < count; ++i) text += "<b/>";
    return text + "</xml>";
  };
  EXPECT_TRUE(XmlDocument::parse(many(limits::kXmlElementsMax), arena));
  EXPECT_FALSE(XmlDocument::parse(many(limits::kXmlElementsMax + 1), arena));
  const auto named = [](std::size_t size) { return "<" + std::string(size, 'n') + "/>"; };
  EXPECT_TRUE(XmlDocument::parse(named(limits::kXmlNameBytesMax), arena));
  EXPECT_FALSE(XmlDocument::parse(named(limits::kXmlNameBytesMax + 1), arena));
}

TEST_F(XmlTest, EndsNowhereButAtItsEnd) {
  const std::string whole =
      "<?xml version=\"1.0\"?><xml><a><![CDATA[x]]>&amp;y</a><b><c>1</c></b><d/></xml>";
  EXPECT_EQ(a(whole), "x&y");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(a(whole.substr(0, size)), "!") << size;
  }
}

TEST_F(XmlTest, TellsWhetherAllItsChildrenAreExpected) {
  const auto document = XmlDocument::parse("<xml><a/><b/></xml>", arena);
  EXPECT_TRUE(document->hasOnly({"b", "a", "c"}));
  EXPECT_FALSE(document->hasOnly({"a"}));
  EXPECT_EQ(document->rootName(), "xml");
}

}  // namespace
}  // namespace edgehold
