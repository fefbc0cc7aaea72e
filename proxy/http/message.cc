// SPDX-License-Identifier: Apache-2.0
// Method and status tables, and how a head moves into its exchange's arena.
// Thread: one loop (owned by the exchange); the tables are immutable.
#include "proxy/http/message.h"

#include <array>
#include <utility>

namespace edgehold {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 9> kMethods = {{
    {"GET", Method::kGet},
    {"POST", Method::kPost},
    {"PUT", Method::kPut},
    {"HEAD", Method::kHead},
    {"PATCH", Method::kPatch},
    {"DELETE", Method::kDelete},
    {"OPTIONS", Method::kOptions},
    {"TRACE", Method::kTrace},
    {"CONNECT", Method::kConnect},
}};

struct StatusRow {
  std::uint16_t status;
  std::string_view phrase;
};

// RFC 9110 15, RFC 6585, RFC 8297; sorted.
constexpr std::array<StatusRow, 48> kStatuses = {{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

}  // namespace

Method methodOf(std::string_view token) {
  for (const auto& [name, method] : kMethods) {
    if (token == name) return method;
  }
  return Method::kOther;
}

bool isIdempotent(Method method) {
  switch (method) {
    case Method::kGet:
    case Method::kHead:
    case Method::kPut:
    case Method::kDelete:
    case Method::kOptions:
    case Method::kTrace:
      return true;
    case Method::kPost:
    case Method::kPatch:
    case Method::kConnect:
    case Method::kOther:
      return false;
  }
  return false;
}

void RequestHead::rebase(std::string_view from, const char* to) {
  method_token = rebased(method_token, from, to);
  target.text = rebased(target.text, from, to);
  target.path = rebased(target.path, from, to);
  target.query = rebased(target.query, from, to);
  authority = rebased(authority, from, to);
  protocol = rebased(protocol, from, to);
  headers.rebase(from, to);
  block = rebased(block, from, to);
}

void RequestHead::keepIn(Arena& arena) { rebase(block, arena.copy(block).data()); }

void ResponseHead::rebase(std::string_view from, const char* to) {
  reason = rebased(reason, from, to);
  headers.rebase(from, to);
  block = rebased(block, from, to);
}

void ResponseHead::keepIn(Arena& arena) { rebase(block, arena.copy(block).data()); }

bool statusForbidsBody(std::uint16_t status) {
  return status < 200 || status == 204 || status == 304;
}

std::string_view reasonPhrase(std::uint16_t status) {
  if (status == 200) return "OK";
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) return row.phrase;
  }
  return "";
}

}  // namespace edgehold
