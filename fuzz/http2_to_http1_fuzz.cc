// SPDX-License-Identifier: Apache-2.0
// A header list that we take for a request is, written as HTTP/1, exactly one request to our strict
// HTTP/1 parser: the same method, target, host, fields and length. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/http2_request_head.h"

namespace edgehold {
namespace {

// A request of the fuzzer's: flags, then fields as `name\1value\2`. What it leaves out of the
// pseudo-header fields is there already, unless a flag says no.
struct Input {
  bool is_secure = false;
  bool has_content = false;
  bool allows_tunnels = false;
  bool is_bare = false;
  std::string_view fields;
};

Input inputOf(std::string_view bytes) {
  if (bytes.empty()) return {};
  const auto flags = static_cast<unsigned char>(bytes[0]);
  return {.is_secure = (flags & 1) != 0,
          .has_content = (flags & 2) != 0,
          .allows_tunnels = (flags & 4) != 0,
          .is_bare = (flags & 8) != 0,
          .fields = bytes.substr(1)};
}

void addFields(Http2RequestHead& head, const Input& input) {
  const std::pair<std::string_view, std::string_view> kUsual[] = {
      {":method", "POST"},
      {":scheme", input.is_secure ? "https" : "http"},
      {":authority", "h"},
      {":path", "/"}};
  for (const auto& [name, value] : kUsual) {
    const std::string given = std::string(name) + '\1';
    if (input.is_bare || input.fields.find(given) != std::string_view::npos) continue;
    head.add(name, value);
  }
  std::string_view rest = input.fields;
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('\2'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    const std::size_t border = std::min(field.find('\1'), field.size());
    const std::string_view value = field.substr(border);
    head.add(field.substr(0, border), value.empty() ? value : value.substr(1));
  }
}

std::string describe(const RequestHead& head) {
  std::string text;
  text.append(head.method_token).append(" ").append(head.target.text).append("\n");
  text.append(head.authority).append("\n");
  for (const Header& field : head.headers) {
    if (field.id == HeaderId::kContentLength || field.id == HeaderId::kTransferEncoding) continue;
    text.append(field.name).append(":").append(field.value).append("\n");
  }
  return text + std::to_string(static_cast<int>(head.body.kind)) + std::to_string(head.body.bytes);
}

void checkTranslation(RequestHead& head, const Input& input) {
  CHECK(!head.authority.empty() && head.block.size() <= 2 * limits::kHeadBytesMax);
  CHECK(head.wants_upgrade == !head.protocol.empty());
  CHECK(input.has_content || !head.body.hasBody());
  CHECK_EQ(head.headers.find(HeaderId::kHost).value_or(""), head.authority);
  for (const Header& field : head.headers) {
    CHECK(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    CHECK(field.name == toLower(field.name) && !field.name.starts_with(':'));
  }
  if (head.wants_upgrade) {  // upstream it is the GET of an upgrade
    head.method = Method::kGet;
    head.method_token = "GET";
  }
  Buffer written;
  writeHttp1RequestHead(written, head, head.body);
  Http1RequestParser parser;
  const auto length = parser.parse(written.view());
  if (!length) {
    // With framing, a head near its bounds may be past them; nothing else may be wrong with it.
    const bool is_near_bounds =
        head.block.size() > 8192 || head.headers.size() >= limits::kHeaderCountMax;
    CHECK(length.error().reason == Reason::kHeadTooLarge && is_near_bounds)
        << written.view() << length.error().message;
    return;
  }
  CHECK_EQ(*length, written.size()) << written.view();
  CHECK_EQ(describe(parser.head()), describe(head));
  CHECK(!parser.head().wants_upgrade);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const edgehold::Input input = edgehold::inputOf({reinterpret_cast<const char*>(bytes), size});
  edgehold::Http2RequestHead head(input.is_secure, input.allows_tunnels);
  head.begin();
  edgehold::addFields(head, input);
  auto request = head.finish(input.has_content);
  if (request) edgehold::checkTranslation(*request, input);
  return 0;
}
