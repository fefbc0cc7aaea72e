// SPDX-License-Identifier: Apache-2.0
// The laws of TLS towards clients that need no socket: tickets and their keys, staples, clients'
// certificates. Both ends are OpenSSL's, joined in memory.
// Thread: main only.
#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "proxy/base/limits.h"
#include "proxy/crypto/openssl_handle.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_principal.h"
#include "proxy/net/tls_tickets.h"
#include "tests/support/authority.h"
#include "tests/support/fake_clock.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// The path of a new file.
std::string written(const TempDirectory& folder, std::string_view name, std::string_view bytes) {
  writeWhole(folder.file(name), bytes);
  return folder.file(name);
}

using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;
using Session = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;

// A client, the session that it got last, and what it was told.
class Client {
 public:
  explicit Client(int version = TLS1_3_VERSION) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->session_.reset(session);
      return 1;
    });
  }
  void present(const TestAuthority::Leaf& leaf) {
    SSL_CTX_use_certificate(context_.get(), leaf.certificate);
    SSL_CTX_use_PrivateKey(context_.get(), leaf.key);
  }
  void forget() { session_.reset(); }
  bool hasSession() const { return session_ != nullptr; }

  struct Met {
    bool is_open = false;
    bool is_resumed = false;
    std::string staple;
    std::string suite;
  };
  // A whole connection to `server`.
  Met meet(const TlsServerContext& server) {
    const SslHandle there = server.newConnection();
    const Ssl here(SSL_new(context_.get()));
    BIO* one = nullptr;
    BIO* other = nullptr;
    BIO_new_bio_pair(&one, 0, &other, 0);
    SSL_set_bio(here.get(), one, one);
    SSL_set_bio(there.get(), other, other);
    SSL_set_connect_state(here.get());
    SSL_set_tlsext_status_type(here.get(), TLSEXT_STATUSTYPE_ocsp);
    if (session_ != nullptr) SSL_set_session(here.get(), session_.get());
    for (int turn = 0; turn < 10; ++turn) {
      SSL_do_handshake(here.get());
      SSL_do_handshake(there.get());
    }
    char byte = 0;
    SSL_read(here.get(), &byte, 1);  // tickets of TLS 1.3 come after the handshake
    Met met;
    met.is_open = SSL_is_init_finished(here.get()) != 0 && SSL_is_init_finished(there.get()) != 0;
    if (!met.is_open) return met;
    met.is_resumed = SSL_session_reused(here.get()) != 0;
    const unsigned char* staple = nullptr;
    const long bytes = SSL_get_tlsext_status_ocsp_resp(here.get(), &staple);
    if (bytes > 0) met.staple.assign(reinterpret_cast<const char*>(staple), bytes);
    met.suite = SSL_get_cipher_name(here.get());
    SSL_shutdown(here.get());
    return met;
  }

 private:
  Context context_;
  Session session_;
};

using Served = std::shared_ptr<const TlsServerContext>;

class TlsServerTest : public testing::Test {
 protected:
  Served serve(const TlsSpec& spec, const TlsServerContext* before = nullptr) {
    auto made = TlsServerContext::make(spec, before);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : nullptr;
  }
  TlsSpec spec() { return {.certificates = {leaf_.spec}}; }

  TestAuthority authority_;
  TestAuthority::Leaf leaf_ = authority_.issue({"edge.test", "DNS:edge.test"});
};

TEST_F(TlsServerTest, ATicketOpensTheNextSessionAlsoAfterAReload) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Served first = serve(spec());
    Client client(version);
    EXPECT_FALSE(client.meet(*first).is_resumed);
    EXPECT_TRUE(client.meet(*first).is_resumed);
    EXPECT_TRUE(client.meet(*first).is_resumed);
    const Served reloaded = serve(spec(), first.get());
    EXPECT_TRUE(client.meet(*reloaded).is_resumed) << version;
  }
}

TEST_F(TlsServerTest, ATicketOfAnotherProcessOpensNothing) {
  Client client;
  client.meet(*serve(spec()));
  const Client::Met met = client.meet(*serve(spec()));
  EXPECT_TRUE(met.is_open);
  EXPECT_FALSE(met.is_resumed);
}

TEST_F(TlsServerTest, MachinesWithTheSameKeysFileOpenEachOthersTickets) {
  TempDirectory folder;
  const std::string one(80, 'a');
  const std::string two(80, 'b');
  TlsSpec ours = spec();
  ours.tickets.keys_file = written(folder, "ours", one + two);
  TlsSpec theirs = spec();
  theirs.tickets.keys_file = written(folder, "theirs", two + one);
  Client client;
  client.meet(*serve(ours));
  EXPECT_TRUE(client.meet(*serve(theirs)).is_resumed);
}

