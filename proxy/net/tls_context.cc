// SPDX-License-Identifier: Apache-2.0
// OpenSSL contexts behind tls_context.h.
// Thread: any (immutable once made).
#include "proxy/net/tls_context.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "proxy/base/file.h"
#include "proxy/base/ip.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"

namespace edgehold {
namespace {

// Mozilla's "intermediate" suites and groups, without finite-field Diffie-Hellman. Mozilla lets the
// client choose among them, for the sake of those without AES in hardware: with ours those get
// ChaCha20 (SSL_OP_PRIORITIZE_CHACHA), and nobody is talked into the slower of two.
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kTls13Ciphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kGroups[] = "X25519:P-256:P-384";
// ALPN wire form (RFC 7301 3.1), the one preferred first; HTTP/1.1 alone is the tail of both.
constexpr unsigned char kProtocols[] = "\x02h2\x08http/1.1";
constexpr unsigned kHttp2Bytes = 3;
constexpr unsigned kProtocolsBytes = sizeof kProtocols - 1;

std::string opensslText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "unknown error";
}

int chooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_length,
                   const unsigned char* offered, unsigned int offered_length, void* own_protocols) {
  const auto* const own = static_cast<const unsigned char*>(own_protocols);
  const auto own_length = static_cast<unsigned>(kProtocols + kProtocolsBytes - own);
  unsigned char* match = nullptr;
  const int result =
      SSL_select_next_proto(&match, chosen_length, own, own_length, offered, offered_length);
  // RFC 7301 3.2: no protocol in common is fatal, not a guess (ALPACA).
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* newContext(const SSL_METHOD* method) {
  SSL_CTX* const context = SSL_CTX_new(method);
  CHECK(context != nullptr) << opensslText();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  CHECK_EQ(SSL_CTX_set_cipher_list(context, kTls12Ciphers), 1);
  CHECK_EQ(SSL_CTX_set_ciphersuites(context, kTls13Ciphers), 1);
  CHECK_EQ(SSL_CTX_set1_groups_list(context, kGroups), 1);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // An idle connection owns no buffers; one read takes all the records that have come.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  return context;
}

Result<void> useCertificate(SSL_CTX* context, const CertificateSpec& spec) {
  if (SSL_CTX_use_certificate_chain_file(context, spec.certificate_file.c_str()) != 1) {
    return fail("cannot use certificate `" + spec.certificate_file + "`: " + opensslText());
  }
  if (SSL_CTX_use_PrivateKey_file(context, spec.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail("cannot use key `" + spec.key_file + "`: " + opensslText());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return fail("key `" + spec.key_file + "` does not belong to certificate `" +
                spec.certificate_file + "`");
  }
  return {};
}

// Clients' certificates, and what a session belongs to: a ticket that was given under other
// authorities, or when none was asked for, opens nothing here (RFC 8446 4.6.1 leaves it to us).
Result<void> useClientAuthorities(SSL_CTX* context, const TlsSpec& spec) {
  Digest belongs(DigestKind::kSha256);
  belongs.update("edgehold");
  if (!spec.client_ca_file.empty()) {
    TRY_ASSIGN(const std::string authorities,
               readFile(spec.client_ca_file, limits::kConfigBytesMax));
    belongs.update(spec.requires_client_certificate ? "required" : "optional");
    belongs.update(authorities);
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(spec.client_ca_file.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, spec.client_ca_file.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return fail("cannot use client_ca `" + spec.client_ca_file + "`: " + opensslText());
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(
        context,
        SSL_VERIFY_PEER | (spec.requires_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
    SSL_CTX_set_max_cert_list(context, limits::kClientCertificateBytesMax);
  }
  const DigestBytes id = belongs.finish();
  static_assert(SSL_MAX_SID_CTX_LENGTH == 32, "a SHA-256");
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.bytes.data()),
                                 static_cast<unsigned>(id.size));
  return {};
}

int stapleResponse(SSL* ssl, void* staple_of_context) {
  const auto& staple = *static_cast<const OcspStaple*>(staple_of_context);
  if (!staple.isCurrent(SystemClock().wallNow())) return SSL_TLSEXT_ERR_NOACK;
  void* const copy = OPENSSL_memdup(staple.response.data(), staple.response.size());
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple.response.size()));
  return SSL_TLSEXT_ERR_OK;
}

// The DNS names of the leaf (RFC 6125 6.4.4: the common name counts only when there is no SAN at
// all, and then not for us: every certificate made in this decade has one).
std::vector<std::string> namesOf(SSL_CTX* context) {
  std::vector<std::string> names;
  const X509* const leaf = SSL_CTX_get0_certificate(context);
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = ASN1_STRING_get0_data(name->d.dNSName);
    const auto length = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    const std::string_view dns(reinterpret_cast<const char*>(text), length);
    names.push_back(toLower(dns.starts_with("*.") ? dns.substr(1) : dns));
  }
  GENERAL_NAMES_free(alternatives);
  return names;
}

}  // namespace

