// SPDX-License-Identifier: Apache-2.0
// The laws of TCP and TLS transports, over real loopback sockets: handshake, certificates by name,
// verification, ends, truncation and back-pressure.
// Thread: main only.
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_transport.h"
#include "tests/support/certificates.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// One end of a connection: remembers what came, sends what it is given.
class End final : public Transport::Observer {
 public:
  explicit End(EventLoop& loop) : loop_(loop) {}

  void use(std::unique_ptr<Transport> transport) {
    transport_ = std::move(transport);
    transport_->start(*this);
  }
  void send(std::string bytes) {
    outbox_ += bytes;
    push();
  }
  void close() { transport_.reset(); }
  Transport& transport() { return *transport_; }

  std::string received;
  bool is_open = false, has_ended = false, has_failed = false;
  std::optional<Error> refusal;
  std::size_t stop_at = 0;  // bytes received after which the loop stops
  bool stops_on_end = false;

 private:
  void onTransportOpen() override {
    is_open = true;
    push();
  }
  void onTransportReadable() override {
    do {
      char room[4096];
      const IoResult got = transport_->receive(room);
      if (got.kind == IoResult::Kind::kBytes) received.append(room, got.bytes);
      if (got.kind == IoResult::Kind::kEnd) has_ended = true;
      if (got.kind == IoResult::Kind::kFailed) has_failed = true;
    } while (transport_->hasBuffered());
    if (has_ended || has_failed) transport_->wantRead(false);
    const bool is_done = stop_at > 0 && received.size() >= stop_at;
    if (is_done || (stops_on_end && (has_ended || has_failed))) loop_.stop();
  }
  void onTransportWritable() override { push(); }
  void onTransportFailed(Error error) override {
    refusal = std::move(error);
    loop_.stop();
  }
  void push() {
    if (!is_open) return;
    while (!outbox_.empty()) {
      const IoResult sent = transport_->send(outbox_);
      if (sent.kind != IoResult::Kind::kBytes) break;
      outbox_.erase(0, sent.bytes);
    }
    transport_->wantWrite(!outbox_.empty());
  }

  EventLoop& loop_;
  std::unique_ptr<Transport> transport_;
  std::string outbox_;
};

class TransportTest : public testing::Test {
 protected:
  TransportTest()
      : watchdog_(loop_.makeTimer([this] {
          ADD_FAILURE() << "the loop did not end by itself";
          loop_.stop();
        })) {
    watchdog_->arm(20s);
    auto listening = listenOn({IpAddress::v4(0x7F000001), 0}, 16);
    if (!listening) throw std::runtime_error(listening.error().message);
    address_ = localEndpoint(*listening);
    listener_ = std::make_unique<Listener>(
        loop_, std::move(*listening),
        [this](Fd fd, const Endpoint& peer) { accept(std::move(fd), peer); });
  }

  void serveTls(std::vector<CertificateSpec> certificates) {
    auto made = TlsServerContext::make({std::move(certificates), true});
    ASSERT_TRUE(made) << made.error().message;
    server_tls_ = *made;
  }
  void connectTcp() {
    auto connecting = connectTo(address_);
    ASSERT_TRUE(connecting);
    client_.use(std::make_unique<TcpTransport>(loop_, std::move(connecting->fd), address_,
                                               connecting->is_under_way));
  }
  void connectTls(const std::string& ca_file, const std::string& server_name) {
    auto context = TlsClientContext::make(ca_file, true);
    ASSERT_TRUE(context) << context.error().message;
    auto connecting = connectTo(address_);
    ASSERT_TRUE(connecting);
    client_.use(std::make_unique<TlsTransport>(loop_, std::move(connecting->fd), address_,
                                               **context, server_name, connecting->is_under_way));
  }
  void accept(Fd fd, const Endpoint& peer) {
    if (server_tls_ != nullptr) {
      server_.use(std::make_unique<TlsTransport>(loop_, std::move(fd), peer, server_tls_));
    } else {
      server_.use(std::make_unique<TcpTransport>(loop_, std::move(fd), peer, false));
    }
    if (on_accept_) on_accept_();
  }

  EventLoop loop_;
  std::unique_ptr<Timer> watchdog_;
  Endpoint address_;
  std::shared_ptr<const TlsServerContext> server_tls_;
  std::function<void()> on_accept_;
  End server_{loop_}, client_{loop_};
  std::unique_ptr<Listener> listener_;
};

TEST_F(TransportTest, CarriesBytesBothWaysOverTcp) {
  connectTcp();
  client_.send("ping");
  server_.stop_at = 4;
  loop_.run();
  EXPECT_EQ(server_.received, "ping");
  EXPECT_TRUE(server_.transport().peer().ip.isLoopback());
}

