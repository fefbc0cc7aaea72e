// SPDX-License-Identifier: Apache-2.0
// Codec events as text and values, for tests.
// Thread: one loop.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/codec.h"

namespace edgehold {

inline constexpr std::size_t kEndlessCredit = std::numeric_limits<std::size_t>::max();

// One message as it was seen: "POST /a host:x" and so on, comparable between runs.
struct SeenMessage {
  std::string start;  // "GET /a" or "200 OK"
  std::vector<std::pair<std::string, std::string>> fields;
  std::string content;
  bool is_whole = false;
  bool operator==(const SeenMessage&) const = default;
};

inline std::vector<std::pair<std::string, std::string>> fieldsOf(const Headers& headers) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const Header& field : headers) fields.emplace_back(field.name, field.value);
  return fields;
}

class RecordingServer final : public ServerCodec::Events {
 public:
  void onRequestHead(StreamId stream, RequestHead&& head) override {
    last_stream = stream;
    requests.push_back({std::string(head.method_token) + " " + std::string(head.target.text),
                        fieldsOf(head.headers),
                        {},
                        false});
    last_body = head.body;
    is_continue_expected = head.expects_continue;
    if (on_head) on_head(stream, head);
  }
  void onRequestBody(StreamId, ByteView chunk) override {
    requests.back().content += chunk;
    if (on_body) on_body(last_stream);
  }
  void onRequestEnd(StreamId stream) override {
    requests.back().is_whole = true;
    if (on_end) on_end(stream);
  }
  void onRequestError(StreamId stream, Error error) override {
    last_stream = stream;
    errors.push_back(std::move(error));
    if (on_error) on_error(stream);
  }
  void onRequestCancelled(StreamId) override { ++cancelled; }

  std::vector<SeenMessage> requests;
  std::vector<Error> errors;
  StreamId last_stream = 0;
  BodyLength last_body;
  bool is_continue_expected = false;
  int cancelled = 0;
  std::function<void(StreamId, const RequestHead&)> on_head;
  std::function<void(StreamId)> on_body;
  std::function<void(StreamId)> on_end;
  std::function<void(StreamId)> on_error;
};

class RecordingClient final : public ClientCodec::Events {
 public:
  void onResponseHead(StreamId, ResponseHead&& head) override {
    responses.push_back({std::to_string(head.status) + " " + std::string(head.reason),
                         fieldsOf(head.headers),
                         {},
                         false});
    last_body = head.body;
  }
  void onResponseBody(StreamId, ByteView chunk) override { responses.back().content += chunk; }
  void onResponseEnd(StreamId stream) override {
    responses.back().is_whole = true;
    if (on_end) on_end(stream);
  }
  void onResponseError(StreamId, Error error) override { errors.push_back(std::move(error)); }

  std::vector<SeenMessage> responses;
  std::vector<Error> errors;
  BodyLength last_body;
  std::function<void(StreamId)> on_end;
};

// What a connection does with a codec: offers bytes in pieces, and what was left of them again.
template <class Codec>
class Feeder {
 public:
  explicit Feeder(Codec& codec) : codec_(codec) {}

  void feed(ByteView bytes) {
    pending_ += bytes;
    offer();
  }
  // `piece_bytes` at a time.
  void feedInPieces(ByteView bytes, std::size_t piece_bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
      feed(bytes.substr(0, piece_bytes));
    }
  }
  // What is pending, in fresh memory, so that a view kept from an earlier call is caught by asan.
  void offer() {
    const std::string offered = pending_;
    pending_.erase(0, codec_.receive(offered));
  }
  std::size_t pendingBytes() const { return pending_.size(); }

 private:
  Codec& codec_;
  std::string pending_;
};

inline std::string takeOutput(Buffer& output) {
  std::string bytes(output.view());
  output.consume(bytes.size());
  return bytes;
}

}  // namespace edgehold
