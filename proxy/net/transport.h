// SPDX-License-Identifier: Apache-2.0
// A byte stream to a peer: TCP, with or without TLS on it. Knows nothing of HTTP.
// Thread: one loop (owned by the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace edgehold {

struct IoResult {
  enum class Kind : std::uint8_t {
    kBytes,    // `bytes` were moved, at least one
    kBlocked,  // none now; the observer will be told
    kEnd,      // the peer ended its stream properly
    kFailed,   // reset, TLS failure, or cut without the end that TLS requires
  };
  Kind kind = Kind::kBlocked;
  std::size_t bytes = 0;
};

class Transport {
 public:
  // None of these may destroy the transport: bury it (base/graveyard.h).
  class Observer {
   public:
    virtual ~Observer() = default;
    // Connected, and the TLS handshake is done. Once, before any other call but
    // onTransportFailed().
    virtual void onTransportOpen() = 0;
    virtual void onTransportReadable() = 0;
    // Asked for by wantWrite(): send() will take something.
    virtual void onTransportWritable() = 0;
    // It never opened: connection refused, handshake failed.
    virtual void onTransportFailed(Error error) = 0;
  };

  virtual ~Transport() = default;

  // Begins: connects or shakes hands as needed, then reads. REQUIRES: first call.
  virtual void start(Observer& observer) = 0;

  // At most one read from the kernel. What it decrypted but did not fit is offered by
  // hasBuffered().
  virtual IoResult receive(std::span<char> room) = 0;
  virtual bool hasBuffered() const { return false; }
  // Takes a prefix of `bytes`; one write to the kernel for all of what it takes.
  virtual IoResult send(ByteView bytes) = 0;
  // What send() took has all reached the kernel.
  virtual bool isFlushed() const { return true; }

  // What send() took and the kernel did not yet.
  virtual std::size_t bufferedBytes() const { return 0; }

  // onTransportReadable() is wanted (default: yes). Ending it is how back-pressure reaches the
  // peer.
  virtual void wantRead(bool wanted) = 0;
  virtual void wantWrite(bool wanted) = 0;
  // Tells the peer that nothing more comes (TLS close_notify, TCP FIN); reading goes on.
  virtual void endOutput() = 0;
  // The peer must not take the end for a proper one: destruction resets the connection.
  virtual void breakOff() = 0;

  virtual const Endpoint& peer() const = 0;
  virtual bool isSecure() const { return false; }
  // ALPN protocol, "" if none; SNI server name, "" if none. Live as long as the transport.
  virtual std::string_view protocol() const { return {}; }
  virtual std::string_view serverName() const { return {}; }
  // Who the peer proved to be by a certificate that we verified; "" if nobody. Lives as long.
  virtual std::string_view principal() const { return {}; }
  // It failed because the peer kept it busy with what is no content.
  virtual bool wasAbused() const { return false; }
};

}  // namespace edgehold
