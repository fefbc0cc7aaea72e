// SPDX-License-Identifier: Apache-2.0
// Hands out fake transports and keeps their other ends for the test.
// Thread: one loop.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/upstream/upstream_pool.h"
#include "tests/support/fake_transport.h"

namespace edgehold {

struct FakeDialer final : Dialer {
  std::vector<std::shared_ptr<FakePeer>> peers;  // in the order they were dialled

  Result<std::unique_ptr<Transport>> dial(const UpstreamSpec&, const UpstreamAddress&,
                                          const Endpoint& endpoint) override {
    peers.push_back(std::make_shared<FakePeer>());
    return std::make_unique<FakeTransport>(peers.back(), endpoint);
  }
  Async<Result<std::vector<IpAddress>>> resolve(const std::string&) override {
    auto [async, resolver] = Async<Result<std::vector<IpAddress>>>::make();
    resolver.resolve(fail(Reason::kUpstreamUnreachable, "no such host"));
    return std::move(async);
  }
};

}  // namespace edgehold
