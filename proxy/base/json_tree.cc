// SPDX-License-Identifier: Apache-2.0
// jsoncpp behind json_tree.h. Its own reader is not used: it accepts invalid UTF-8 and bare control
// bytes and throws on deep nesting.
// Thread: any (immutable).
#include "proxy/base/json_tree.h"

#include <json/writer.h>

#include "proxy/base/json.h"

namespace edgehold {
namespace {

Json::Value numberOf(JsonValue value) {
  if (const auto number = value.asInt()) return Json::Value(Json::Int64{*number});
  if (const auto number = value.asUnsigned()) return Json::Value(Json::UInt64{*number});
  return Json::Value(value.asDouble().value_or(0));
}

// Recursion is bounded by limits::kJsonDepthMax, which the parser enforces.
Json::Value treeOf(JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kNull:
      return Json::Value();
    case JsonKind::kBool:
      return Json::Value(value.asBool().value_or(false));
    case JsonKind::kNumber:
      return numberOf(value);
    case JsonKind::kString:
      return Json::Value(std::string(*value.asString()));
    case JsonKind::kArray: {
      Json::Value array(Json::arrayValue);
      for (const JsonValue element : value.elements()) array.append(treeOf(element));
      return array;
    }
    case JsonKind::kObject: {
      Json::Value object(Json::objectValue);
      for (const JsonMember& member : value.members()) {
        object[std::string(member.key)] = treeOf(member.value);
      }
      return object;
    }
  }
  return Json::Value();
}

std::string write(const Json::Value& tree, const char* indentation) {
  Json::StreamWriterBuilder builder;
  builder["indentation"] = indentation;
  builder["emitUTF8"] = true;
  builder["commentStyle"] = "None";
  return Json::writeString(builder, tree);
}

}  // namespace

Result<Json::Value> parseJsonTree(std::string_view text) {
  SystemRandom random;
  JsonPool pool(random);
  TRY_ASSIGN(const JsonDocument document, pool.parse(text));
  return treeOf(document.root());
}

std::string writeJsonCompact(const Json::Value& tree) { return write(tree, ""); }

std::string writeJsonPretty(const Json::Value& tree) { return write(tree, "  ") + "\n"; }

const Json::Value* anyMember(const Json::Value& object, std::string_view key) {
  if (!object.isObject()) return nullptr;
  return object.find(key.data(), key.data() + key.size());
}

std::optional<std::string> stringMember(const Json::Value& object, std::string_view key) {
  const Json::Value* const member = anyMember(object, key);
  if (member == nullptr || !member->isString()) return std::nullopt;
  return member->asString();
}

std::string textMember(const Json::Value& object, std::string_view key) {
  return stringMember(object, key).value_or("");
}

std::optional<std::int64_t> intMember(const Json::Value& object, std::string_view key) {
  const Json::Value* const member = anyMember(object, key);
  if (member == nullptr || !member->isInt64()) return std::nullopt;
  return member->asInt64();
}

std::optional<bool> boolMember(const Json::Value& object, std::string_view key) {
  const Json::Value* const member = anyMember(object, key);
  if (member == nullptr || !member->isBool()) return std::nullopt;
  return member->asBool();
}

Json::Value jsonList(std::span<const std::string> texts) {
  Json::Value list(Json::arrayValue);
  for (const std::string& text : texts) list.append(text);
  return list;
}

}  // namespace edgehold
