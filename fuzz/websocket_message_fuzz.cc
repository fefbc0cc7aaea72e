// SPDX-License-Identifier: Apache-2.0
// One direction of a WebSocket gives the same events however it is cut and whether or not it pauses
// at each message; what it gives out keeps the laws, is bounded, and composed anew is read the
// same. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8.h"
#include "proxy/http/websocket_reader.h"
#include "proxy/http/websocket_writer.h"

namespace edgehold {
namespace {

constexpr std::size_t kLeastMemory = 512;  // taken at once for a message in pieces

// The first byte of the input behind the piece size.
struct Setting {
  WebSocketReader::Sender sender;
  bool pauses;
  std::size_t message_bytes_max;

  explicit Setting(unsigned char byte)
      : sender((byte & 1) != 0 ? WebSocketReader::Sender::kClient
                               : WebSocketReader::Sender::kServer),
        pauses((byte & 2) != 0),
        message_bytes_max((byte & 4) != 0 ? 64 : 1 << 20) {}
};

class Listener final : public WebSocketReader::Events {
 public:
  explicit Listener(const Setting& setting)
      : setting_(setting), reader_(setting.sender, *this, setting.message_bytes_max) {}

  std::size_t receive(std::string_view bytes) {
    const bool was_ended = reader_.isEnded();
    std::size_t taken = 0;
    for (;;) {  // a pause ends with the call that it made end
      is_paused_ = false;
      reader_.pauseMessages(false);
      const std::size_t now = reader_.receive(bytes.substr(taken));
      taken += now;
      if (!is_paused_) break;
    }
    CHECK(!was_ended || taken == 0);
    CHECK_LE(reader_.heldBytes(), std::max(setting_.message_bytes_max, kLeastMemory));
    return taken;
  }

  void onMessage(const WebSocketMessage& message) override {
    CHECK(!message.is_text || isUtf8(message.payload));
    CHECK_LE(message.payload.size(), setting_.message_bytes_max);
    note(message.is_text ? "text" : "binary", message.payload);
    appendFrame(again, message.is_text ? WebSocketOpcode::kText : WebSocketOpcode::kBinary,
                message.payload, mask());
    if (!message.frames.empty()) raw += message.frames;
    if (!setting_.pauses) return;
    is_paused_ = true;
    reader_.pauseMessages(true);
  }
  void onPing(ByteView payload) override { onControl(WebSocketOpcode::kPing, payload); }
  void onPong(ByteView payload) override { onControl(WebSocketOpcode::kPong, payload); }
  void onClose(std::optional<std::uint16_t> code, std::string_view reason) override {
    CHECK(!code || isCloseCodeSendable(*code));
    CHECK(isUtf8(reason));
    note("close" + std::to_string(code.value_or(0)), reason);
    appendClose(again, code, reason, mask());
    is_ended_ = true;
  }
  void onViolation(std::uint16_t close_code, Error error) override {
    note("violation" + std::to_string(close_code), error.message);
    CHECK(close_code == 1002 || close_code == 1007 || close_code == 1009);
    events_before_violation = events.substr(0, events.rfind("violation"));
    is_ended_ = has_violated = true;
  }

  std::string events;
  std::string events_before_violation;
  std::string raw;
  Buffer again;
  bool has_violated = false;

 private:
  void onControl(WebSocketOpcode opcode, ByteView payload) {
    CHECK_LE(payload.size(), kWebSocketControlBytesMax);
    note(opcode == WebSocketOpcode::kPing ? "ping" : "pong", payload);
    appendFrame(again, opcode, payload, mask());
  }
  std::optional<WebSocketMaskKey> mask() const {
    if (setting_.sender == WebSocketReader::Sender::kServer) return std::nullopt;
    return WebSocketMaskKey{'a', '\xFE', '\0', '7'};
  }
  void note(std::string_view event, std::string_view content) {
    CHECK(!is_ended_);
    events.append(event).append(" ").append(std::to_string(content.size())).append(" ");
    events.append(content).append("\n");
  }

  const Setting setting_;
  WebSocketReader reader_;
  bool is_paused_ = false;
  bool is_ended_ = false;
};

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using edgehold::Listener;
  if (size < 2) return 0;
  const edgehold::Setting setting(input[1]);
  edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  pieces.bytes.remove_prefix(1);
  Listener whole(setting), cut(setting), again(setting);
  whole.receive(pieces.bytes);
  edgehold::offerInPieces(pieces.bytes, pieces.piece_bytes,
                          [&cut](std::string_view bytes) { return cut.receive(bytes); });
  CHECK(whole.events == cut.events);
  again.receive(whole.again.view());
  CHECK(again.events == (whole.has_violated ? whole.events_before_violation : whole.events));
  CHECK(pieces.bytes.size() >= whole.raw.size());
  return 0;
}