TEST_F(TlsServerTest, AKeysFileIsWholeKeysOfEightyBytes) {
  TempDirectory folder;
  TlsSpec wrong = spec();
  for (const std::size_t bytes : {0u, 79u, 81u, 48u, 80u * 17u}) {
    wrong.tickets.keys_file = written(folder, "keys", std::string(bytes, 'k'));
    const auto made = TlsServerContext::make(wrong);
    ASSERT_FALSE(made) << bytes;
    EXPECT_THAT(made.error().message, HasSubstr("keys"));
  }
  wrong.tickets.keys_file = written(folder, "keys", std::string(80 * 16, 'k'));
  EXPECT_TRUE(TlsServerContext::make(wrong));
}

TEST_F(TlsServerTest, WithoutTicketsNothingIsResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsSpec none = spec();
    none.tickets.is_enabled = false;
    const Served served = serve(none);
    Client client(version);
    client.meet(*served);
    EXPECT_FALSE(client.meet(*served).is_resumed);
  }
}

TEST_F(TlsServerTest, ATicketDoesNotOutliveTheAuthoritiesOfClients) {
  TestAuthority clients;
  TestAuthority others;
  TlsSpec open = spec();
  TlsSpec guarded = spec();
  guarded.client_ca_file = clients.file();
  TlsSpec elsewhere = guarded;
  elsewhere.client_ca_file = others.file();
  TlsSpec strict = guarded;
  strict.requires_client_certificate = true;
  const std::vector<TlsSpec> all = {open, guarded, elsewhere, strict};
  for (std::size_t was = 0; was < all.size(); ++was) {
    for (std::size_t is = 0; is < all.size(); ++is) {
      const Served before = serve(all[was]);
      Client client;
      client.present(clients.issue({"agent", ""}));
      client.meet(*before);
      const Served next = serve(all[is], before.get());
      EXPECT_EQ(client.meet(*next).is_resumed, was == is && client.hasSession() && was != 2)
          << was << " -> " << is;
    }
  }
}

TEST_F(TlsServerTest, ADemandedCertificateIsDemanded) {
  TestAuthority clients;
  TestAuthority strangers;
  TlsSpec strict = spec();
  strict.client_ca_file = clients.file();
  strict.requires_client_certificate = true;
  TlsSpec lenient = strict;
  lenient.requires_client_certificate = false;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client nobody(version), known(version), stranger(version);
    known.present(clients.issue({"agent", ""}));
    stranger.present(strangers.issue({"agent", ""}));
    EXPECT_FALSE(nobody.meet(*serve(strict)).is_open);
    EXPECT_TRUE(nobody.meet(*serve(lenient)).is_open);
    EXPECT_TRUE(known.meet(*serve(strict)).is_open);
    EXPECT_TRUE(known.meet(*serve(lenient)).is_open);
    EXPECT_FALSE(stranger.meet(*serve(strict)).is_open);
    EXPECT_FALSE(stranger.meet(*serve(lenient)).is_open) << "a wrong one is worse than none";
  }
}

TEST_F(TlsServerTest, AResponseOfTheAuthorityIsStapled) {
  const std::string file = authority_.ocsp(leaf_, {});
  TlsSpec stapled = spec();
  stapled.certificates[0].ocsp_file = file;
  const Served served = serve(stapled);
  EXPECT_FALSE(Client().meet(*served).staple.empty());
  EXPECT_FALSE(Client(TLS1_2_VERSION).meet(*served).staple.empty());
  EXPECT_TRUE(Client().meet(*serve(spec())).staple.empty());
}

TEST_F(TlsServerTest, AResponseThatIsOutOfDateOrBadNewsIsNotStapled) {
  for (const TestAuthority::Saying& saying : {
           TestAuthority::Saying{.until_seconds = -1},
           {.from_seconds = 3600, .until_seconds = 7200},
           {.is_good = false},
       }) {
    TlsSpec stapled = spec();
    stapled.certificates[0].ocsp_file = authority_.ocsp(leaf_, saying);
    const Served served = serve(stapled);
    const Client::Met met = Client().meet(*served);
    EXPECT_TRUE(met.is_open);
    EXPECT_TRUE(met.staple.empty());
    ASSERT_EQ(served->staples().size(), 1u);
  }
}

