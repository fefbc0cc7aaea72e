// SPDX-License-Identifier: Apache-2.0
// Header fields of one message: an ordered list of views, looked up without case (RFC 9110 5).
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace edgehold {

// The fields the proxy itself reads. Parsers recognise them once; nobody compares names again.
enum class HeaderId : std::uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kKeepAlive,
  kOrigin,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kRetryAfter,
  kServer,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
};

// The id of a field name, in any case.
HeaderId headerIdOf(std::string_view name);

struct Header {
  std::string_view name;   // as it came
  std::string_view value;  // without the blanks around it
  HeaderId id = HeaderId::kOther;
};

// `view` moved from its place in `from` to the same place in `to`; a view elsewhere stays.
std::string_view rebased(std::string_view view, std::string_view from, const char* to);

// The views belong to whoever made the message (the exchange's arena, or the codec for the call).
class Headers {
 public:
  using const_iterator = std::vector<Header>::const_iterator;

  // Most messages have no more, together with what the proxy adds.
  static constexpr std::size_t kUsual = 16;

  const_iterator begin() const { return fields_.begin(); }
  const_iterator end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

  // The first field of that name. Fields that must be single are refused by the parser when
  // repeated.
  std::optional<std::string_view> find(HeaderId id) const;
  std::optional<std::string_view> find(std::string_view name) const;
  // How many fields have that name: a signature header that comes twice is an attack.
  std::size_t count(std::string_view name) const;
  bool contains(HeaderId id) const { return find(id).has_value(); }

  void add(std::string_view name, std::string_view value);
  void add(Header field) { fields_.push_back(field); }
  // Replaces all fields of that name by one.
  void set(std::string_view name, std::string_view value);
  std::size_t remove(HeaderId id);
  std::size_t remove(std::string_view name);
  template <class Predicate>
  std::size_t removeIf(Predicate predicate) {
    return std::erase_if(fields_, predicate);
  }

  void reserve(std::size_t fields) { fields_.reserve(fields); }
  void clear() { fields_.clear(); }
  // Moves every view that lies in `from` to the same place in `to` (bytes already copied).
  void rebase(std::string_view from, const char* to);

 private:
  std::vector<Header> fields_;
};

}  // namespace edgehold
