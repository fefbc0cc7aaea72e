// SPDX-License-Identifier: Apache-2.0
// TLS over a TCP socket, as server or as client. All records that one send() makes leave in one
// write. Thread: one loop (owned by the connection).
#pragma once

#include <memory>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/limits.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/transport.h"

struct bio_st;
struct bio_method_st;

namespace edgehold {

class TlsTransport final : public Transport, private FdWatch::Observer {
 public:
  // A client's connection to us. Keeps `context` until the handshake is over.
  TlsTransport(EventLoop& loop, Fd fd, Endpoint peer,
               std::shared_ptr<const TlsServerContext> context);
  // Ours to an upstream, that must prove to be `server_name`. `is_connecting`: connect(2) is under
  // way.
  TlsTransport(EventLoop& loop, Fd fd, Endpoint peer, const TlsClientContext& context,
               const std::string& server_name, bool is_connecting);
  ~TlsTransport() override;

  void start(Transport::Observer& observer) override;
  IoResult receive(std::span<char> room) override;
  bool hasBuffered() const override;
  IoResult send(ByteView bytes) override;
  bool isFlushed() const override { return sealed_.empty(); }
  std::size_t bufferedBytes() const override { return sealed_.capacity(); }
  void wantRead(bool wanted) override;
  void wantWrite(bool wanted) override;
  void endOutput() override;
  void breakOff() override;
  const Endpoint& peer() const override { return peer_; }
  bool isSecure() const override { return true; }
  std::string_view protocol() const override;
  std::string_view serverName() const override;
  std::string_view principal() const override { return principal_; }
  bool wasAbused() const override { return is_abused_; }

 private:
  enum class State { kConnecting, kHandshake, kOpen, kFailed };

  void attach(SslHandle ssl);
  void onFdReady(bool is_readable, bool is_writable) override;
  void shakeHands();
  // False: a client's certificate that says nothing we could call it by, or that has expired.
  bool learnPrincipal();
  // What of the peer's bytes is no content, over how long a stretch (TLS KeyUpdate, alerts,
  // requests to renegotiate: nothing of these concerns HTTP, and each costs us more than the peer).
  void countSilence(std::size_t bytes);
  void weighContent(std::size_t bytes);
  // Writes what is sealed; false when the socket is broken.
  bool flushSealed();
  void updateWriteInterest();
  std::size_t seal(ByteView bytes);
  IoResult resultOf(int ssl_result);

  static const bio_method_st* bioMethod();
  static int bioRead(bio_st* bio, char* into, int size);
  static int bioWrite(bio_st* bio, const char* from, int size);
  static long bioControl(bio_st* bio, int command, long number, void* pointer);

  Fd fd_;
  Endpoint peer_;
  std::shared_ptr<const TlsServerContext> server_context_;  // until the handshake is over
  SslHandle ssl_;
  State state_;
  EventLoop& loop_;
  Transport::Observer* observer_ = nullptr;
  Buffer sealed_;  // records that the kernel did not take yet
  bool wants_read_ = true;
  bool wants_write_ = false;
  bool may_read_ = false;  // one read(2) for each receive()
  bool is_abused_ = false;
  std::size_t silent_bytes_left_ = limits::kTlsSilentBytesMax;  // of records without content
  std::string principal_;
  bool has_socket_ended_ = false;
  bool has_socket_failed_ = false;
  FdWatch watch_;
};

}  // namespace edgehold
