// SPDX-License-Identifier: Apache-2.0
// `edgehold approvals`: what waits for a person, and the person's word.
// Thread: main only.
#include <algorithm>
#include <ostream>
#include <vector>

#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

constexpr std::string_view kAnyState = "any";

std::string whoOf(const Json::Value& hold) {
  for (const std::string_view key : {"sender", "principal", "client_address"}) {
    const std::string text = textMember(hold, key);
    if (!text.empty()) return text;
  }
  return "";
}

// What goes into a URL's path must not become another path.
bool isId(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  });
}

ExitCode usage(const CommandWorld& world, std::string_view what, std::string_view text) {
  world.err << "edgehold: " << what << " `" << printable(text) << "`\n";
  return ExitCode::kUsage;
}

std::string listTarget(const Options& options, std::size_t wanted, const std::string& after) {
  std::string target = "/approvals?limit=" + std::to_string(wanted);
  if (options.state != kAnyState) target += "&state=" + options.state;
  if (!after.empty()) target += "&after=" + after;
  return target;
}

// Asks page by page, until there is no more or the limit is reached.
std::variant<Json::Value, ExitCode> readList(const Options& options, const CommandWorld& world) {
  Json::Value holds(Json::arrayValue);
  std::string after;
  while (options.limit == 0 || holds.size() < options.limit) {
    const std::size_t left =
        options.limit == 0 ? limits::kLedgerListMax : options.limit - std::size_t{holds.size()};
    const std::size_t wanted = std::min(left, limits::kLedgerListMax);
    const auto asked =
        askTree({.method = "GET", .target = listTarget(options, wanted, after), .body = {}},
                options, world);
    if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
    const Json::Value* const page = anyMember(std::get<Json::Value>(asked), "approvals");
    if (page == nullptr || !page->isArray()) {
      world.err << "edgehold: the answer is not a list of approvals\n";
      return ExitCode::kFailure;
    }
    for (const Json::Value& hold : *page) holds.append(hold);
    if (page->size() < wanted) break;
    after = textMember(holds[holds.size() - 1], "approval_id");
  }
  return holds;
}

std::string listText(const Json::Value& holds) {
  Table table({"APPROVAL", "STATE", "EXPIRES", "ACTION", "WHO", "REQUEST", "WHY HELD"});
  for (const Json::Value& hold : holds) {
    const std::string rule = textMember(hold, "rule");
    const std::string reason = textMember(hold, "reason");
    const std::string action = textMember(hold, "action");
    table.add({textMember(hold, "approval_id"), textMember(hold, "state"),
               textMember(hold, "expires_at"), action.empty() ? "-" : action, whoOf(hold),
               textMember(hold, "method") + " " + textMember(hold, "target"),
               reason.empty() ? rule : reason});
  }
  return table.text();
}

void addIfThere(Table& table, const Json::Value& hold, const char* key, const std::string& label) {
  const std::string text = textMember(hold, key);
  if (!text.empty()) table.add({label, text});
}

std::string headersText(const Json::Value& hold) {
  const Json::Value* const headers = anyMember(hold, "headers");
  std::string text;
  if (headers == nullptr || !headers->isArray()) return text;
  for (const Json::Value& header : *headers) {
    const bool is_pair =
        header.isArray() && header.size() == 2 && header[0].isString() && header[1].isString();
    if (is_pair) text += printable(header[0].asString() + ": " + header[1].asString()) + "\n";
  }
  return text;
}

// The body line by line, so that a text stays readable and nothing in it moves the cursor.
std::string bodyText(const Json::Value& hold) {
  const auto body = stringMember(hold, "body");
  if (!body) {
    const auto encoded = stringMember(hold, "body_base64");
    return encoded ? "(no text; in base64)\n" + *encoded + "\n" : "";
  }
  std::string text;
  std::string_view left = *body;
  while (!left.empty()) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    text += printable(left.substr(0, end)) + "\n";
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return text;
}

std::string showText(const Json::Value& hold) {
  Table table;
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"approval_id", "approval"},
      {"state", "state"},
      {"held_at", "held"},
      {"expires_at", "expires"},
      {"action", "action"},
      {"rule", "asked by rule"},
      {"reason", "why held"},
      {"principal", "principal"},
      {"group", "group"},
      {"sender", "sender"},
      {"client_address", "address"},
      {"route", "route"},
      {"request_id", "request id"},
      {"policy_version", "policy"},
      {"digest", "SHA-256"},
      {"decided_by", "decided by"},
      {"decided_reason", "because"},
      {"decided_at", "decided"},
      {"outcome", "outcome"},
  };
  for (const auto& [key, label] : rows) addIfThere(table, hold, key, label);
  const auto status = intMember(hold, "answer_status");
  if (status) table.add({"answer", "status " + std::to_string(*status)});
  std::string text = table.text() + "\n" +
                     printable(textMember(hold, "method") + " " + textMember(hold, "target")) +
                     "\n";
  if (boolMember(hold, "is_forgotten").value_or(false)) {
    return text + "(headers and body were erased when it was decided)\n";
  }
  return text + headersText(hold) + "\n" + bodyText(hold);
}

}  // namespace

ExitCode listApprovals(const Options& options, const CommandWorld& world) {
  if (!isId(options.state)) return usage(world, "--state: there is no state", options.state);
  const auto read = readList(options, world);
  if (const auto* const code = std::get_if<ExitCode>(&read)) return *code;
  const auto& holds = std::get<Json::Value>(read);
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["approvals"] = holds;
    world.out << writeJsonPretty(tree);
  } else if (holds.empty()) {
    world.out << "nothing " << (options.state == kAnyState ? "held" : options.state) << "\n";
  } else {
    world.out << listText(holds);
  }
  return ExitCode::kOk;
}

ExitCode showApproval(const Options& options, const CommandWorld& world) {
  if (!isId(options.approval_id)) return usage(world, "no approval id", options.approval_id);
  const auto asked = askTree(
      {.method = "GET", .target = "/approvals/" + options.approval_id, .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& hold = std::get<Json::Value>(asked);
  world.out << (options.is_json ? writeJsonPretty(hold) : showText(hold));
  return ExitCode::kOk;
}

ExitCode decideApproval(const Options& options, const CommandWorld& world) {
  if (!isId(options.approval_id)) return usage(world, "no approval id", options.approval_id);
  const bool is_yes = options.verb == Verb::kApprovalsApprove;
  Json::Value ruling(Json::objectValue);
  ruling["reason"] = options.reason;
  if (!options.who.empty()) ruling["who"] = options.who;
  const AdminCall call{
      .method = "POST",
      .target = "/approvals/" + options.approval_id + (is_yes ? "/approve" : "/deny"),
      .body = writeJsonCompact(ruling)};
  const auto asked = askTree(call, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& hold = std::get<Json::Value>(asked);
  if (options.is_json) {
    world.out << writeJsonPretty(hold);
    return ExitCode::kOk;
  }
  world.out << (is_yes ? "approved " : "denied ")
            << printable(textMember(hold, "method") + " " + textMember(hold, "target")) << " as "
            << printable(textMember(hold, "decided_by"))
            << (is_yes ? ": it is checked again, then sent\n" : ": it will not be sent\n");
  return ExitCode::kOk;
}

}  // namespace edgehold
