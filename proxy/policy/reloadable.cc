// SPDX-License-Identifier: Apache-2.0
// What a running process cannot change: sockets, threads, identity, stores.
// Thread: main only.
#include <algorithm>
#include <string>

#include "proxy/policy/loader.h"

namespace edgehold {
namespace {

bool isSameListener(const ListenerSpec& a, const ListenerSpec& b) {
  return a.name == b.name && a.address == b.address && a.is_tls == b.is_tls &&
         a.backlog == b.backlog;
}

bool areSameListeners(const std::vector<ListenerSpec>& a, const std::vector<ListenerSpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), isSameListener);
}

}  // namespace

Result<void> checkReloadable(const PolicySnapshot& running, const PolicySnapshot& next) {
  std::string changed;
  const auto note = [&](bool is_same, std::string_view field) {
    if (is_same) return;
    changed.append(changed.empty() ? "`" : ", `").append(field).append("`");
  };
  const ServerSpec& was = running.server();
  const ServerSpec& is = next.server();
  note(areSameListeners(was.listeners, is.listeners), "listen");
  note(was.admin.socket_path == is.admin.socket_path && was.admin.address == is.admin.address,
       "admin");
  note(was.workers == is.workers, "workers");
  note(was.user == is.user, "user");
  note(was.state_directory == is.state_directory, "state.directory");
  note(was.is_state_synced == is.is_state_synced, "state.durability");
  note(running.counterEntries() == next.counterEntries(), "state.counter_entries");
  note(running.audit().path == next.audit().path, "audit.path");
  if (changed.empty()) return {};
  return fail("only a restart can change " + changed + ": nothing was changed");
}

}  // namespace edgehold
