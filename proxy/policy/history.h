// SPDX-License-Identifier: Apache-2.0
// The policies that were in force, kept whole in the state directory: which, since when, by whom,
// and every file that acted. References to secrets are in them, secrets are not.
// Thread: main only.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace edgehold {

struct KeptPolicy {
  std::string version;
  WallTime since{};
  std::string cause;  // `start`, `signal`, `admin`, `watch`, `rollback`
  std::string who;    // as in the audit log
};

class PolicyHistory {
 public:
  // Reads what `directory` keeps, and makes it when there is none. What cannot be read is told in
  // the log and forgotten: a history must not keep the server from starting.
  explicit PolicyHistory(std::string directory);

  // Oldest first; at most limits::kPolicyHistoryMax.
  const std::deque<KeptPolicy>& policies() const { return policies_; }
  // `policy` came into force; `content` is LoadResult::content. Nothing happens when the last one
  // was the same. An error when it could not be written: it is listed, but not kept.
  Result<void> add(KeptPolicy policy, std::string_view content);
  // The version that `text` names: whole, or its first digits (four at least) when no other begins
  // with them.
  Result<std::string> find(std::string_view text) const;
  // The content of a version, verified by its hash.
  Result<std::string> content(const std::string& version) const;

 private:
  std::string indexFile() const { return directory_ + "/index.json"; }
  std::string contentFile(const std::string& version) const { return directory_ + "/" + version; }
  Result<void> readIndex();
  Result<void> writeIndex() const;
  // Content that no entry needs any more.
  void removeUnlisted() const;

  const std::string directory_;
  std::deque<KeptPolicy> policies_;
};

}  // namespace edgehold
