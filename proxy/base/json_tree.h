// SPDX-License-Identifier: Apache-2.0
// JSON as a tree that can be changed and written, for administration, audit readers and the command
// line. Not for the hot path: see json.h. jsoncpp throws on a wrong type, so read trees through the
// functions below.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <json/value.h>

#include "proxy/base/result.h"

namespace edgehold {

// As strict as JsonPool::parse(), by way of it. Errors: kJsonInvalid, kPayloadTooLarge.
Result<Json::Value> parseJsonTree(std::string_view text);

// One line, no blanks, UTF-8 as it is; keys in byte order.
std::string writeJsonCompact(const Json::Value& tree);
// Indented by two blanks, with a final newline.
std::string writeJsonPretty(const Json::Value& tree);

// The member `key` of `object`, or nothing when it is absent or of another kind. Never throw.
std::optional<std::string> stringMember(const Json::Value& object, std::string_view key);
std::optional<std::int64_t> intMember(const Json::Value& object, std::string_view key);
std::optional<bool> boolMember(const Json::Value& object, std::string_view key);
// The string `key`, "" when absent.
std::string textMember(const Json::Value& object, std::string_view key);
// Any kind; null when absent. Lives as long as `object`.
const Json::Value* anyMember(const Json::Value& object, std::string_view key);

// The array of `texts`.
Json::Value jsonList(std::span<const std::string> texts);

}  // namespace edgehold
