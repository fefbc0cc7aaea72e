// SPDX-License-Identifier: Apache-2.0
// Tells forms from JSON, and turns them into it. Thread: any (immutable).
#include "filters/channels/form_body.h"

#include <algorithm>
#include <string>

#include "filters/channels/form.h"
#include "filters/field_name.h"
#include "proxy/base/json.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::string_view kPayload = "payload";
constexpr std::size_t kFieldsMax = 64;  // of a slash command; it has a dozen

}  // namespace

Result<bool> isFormBody(const Exchange& exchange) {
  static const FieldName kContentType("Content-Type");
  const FieldName::Found type = kContentType.find(exchange.request.headers);
  if (type.count > 1) return fail(Reason::kMalformedRequest, "two Content-Types");
  const std::string_view essence = trimBlanks(type.value.substr(0, type.value.find(';')));
  const std::string_view body = exchange.body.view();
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  const bool is_object = first != std::string_view::npos && body[first] == '{';
  if (equalsIgnoreCase(essence, "application/x-www-form-urlencoded")) {
    if (!is_object) return true;
    return fail(Reason::kMalformedRequest, "JSON that says it is a form");
  }
  if (!essence.empty() && !equalsIgnoreCase(essence, "application/json")) {
    return fail(Reason::kMalformedRequest, "Content-Type is neither of JSON nor of a form");
  }
  if (is_object) return false;
  return fail(Reason::kMalformedRequest, "the body is no JSON object");
}

Result<std::optional<std::string_view>> formPayload(Exchange& exchange) {
  const std::string_view form = exchange.body.view();
  TRY_ASSIGN(const auto payload, onlyDecoded(form, kPayload, exchange.arena));
  if (payload && form.find('&') != std::string_view::npos) {
    return fail(Reason::kMalformedRequest, "`payload` is not the only parameter");
  }
  if (!payload) return payload;
  return std::optional(exchange.arena.copy(*payload));  // it may take the body's place
}

Result<std::string_view> formAsJson(Exchange& exchange) {
  const std::string_view form = exchange.body.view();
  std::string json = "{";
  std::size_t fields = 0;
  for (std::string_view rest = form; !rest.empty(); ++fields) {
    if (fields >= kFieldsMax) {
      return fail(Reason::kMalformedRequest, "a form of too many fields");
    }
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::string_view name = pair.substr(0, pair.find('='));
    if (name.find_first_of("%+") != std::string_view::npos) {
      return fail(Reason::kMalformedRequest, "a parameter's name is written with escapes");
    }
    TRY_ASSIGN(const auto value, onlyDecoded(form, name, exchange.arena));  // refuses a second one
    if (fields > 0) json += ',';
    appendJsonString(json, name);
    json += ':';
    appendJsonString(json, value.value_or(""));
  }
  return exchange.arena.copy(json += '}');
}

}  // namespace edgehold
