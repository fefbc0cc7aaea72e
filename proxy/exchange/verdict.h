// SPDX-License-Identifier: Apache-2.0
// What one filter says now: proceed, respond, or abort. Later is an Async of the same.
// Thread: one loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/reason.h"
#include "proxy/base/result.h"

namespace edgehold {

// An answer that edgehold gives itself. Without a body of its own it becomes problem+json.
struct Reply {
  std::uint16_t status = 0;  // 0: the status of the reason
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  std::string body;
  bool has_body = false;  // `body` is the exact body, even when empty
};

class Verdict {
 public:
  enum class Kind : std::uint8_t { kProceed, kRespond, kAbort };

  static Verdict proceed() { return Verdict(Kind::kProceed, Reason::kAllowed); }
  // Refuses. `why` is for the audit record and logs, never for the caller.
  static Verdict deny(Reason reason, std::string why = {}) {
    Verdict verdict(Kind::kRespond, reason);
    verdict.why_ = std::move(why);
    return verdict;
  }
  // Answers in the upstream's place: a duplicate, a hold, a platform's handshake, a refusal in a
  // platform's own form.
  static Verdict respond(Reason reason, Reply reply, std::string why = {}) {
    Verdict verdict(Kind::kRespond, reason);
    verdict.why_ = std::move(why);
    verdict.reply_ = std::make_unique<Reply>(std::move(reply));
    return verdict;
  }
  // Closes without an answer.
  static Verdict abort(Reason reason, std::string why = {}) {
    Verdict verdict(Kind::kAbort, reason);
    verdict.why_ = std::move(why);
    return verdict;
  }

  // Names what decided within the filter: a limit, a catalogue row, a Lua rule. For operators only.
  // With proceed() it says which row let the exchange pass.
  Verdict&& byRule(std::string_view rule) && {
    rule_ = rule;
    return std::move(*this);
  }

  Kind kind() const { return kind_; }
  bool isProceed() const { return kind_ == Kind::kProceed; }
  Reason reason() const { return reason_; }
  const std::string& rule() const { return rule_; }
  const std::string& why() const { return why_; }
  const Reply* reply() const { return reply_.get(); }
  std::uint16_t status() const {
    return reply_ != nullptr && reply_->status != 0 ? reply_->status : reasonRow(reason_).status;
  }
  // The filter's own answer, to add to (Retry-After and the like); made when there was none.
  Reply& mutableReply() {
    if (reply_ == nullptr) reply_ = std::make_unique<Reply>();
    return *reply_;
  }

 private:
  Verdict(Kind kind, Reason reason) : kind_(kind), reason_(reason) {}
  Kind kind_;
  Reason reason_;
  std::string rule_;
  std::string why_;
  std::unique_ptr<Reply> reply_;
};

// A verdict now, an error now (the chain walk applies on_error), or either later.
using Outcome = std::variant<Verdict, Error, Async<Result<Verdict>>>;

}  // namespace edgehold
