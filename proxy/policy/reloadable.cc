// SPDX-License-Identifier: Apache-2.0
// What a running process cannot change: sockets, threads, identity, stores.
// Thread: main only.
#include <string>

#include "proxy/policy/loader.h"

namespace edgehold {
namespace {

class Changes {
 public:
  void note(bool is_same, std::string_view field) {
    if (is_same) return;
    text_.append(text_.empty() ? "`" : ", `").append(field).append("`");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void compareListeners(const std::vector<ListenerSpec>& was, const std::vector<ListenerSpec>& is,
                      Changes& changes) {
  if (was.size() != is.size()) return changes.note(false, "listen");
  for (std::size_t i = 0; i < was.size(); ++i) {
    const std::string path = "listen[" + std::to_string(i) + "].";
    changes.note(was[i].address == is[i].address, path + "address");
    // Unless it is written, the name is the address.
    if (was[i].address == is[i].address) changes.note(was[i].name == is[i].name, path + "name");
    changes.note(was[i].is_tls == is[i].is_tls, path + "tls");
    changes.note(was[i].backlog == is[i].backlog, path + "backlog");
  }
}

}  // namespace

Result<void> checkReloadable(const PolicySnapshot& running, const PolicySnapshot& next) {
  Changes changes;
  const ServerSpec& was = running.server();
  const ServerSpec& is = next.server();
  compareListeners(was.listeners, is.listeners, changes);
  changes.note(was.admin.socket_path == is.admin.socket_path, "admin.socket");
  changes.note(was.workers == is.workers, "workers");
  changes.note(was.user == is.user, "user");
  changes.note(was.state_directory == is.state_directory, "state.directory");
  changes.note(was.is_state_synced == is.is_state_synced, "state.durability");
  changes.note(running.counterEntries() == next.counterEntries(), "state.counter_entries");
  changes.note(running.audit().path == next.audit().path, "audit.path");
  changes.note(running.audit().durability == next.audit().durability, "audit.durability");
  if (changes.text().empty()) return {};
  return fail("only a restart can change " + changes.text() + ": nothing was changed");
}

}  // namespace edgehold
