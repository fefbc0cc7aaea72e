// SPDX-License-Identifier: Apache-2.0
// Reads the HTTP/1.1 that the server under test writes, with a reader of its own: narrow on
// purpose, since edgehold writes one form only. Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace edgehold::simulation {

struct WireMessage {
  std::string start_line;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;

  std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found != fields.end() ? found->second : std::string();
  }
  std::uint16_t status() const;  // of a response's start line
};

// Messages one after the other, from bytes that come in pieces.
class WireReader {
 public:
  enum class Side { kRequests, kResponses };
  explicit WireReader(Side side) : side_(side) {}

  // Takes what it can of `bytes` and leaves the rest in them. True when message() is whole: read
  // it, then call next().
  bool read(std::string& bytes);
  void next();

  WireMessage& message() { return message_; }
  bool hasHead() const { return has_head_; }
  std::size_t bodyBytes() const { return message_.body.size(); }
  // What came is not HTTP as edgehold writes it; nothing more is read.
  const std::optional<std::string>& error() const { return error_; }
  // The next response answers a HEAD: it has no body, whatever its fields say.
  void expectNoBody(bool is_bodiless) { is_bodiless_ = is_bodiless; }

 private:
  enum class Framing { kNone, kLength, kChunked };
  bool readHead(std::string& bytes);
  void parseHead(std::string_view head);
  bool readBody(std::string& bytes);
  bool readChunks(std::string& bytes);
  bool fail(std::string message);

  const Side side_;
  WireMessage message_;
  Framing framing_ = Framing::kNone;
  std::size_t left_ = 0;  // of the body, or of the chunk with its line end
  bool has_head_ = false;
  bool is_bodiless_ = false;
  std::optional<std::string> error_;
};

}  // namespace edgehold::simulation
