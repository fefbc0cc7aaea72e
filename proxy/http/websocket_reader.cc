// SPDX-License-Identifier: Apache-2.0
// The reader behind websocket_reader.h. A message that is one frame and all there is unmasked on
// the stack (or, when it is long, in memory that is given back with the event) and never kept; what
// comes in pieces is collected, in memory that grows with what came and not with what was
// announced. Thread: one loop (owned by the relay).
#include "proxy/http/websocket_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/limits.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::size_t kStackBytes = 2048;
constexpr std::size_t kFirstHeldBytes = 512;

Error broken(const char* law) { return {Reason::kMalformedRequest, law}; }
Error tooBig(const char* law) { return {Reason::kPayloadTooLarge, law}; }

// `in` as it is meant, written to `out`; says whether it is ASCII.
bool copyInto(char* out, ByteView in, bool is_masked, WebSocketMaskKey key) {
  if (is_masked) return maskInto(out, in, key);
  std::memcpy(out, in.data(), in.size());
  return false;  // not looked at
}

}  // namespace

WebSocketReader::WebSocketReader(Sender sender, Events& events, std::size_t message_bytes_max)
    : sender_(sender), events_(events), message_bytes_max_(message_bytes_max) {}

std::size_t WebSocketReader::receive(ByteView bytes) {
  const std::size_t offered = bytes.size();
  while (!is_ended_ && !bytes.empty()) {
    const std::size_t taken = is_in_frame_ ? receivePart(bytes) : receiveFrame(bytes);
    if (taken == 0) break;
    bytes.remove_prefix(taken);
  }
  return offered - bytes.size();
}

// A whole frame, or the head of a data frame.
std::size_t WebSocketReader::receiveFrame(ByteView bytes) {
  constexpr unsigned kControlBit = 0x08;
  if (is_paused_ && (static_cast<unsigned char>(bytes[0]) & kControlBit) == 0) return 0;
  auto parsed = parseWebSocketFrameHead(bytes, sender_ == Sender::kClient);
  if (!parsed) return violate(websocket_close::kProtocolError, std::move(parsed).error());
  if (!*parsed) return 0;
  const WebSocketFrameHead& head = **parsed;
  const bool is_whole = head.payload_bytes <= bytes.size() - head.head_bytes;
  if (isControlOpcode(head.opcode)) {
    if (!is_whole) return 0;
    return receiveControl(head, bytes.substr(head.head_bytes, head.payload_bytes));
  }
  if (auto order = checkOrder(head); !order) {
    return violate(websocket_close::kProtocolError, std::move(order).error());
  }
  if (auto size = checkSize(head); !size) {
    return violate(websocket_close::kTooBig, std::move(size).error());
  }
  if (is_whole && head.is_final && !is_in_message_) {
    return receiveWhole(head, bytes.substr(0, head.head_bytes + head.payload_bytes));
  }
  beginFrame(head);
  if (frame_bytes_left_ == 0 && !endFrame()) return 0;
  return head.head_bytes;
}

std::size_t WebSocketReader::receiveControl(const WebSocketFrameHead& head, ByteView payload) {
  std::array<char, kWebSocketControlBytesMax> plain;
  copyInto(plain.data(), payload, head.is_masked, head.mask_key);
  const ByteView content(plain.data(), payload.size());
  if (head.opcode == WebSocketOpcode::kClose && receiveClose(content) == 0) return 0;
  if (head.opcode == WebSocketOpcode::kPing) events_.onPing(content);
  if (head.opcode == WebSocketOpcode::kPong) events_.onPong(content);
  return head.head_bytes + payload.size();
}

// RFC 6455 5.5.1: nothing, or a code with a text after it. Gives 0 when it is neither.
std::size_t WebSocketReader::receiveClose(ByteView payload) {
  if (payload.empty()) {
    is_ended_ = true;
    events_.onClose(std::nullopt, {});
    return 1;
  }
  const auto octet = [payload](std::size_t at) { return static_cast<unsigned char>(payload[at]); };
  if (payload.size() == 1) {
    return violate(websocket_close::kProtocolError, broken("close: half a code"));
  }
  const auto code = static_cast<std::uint16_t>(octet(0) << 8 | octet(1));
  if (!isCloseCodeSendable(code)) {
    return violate(websocket_close::kProtocolError, broken("close: not a code"));
  }
  if (!isUtf8(payload.substr(2))) {
    return violate(websocket_close::kNotUtf8, broken("close: reason is not UTF-8"));
  }
  is_ended_ = true;
  events_.onClose(code, payload.substr(2));
  return 1;
}

