// SPDX-License-Identifier: Apache-2.0
// What the process may do: whom it runs as, what it can gain, how many descriptors it has, whether
// its memory may reach a disk.
// Thread: main only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/result.h"

namespace edgehold {

struct User {
  std::string name;
  std::uint32_t user_id = 0;
  std::uint32_t group_id = 0;
};

// The account `name`; an error when there is none.
Result<User> findUser(const std::string& name);

// For people: `uid:0 (root)`, or `uid:4711` for one without an account.
std::string describeUser(std::uint32_t user_id);

// Once, before any thread starts: nothing that is executed can gain privileges, as many descriptors
// as the hard limit allows, and no core dumps unless asked for (they would hold secrets).
Result<void> confineProcess(bool keeps_core_dumps);

// Gives `directory` and what lies in it (not deeper), and `files`, to the account that root is
// about to become: what it cannot rotate or replace would stop it later. Never through a link, hard
// or symbolic: the account's earlier life may have planted one. Does nothing unless root.
Result<void> giveToUser(const std::string& directory, const std::vector<std::string>& files,
                        const std::string& name);

// Becomes the account `name` for good, in every thread; verifies that root cannot be regained.
// Empty, or who we are already: nothing to change. Only root can become somebody else.
Result<void> becomeUser(const std::string& name);

}  // namespace edgehold
