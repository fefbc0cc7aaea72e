// SPDX-License-Identifier: Apache-2.0
// Reads audit files back: splits lines, skips and counts what is torn or no record, and keeps what
// a query asks for. Memory is bounded by one line, however large the files are.
// Thread: one loop (a value for the length of one query).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/json.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"

namespace edgehold {

// All that is set must hold. Texts are compared whole, except `text`.
struct AuditQuery {
  std::optional<WallTime> since;  // inclusive
  std::optional<WallTime> until;  // exclusive
  std::string decision;
  std::string reason;
  std::string request_id;
  std::string approval_id;
  std::string host;
  std::string route;
  std::string action;
  std::string principal;
  std::string group;
  std::string sender;
  std::string text;  // anywhere in the line, as it is written there
};

struct AuditReadReport {
  std::uint64_t lines = 0;    // that are not empty
  std::uint64_t matched = 0;  // given to the sink
  std::uint64_t invalid = 0;  // torn, too long, or no audit record
  std::uint64_t files = 0;
};

// Takes one matching line (without its line feed; valid for the call). False ends the reading.
using AuditSink = std::function<bool(std::string_view line)>;

// Sans-IO: bytes in, matching lines out.
class AuditLineReader {
 public:
  // REQUIRES: query and sink outlive the reader.
  AuditLineReader(const AuditQuery& query, const AuditSink& sink, Random& random);

  // Bytes of one file, in order, in pieces of any size. False once the sink has had enough.
  bool receive(ByteView bytes);
  // That file is over. What is left without a line feed is torn, unless it lacks nothing else: no
  // beginning of a JSON object is one.
  void receiveEnd();

  const AuditReadReport& report() const { return report_; }
  AuditReadReport& report() { return report_; }

 private:
  bool takeLine(std::string_view line);
  // Whether it is a record at all; then whether the query wants it.
  bool isWanted(std::string_view line, bool& is_record);

  const AuditQuery& query_;
  const AuditSink& sink_;
  JsonPool json_;
  std::string partial_;       // the beginning of a line whose end has not come
  bool is_skipping_ = false;  // inside a line that is too long
  bool has_enough_ = false;
  AuditReadReport report_;
};

// Reads the rotated files of `live_path`, oldest first, then the live one. An error when none could
// be read; a record that is rotated away meanwhile is neither lost nor read twice.
Result<AuditReadReport> readAuditFiles(const std::string& live_path, const AuditQuery& query,
                                       const AuditSink& sink);

}  // namespace edgehold
