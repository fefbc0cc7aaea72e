// SPDX-License-Identifier: Apache-2.0
// What TLS connections share: certificates chosen by SNI and protocol choice towards clients; trust
// and the name to verify towards upstreams. Thread: any (immutable once made; OpenSSL synchronises
// its reference counts).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/listener_spec.h"
#include "proxy/net/tls_staple.h"
#include "proxy/net/tls_tickets.h"

struct ssl_ctx_st;
struct ssl_st;

namespace edgehold {

struct SslDeleter {
  void operator()(ssl_st* ssl) const;
};
using SslHandle = std::unique_ptr<ssl_st, SslDeleter>;

class TlsServerContext {
 public:
  // Loads and checks every file that it names; an error names the file. `before` has served until
  // now (null: nobody): own ticket keys live on.
  static Result<std::shared_ptr<const TlsServerContext>> make(
      const TlsSpec& spec, const TlsServerContext* before = nullptr);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  // A server's handle. REQUIRES: this context outlives its handshake.
  SslHandle newConnection() const;
  // OCSP responses that there are, stapled or not.
  std::vector<const OcspStaple*> staples() const;

 private:
  struct Named {
    std::string name;  // lower case; `.suffix` for a wildcard
    ssl_ctx_st* context;
  };
  TlsServerContext() = default;
  Result<void> add(const TlsSpec& spec, const CertificateSpec& certificate);
  void useTickets(ssl_ctx_st* context) const;
  static int onServerName(ssl_st* ssl, int* alert, void* self);
  static int onTicket(ssl_st* ssl, unsigned char* name, unsigned char* iv,
                      evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, int is_sealing);
  ssl_ctx_st* contextFor(std::string_view server_name) const;

  std::vector<ssl_ctx_st*> contexts_;  // owned; the first serves names that nobody has
  std::vector<Named> names_;
  std::vector<std::unique_ptr<const OcspStaple>> staples_;
  std::shared_ptr<TicketKeys> tickets_;  // null: none are given
};

class TlsClientContext {
 public:
  enum class Offer : std::uint8_t { kHttp1, kHttp2 };  // by ALPN, and nothing else

  // `ca_file` empty: the system's store. `verify` false trusts anybody (the loader warns).
  static Result<std::shared_ptr<const TlsClientContext>> make(const std::string& ca_file,
                                                              bool verify,
                                                              Offer offer = Offer::kHttp1);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  // A client's handle that verifies `server_name` (a host name or an address literal).
  SslHandle newConnection(const std::string& server_name) const;

 private:
  TlsClientContext() = default;
  ssl_ctx_st* context_ = nullptr;  // owned
  bool verify_ = true;
};

}  // namespace edgehold