void SslDeleter::operator()(ssl_st* ssl) const { SSL_free(ssl); }

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::make(
    const TlsSpec& spec, const TlsServerContext* before) {
  std::shared_ptr<TlsServerContext> made(new TlsServerContext);
  if (before != nullptr && before->tickets_ != nullptr && before->tickets_->isFor(spec.tickets)) {
    made->tickets_ = before->tickets_;
  } else if (spec.tickets.is_enabled) {
    TRY_ASSIGN(made->tickets_, TicketKeys::make(spec.tickets));
  }
  for (const CertificateSpec& certificate : spec.certificates) TRY(made->add(spec, certificate));
  if (made->contexts_.empty()) return fail("tls needs at least one certificate");
  SSL_CTX_set_tlsext_servername_callback(made->contexts_.front(), &TlsServerContext::onServerName);
  SSL_CTX_set_tlsext_servername_arg(made->contexts_.front(), made.get());
  return std::shared_ptr<const TlsServerContext>(std::move(made));
}

Result<void> TlsServerContext::add(const TlsSpec& spec, const CertificateSpec& certificate) {
  SSL_CTX* const context = newContext(TLS_server_method());
  contexts_.push_back(context);
  if (!spec.allows_tls12) SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  TRY(useCertificate(context, certificate));
  TRY(useClientAuthorities(context, spec));
  if (!certificate.ocsp_file.empty()) {
    TRY_ASSIGN(OcspStaple staple, OcspStaple::load(certificate.ocsp_file, context));
    staples_.push_back(std::make_unique<const OcspStaple>(std::move(staple)));
    SSL_CTX_set_tlsext_status_cb(context, &stapleResponse);
    SSL_CTX_set_tlsext_status_arg(context, const_cast<OcspStaple*>(staples_.back().get()));
  }
  const unsigned char* const protocols = kProtocols + (spec.offers_http2 ? 0 : kHttp2Bytes);
  SSL_CTX_set_alpn_select_cb(context, &chooseProtocol, const_cast<unsigned char*>(protocols));
  useTickets(context);
  if (tickets_ != nullptr && spec.tickets.keys_file.empty()) {
    const auto life = std::chrono::duration_cast<std::chrono::seconds>(2 * spec.tickets.rotation);
    SSL_CTX_set_timeout(context, life.count());
  }
  for (std::string& name : namesOf(context)) names_.push_back({std::move(name), context});
  return {};
}

void TlsServerContext::useTickets(ssl_ctx_st* context) const {
  // Tickets carry the session; a cache of our own would be one more thing that peers can fill.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (tickets_ == nullptr) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  // Each handshake, full or resumed, gives the one that the next will use. OpenSSL's second would
  // be a twentieth of the work of a handshake.
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_app_data(context, tickets_.get());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TlsServerContext::onTicket);
}

