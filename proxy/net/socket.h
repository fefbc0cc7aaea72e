// SPDX-License-Identifier: Apache-2.0
// Socket calls with their options in one place: bind, accept, connect, and what errno says.
// Thread: any (stateless).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/net/fd.h"
#include "proxy/net/transport.h"

namespace edgehold {

// A listening socket with SO_REUSEPORT, so that each worker has its own queue.
Result<Fd> listenOn(const Endpoint& address, int backlog);
// One that nobody shares: an error while another process listens there.
Result<Fd> listenAloneOn(const Endpoint& address, int backlog);
// Where a bound socket listens: the port that the kernel chose for port 0.
Endpoint localEndpoint(const Fd& fd);

// The same socket under another number.
Fd duplicate(const Fd& fd);

struct Connecting {
  Fd fd;
  bool is_under_way = false;  // wait until it is writable, then ask connectResult()
};
// For a stream that a loop writes: no waiting for more, and little that the kernel keeps unsent, so
// that back-pressure shows soon and a slow reader's progress often.
void tuneStream(int fd);

// Begins to connect, without waiting.
Result<Connecting> connectTo(const Endpoint& address);
// How a connect that was under way ended.
Result<void> connectResult(const Fd& fd);

IoResult receiveFrom(int fd, std::span<char> room);
// As receiveFrom(), and it stays to be received.
IoResult peekFrom(int fd, std::span<char> room);
IoResult sendTo(int fd, ByteView bytes);
// When it is closed the peer gets a reset, and what it has not got yet is dropped.
void resetOnClose(int fd);

}  // namespace edgehold