std::size_t WebSocketReader::receiveWhole(const WebSocketFrameHead& head, ByteView frame) {
  ByteView payload = frame.substr(head.head_bytes);
  std::array<char, kStackBytes> stack;
  bool is_ascii = false;
  if (head.is_masked) {
    char* const plain = payload.size() <= stack.size() ? stack.data() : reserve(payload.size());
    is_ascii = maskInto(plain, payload, head.mask_key);
    payload = {plain, payload.size()};
  }
  const bool is_text = head.opcode == WebSocketOpcode::kText;
  if (is_text && !is_ascii && !isUtf8(payload)) {
    return violate(websocket_close::kNotUtf8, broken("message: text is not UTF-8"));
  }
  events_.onMessage({.is_text = is_text, .payload = payload, .frames = frame});
  releaseHeld();
  return frame.size();
}

std::size_t WebSocketReader::receivePart(ByteView bytes) {
  if (is_paused_) return 0;
  const ByteView part = bytes.substr(0, std::min<std::uint64_t>(frame_bytes_left_, bytes.size()));
  char* const plain = reserve(part.size());
  const bool is_ascii = copyInto(plain, part, sender_ == Sender::kClient, mask_key_);
  mask_key_ = advanceMaskKey(mask_key_, part.size());
  held_bytes_ += part.size();
  frame_bytes_left_ -= part.size();
  const bool is_checked = !is_text_ || (is_ascii && text_.isWhole());
  if (!is_checked && !text_.append({plain, part.size()})) {
    return violate(websocket_close::kNotUtf8, broken("message: text is not UTF-8"));
  }
  if (frame_bytes_left_ == 0 && !endFrame()) return 0;
  return part.size();
}

// RFC 6455 5.4: a message's fragments follow each other.
Result<void> WebSocketReader::checkOrder(const WebSocketFrameHead& head) const {
  const bool is_continuation = head.opcode == WebSocketOpcode::kContinuation;
  if (is_continuation && !is_in_message_) return fail(broken("frame: continues nothing"));
  if (!is_continuation && is_in_message_) return fail(broken("frame: a message within a message"));
  return {};
}

// Refused by what it announces: nothing of it is kept.
Result<void> WebSocketReader::checkSize(const WebSocketFrameHead& head) {
  if (!is_in_message_) own_bytes_max_ = message_bytes_max_;
  const std::size_t bytes_left = own_bytes_max_ - held_bytes_;
  if (head.payload_bytes > bytes_left) return fail(tooBig("message: too large"));
  if (++fragments_ > limits::kWebSocketFragmentsMax)
    return fail(tooBig("message: too many fragments"));
  if (head.payload_bytes == 0 && ++empty_fragments_ > limits::kWebSocketEmptyFragmentsMax) {
    return fail(tooBig("message: too many empty fragments"));
  }
  return {};
}

void WebSocketReader::beginFrame(const WebSocketFrameHead& head) {
  if (!is_in_message_) is_text_ = head.opcode == WebSocketOpcode::kText;
  is_in_message_ = is_in_frame_ = true;
  is_frame_final_ = head.is_final;
  frame_bytes_left_ = head.payload_bytes;
  mask_key_ = head.mask_key;
}

// False when the message ends within a character.
bool WebSocketReader::endFrame() {
  is_in_frame_ = false;
  if (!is_frame_final_) return true;
  if (!text_.isWhole()) {
    violate(websocket_close::kNotUtf8, broken("message: text is not UTF-8"));
    return false;
  }
  is_in_message_ = false;
  events_.onMessage({.is_text = is_text_, .payload = {held_.get(), held_bytes_}, .frames = {}});
  releaseHeld();
  return true;
}

// Room for `bytes` behind what is held, and no more than the message can come to.
char* WebSocketReader::reserve(std::size_t bytes) {
  const std::size_t needed = held_bytes_ + bytes;
  if (needed > capacity_) {
    const std::size_t frame_end = held_bytes_ + frame_bytes_left_;
    const std::size_t most = is_frame_final_ ? frame_end : own_bytes_max_;
    const std::size_t doubled = std::max(kFirstHeldBytes, 2 * capacity_);
    capacity_ = std::max(needed, std::min(doubled, most));
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (held_bytes_ > 0) std::memcpy(larger.get(), held_.get(), held_bytes_);
    held_ = std::move(larger);
  }
  return held_.get() + held_bytes_;
}

// The message was delivered; an idle socket owns nothing.
void WebSocketReader::releaseHeld() {
  held_.reset();
  capacity_ = held_bytes_ = 0;
  fragments_ = empty_fragments_ = 0;
}

std::size_t WebSocketReader::violate(std::uint16_t close_code, Error error) {
  is_ended_ = true;
  releaseHeld();
  // What is wrong is whose: a reason names the side.
  if (sender_ == Sender::kServer) error.reason = Reason::kUpstreamMalformed;
  events_.onViolation(close_code, std::move(error));
  return 0;
}

}  // namespace edgehold
