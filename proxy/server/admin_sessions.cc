// SPDX-License-Identifier: Apache-2.0
// Ends of sessions as JSON, behind admin_sessions.h.
// Thread: main only.
#include "proxy/server/admin_sessions.h"

#include <string>
#include <utility>

#include "proxy/observe/audit_record.h"
#include "proxy/state/user_sessions.h"

namespace edgehold {
namespace {

struct Wish {
  SessionUser user;
  OperatorWord word;

  // As facts and records name the user.
  std::string principal() const { return user.app + ":" + user.subject; }
};

Result<std::string> nameIn(const Json::Value& tree, std::string_view member) {
  std::string name = stringMember(tree, member).value_or("");
  if (!name.empty() && name.size() <= kSessionSubjectBytesMax) return name;
  return fail(Reason::kMalformedRequest, std::string(member) + ": expected a text of 1 to " +
                                             std::to_string(kSessionSubjectBytesMax) + " bytes");
}

Result<Wish> wishOf(const AdminRequest& request) {
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(request.body));
  TRY_ASSIGN(OperatorWord word, readOperatorWord(tree, request.caller, {"app", "subject"}));
  TRY_ASSIGN(std::string app, nameIn(tree, "app"));
  TRY_ASSIGN(std::string subject, nameIn(tree, "subject"));
  return Wish{{std::move(app), std::move(subject)}, std::move(word)};
}

Result<void> record(const Wish& wish, Reason reason, Operations& operations) {
  const std::string target = wish.principal();
  OperatorAct act;
  act.who = wish.word.by;
  act.act = "session.end";
  act.target = target;
  act.why = wish.word.reason;
  act.outcome = reason == Reason::kAllowed ? "taken" : "failed";
  act.reason = reason;
  return operations.record(act);
}

AdminAnswer answerTo(const Wish& wish, const Result<std::size_t>& ended, Operations& operations) {
  if (!ended) {
    // That some may have ended, and some not, is told even if it cannot be written.
    (void)record(wish, ended.error().reason, operations);
    return adminProblem(ended.error().reason,
                        "some of the sessions may have ended, ask again: " + ended.error().message);
  }
  Json::Value tree(Json::objectValue);
  tree["principal"] = wish.principal();
  tree["ended"] = Json::UInt64{*ended};
  return adminJson(tree);
}

Async<AdminAnswer> now(AdminAnswer answer) {
  auto [async, resolver] = Async<AdminAnswer>::make();
  resolver.resolve(std::move(answer));
  return std::move(async);
}

}  // namespace

Async<AdminAnswer> AdminSessions::answer(const AdminRequest& request, Operations& operations) {
  if (request.method != Method::kPost) return now(adminWrongMethod("POST"));
  const auto wish = wishOf(request);
  if (!wish) return now(adminProblem(wish.error().reason, wish.error().message));
  if (const auto recorded = record(*wish, Reason::kAllowed, operations); !recorded) {
    return now(adminProblem(recorded.error().reason, recorded.error().message));
  }
  return operations.endSessions(wish->user)
      .map<AdminAnswer>([wish = *wish, &operations](const Result<std::size_t>& ended) {
        return answerTo(wish, ended, operations);
      });
}

}  // namespace edgehold
