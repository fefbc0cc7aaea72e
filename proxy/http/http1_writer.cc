// SPDX-License-Identifier: Apache-2.0
// The writer behind http1_writer.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http1_writer.h"

#include <charconv>
#include <cstring>

#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

constexpr std::size_t kFixedBytesMax =
    160;  // start line without its parts, framing, connection, end
constexpr std::size_t kNumberBytesMax = 20;

// Appends to memory that was reserved for all of it.
class Pen {
 public:
  Pen(Buffer& out, std::size_t bytes) : out_(out), begin_(out.prepare(bytes).data()), at_(begin_) {}
  Pen(const Pen&) = delete;
  Pen& operator=(const Pen&) = delete;
  ~Pen() { out_.commit(static_cast<std::size_t>(at_ - begin_)); }

  void put(ByteView bytes) {
    if (bytes.empty()) return;  // memcpy must not see the null of an empty view
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void put(char c) { *at_++ = c; }
  void putNumber(std::uint64_t number, int base) {
    at_ = std::to_chars(at_, at_ + kNumberBytesMax, number, base).ptr;
  }

 private:
  Buffer& out_;
  char* const begin_;
  char* at_;
};

std::size_t fieldBytes(const Headers& headers) {
  std::size_t bytes = 0;
  for (const Header& field : headers) bytes += field.name.size() + field.value.size() + 4;
  return bytes;
}

// Parsed fields are clean; one that a rule or fact made may not be. It is left out: that neither
// splits the message nor lets a peer end the process.
bool wouldSplit(const Header& field) {
  const char* const end = field.value.data() + field.value.size();
  return field.name.empty() || findControl(field.value.data(), end) != end;
}

bool isWritten(HeaderId id, Http1ConnectionField connection) {
  switch (id) {
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kKeepAlive:
      return false;
    case HeaderId::kConnection:
      return connection == Http1ConnectionField::kAsGiven;
    default:
      return true;
  }
}

void putFields(Pen& pen, const Headers& headers, Http1ConnectionField connection) {
  for (const Header& field : headers) {
    if (!isWritten(field.id, connection) || wouldSplit(field)) continue;
    pen.put(field.name);
    pen.put(": ");
    pen.put(field.value);
    pen.put("\r\n");
  }
}

void putFraming(Pen& pen, BodyLength framing, Http1ConnectionField connection) {
  if (framing.kind == BodyLength::Kind::kKnown) {
    pen.put("Content-Length: ");
    pen.putNumber(framing.bytes, 10);
    pen.put("\r\n");
  } else if (framing.kind == BodyLength::Kind::kChunked) {
    pen.put("Transfer-Encoding: chunked\r\n");
  }
  if (connection == Http1ConnectionField::kClose) {
    pen.put("Connection: close\r\n");
  } else if (connection == Http1ConnectionField::kKeepAlive) {
    pen.put("Connection: keep-alive\r\n");
  }
  pen.put("\r\n");
}

}  // namespace

void writeHttp1RequestHead(Buffer& out, const RequestHead& head, BodyLength framing) {
  Pen pen(out, kFixedBytesMax + head.method_token.size() + head.target.text.size() +
                   fieldBytes(head.headers));
  pen.put(head.method_token);
  pen.put(' ');
  pen.put(head.target.text);
  pen.put(" HTTP/1.1\r\n");
  putFields(pen, head.headers, Http1ConnectionField::kAsGiven);
  putFraming(pen, framing, Http1ConnectionField::kAsGiven);
}

void writeHttp1ResponseHead(Buffer& out, const ResponseHead& head, BodyLength framing,
                            Http1ConnectionField connection) {
  const std::string_view phrase = head.reason.empty() ? reasonPhrase(head.status) : head.reason;
  Pen pen(out, kFixedBytesMax + phrase.size() + fieldBytes(head.headers));
  pen.put("HTTP/1.1 ");
  pen.putNumber(head.status, 10);
  pen.put(' ');
  pen.put(phrase);
  pen.put("\r\n");
  putFields(pen, head.headers, connection);
  putFraming(pen, framing, connection);
}

void writeHttp1Chunk(Buffer& out, ByteView content) {
  if (content.empty()) return;
  Pen pen(out, content.size() + kNumberBytesMax + 4);
  pen.putNumber(content.size(), 16);
  pen.put("\r\n");
  pen.put(content);
  pen.put("\r\n");
}

void writeHttp1LastChunk(Buffer& out) { out.append("0\r\n\r\n"); }

}  // namespace edgehold
