// SPDX-License-Identifier: Apache-2.0
// The directory that holds what a process remembers. One process at a time: two that open the same
// claims and holds would each believe that they decide alone.
// Thread: main only.
#pragma once

#include <string>

#include "proxy/base/result.h"

namespace edgehold {

class StateDirectory {
 public:
  // Makes the directory (0750) if its parent is there, and locks it until the object is destroyed
  // or the process ends, however it ends.
  static Result<StateDirectory> open(std::string path);
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  const std::string& path() const { return path_; }
  std::string databaseFile() const { return path_ + "/edgehold.db"; }

 private:
  StateDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_;
};

}  // namespace edgehold
