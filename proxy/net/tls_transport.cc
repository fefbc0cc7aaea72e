// SPDX-License-Identifier: Apache-2.0
// OpenSSL over our own BIO behind tls_transport.h.
// Thread: one loop (owned by the connection).
#include "proxy/net/tls_transport.h"

#include <algorithm>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_principal.h"

namespace edgehold {
namespace {

// RFC 8446 5.1: the largest plaintext of one record.
constexpr std::size_t kRecordBytesMax = 16 * 1024;
// What one send() seals: enough for a long write, little enough that a slow peer pins no more.
constexpr std::size_t kSealBytesMax = 4 * kRecordBytesMax;

// Records are sealed into this and leave from here; only what the kernel refuses is kept by the
// connection, so an idle one owns no output memory. One per thread: each thread is one loop.
Buffer& gatherBuffer() {
  thread_local Buffer buffer;
  return buffer;
}

std::string handshakeError(SSL* ssl) {
  const long verification = SSL_get_verify_result(ssl);
  if (verification != X509_V_OK) {
    return std::string("certificate not accepted: ") + X509_verify_cert_error_string(verification);
  }
  const unsigned long code = ERR_peek_error();
  const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "connection closed";
}

}  // namespace

TlsTransport::TlsTransport(EventLoop& loop, Fd fd, Endpoint peer,
                           std::shared_ptr<const TlsServerContext> context)
    : fd_(std::move(fd)),
      peer_(peer),
      server_context_(std::move(context)),
      state_(State::kHandshake),
      loop_(loop),
      watch_(loop, fd_.get(), *this) {
  attach(server_context_->newConnection());
}

TlsTransport::TlsTransport(EventLoop& loop, Fd fd, Endpoint peer, const TlsClientContext& context,
                           const std::string& server_name, bool is_connecting)
    : fd_(std::move(fd)),
      peer_(peer),
      state_(is_connecting ? State::kConnecting : State::kHandshake),
      loop_(loop),
      watch_(loop, fd_.get(), *this) {
  attach(context.newConnection(server_name));
}

TlsTransport::~TlsTransport() = default;

void TlsTransport::attach(SslHandle ssl) {
  ssl_ = std::move(ssl);
  BIO* const bio = BIO_new(bioMethod());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

void TlsTransport::start(Transport::Observer& observer) {
  observer_ = &observer;
  if (state_ == State::kConnecting) {
    watch_.wantWrite(true);
    return;
  }
  watch_.wantRead(true);
  if (SSL_is_server(ssl_.get()) == 0) shakeHands();
}

IoResult TlsTransport::receive(std::span<char> room) {
  if (has_socket_failed_) return {IoResult::Kind::kFailed, 0};
  may_read_ = true;
  Buffer& gather = gatherBuffer();
  gather.clear();
  std::size_t filled = 0;
  IoResult last;
  while (filled < room.size()) {
    const auto space = std::min<std::size_t>(room.size() - filled, 1 << 30);
    const int got = SSL_read(ssl_.get(), room.data() + filled, static_cast<int>(space));
    if (got <= 0) {
      last = resultOf(got);
      break;
    }
    filled += static_cast<std::size_t>(got);
    if (SSL_has_pending(ssl_.get()) == 0) break;
  }
  may_read_ = false;
  weighContent(filled);
  if (!gather.empty()) {  // an alert: a record that got lost would end the stream
    sealed_.append(gather.view());
    flushSealed();
  }
  if (is_abused_) return {IoResult::Kind::kFailed, 0};
  if (filled > 0) return {IoResult::Kind::kBytes, filled};
  return last;
}

void TlsTransport::countSilence(std::size_t bytes) {
  if (state_ != State::kOpen) return;  // a handshake has bounds of its own
  silent_bytes_left_ -= std::min(silent_bytes_left_, bytes);
  if (silent_bytes_left_ == 0) is_abused_ = true;
}

// Content makes good what countSilence() took for its records.
void TlsTransport::weighContent(std::size_t bytes) {
  if (bytes == 0) return;
  is_abused_ = false;
  const std::size_t earned = bytes * limits::kTlsSilentBytesEarned;
  silent_bytes_left_ = std::min(silent_bytes_left_ + earned, limits::kTlsSilentBytesMax);
}

bool TlsTransport::hasBuffered() const { return SSL_has_pending(ssl_.get()) != 0; }

IoResult TlsTransport::send(ByteView bytes) {
  if (has_socket_failed_) return {IoResult::Kind::kFailed, 0};
  if (!sealed_.empty()) {
    if (!flushSealed()) return {IoResult::Kind::kFailed, 0};
    if (!sealed_.empty()) return {IoResult::Kind::kBlocked, 0};
  }
  const std::size_t taken = seal(bytes.substr(0, kSealBytesMax));
  if (has_socket_failed_ || (taken == 0 && !bytes.empty())) return {IoResult::Kind::kFailed, 0};
  return {IoResult::Kind::kBytes, taken};
}

std::size_t TlsTransport::seal(ByteView bytes) {
  Buffer& gather = gatherBuffer();
  gather.clear();
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::size_t record = std::min(bytes.size() - taken, kRecordBytesMax);
    const int wrote = SSL_write(ssl_.get(), bytes.data() + taken, static_cast<int>(record));
    if (wrote <= 0) {
      ERR_clear_error();
      has_socket_failed_ = true;
      return taken;
    }
    taken += static_cast<std::size_t>(wrote);
  }
  const IoResult sent = sendTo(fd_.get(), gather.view());
  if (sent.kind == IoResult::Kind::kBytes) gather.consume(sent.bytes);
  if (sent.kind == IoResult::Kind::kFailed) has_socket_failed_ = true;
  if (!gather.empty()) sealed_.append(gather.view());
  updateWriteInterest();
  return taken;
}

bool TlsTransport::flushSealed() {
  while (!sealed_.empty()) {
    const IoResult sent = sendTo(fd_.get(), sealed_.view());
    if (sent.kind == IoResult::Kind::kBytes) {
      sealed_.consume(sent.bytes);
    } else {
      if (sent.kind != IoResult::Kind::kBlocked) has_socket_failed_ = true;
      break;
    }
  }
  if (sealed_.empty()) sealed_.release();
  updateWriteInterest();
  return !has_socket_failed_;
}

void TlsTransport::wantRead(bool wanted) {
  wants_read_ = wanted;
  if (state_ == State::kOpen) watch_.wantRead(wanted);  // the handshake reads for itself
}

void TlsTransport::wantWrite(bool wanted) {
  wants_write_ = wanted;
  updateWriteInterest();
}

void TlsTransport::updateWriteInterest() { watch_.wantWrite(wants_write_ || !sealed_.empty()); }

void TlsTransport::endOutput() {
  if (state_ != State::kOpen || has_socket_failed_) return;
  Buffer& gather = gatherBuffer();
  gather.clear();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  sealed_.append(gather.view());
  if (flushSealed() && sealed_.empty()) ::shutdown(fd_.get(), SHUT_WR);
}

void TlsTransport::breakOff() { resetOnClose(fd_.get()); }

std::string_view TlsTransport::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

std::string_view TlsTransport::serverName() const {
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? std::string_view(name) : std::string_view();
}

void TlsTransport::onFdReady(bool is_readable, bool is_writable) {
  switch (state_) {
    case State::kConnecting: {
      const Result<void> connected = connectResult(fd_);
      if (!connected) {
        state_ = State::kFailed;
        watch_.wantWrite(false);
        return observer_->onTransportFailed(connected.error());
      }
      state_ = State::kHandshake;
      watch_.wantWrite(false);
      watch_.wantRead(true);
      return shakeHands();
    }
    case State::kHandshake:
      if (is_writable && !flushSealed()) return shakeHands();
      // A client's comes again in the next turn.
      if (is_readable && (server_context_ == nullptr || loop_.takeHandshakeStep())) shakeHands();
      return;
    case State::kOpen:
      if (is_writable) {
        flushSealed();
        if ((sealed_.empty() && wants_write_) || has_socket_failed_) {
          return observer_->onTransportWritable();
        }
      }
      if (is_readable) observer_->onTransportReadable();
      return;
    case State::kFailed:
      return;
  }
}

void TlsTransport::shakeHands() {
  Buffer& gather = gatherBuffer();
  gather.clear();
  may_read_ = true;
  const int result = SSL_do_handshake(ssl_.get());
  may_read_ = false;
  if (!gather.empty()) {
    sealed_.append(gather.view());
    flushSealed();
  }
  if (result == 1 && !has_socket_failed_ && learnPrincipal()) {
    state_ = State::kOpen;
    server_context_.reset();
    watch_.wantRead(wants_read_);
    observer_->onTransportOpen();
    // What came in one read with the end of the handshake is not announced by the kernel again.
    if (wants_read_ && hasBuffered()) observer_->onTransportReadable();
    return;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ && !has_socket_ended_ && !has_socket_failed_) return;
  state_ = State::kFailed;
  watch_.wantRead(false);
  watch_.wantWrite(false);
  const std::string why = handshakeError(ssl_.get());
  ERR_clear_error();
  observer_->onTransportFailed(Error{Reason::kUpstreamUnreachable, "tls handshake: " + why});
}

bool TlsTransport::learnPrincipal() {
  if (server_context_ == nullptr) return true;
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return true;  // wanted, but not demanded
  // A ticket carries what was verified when it was given; the certificate may have ended since.
  const bool is_current = X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
  principal_ = principalOf(certificate);
  return is_current && SSL_get_verify_result(ssl_.get()) == X509_V_OK && !principal_.empty();
}

IoResult TlsTransport::resultOf(int ssl_result) {
  const int error = SSL_get_error(ssl_.get(), ssl_result);
  ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return {IoResult::Kind::kEnd, 0};
  const bool is_cut = has_socket_ended_ || has_socket_failed_;
  if (error == SSL_ERROR_WANT_READ && !is_cut) return {IoResult::Kind::kBlocked, 0};
  // RFC 8446 6.1: an end without close_notify may be a truncation by an attacker.
  return {IoResult::Kind::kFailed, 0};
}

const bio_method_st* TlsTransport::bioMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "edgehold");
    CHECK(method != nullptr);
    BIO_meth_set_read(method, &TlsTransport::bioRead);
    BIO_meth_set_write(method, &TlsTransport::bioWrite);
    BIO_meth_set_ctrl(method, &TlsTransport::bioControl);
    return method;
  }();
  return kMethod;
}

int TlsTransport::bioRead(bio_st* bio, char* into, int size) {
  auto* const self = static_cast<TlsTransport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!self->may_read_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  self->may_read_ = false;
  const IoResult got = receiveFrom(self->fd_.get(), {into, static_cast<std::size_t>(size)});
  switch (got.kind) {
    case IoResult::Kind::kBytes:
      self->countSilence(got.bytes);
      return static_cast<int>(got.bytes);
    case IoResult::Kind::kBlocked:
      BIO_set_retry_read(bio);
      return -1;
    case IoResult::Kind::kEnd:
      self->has_socket_ended_ = true;
      return 0;
    case IoResult::Kind::kFailed:
      self->has_socket_failed_ = true;
      return -1;
  }
  return -1;
}

int TlsTransport::bioWrite(bio_st*, const char* from, int size) {
  gatherBuffer().append({from, static_cast<std::size_t>(size)});
  return size;
}

long TlsTransport::bioControl(bio_st*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace edgehold
