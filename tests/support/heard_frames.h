// SPDX-License-Identifier: Apache-2.0
// WebSocket frames as words, for tests that say what somebody heard.
// Thread: main only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/websocket_reader.h"

namespace edgehold {

// What one side got, in words: `text:…`, `binary:…`, `ping:…`, `pong:…`, `close:…`, `broken`.
inline std::vector<std::string> heard(std::string_view bytes, bool by_upstream) {
  struct Words final : WebSocketReader::Events {
    void onMessage(const WebSocketMessage& message) override {
      list.push_back((message.is_text ? "text:" : "binary:") + std::string(message.payload));
    }
    void onPing(ByteView payload) override { list.push_back("ping:" + std::string(payload)); }
    void onPong(ByteView payload) override { list.push_back("pong:" + std::string(payload)); }
    void onClose(std::optional<std::uint16_t> code, std::string_view) override {
      list.push_back("close:" + std::to_string(code.value_or(0)));
    }
    void onViolation(std::uint16_t, Error) override { list.emplace_back("broken"); }
    std::vector<std::string> list;
  } words;
  using Sender = WebSocketReader::Sender;
  WebSocketReader reader(by_upstream ? Sender::kClient : Sender::kServer, words, 1 << 20);
  if (reader.receive(bytes) < bytes.size()) words.list.emplace_back("rest");
  return words.list;
}

}  // namespace edgehold
