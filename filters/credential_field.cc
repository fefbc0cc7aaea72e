// SPDX-License-Identifier: Apache-2.0
// Reads credentials strictly.
// Thread: any (immutable).
#include "filters/credential_field.h"

#include <algorithm>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

bool isVisible(char c) { return c > ' ' && c < '\x7f'; }

}  // namespace

CredentialField CredentialField::read(ConfigReader& config) {
  CredentialField field;
  field.is_kept_ = config.boolean("keep", false);
  const std::string name = config.text("header", "Authorization");
  if (equalsIgnoreCase(name, "Authorization")) return field;
  if (!isFieldName(name)) config.reject("header", quoteForMessage(name) + " names no header");
  field.name_ = FieldName(name);
  field.is_bearer_ = false;
  return field;
}

Result<std::string_view> CredentialField::find(const Exchange& exchange,
                                               std::size_t bytes_max) const {
  constexpr std::string_view kScheme = "Bearer ";
  const FieldName::Found found = name_.find(exchange.request.headers);
  if (found.count == 0) return fail(Reason::kCredentialsInvalid);
  if (found.count > 1) {
    return fail(Reason::kCredentialsInvalid, "`" + name_.text() + "` comes more than once");
  }
  std::string_view value = found.value;
  if (is_bearer_) {
    if (!equalsIgnoreCase(value.substr(0, kScheme.size()), kScheme)) {
      return fail(Reason::kCredentialsInvalid, "`" + name_.text() + "` is of another scheme");
    }
    value.remove_prefix(kScheme.size());
  }
  const bool is_good = !value.empty() && value.size() <= bytes_max &&
                       std::all_of(value.begin(), value.end(), isVisible);
  if (!is_good) return fail(Reason::kCredentialsInvalid, "the credential has no such form");
  return value;
}

void CredentialField::strip(Exchange& exchange) const {
  if (is_kept_ || exchange.is_shadow) return;
  exchange.request.headers.removeIf([this](const Header& field) { return name_.isNameOf(field); });
}

Verdict CredentialField::refuse(const Error& error) const {
  Verdict verdict = Verdict::deny(error.reason, error.message);
  if (reasonRow(error.reason).status != 401) return verdict;
  std::string challenge = is_bearer_ ? "Bearer" : "ApiKey";
  challenge += " realm=\"edgehold\"";
  if (!is_bearer_) challenge.append(", header=\"").append(name_.text()).append("\"");
  if (is_bearer_ && !error.message.empty()) challenge += ", error=\"invalid_token\"";
  verdict.mutableReply().headers.emplace_back("WWW-Authenticate", std::move(challenge));
  return verdict;
}

}  // namespace edgehold
