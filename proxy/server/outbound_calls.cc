// SPDX-License-Identifier: Apache-2.0
// One call and its end, behind outbound_calls.h.
// Thread: one loop.
#include "proxy/server/outbound_calls.h"

#include <memory>
#include <optional>
#include <utility>

#include "proxy/server/station.h"
#include "proxy/upstream/upstream_request.h"

namespace edgehold {
namespace {

// As a client would name it: the configured Host, else the first address.
std::string hostOf(const UpstreamSpec& spec) {
  if (!spec.host.empty()) return spec.host;
  const UpstreamAddress& address = spec.addresses.front();
  const bool is_v6 = address.host.find(':') != std::string::npos;
  std::string host = is_v6 ? "[" + address.host + "]" : address.host;
  const std::uint16_t usual = spec.is_tls ? 443 : 80;
  if (address.port != usual) host += ":" + std::to_string(address.port);
  return host;
}

}  // namespace

class OutboundCalls::Call final : public Mortal, private UpstreamRequest::Events {
 public:
  Call(OutboundCalls& calls, std::shared_ptr<UpstreamPool> pool, CallRequest request)
      : calls_(calls),
        pool_(std::move(pool)),
        request_(std::move(request)),
        host_(hostOf(pool_->spec())),
        upstream_(*this) {
    ++calls_.under_way_;
  }
  ~Call() override { --calls_.under_way_; }

  void start(const Resolver<Result<CallAnswer>>& resolver) {
    resolver_.emplace(resolver);
    fillHead();
    deadline_ = calls_.station_.loop().makeTimer(
        [this] { finish(fail(Reason::kUpstreamTimeout, "the call took too long")); });
    deadline_->arm(request_.timeout);
    upstream_.start(*pool_, head_, {request_.timeout, request_.timeout});
    if (!resolver_) return;
    if (!request_.body.empty()) upstream_.sendBody(request_.body);
    upstream_.sendEnd();
  }
  // Lets go of the connection now; the call itself may be on the stack. REQUIRES: started.
  void cut() {
    resolver_.reset();
    deadline_->cancel();
    upstream_.reset();
    pool_.reset();  // who waits in the graveyard must not be the last to hold it
  }

 private:
  void fillHead() {
    const bool is_post = !request_.body.empty();
    head_.method = is_post ? Method::kPost : Method::kGet;
    head_.method_token = is_post ? "POST" : "GET";
    head_.target.text = request_.target;
    head_.target.path = head_.target.text.substr(0, head_.target.text.find('?'));
    head_.authority = host_;
    head_.headers.add("Host", host_);
    head_.headers.add("Accept", "application/json");
    if (!is_post) return;
    head_.headers.add("Content-Type", request_.content_type);
    head_.body = BodyLength::known(request_.body.size());
  }

  // UpstreamRequest::Events
  void onUpstreamHead(ResponseHead&& head) override {
    answer_.status = head.status;
    answer_.content_type = head.headers.find(HeaderId::kContentType).value_or("");
  }
  void onUpstreamBody(ByteView chunk) override {
    if (chunk.size() > request_.answer_bytes_max - answer_.body.size()) {
      return finish(fail(Reason::kUpstreamMalformed, "the answer of the call is too long"));
    }
    answer_.body += chunk;
  }
  void onUpstreamEnd() override { finish(std::move(answer_)); }
  void onUpstreamError(Error error) override {
    calls_.station_.metrics().upstreamFailed(pool_->spec().name, error.reason);
    finish(fail(std::move(error)));
  }
  void onUpstreamDrained() override {}

  // Whoever waited may destroy the wait, and with it bury this, before it returns.
  void finish(Result<CallAnswer> result) {
    if (!resolver_) return;
    const Resolver<Result<CallAnswer>> resolver = *std::exchange(resolver_, std::nullopt);
    deadline_->cancel();
    upstream_.reset();
    resolver.resolve(std::move(result));
  }

  OutboundCalls& calls_;
  std::shared_ptr<UpstreamPool> pool_;
  const CallRequest request_;
  const std::string host_;
  RequestHead head_;
  CallAnswer answer_;
  std::optional<Resolver<Result<CallAnswer>>> resolver_;
  std::unique_ptr<Timer> deadline_;
  UpstreamRequest upstream_;
};

// Kept by the Async: when nobody waits any more, the call is over.
class OutboundCalls::Wait {
 public:
  Wait(Graveyard& graveyard, std::unique_ptr<Call> call)
      : graveyard_(graveyard), call_(std::move(call)) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() {
    call_->cut();
    graveyard_.bury(std::move(call_));
  }

 private:
  Graveyard& graveyard_;
  std::unique_ptr<Call> call_;
};

Async<Result<CallAnswer>> OutboundCalls::call(CallRequest request) {
  auto [answer, resolver] = Async<Result<CallAnswer>>::make();
  auto pool = station_.pool(request.upstream);
  if (pool == nullptr) {
    resolver.resolve(fail(Reason::kUpstreamUnreachable, "there is no such upstream any more"));
    return std::move(answer);
  }
  if (under_way_ >= limits::kCallsMax) {
    resolver.resolve(fail(Reason::kOverloaded, "too many calls are under way"));
    return std::move(answer);
  }
  auto call = std::make_unique<Call>(*this, std::move(pool), std::move(request));
  Call& started = *call;
  answer.keep(std::make_shared<Wait>(station_.graveyard(), std::move(call)));
  started.start(resolver);
  return std::move(answer);
}

}  // namespace edgehold
