// SPDX-License-Identifier: Apache-2.0
// Reading from and writing to one peer, behind websocket_side.h.
// Thread: one loop (owned by the relay).
#include "proxy/server/websocket_side.h"

#include <cstring>
#include <utility>

#include "proxy/http/websocket_writer.h"

namespace edgehold {
namespace {

constexpr std::size_t kScratchBytesKept = 64 * 1024;

// Frames are composed in one place for all sockets of a loop: an idle one owns none.
class FrameScratch {
 public:
  FrameScratch() { buffer().clear(); }
  ~FrameScratch() {
    if (buffer().capacity() > kScratchBytesKept) buffer().release();
  }
  FrameScratch(const FrameScratch&) = delete;
  FrameScratch& operator=(const FrameScratch&) = delete;
  Buffer& buffer() {
    thread_local Buffer buffer;
    return buffer;
  }
};

}  // namespace

void WebSocketSide::receive(ByteView bytes, Instant now) {
  heard(now);
  if (reader_.isEnded()) return;  // nothing that follows a Close is looked at
  if (left_.empty()) {
    const std::size_t used = reader_.receive(bytes);
    if (used < bytes.size()) left_.append(bytes.substr(used));
  } else {
    left_.append(bytes);
    resume();
  }
  if (reader_.isEnded()) left_.release();
  if (!reader_.isInMessage()) {
    message_began_ = Instant::max();
  } else if (message_began_ == Instant::max()) {
    message_began_ = now;
  }
}

Instant WebSocketSide::messageUntil(Duration timeout, std::size_t rate) const {
  if (message_began_ == Instant::max()) return Instant::max();
  const std::size_t seconds = rate == 0 ? 0 : reader_.heldBytes() / rate;
  return message_began_ + timeout + std::chrono::seconds(seconds);
}

void WebSocketSide::resume() {
  if (left_.empty() || reader_.isEnded()) return;
  left_.consume(reader_.receive(left_.view()));
  if (left_.empty()) left_.release();
}

void WebSocketSide::sendMessage(bool is_text, ByteView payload) {
  if (is_close_sent_) return;
  sendFrame(is_text ? WebSocketOpcode::kText : WebSocketOpcode::kBinary, payload);
}

void WebSocketSide::sendClose(std::optional<std::uint16_t> code, std::string_view reason) {
  if (std::exchange(is_close_sent_, true)) return;
  FrameScratch scratch;
  appendClose(scratch.buffer(), code, reason, maskKey());
  owner_.send(*this, scratch.buffer().view());
}

bool WebSocketSide::ask() {
  if (std::exchange(is_asked_, true)) return false;
  if (!is_close_sent_) sendFrame(WebSocketOpcode::kPing, {});
  return true;
}

void WebSocketSide::onMessage(const WebSocketMessage& message) {
  message_began_ = Instant::max();
  owner_.onMessage(*this, message);
}

void WebSocketSide::onPing(ByteView payload) {
  if (!is_close_sent_) sendFrame(WebSocketOpcode::kPong, payload);
}

void WebSocketSide::onClose(std::optional<std::uint16_t> code, std::string_view reason) {
  is_close_received_ = true;
  owner_.onClose(*this, code, reason);
}

void WebSocketSide::onViolation(std::uint16_t close_code, Error error) {
  owner_.onViolation(*this, close_code, std::move(error));
}

std::optional<WebSocketMaskKey> WebSocketSide::maskKey() {
  if (!is_server_) return std::nullopt;
  const std::uint64_t word = random_.next();
  WebSocketMaskKey key;
  std::memcpy(key.data(), &word, key.size());
  return key;
}

void WebSocketSide::sendFrame(WebSocketOpcode opcode, ByteView payload) {
  FrameScratch scratch;
  appendFrame(scratch.buffer(), opcode, payload, maskKey());
  owner_.send(*this, scratch.buffer().view());
}

}  // namespace edgehold
