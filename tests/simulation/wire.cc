// SPDX-License-Identifier: Apache-2.0
// One strict pass, behind wire.h.
// Thread: one loop.
#include "tests/simulation/wire.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace edgehold::simulation {
namespace {

std::optional<std::size_t> parseNumber(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string lowerCase(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + ('a' - 'A'));
  }
  return out;
}

}  // namespace

std::uint16_t WireMessage::status() const {
  return start_line.size() >= 12
             ? static_cast<std::uint16_t>(parseNumber(start_line.substr(9, 3), 10).value_or(0))
             : 0;
}

bool WireReader::read(std::string& bytes) {
  if (error_) return false;
  if (!has_head_ && !readHead(bytes)) return false;
  return readBody(bytes);
}

void WireReader::next() {
  message_ = {};
  has_head_ = false;
  is_bodiless_ = false;
}

bool WireReader::fail(std::string message) {
  error_ = std::move(message);
  return false;
}

bool WireReader::readHead(std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  parseHead(std::string_view(bytes).substr(0, end + 2));
  bytes.erase(0, end + 4);
  has_head_ = !error_;
  return has_head_;
}

void WireReader::parseHead(std::string_view head) {
  std::size_t at = head.find("\r\n");
  message_.start_line = std::string(head.substr(0, at));
  for (at += 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return void(fail("field line: " + std::string(line)));
    const bool is_new =
        message_.fields.emplace(lowerCase(line.substr(0, colon)), line.substr(colon + 2)).second;
    if (!is_new) return void(fail("field comes twice: " + std::string(line)));
    at = end + 2;
  }
  const std::uint16_t status = side_ == Side::kResponses ? message_.status() : 200;
  const bool has_none = is_bodiless_ || status < 200 || status == 204 || status == 304;
  framing_ = Framing::kNone;
  const bool is_chunked = message_.field("transfer-encoding") == "chunked";
  const std::string length = message_.field("content-length");
  if (is_chunked && !length.empty()) return void(fail("two lengths"));
  if (has_none) return;
  if (is_chunked) {
    framing_ = Framing::kChunked;
    left_ = 0;
  } else if (!length.empty()) {
    const auto bytes = parseNumber(length, 10);
    if (!bytes) return void(fail("length: " + length));
    framing_ = Framing::kLength;
    left_ = *bytes;
  } else if (side_ == Side::kResponses) {
    fail("a response without a length");
  }
}

bool WireReader::readBody(std::string& bytes) {
  if (framing_ == Framing::kChunked) return readChunks(bytes);
  if (framing_ == Framing::kNone) return true;
  const std::size_t taken = std::min(left_, bytes.size());
  message_.body.append(bytes, 0, taken);
  bytes.erase(0, taken);
  left_ -= taken;
  return left_ == 0;
}

bool WireReader::readChunks(std::string& bytes) {
  std::size_t at = 0;
  bool is_last = false;
  while (!is_last) {
    if (left_ == 0) {
      const std::size_t end = bytes.find("\r\n", at);
      if (end == std::string::npos) break;
      const auto size = parseNumber(std::string_view(bytes).substr(at, end - at), 16);
      if (!size) return fail("chunk size: " + bytes.substr(at, end - at));
      if (*size == 0 && bytes.size() < end + 4) break;
      if (*size == 0 && bytes.compare(end, 4, "\r\n\r\n") != 0) return fail("trailers");
      is_last = *size == 0;
      at = end + (is_last ? 4 : 2);
      left_ = is_last ? 0 : *size + 2;
      continue;
    }
    const std::size_t taken = std::min(left_, bytes.size() - at);
    if (taken == 0) break;
    const std::size_t content = left_ > 2 ? std::min(taken, left_ - 2) : 0;
    message_.body.append(bytes, at, content);
    at += taken;
    left_ -= taken;
  }
  bytes.erase(0, at);
  return is_last;
}

}  // namespace edgehold::simulation
