// SPDX-License-Identifier: Apache-2.0
// What one request needs of a connection to an upstream: all of an HTTP/1 connection for as long as
// it lasts, or one stream of an HTTP/2 connection. Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/graveyard.h"
#include "proxy/http/codec.h"

namespace edgehold {

// Whoever destroys it (by way of the graveyard) before the response is whole gives the request up,
// and the upstream sees that.
class UpstreamStream : public Mortal {
 public:
  // Whoever holds the stream. It may let go of it (give it back to the pool, bury it) in any call.
  class User : public ClientCodec::Events {
   public:
    // A request may be sent.
    virtual void onConnectionOpen() = 0;
    // All that was queued has left: there is room for more of the request body.
    virtual void onConnectionDrained() = 0;
    // Refused, broken, ended by the peer, or over its deadline. The user must bury it.
    virtual void onConnectionLost(Error error) = 0;
  };
  // What the peer knows of a request when its stream is lost.
  enum class Seen : std::uint8_t {
    kPerhaps,  // it may have acted on it
    kHardly,   // it said that it did not, or had hung up before
    kNever,    // nothing of it was sent, for want of room
  };

  virtual void setUser(User* user) = 0;
  // Of a new stream: connects. onConnectionOpen() comes later, never within the call.
  virtual void start() = 0;
  // REQUIRES: open. What is queued leaves at the end of the turn.
  virtual void sendHead(const RequestHead& head) = 0;
  virtual void sendBody(ByteView chunk) = 0;
  virtual void sendEnd() = 0;
  // As much of what is queued as the transport takes, now: the last words of a tunnel.
  virtual void flushNow() {}
  // Of this request, not taken by the transport yet.
  virtual std::size_t queuedBytes() = 0;
  // The transport has taken all that was given for it, and had not failed.
  virtual bool isDrained() = 0;
  // Back-pressure: the client takes no more of the response now.
  virtual void pauseReading(bool is_paused) = 0;
  // onConnectionLost(`reason`) unless called again, or cleared, within `delay`.
  virtual void setDeadline(Duration delay, Reason reason) = 0;
  virtual void clearDeadline() = 0;
  virtual Seen seen() const = 0;
  // Open, nothing under way, and the peer keeps it for another request of its user.
  virtual bool isReusable() const = 0;
  // What is idle owns no buffer.
  virtual void releaseBuffers() = 0;
};

}  // namespace edgehold
