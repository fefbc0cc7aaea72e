// SPDX-License-Identifier: Apache-2.0
// One direction of an inspected WebSocket: bytes to whole messages and control frames, strictly
// (RFC 6455 5, 7, 8.1). The events are the same however the bytes are cut.
// Thread: one loop (owned by the relay).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/base/utf8.h"
#include "proxy/http/websocket_frame.h"

namespace edgehold {

// Views are valid for the call.
struct WebSocketMessage {
  bool is_text = false;
  ByteView payload;  // unmasked; UTF-8 where `is_text`
  // The octets as they came, when the message was one frame and whole in the given bytes: they may
  // be sent on unchanged. Else empty.
  ByteView frames;
};

class WebSocketReader {
 public:
  // A client's frames must be masked, a server's must not.
  enum class Sender : std::uint8_t { kClient, kServer };

  // A call may call the reader's setters and stop(), but must not destroy it.
  class Events {
   public:
    virtual ~Events() = default;
    virtual void onMessage(const WebSocketMessage& message) = 0;
    virtual void onPing(ByteView payload) = 0;
    virtual void onPong(ByteView payload) = 0;
    // The peer closes; the code may be sent on as it is.
    virtual void onClose(std::optional<std::uint16_t> code, std::string_view reason) = 0;
    // The peer broke a law: 1002, 1007 or 1009 is what to close with.
    virtual void onViolation(std::uint16_t close_code, Error error) = 0;
  };

  // `events` outlives the reader.
  WebSocketReader(Sender sender, Events& events, std::size_t message_bytes_max);

  WebSocketReader(const WebSocketReader&) = delete;
  WebSocketReader& operator=(const WebSocketReader&) = delete;

  // Holds for the messages that begin after; a higher one for the message under way as well.
  void setMessageBytesMax(std::size_t bytes) {
    message_bytes_max_ = bytes;
    own_bytes_max_ = std::max(own_bytes_max_, bytes);
  }

  // Consumes a prefix of `bytes` and returns its length. What is left is offered again with what
  // comes after it: it is less than a frame's head or a control frame, or waits for
  // pauseMessages(). After onClose() and onViolation() nothing is consumed any more.
  std::size_t receive(ByteView bytes);

  // While paused, control frames that come before the next data frame are still delivered; a data
  // frame, also a half-read one, is not read on.
  void pauseMessages(bool is_paused) { is_paused_ = is_paused; }
  // Nothing more is consumed, as after onClose().
  void stop() { is_ended_ = true; }
  bool isEnded() const { return is_ended_; }

  // A message has begun and is not whole.
  bool isInMessage() const { return is_in_message_ && !is_ended_; }
  // Memory owned for an unfinished message.
  std::size_t heldBytes() const { return capacity_; }

 private:
  std::size_t receiveFrame(ByteView bytes);
  std::size_t receiveControl(const WebSocketFrameHead& head, ByteView payload);
  std::size_t receiveClose(ByteView payload);
  std::size_t receiveWhole(const WebSocketFrameHead& head, ByteView frame);
  std::size_t receivePart(ByteView bytes);
  Result<void> checkOrder(const WebSocketFrameHead& head) const;
  Result<void> checkSize(const WebSocketFrameHead& head);
  void beginFrame(const WebSocketFrameHead& head);
  bool endFrame();
  char* reserve(std::size_t bytes);
  void releaseHeld();
  std::size_t violate(std::uint16_t close_code, Error error);

  const Sender sender_;
  Events& events_;
  std::size_t message_bytes_max_;
  // The message under way: `held_` has what came of it, unmasked.
  std::unique_ptr<char[]> held_;
  std::size_t capacity_ = 0;
  std::size_t held_bytes_ = 0;
  std::size_t own_bytes_max_ = 0;  // the bound it began under
  std::size_t fragments_ = 0;
  std::size_t empty_fragments_ = 0;
  Utf8Checker text_;
  // The data frame under way.
  std::uint64_t frame_bytes_left_ = 0;
  WebSocketMaskKey mask_key_{};
  bool is_frame_final_ = false;
  bool is_in_frame_ = false;
  bool is_in_message_ = false;
  bool is_text_ = false;
  bool is_paused_ = false;
  bool is_ended_ = false;
};

}  // namespace edgehold
