// SPDX-License-Identifier: Apache-2.0
// Any text as an address, a network, a set of networks (by lines) and an endpoint: what parses is
// the same after it was written and read again, and a set answers as its networks do.
// Thread: main only.
#include "proxy/base/ip.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

void checkSet(const std::vector<Cidr>& networks) {
  const CidrSet set(networks);
  for (const Cidr& network : networks) {
    for (const IpAddress address :
         {network.first(), network.last(),
          IpAddress::v6(network.last().high(), network.last().low() + 1),
          IpAddress::v6(network.first().high(), network.first().low() - 1)}) {
      bool is_listed = false;
      for (const Cidr& other : networks) is_listed |= other.contains(address);
      CHECK_EQ(set.contains(address), is_listed);
    }
  }
}

void checkText(std::string_view text) {
  if (const auto ip = IpAddress::parse(text)) CHECK(IpAddress::parse(ip->toString()) == ip);
  if (const auto endpoint = Endpoint::parse(text)) {
    CHECK(Endpoint::parse(endpoint->toString()) == endpoint);
  }
  std::vector<Cidr> networks;
  for (const std::string_view line : split(text, '\n')) {
    const auto network = Cidr::parse(line);
    if (!network || networks.size() == 64) continue;
    CHECK(Cidr::parse(network->toString()) == *network);
    networks.push_back(*network);
  }
  checkSet(networks);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  edgehold::checkText({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