TEST_F(TransportTest, TellsARefusedConnection) {
  listener_.reset();
  connectTcp();
  loop_.run();
  ASSERT_TRUE(client_.refusal.has_value());
  EXPECT_EQ(client_.refusal->reason, Reason::kUpstreamUnreachable);
}

TEST_F(TransportTest, CarriesManyRecordsOverTls) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  const std::string payload(1'000'000, 'x');
  connectTls(certificate.certificateFile(), "edge.test");
  client_.send(payload);
  server_.stop_at = payload.size();
  loop_.run();
  EXPECT_EQ(server_.received, payload);
  EXPECT_EQ(server_.transport().protocol(), "http/1.1");
  EXPECT_EQ(server_.transport().serverName(), "edge.test");
  EXPECT_TRUE(server_.transport().isSecure());
}

TEST_F(TransportTest, ShowsTheCertificateThatTheClientNamed) {
  const TestCertificate first("first.test"), wild("*.wild.test");
  serveTls({first.spec(), wild.spec()});
  connectTls(wild.certificateFile(), "a.wild.test");
  client_.send("x");
  server_.stop_at = 1;
  loop_.run();
  EXPECT_EQ(server_.received, "x");
  EXPECT_FALSE(client_.refusal.has_value());
}

TEST_F(TransportTest, RefusesACertificateOfAnotherName) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  connectTls(certificate.certificateFile(), "other.test");
  loop_.run();
  ASSERT_TRUE(client_.refusal.has_value());
  EXPECT_THAT(client_.refusal->message, testing::HasSubstr("certificate not accepted"));
}

TEST_F(TransportTest, RefusesACertificateThatNobodyVouchesFor) {
  const TestCertificate certificate("edge.test"), stranger("edge.test");
  serveTls({certificate.spec()});
  connectTls(stranger.certificateFile(), "edge.test");
  loop_.run();
  EXPECT_TRUE(client_.refusal.has_value());
}

TEST_F(TransportTest, EndsProperlyWithCloseNotify) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  connectTls(certificate.certificateFile(), "edge.test");
  client_.send("x");
  on_accept_ = [this] { server_.stops_on_end = true; };
  const auto end = loop_.makeTimer([this] { client_.transport().endOutput(); });
  end->arm(50ms);
  loop_.run();
  EXPECT_EQ(server_.received, "x");
  EXPECT_TRUE(server_.has_ended);
  EXPECT_FALSE(server_.has_failed);
}

TEST_F(TransportTest, CallsATlsStreamThatIsCutAFailure) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  connectTls(certificate.certificateFile(), "edge.test");
  client_.send("x");
  on_accept_ = [this] { server_.stops_on_end = true; };
  const auto cut = loop_.makeTimer([this] { client_.close(); });
  cut->arm(50ms);
  loop_.run();
  EXPECT_EQ(server_.received, "x");
  EXPECT_TRUE(server_.has_failed);
  EXPECT_FALSE(server_.has_ended);
}

TEST_F(TransportTest, RefusesClearTextWhereTlsIsSpoken) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  connectTcp();
  client_.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  loop_.run();
  EXPECT_TRUE(server_.refusal.has_value());
}

TEST_F(TransportTest, TakesNoMoreThanAPeerReads) {
  const TestCertificate certificate("edge.test");
  serveTls({certificate.spec()});
  on_accept_ = [this] { server_.transport().wantRead(false); };
  connectTls(certificate.certificateFile(), "edge.test");
  // More than both kernels buffer: some of it must stay with the sender.
  client_.send(std::string(64 * 1024 * 1024, 'x'));
  const auto end = loop_.makeTimer([this] { loop_.stop(); });
  end->arm(200ms);
  loop_.run();
  EXPECT_EQ(server_.received, "");
  EXPECT_FALSE(client_.transport().isFlushed());
}

TEST(TlsServerContext, NamesTheFileThatItCannotUse) {
  const TestCertificate certificate("edge.test");
  CertificateSpec spec = certificate.spec();
  spec.key_file = "/nonexistent/key.pem";
  const auto made = TlsServerContext::make({{spec}, true});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, testing::HasSubstr("/nonexistent/key.pem"));
}

TEST(TlsServerContext, RefusesAKeyOfAnotherCertificate) {
  const TestCertificate one("edge.test"), other("edge.test");
  EXPECT_FALSE(
      TlsServerContext::make({{{one.spec().certificate_file, other.spec().key_file}}, true}));
}

}  // namespace
}  // namespace edgehold