// RFC 5077 5.1, in OpenSSL's terms: 0 is unknown, 1 is good, 2 is good but renew, -1 is an error.
int TlsServerContext::onTicket(ssl_st* ssl, unsigned char* name, unsigned char* iv,
                               evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, int is_sealing) {
  auto* const keys = static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys::Name key_name;
  if (is_sealing != 0) {
    if (!keys->seal(key_name, iv, cipher, mac)) return -1;
    std::copy(key_name.begin(), key_name.end(), name);
    return 1;
  }
  std::copy_n(name, key_name.size(), key_name.begin());
  switch (keys->open(key_name, iv, cipher, mac)) {
    case TicketKeys::Opened::kUnknown:
      return 0;
    case TicketKeys::Opened::kCurrent:
      // RFC 8446 C.4: a client uses a ticket once, so it needs the next one now.
      return SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
    case TicketKeys::Opened::kFormer:
      return 2;
    case TicketKeys::Opened::kFailed:
      break;
  }
  return -1;
}

std::vector<const OcspStaple*> TlsServerContext::staples() const {
  std::vector<const OcspStaple*> all;
  for (const auto& staple : staples_) all.push_back(staple.get());
  return all;
}

TlsServerContext::~TlsServerContext() {
  for (SSL_CTX* const context : contexts_) SSL_CTX_free(context);
}

SslHandle TlsServerContext::newConnection() const {
  SslHandle ssl(SSL_new(contexts_.front()));
  CHECK(ssl != nullptr) << opensslText();
  SSL_set_accept_state(ssl.get());
  return ssl;
}

int TlsServerContext::onServerName(ssl_st* ssl, int*, void* self) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* const context = static_cast<const TlsServerContext*>(self)->contextFor(name);
  if (context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

ssl_ctx_st* TlsServerContext::contextFor(std::string_view server_name) const {
  const std::string name = toLower(server_name);
  const std::size_t dot = name.find('.');
  // A wildcard stands for exactly one label (RFC 6125 6.4.3).
  const std::string_view parent =
      dot == std::string::npos ? "" : std::string_view(name).substr(dot);
  SSL_CTX* wildcard = nullptr;
  for (const Named& named : names_) {
    if (named.name == name) return named.context;
    if (wildcard == nullptr && !parent.empty() && named.name == parent) wildcard = named.context;
  }
  return wildcard != nullptr ? wildcard : contexts_.front();
}

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(const std::string& ca_file,
                                                                       bool verify, Offer offer) {
  std::shared_ptr<TlsClientContext> made(new TlsClientContext);
  made->context_ = newContext(TLS_client_method());
  made->verify_ = verify;
  SSL_CTX_set_session_cache_mode(made->context_, SSL_SESS_CACHE_OFF);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(made->context_)
                                     : SSL_CTX_load_verify_file(made->context_, ca_file.c_str());
  if (loaded != 1) return fail("cannot use ca_file `" + ca_file + "`: " + opensslText());
  SSL_CTX_set_verify(made->context_, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  const bool is_http2 = offer == Offer::kHttp2;
  CHECK_EQ(SSL_CTX_set_alpn_protos(made->context_, kProtocols + (is_http2 ? 0 : kHttp2Bytes),
                                   is_http2 ? kHttp2Bytes : kProtocolsBytes - kHttp2Bytes),
           0);
  return std::shared_ptr<const TlsClientContext>(std::move(made));
}

TlsClientContext::~TlsClientContext() { SSL_CTX_free(context_); }

SslHandle TlsClientContext::newConnection(const std::string& server_name) const {
  SslHandle ssl(SSL_new(context_));
  CHECK(ssl != nullptr) << opensslText();
  SSL_set_connect_state(ssl.get());
  const bool is_address = IpAddress::parse(server_name).has_value();
  // RFC 6066 3: an address literal is not sent as a server name.
  if (!is_address) SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  if (verify_) {
    X509_VERIFY_PARAM* const verification = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(verification, server_name.c_str())
                               : SSL_set1_host(ssl.get(), server_name.c_str());
    CHECK_EQ(set, 1) << opensslText();
  }
  return ssl;
}

}  // namespace edgehold
