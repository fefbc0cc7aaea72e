// SPDX-License-Identifier: Apache-2.0
// A stored request becomes an exchange again, behind release_stream.h.
// Thread: one loop (owned by the worker).
#include "proxy/server/release_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {

ReleaseStream::ReleaseStream(Station& station, StoredRequest request, OnDone on_done)
    : station_(station),
      request_(std::move(request)),
      on_done_(std::move(on_done)),
      driver_(station) {}

void ReleaseStream::start() {
  driver_.beginRelease(*this, [this](Exchange& exchange) { fill(exchange); });
}

// The views point into request_, which outlives the exchange.
void ReleaseStream::fill(Exchange& exchange) const {
  RequestHead& head = exchange.request;
  head.method_token = request_.method;
  head.method = methodOf(request_.method);
  const std::string_view target = request_.target;
  const std::size_t question = target.find('?');
  head.target.text = target;
  head.target.path = target.substr(0, question);
  head.target.has_query = question != std::string_view::npos;
  if (head.target.has_query) head.target.query = target.substr(question + 1);
  head.authority = request_.authority;
  for (const auto& [name, value] : request_.headers) head.headers.add(name, value);
  exchange.body.append(request_.body);
  if (!request_.body.empty()) head.body = BodyLength::known(request_.body.size());
  exchange.request_id = request_.request_id;
  exchange.approval_id = request_.approval_id;
  exchange.decision.why = "approved by " + request_.approved_by;
  exchange.client.is_secure = request_.is_secure;
  exchange.client.address = IpAddress::parse(request_.client_address).value_or(IpAddress());
  exchange.client.peer.ip = exchange.client.address;
  Facts& facts = exchange.facts;
  facts.principal = request_.principal;
  facts.channel = request_.channel;
  facts.event_type = request_.event_type;
  facts.event_id = request_.event_id;
  facts.group = request_.group;
  facts.sender = request_.sender;
  facts.action = request_.action;
  facts.timestamp_ms = request_.timestamp_ms;
  for (const auto& [name, value] : request_.tags) facts.tags.emplace_back(name, value);
}

void ReleaseStream::sendHead(const ResponseHead& head, bool) {
  result_.answer.status = head.status;
  result_.answer.content_type = head.headers.find(HeaderId::kContentType).value_or("");
}

void ReleaseStream::sendBody(ByteView chunk) {
  std::string& body = result_.answer.body;
  const std::size_t room = limits::kHoldAnswerBytesMax - body.size();
  body += chunk.substr(0, room);
  if (chunk.size() > room) result_.answer.is_cut = true;
}

void ReleaseStream::onExchangeDone(const Decision& decision) {
  result_.was_sent = decision.was_forwarded;
  const bool has_answer = is_whole_ && decision.upstream_status != 0;
  const bool is_refusal =
      decision.kind == Decision::Kind::kDeny || decision.kind == Decision::Kind::kHold;
  if (has_answer) {
    result_.reason = Reason::kReleased;
  } else {
    // Whatever the policy of today has against it, it is not the policy that was asked.
    result_.reason = is_refusal ? Reason::kPolicyChanged : decision.reason;
  }
  // Whoever has the result may show it at once: its record comes first. Should that fail, the
  // request was sent all the same, and its answer must not be lost too.
  (void)station_.flushRecords();
  on_done_(*this, std::move(result_));
}

void Releases::start(StoredRequest request, std::function<void(ExecutionResult)> done) {
  auto stream = std::make_unique<ReleaseStream>(
      station_, std::move(request),
      [this, done = std::move(done)](ReleaseStream& ended, ExecutionResult result) {
        const auto found = streams_.find(&ended);
        station_.graveyard().bury(std::move(found->second));
        streams_.erase(found);
        done(std::move(result));
      });
  ReleaseStream& started = *stream;
  streams_.emplace(&started, std::move(stream));
  started.start();
}

void Releases::cutAll() {
  while (!streams_.empty()) streams_.begin()->first->cut();
}

}  // namespace edgehold
