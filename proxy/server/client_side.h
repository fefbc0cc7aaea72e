// SPDX-License-Identifier: Apache-2.0
// Who asked, and gets the answer: a stream of a client's connection, whoever releases a hold, or
// nobody any more.
// Thread: one loop.
#pragma once

#include <cstddef>

#include "proxy/base/bytes.h"
#include "proxy/exchange/decision.h"
#include "proxy/http/message.h"

namespace edgehold {

class ClientSide {
 public:
  virtual ~ClientSide() = default;
  // So many bytes of the request body can be taken now.
  virtual void credit(std::size_t bytes) = 0;
  virtual void sendContinue() = 0;
  virtual void sendHead(const ResponseHead& head, bool for_head) = 0;
  virtual void sendBody(ByteView chunk) = 0;
  virtual void sendEnd() = 0;
  // Breaks the answer off; the peer must see that it is not whole.
  virtual void abort() = 0;
  // Output that the peer has not taken yet.
  virtual std::size_t queuedBytes() = 0;
  // A decision was recorded in this turn; what is sent from now on tells of it, and does not leave
  // without the record.
  virtual void awaitRecord() = 0;
  // The exchange must be over sooner than it was: its deadline is to be asked again.
  virtual void noteDeadline() = 0;
  // The decision is recorded and the driver idle. It may begin again or be destroyed, but only
  // when this call and those above it have returned.
  virtual void onExchangeDone(const Decision& decision) = 0;
};

}  // namespace edgehold
