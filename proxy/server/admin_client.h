// SPDX-License-Identifier: Apache-2.0
// Asks a running edgehold: one HTTP/1.1 request and its answer, over a Unix socket or TCP. Blocks,
// with a deadline: for the command line, never for a loop.
// Thread: any (each call is on its own).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace edgehold {

// Where an edgehold is administered: a Unix socket's path or an address.
class AdminPlace {
 public:
  // `127.0.0.1:9901`, `[::1]:9901`, or a path: what contains a slash. Nothing for anything else.
  static std::optional<AdminPlace> parse(std::string_view text);
  static AdminPlace at(const Endpoint& address) { return AdminPlace(address); }
  static AdminPlace at(std::string path) { return AdminPlace(std::move(path)); }

  const std::string* path() const { return std::get_if<std::string>(&place_); }
  const Endpoint* address() const { return std::get_if<Endpoint>(&place_); }
  std::string toString() const;

 private:
  explicit AdminPlace(std::variant<std::string, Endpoint> place) : place_(std::move(place)) {}
  std::variant<std::string, Endpoint> place_;
};

struct AdminCall {
  std::string_view method = "GET";
  std::string target;
  std::string body;  // JSON; empty: none
};

struct AdminAnswered {
  std::uint16_t status = 0;
  std::string body;
  bool isSuccess() const { return status >= 200 && status < 300; }
};

class AdminClient {
 public:
  // REQUIRES: clock outlives the client.
  AdminClient(AdminPlace place, const Clock& clock,
              std::chrono::seconds timeout = std::chrono::seconds(30));

  const AdminPlace& place() const { return place_; }
  // kUpstreamUnreachable when nobody answers there, kUpstreamTimeout past the deadline,
  // kUpstreamMalformed, kPayloadTooLarge past limits::kAdminAnswerBytesMax.
  Result<AdminAnswered> ask(const AdminCall& call) const;

 private:
  const AdminPlace place_;
  const Clock& clock_;
  const Duration timeout_;
};

}  // namespace edgehold
