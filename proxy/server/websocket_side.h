// SPDX-License-Identifier: Apache-2.0
// One peer of an inspected WebSocket: what it sends is read into messages, control frames are
// answered here (they are each hop's own), and frames to it are composed.
// Thread: one loop (owned by the relay).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/random.h"
#include "proxy/http/websocket_reader.h"

namespace edgehold {

class WebSocketSide final : private WebSocketReader::Events {
 public:
  // A call may send, pause and stop, but must not destroy the side.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void onMessage(WebSocketSide& from, const WebSocketMessage& message) = 0;
    // The peer closes; it is answered by the owner.
    virtual void onClose(WebSocketSide& from, std::optional<std::uint16_t> code,
                         std::string_view reason) = 0;
    virtual void onViolation(WebSocketSide& from, std::uint16_t close_code, Error error) = 0;
    // Frames for the peer.
    virtual void send(WebSocketSide& to, ByteView frames) = 0;
  };

  // `sender`: who the peer is. What goes to a server is masked, with keys from `random`.
  WebSocketSide(WebSocketReader::Sender sender, Owner& owner, Random& random,
                std::size_t message_bytes_max)
      : is_server_(sender == WebSocketReader::Sender::kServer),
        owner_(owner),
        random_(random),
        reader_(sender, *this, message_bytes_max) {}

  WebSocketReader& reader() { return reader_; }

  // Bytes came from the peer.
  void receive(ByteView bytes, Instant now);
  // What was left is read on, after a pause.
  void resume();
  // Bytes that came and wait here.
  std::size_t waitingBytes() const { return left_.size(); }
  std::size_t heldBytes() const { return left_.capacity() + reader_.heldBytes(); }

  void sendMessage(bool is_text, ByteView payload);
  // Once; later calls send nothing, since nothing may follow a Close.
  void sendClose(std::optional<std::uint16_t> code, std::string_view reason);
  bool isCloseSent() const { return is_close_sent_; }
  bool isCloseReceived() const { return is_close_received_; }

  // When the peer was silent for too long: asked after half the time, given up after all of it.
  Instant silentUntil(Duration idle_timeout) const {
    return heard_at_ + (is_asked_ ? idle_timeout : idle_timeout / 2);
  }
  void heard(Instant now) {
    heard_at_ = now;
    is_asked_ = false;
  }
  // The message under way must be whole by then: `timeout` at `rate` bytes a second, or less.
  // Never, when there is none.
  Instant messageUntil(Duration timeout, std::size_t rate) const;
  // A ping; false if one is unanswered.
  bool ask();

 private:
  void onMessage(const WebSocketMessage& message) override;
  void onPing(ByteView payload) override;
  void onPong(ByteView) override {}
  void onClose(std::optional<std::uint16_t> code, std::string_view reason) override;
  void onViolation(std::uint16_t close_code, Error error) override;

  std::optional<WebSocketMaskKey> maskKey();
  void sendFrame(WebSocketOpcode opcode, ByteView payload);

  const bool is_server_;
  Owner& owner_;
  Random& random_;
  WebSocketReader reader_;
  Buffer left_;  // what the reader did not take
  Instant heard_at_{};
  Instant message_began_ = Instant::max();  // of the one under way
  bool is_asked_ = false;
  bool is_close_sent_ = false;
  bool is_close_received_ = false;
};

}  // namespace edgehold
