// SPDX-License-Identifier: Apache-2.0
// The walk: asks the entries in order, waits where one must, and applies shadow mode and failure
// policy in one place. A walk in which nobody waits allocates nothing.
// Thread: one loop.
#include "proxy/exchange/filter_chain.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/exchange/decision_kind.h"

namespace edgehold {
namespace {

Reason reasonOf(const Error& error) {
  return error.reason == Reason::kInternalError ? Reason::kFilterFailed : error.reason;
}

Result<Verdict> resultOf(Outcome outcome) {
  if (Verdict* const verdict = std::get_if<Verdict>(&outcome)) return std::move(*verdict);
  return fail(std::get<Error>(std::move(outcome)));
}

}  // namespace

FilterNeeds& FilterNeeds::operator|=(const FilterNeeds& other) {
  request_body = std::max(request_body, other.request_body);
  response_body = std::max(response_body, other.response_body);
  sse_events |= other.sse_events;
  ws_messages |= other.ws_messages;
  ws_answers |= other.ws_answers;
  event |= other.event;
  client_certificate |= other.client_certificate;
  on_release |= other.on_release;
  return *this;
}

FilterChain::FilterChain(std::vector<ChainEntry> entries) : entries_(std::move(entries)) {
  for (ChainEntry& entry : entries_) {
    CHECK(entry.filter != nullptr);
    entry.needs = entry.filter->needs();
    plan_ |= entry.needs;
    sees_chunks_ |= entry.needs.request_body == FilterNeeds::Body::kChunks;
  }
}

ChainWalk::ChainWalk(const FilterChain& chain, Exchange& exchange, Services& services)
    : chain_(chain), exchange_(exchange), services_(services) {}

ChainWalk::~ChainWalk() = default;

void ChainWalk::requestHead(Done done) { begin(Phase::kHead, std::move(done)); }

void ChainWalk::requestBody(Done done) { begin(Phase::kBody, std::move(done)); }

void ChainWalk::message(Done done) { begin(Phase::kMessage, std::move(done)); }

void ChainWalk::begin(Phase phase, Done done) {
  CHECK(done_ == nullptr) << "one phase at a time";
  phase_ = phase;
  next_ = 0;
  done_ = std::move(done);
  advance();
}

void ChainWalk::advance() {
  const std::vector<ChainEntry>& entries = chain_.entries();
  while (next_ < entries.size()) {
    const ChainEntry& entry = entries[next_++];
    if (isSkipped(entry)) continue;
    asked_ = std::max(asked_, next_);
    Outcome outcome = ask(entry);
    // What nearly every filter says nearly always, without moving it about.
    if (const auto* const verdict = std::get_if<Verdict>(&outcome);
        verdict != nullptr && verdict->isProceed() && verdict->rule().empty()) {
      continue;
    }
    auto* const later = std::get_if<Async<Result<Verdict>>>(&outcome);
    const bool goes_on = later != nullptr ? wait(entry, std::move(*later))
                                          : apply(entry, resultOf(std::move(outcome)));
    if (!goes_on) return;  // this may be gone
  }
  end(unheldWish());
}

// Somebody asked for a hold and nobody held: passing would be more than the rule allowed.
std::optional<Verdict> ChainWalk::unheldWish() {
  if (phase_ == Phase::kHead || exchange_.is_release || !exchange_.hold_wish) return std::nullopt;
  Verdict verdict = Verdict::deny(Reason::kRuleDenied, "a hold was asked for, the route holds none")
                        .byRule(exchange_.hold_wish->rule);
  decide(verdict, Decision::Kind::kDeny, {});
  return verdict;
}

Outcome ChainWalk::ask(const ChainEntry& entry) {
  exchange_.is_shadow = entry.mode == FilterMode::kShadow;
  switch (phase_) {
    case Phase::kHead:
      return entry.filter->onRequestHead(exchange_, services_);
    case Phase::kBody:
      return entry.filter->onRequestBody(exchange_, services_);
    case Phase::kMessage:
      return entry.filter->onMessage(exchange_, services_);
  }
  return Error{Reason::kInternalError, "no such phase"};
}

bool ChainWalk::apply(const ChainEntry& entry, Result<Verdict> result) {
  if (!result) return applyError(entry, std::move(result).error());
  return applyVerdict(entry, *std::move(result));
}

bool ChainWalk::applyError(const ChainEntry& entry, Error error) {
  const Reason reason = reasonOf(error);
  const std::string_view rule = std::exchange(exchange_.failed_rule, {});
  if (entry.mode == FilterMode::kShadow || entry.on_error == OnError::kAllow) {
    shadow(entry, reason, rule);
    if (entry.mode == FilterMode::kEnforce) exchange_.decision.why = std::move(error.message);
    return true;
  }
  Verdict verdict = Verdict::deny(reason, std::move(error.message)).byRule(rule);
  decide(verdict, Decision::Kind::kError, entry.name);
  end(std::move(verdict));
  return false;
}

bool ChainWalk::applyVerdict(const ChainEntry& entry, Verdict verdict) {
  if (entry.mode == FilterMode::kShadow) {
    if (!verdict.isProceed()) shadow(entry, verdict.reason(), verdict.rule());
    return true;
  }
  if (verdict.isProceed()) {
    if (!verdict.rule().empty()) exchange_.decision.rule = verdict.rule();
    return true;
  }
  decide(verdict, decisionKindOf(verdict.reason()), entry.name);
  end(std::move(verdict));
  return false;
}

bool ChainWalk::wait(const ChainEntry& entry, Async<Result<Verdict>> later) {
  waiting_.emplace(std::move(later));
  is_subscribing_ = true;
  waiting_->then([this](Result<Verdict> result) { resume(std::move(result)); });
  is_subscribing_ = false;
  if (early_.has_value()) {
    Result<Verdict> result = *std::move(early_);
    early_.reset();
    waiting_.reset();
    return apply(entry, std::move(result));
  }
  if (deadline_ == nullptr) {
    deadline_ = services_.loop.makeTimer(
        [this] { resume(fail(Reason::kFilterFailed, "no verdict before its deadline")); });
  }
  const bool is_shadow = entry.mode == FilterMode::kShadow;
  deadline_->arm(is_shadow ? Duration(limits::kShadowFilterTimeout)
                           : Duration(limits::kFilterTimeout));
  return false;
}

void ChainWalk::resume(Result<Verdict> result) {
  if (is_subscribing_) {  // advance() is below us on the stack and goes on by itself
    early_.emplace(std::move(result));
    return;
  }
  waiting_.reset();
  deadline_->cancel();
  if (apply(chain_.entries()[next_ - 1], std::move(result))) advance();
}

void ChainWalk::end(std::optional<Verdict> verdict) {
  exchange_.is_shadow = false;
  const Done done = std::exchange(done_, nullptr);
  done(std::move(verdict));  // may destroy the walk
}

std::optional<Verdict> ChainWalk::chunk(std::string_view chunk) {
  if (!chain_.seesChunks()) return std::nullopt;
  for (const ChainEntry& entry : chain_.entries()) {
    if (entry.needs.request_body != FilterNeeds::Body::kChunks || isSkipped(entry)) continue;
    exchange_.is_shadow = entry.mode == FilterMode::kShadow;
    Verdict verdict = entry.filter->onChunk(exchange_, chunk);
    if (verdict.isProceed()) continue;
    if (exchange_.is_shadow) {
      shadow(entry, verdict.reason(), verdict.rule());
      continue;
    }
    decide(verdict, decisionKindOf(verdict.reason()), entry.name);
    return verdict;
  }
  exchange_.is_shadow = false;
  return std::nullopt;
}

std::optional<Verdict> ChainWalk::sseEvent(const SseEvent& event) {
  for (const ChainEntry& entry : chain_.entries()) {
    if (!entry.needs.sse_events || isSkipped(entry)) continue;
    exchange_.is_shadow = entry.mode == FilterMode::kShadow;
    auto verdict = applyToEvent(entry, entry.filter->onSseEvent(exchange_, services_, event));
    exchange_.is_shadow = false;
    if (verdict) return verdict;
  }
  return std::nullopt;
}

std::optional<Verdict> ChainWalk::applyToEvent(const ChainEntry& entry, Result<Verdict> result) {
  const std::string_view rule = std::exchange(exchange_.failed_rule, {});
  if (!result) {
    const Reason reason = reasonOf(result.error());
    if (entry.mode == FilterMode::kShadow || entry.on_error == OnError::kAllow) {
      shadow(entry, reason, rule);
      return std::nullopt;
    }
    result = Verdict::abort(reason, std::move(result.error().message)).byRule(rule);
  }
  if (result->isProceed()) return std::nullopt;
  if (entry.mode == FilterMode::kShadow) {
    shadow(entry, result->reason(), result->rule());
    return std::nullopt;
  }
  if (result->kind() == Verdict::Kind::kAbort)
    decide(*result, decisionKindOf(result->reason()), entry.name);
  return *std::move(result);
}

void ChainWalk::responseHead(ResponseHead& head) {
  for (std::size_t i = 0; i < asked_; ++i) {
    const ChainEntry& entry = chain_.entries()[i];
    if (isSkipped(entry) || entry.mode == FilterMode::kShadow) continue;
    entry.filter->onResponseHead(exchange_, head);
  }
}

void ChainWalk::finished() {
  const std::size_t asked = std::exchange(asked_, 0);
  for (std::size_t i = 0; i < asked; ++i) {
    const ChainEntry& entry = chain_.entries()[i];
    if (!isSkipped(entry)) entry.filter->onDone(exchange_, services_);
  }
}

void ChainWalk::shadow(const ChainEntry& entry, Reason reason, std::string_view rule) {
  std::vector<ShadowVerdict>& shadows = exchange_.decision.shadows;
  const bool is_known = std::any_of(shadows.begin(), shadows.end(), [&](const ShadowVerdict& one) {
    return one.filter == entry.name && one.reason == reason;
  });
  if (!is_known) shadows.push_back({entry.name, reason, std::string(rule)});
}

void ChainWalk::decide(const Verdict& verdict, Decision::Kind kind, std::string_view filter) {
  Decision& decision = exchange_.decision;
  decision.kind = kind;
  decision.reason = verdict.reason();
  decision.filter = filter;
  decision.rule = verdict.rule();
  decision.why = verdict.why();
}

bool ChainWalk::isSkipped(const ChainEntry& entry) const {
  if (exchange_.message) return !entry.needs.wantsMessage(exchange_.message->direction);
  return exchange_.is_release && !entry.needs.on_release;
}

}  // namespace edgehold
