// SPDX-License-Identifier: Apache-2.0
// Where our request parser accepts, http-parser (lenient, 2.9.4) must accept and see the same
// method, target, fields and body: nobody behind us reads another message than we did. Thread: main
// only.
#include <cstddef>
#include <cstdint>
#include <string>

#include <http_parser.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/http1_body_reader.h"
#include "proxy/http/http1_parser.h"

namespace edgehold {
namespace {

struct Message {
  std::string start;
  std::string fields;
  std::string content;
  std::size_t consumed = 0;
};

// Ours: the first request of `bytes`, or nothing if it is refused or incomplete.
bool readOurs(std::string_view bytes, Message& message) {
  Http1RequestParser parser;
  const auto length = parser.parse(bytes);
  if (!length || *length == 0) return false;
  const RequestHead& head = parser.head();
  message.start.append(head.method_token).append(" ");
  message.start.append(head.target.text);
  for (const Header& field : head.headers) {
    message.fields.append(field.name).append(":").append(field.value).append("\n");
  }
  Http1BodyReader body(head.body, ChunkedDecoder::Trailers::kRefused);
  message.consumed = *length;
  while (!body.isDone() && message.consumed < bytes.size()) {
    const auto step = body.step(bytes.substr(message.consumed), ~std::size_t{0});
    if (!step) return false;
    message.content += step->content;
    message.consumed += step->consumed;
  }
  return body.isDone();
}

struct Theirs {
  Message message;
  std::string url;
  bool is_in_value = false;
  bool is_trailer = false;
  bool is_complete = false;
};

Theirs& theirsOf(http_parser* parser) { return *static_cast<Theirs*>(parser->data); }

void endField(Theirs& theirs) {
  if (!theirs.is_in_value) return;
  while (theirs.message.fields.ends_with(' ') || theirs.message.fields.ends_with('\t')) {
    theirs.message.fields.pop_back();
  }
  theirs.message.fields += '\n';
  theirs.is_in_value = false;
}

int onUrl(http_parser* parser, const char* at, std::size_t size) {
  theirsOf(parser).url.append(at, size);
  return 0;
}
int onField(http_parser* parser, const char* at, std::size_t size) {
  Theirs& theirs = theirsOf(parser);
  if (theirs.is_trailer) return 0;
  endField(theirs);
  theirs.message.fields.append(at, size);
  return 0;
}
int onValue(http_parser* parser, const char* at, std::size_t size) {
  Theirs& theirs = theirsOf(parser);
  if (theirs.is_trailer) return 0;
  if (!theirs.is_in_value) theirs.message.fields += ':';
  theirs.is_in_value = true;
  theirs.message.fields.append(at, size);
  return 0;
}
int onHeadersComplete(http_parser* parser) {
  endField(theirsOf(parser));
  theirsOf(parser).is_trailer = true;
  return 0;
}
int onBody(http_parser* parser, const char* at, std::size_t size) {
  theirsOf(parser).message.content.append(at, size);
  return 0;
}
int onComplete(http_parser* parser) {
  theirsOf(parser).is_complete = true;
  http_parser_pause(parser, 1);
  return 0;
}

Theirs readTheirs(std::string_view bytes) {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_url = onUrl;
  settings.on_header_field = onField;
  settings.on_header_value = onValue;
  settings.on_headers_complete = onHeadersComplete;
  settings.on_body = onBody;
  settings.on_message_complete = onComplete;
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  Theirs theirs;
  parser.data = &theirs;
  theirs.message.consumed = http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
  theirs.message.start.append(http_method_str(static_cast<http_method>(parser.method)));
  return theirs;
}

// http-parser takes any name that begins like this one for it, also in trailers, and then refuses
// the message. That is its mistake and harmless: whoever reads with it sees no request.
bool hasMistakenCoding(std::string_view bytes) {
  constexpr std::string_view kCoding = "transfer-encoding";
  const std::string lower = toLower(bytes);
  for (auto at = lower.find(kCoding); at != std::string::npos; at = lower.find(kCoding, at + 1)) {
    if (at + kCoding.size() < lower.size() && isNameByte(lower[at + kCoding.size()])) return true;
  }
  return false;
}

// http-parser knows a fixed list of methods and stops at a request to upgrade.
bool isComparable(const RequestHead& head) {
  return head.method != Method::kOther && !head.headers.contains(HeaderId::kUpgrade);
}

void compare(std::string_view bytes) {
  Message ours;
  if (!readOurs(bytes, ours)) return;
  Http1RequestParser parser;
  CHECK(parser.parse(bytes).has_value());
  if (!isComparable(parser.head()) || hasMistakenCoding(bytes)) return;

  const Theirs theirs = readTheirs(bytes.substr(0, ours.consumed));
  CHECK(theirs.is_complete) << "they want more than we took";
  // The last byte is left to the pause.
  CHECK_GE(theirs.message.consumed + 1, ours.consumed) << "they took less than we did";
  CHECK_EQ(theirs.message.start, ours.start.substr(0, ours.start.find(' ')));
  CHECK(theirs.url.ends_with(ours.start.substr(ours.start.find(' ') + 1)));
  CHECK_EQ(theirs.message.fields, ours.fields);
  CHECK(theirs.message.content == ours.content);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  edgehold::compare({reinterpret_cast<const char*>(input), size});
  return 0;
}
