// SPDX-License-Identifier: Apache-2.0
// The binary form: a magic with its version, then every part in fixed order; numbers big-endian,
// texts behind their length. One value has one encoding, so parsing and encoding undo each other.
// Thread: any (values).
#include "proxy/delivery/hold_record.h"

#include "proxy/base/limits.h"
#include "proxy/crypto/digest.h"
#include "proxy/exchange/route.h"
#include "proxy/policy/snapshot.h"

namespace edgehold {
namespace {

constexpr std::string_view kRecordMagic("EHH\x01", 4);
constexpr std::string_view kDigestMagic = "edgehold hold 1";

class Writer {
 public:
  void raw(ByteView bytes) { out_.append(bytes); }
  void number(std::uint64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
      out_.push_back(static_cast<char>(value >> shift & 0xFF));
    }
  }
  void flag(bool value) { number(value ? 1 : 0, 1); }
  void text(ByteView text) {
    number(text.size(), 4);
    out_.append(text);
  }
  void fields(const StoredRequest::Fields& fields) {
    number(fields.size(), 2);
    for (const auto& [name, value] : fields) {
      text(name);
      text(value);
    }
  }
  void digest(const HoldDigest& digest) {
    out_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what Writer wrote. After the first mistake everything reads as empty and isGood() is false.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  bool isGood() const { return is_good_; }
  bool isAtEnd() const { return rest_.empty(); }
  ByteView raw(std::size_t bytes) {
    if (bytes > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const ByteView taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (const char byte : raw(static_cast<std::size_t>(bytes))) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    return value;
  }
  bool flag() {
    const std::uint64_t value = number(1);
    if (value > 1) is_good_ = false;
    return value == 1;
  }
  std::string text() { return std::string(raw(number(4))); }
  StoredRequest::Fields fields() {
    StoredRequest::Fields fields;
    const std::uint64_t count = number(2);
    // Each takes at least its two lengths: a count that lies costs no memory.
    for (std::uint64_t i = 0; i < count && is_good_; ++i) {
      std::string name = text();
      fields.emplace_back(std::move(name), text());
    }
    return fields;
  }
  HoldDigest digest() {
    HoldDigest digest{};
    const ByteView bytes = raw(digest.size());
    bytes.copy(reinterpret_cast<char*>(digest.data()), digest.size());
    return digest;
  }

 private:
  ByteView rest_;
  bool is_good_ = true;
};

// All texts but headers, body and tags, in the order of the encoding.
template <class Request, class Visit>
void eachText(Request& request, Visit visit) {
  visit(request.approval_id);
  visit(request.request_id);
  visit(request.method);
  visit(request.target);
  visit(request.authority);
  visit(request.client_address);
  visit(request.route);
  visit(request.policy_version);
  visit(request.principal);
  visit(request.channel);
  visit(request.event_type);
  visit(request.event_id);
  visit(request.group);
  visit(request.sender);
  visit(request.action);
  visit(request.rule);
  visit(request.reason);
}

void writeRequest(Writer& writer, const StoredRequest& request) {
  eachText(request, [&](const std::string& text) { writer.text(text); });
  writer.fields(request.headers);
  writer.fields(request.tags);
  writer.text(request.body);
  writer.flag(request.is_secure);
  writer.number(static_cast<std::uint64_t>(request.held_at_ms), 8);
  writer.flag(request.timestamp_ms.has_value());
  if (request.timestamp_ms) writer.number(static_cast<std::uint64_t>(*request.timestamp_ms), 8);
}

StoredRequest readRequest(Reader& reader) {
  StoredRequest request;
  eachText(request, [&](std::string& text) { text = reader.text(); });
  request.headers = reader.fields();
  request.tags = reader.fields();
  request.body = reader.text();
  request.is_secure = reader.flag();
  request.held_at_ms = static_cast<std::int64_t>(reader.number(8));
  if (reader.flag()) request.timestamp_ms = static_cast<std::int64_t>(reader.number(8));
  return request;
}

}  // namespace

StoredRequest storedRequestOf(const Exchange& exchange) {
  const RequestHead& head = exchange.request;
  const Facts& facts = exchange.facts;
  StoredRequest request;
  request.request_id = exchange.request_id;
  request.method = head.method_token;
  request.target = head.target.text;
  request.authority = head.authority;
  for (const Header& header : head.headers) request.headers.emplace_back(header.name, header.value);
  request.body = exchange.body.view();
  request.is_secure = exchange.client.is_secure;
  request.client_address = exchange.client.address.toString();
  if (exchange.route != nullptr) request.route = exchange.route->name();
  if (exchange.snapshot != nullptr) request.policy_version = exchange.snapshot->version();
  request.principal = facts.principal;
  request.channel = facts.channel;
  request.event_type = facts.event_type;
  request.event_id = facts.event_id;
  request.group = facts.group;
  request.sender = facts.sender;
  request.action = facts.action;
  request.timestamp_ms = facts.timestamp_ms;
  for (const auto& [name, value] : facts.tags) request.tags.emplace_back(name, value);
  return request;
}

HoldDigest digestOf(const StoredRequest& request) {
  Writer writer;
  writer.raw(kDigestMagic);
  writeRequest(writer, request);
  return sha256(writer.take());
}

void forgetContent(HoldRecord& record) {
  record.request.headers.clear();
  record.request.body.clear();
  record.is_forgotten = true;
}

std::string encodeHoldRecord(const HoldRecord& record) {
  Writer writer;
  writer.raw(kRecordMagic);
  writeRequest(writer, record.request);
  writer.digest(record.digest);
  writer.digest(record.token_hash);
  writer.flag(record.is_forgotten);
  writer.text(reasonCode(record.reason));
  writer.flag(record.answer.has_value());
  if (record.answer) {
    writer.number(record.answer->status, 2);
    writer.text(record.answer->content_type);
    writer.text(record.answer->body);
    writer.flag(record.answer->is_cut);
  }
  return writer.take();
}

Result<HoldRecord> parseHoldRecord(ByteView bytes) {
  Reader reader(bytes);
  if (reader.raw(kRecordMagic.size()) != kRecordMagic) {
    return fail("hold record: not of a version this edgehold knows");
  }
  HoldRecord record;
  record.request = readRequest(reader);
  record.digest = reader.digest();
  record.token_hash = reader.digest();
  record.is_forgotten = reader.flag();
  const std::optional<Reason> reason = reasonFromCode(reader.text());
  if (reader.flag()) {
    record.answer.emplace();
    record.answer->status = static_cast<std::uint16_t>(reader.number(2));
    record.answer->content_type = reader.text();
    record.answer->body = reader.text();
    record.answer->is_cut = reader.flag();
  }
  if (!reader.isGood() || !reader.isAtEnd()) return fail("hold record: malformed");
  if (!reason) return fail("hold record: unknown reason code");
  if (record.request.headers.size() > 2 * limits::kHeaderCountMax ||
      record.request.tags.size() > limits::kTagCountMax) {
    return fail("hold record: too many fields");
  }
  record.reason = *reason;
  return record;
}

}  // namespace edgehold