TEST_F(TlsServerTest, AResponseMustBeAboutTheCertificateAndFromItsIssuer) {
  TempDirectory folder;
  TestAuthority impostor;
  const TestAuthority::Leaf other = authority_.issue({"other.test", "DNS:other.test"});
  const std::string tampered = authority_.ocsp(leaf_, {});
  std::fstream file(tampered, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);  // in the signature
  file.put('\x55');
  file.close();
  struct Row {
    std::string file;
    std::string_view why;
  };
  for (const Row& row : {
           Row{authority_.ocsp(other, {}), "another certificate"},
           {impostor.ocsp(leaf_, {}), "another certificate"},
           {written(folder, "junk", "not DER"), "no OCSP response"},
           {written(folder, "empty", ""), "no OCSP response"},
           {"/nonexistent", "/nonexistent"},
           {tampered, "not signed"},
       }) {
    TlsSpec stapled = spec();
    stapled.certificates[0].ocsp_file = row.file;
    const auto made = TlsServerContext::make(stapled);
    ASSERT_FALSE(made) << row.why;
    EXPECT_THAT(made.error().message, HasSubstr(std::string(row.why)));
  }
}

TEST_F(TlsServerTest, PrefersTheFastestStrongSuite) {
  const Served served = serve(spec());
  EXPECT_EQ(Client().meet(*served).suite, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(Client(TLS1_2_VERSION).meet(*served).suite, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

TEST(TlsPrincipal, IsTheFirstNameOfTheStrongestKind) {
  struct Row {
    TestAuthority::Names names;
    std::string principal;
  };
  TestAuthority authority;
  for (const Row& row : {
           Row{{"cn", "DNS:a.test,URI:spiffe://x/agent,email:a@x.test"}, "uri:spiffe://x/agent"},
           {{"cn", "email:a@x.test,DNS:a.test,DNS:b.test"}, "dns:a.test"},
           {{"cn", "email:a@x.test"}, "email:a@x.test"},
           {{"agent-7", ""}, "cn:agent-7"},
           {{"cn", "IP:192.0.2.1"}, "cn:cn"},
           {{"", "DNS:a.test"}, "dns:a.test"},
           {{"", ""}, ""},
           {{"two words", ""}, ""},
           {{"l\xC3\xB6we", ""}, ""},
           {{"line\nfeed", ""}, ""},
           {{"cn", "URI:spiffe://x/" + std::string(300, 'y')}, ""},
       }) {
    EXPECT_EQ(principalOf(authority.issue(row.names).certificate), row.principal);
  }
}

TEST(TlsPrincipal, FillsAFactAndNotOneByteMore) {
  TestAuthority authority;
  const std::string longest(limits::kFactBytesMax - 4, 'y');
  EXPECT_EQ(principalOf(authority.issue({"", "URI:" + longest}).certificate), "uri:" + longest);
  EXPECT_EQ(principalOf(authority.issue({"", "URI:y" + longest}).certificate), "");
}

// What OpenSSL gives a ticket callback.
struct Contexts {
  std::unique_ptr<EVP_MAC, Freed<EVP_MAC_free>> algorithm{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  std::unique_ptr<EVP_MAC_CTX, Freed<EVP_MAC_CTX_free>> mac{EVP_MAC_CTX_new(algorithm.get())};
  std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>> cipher{EVP_CIPHER_CTX_new()};
  unsigned char iv[16] = {};
};

class TicketKeysTest : public testing::Test {
 protected:
  TicketKeys::Name seal() {
    TicketKeys::Name name;
    EXPECT_TRUE(keys_.seal(name, contexts_.iv, contexts_.cipher.get(), contexts_.mac.get()));
    return name;
  }
  TicketKeys::Opened open(const TicketKeys::Name& name) {
    return keys_.open(name, contexts_.iv, contexts_.cipher.get(), contexts_.mac.get());
  }
  FakeClock clock_;
  TicketKeys keys_{clock_, 1h};
  Contexts contexts_;
};

TEST_F(TicketKeysTest, AKeySealsForOneIntervalAndOpensForTwo) {
  using Opened = TicketKeys::Opened;
  const TicketKeys::Name first = seal();
  clock_.advance(1h - 1ns);
  EXPECT_EQ(seal(), first);
  EXPECT_EQ(open(first), Opened::kCurrent);
  clock_.advance(1ns);
  const TicketKeys::Name second = seal();
  EXPECT_NE(second, first);
  EXPECT_EQ(open(first), Opened::kFormer);
  clock_.advance(1h);
  EXPECT_EQ(open(first), Opened::kUnknown);
  EXPECT_EQ(open(second), Opened::kFormer);
}

TEST_F(TicketKeysTest, NoKeyIsLeftAfterALongSilence) {
  const TicketKeys::Name first = seal();
  clock_.advance(2h);
  EXPECT_EQ(open(first), TicketKeys::Opened::kUnknown);
}

TEST_F(TicketKeysTest, NeverUsesAVectorTwice) {
  seal();
  const std::string before(std::begin(contexts_.iv), std::end(contexts_.iv));
  seal();
  EXPECT_NE(std::string(std::begin(contexts_.iv), std::end(contexts_.iv)), before);
}

}  // namespace
}  // namespace edgehold
