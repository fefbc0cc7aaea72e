// SPDX-License-Identifier: Apache-2.0
// What a TLS client may ask for that is no content, over a real socket: key updates, renegotiation.
// The client is OpenSSL on a thread of its own. Thread: main only, but for the clients.
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_transport.h"
#include "tests/support/certificates.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Takes what comes, until the end of it.
class Taker final : public Transport::Observer {
 public:
  explicit Taker(EventLoop& loop) : loop_(loop) {}
  void use(std::unique_ptr<Transport> transport) {
    transport_ = std::move(transport);
    transport_->start(*this);
  }
  const Transport& transport() const { return *transport_; }
  std::size_t taken = 0;
  bool has_failed = false;

 private:
  void onTransportOpen() override {}
  void onTransportReadable() override {
    do {
      char room[4096];
      const IoResult got = transport_->receive(room);
      taken += got.bytes;
      has_failed = got.kind == IoResult::Kind::kFailed;
      if (!has_failed && got.kind != IoResult::Kind::kEnd) continue;
      transport_->wantRead(false);
      return loop_.stop();
    } while (transport_->hasBuffered());
  }
  void onTransportWritable() override {}
  void onTransportFailed(Error) override { loop_.stop(); }

  EventLoop& loop_;
  std::unique_ptr<Transport> transport_;
};

class TlsFloodTest : public testing::Test {
 protected:
  // Serves one client that does `act` once it has shaken hands.
  void serve(int version, const std::function<void(SSL*)>& act) {
    auto context = TlsServerContext::make({.certificates = {certificate_.spec()}});
    ASSERT_TRUE(context) << context.error().message;
    auto listening = listenOn({IpAddress::v4(0x7F000001), 0}, 16);
    ASSERT_TRUE(listening);
    const Endpoint address = localEndpoint(*listening);
    Listener listener(loop_, std::move(*listening), [&](Fd fd, const Endpoint& peer) {
      server_.use(std::make_unique<TlsTransport>(loop_, std::move(fd), peer, *context));
    });
    const auto watchdog = loop_.makeTimer([this] {
      ADD_FAILURE() << "the loop did not end by itself";
      loop_.stop();
    });
    watchdog->arm(60s);
    std::thread client([&] { connect(address, version, act); });
    loop_.run();
    client.join();
  }

  EventLoop loop_;
  Taker server_{loop_};

 private:
  void connect(const Endpoint& address, int version, const std::function<void(SSL*)>& act) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    client_fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    const auto length = static_cast<socklen_t>(address.toSockaddr(storage));
    ASSERT_EQ(::connect(client_fd_.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, client_fd_.get());
    EXPECT_EQ(SSL_connect(ssl), 1);
    act(ssl);
    ::shutdown(client_fd_.get(), SHUT_WR);
    SSL_free(ssl);
    SSL_CTX_free(context);
  }

  const TestCertificate certificate_{"edge.test"};
  // Closed with the test: tickets that were not read would make a reset of an earlier close.
  Fd client_fd_;
};

TEST_F(TlsFloodTest, KeyUpdatesWithoutContentEndTheConnectionSoon) {
  int sent = 0;
  serve(TLS1_3_VERSION, [&](SSL* ssl) {
    for (; sent < 5000; ++sent) {
      if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1) break;
    }
  });
  EXPECT_TRUE(server_.has_failed);
  EXPECT_TRUE(server_.transport().wasAbused());
}

TEST_F(TlsFloodTest, KeyUpdatesAmongContentAreFine) {
  constexpr int kRounds = 20'000;
  serve(TLS1_3_VERSION, [&](SSL* ssl) {
    for (int round = 0; round < kRounds; ++round) {
      if (round % 10 == 0) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        EXPECT_EQ(SSL_do_handshake(ssl), 1);
      }
      EXPECT_EQ(SSL_write(ssl, "x", 1), 1);
    }
    SSL_shutdown(ssl);
  });
  EXPECT_EQ(server_.taken, static_cast<std::size_t>(kRounds));
  EXPECT_FALSE(server_.has_failed);
}

TEST_F(TlsFloodTest, NobodyRenegotiates) {
  bool is_renegotiated = false;
  serve(TLS1_2_VERSION, [&](SSL* ssl) {
    EXPECT_EQ(SSL_write(ssl, "x", 1), 1);
    SSL_renegotiate(ssl);
    is_renegotiated = SSL_do_handshake(ssl) == 1;
  });
  EXPECT_FALSE(is_renegotiated);
  EXPECT_EQ(server_.taken, 1u);
}

}  // namespace
}  // namespace edgehold
