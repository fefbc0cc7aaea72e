// SPDX-License-Identifier: Apache-2.0
// The files behind one policy: reads them, keeps them for the length of one load, hashes what acts
// and remembers what to watch.
// Thread: main only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_node.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/exchange/filter_registry.h"

namespace edgehold {

class PolicyFileSet final : public PolicyFiles {
 public:
  // `directory` is the configuration file's; relative paths start there.
  explicit PolicyFileSet(const std::string& directory);
  // As it was when `content` was kept (content()): what it holds is read from there, and nothing
  // else exists. Gives the configuration itself; an error when it is no such text.
  Result<std::string> keepTo(std::string_view content);

  std::string absolute(std::string_view path) const override;
  Result<std::string> read(std::string_view path, std::size_t bytes_max) override;
  const ConfigNode* config(std::string_view path, ConfigErrors& errors) override;
  Result<std::vector<std::string>> list(std::string_view directory, std::string_view suffix,
                                        std::size_t names_max) override;

  // As read(), for a file that is opened by its path again while it serves: kept bytes that are not
  // those on the disk are an error.
  Result<std::string> readInPlace(std::string_view path, std::size_t bytes_max);
  // The file must exist and is watched, but its bytes are no part of the version: certificates are
  // renewed, secrets rotate, and the policy stays the same.
  Result<void> require(std::string_view path);
  // Watched; it need not exist.
  void watch(std::string_view path);
  // Bytes that act and are in no file that read() has seen.
  void contribute(std::string_view name, std::string_view bytes);

  // Everything that acts, by name, in one text. The version is its SHA-256, of which the first
  // kVersionDigits hexadecimal digits are told.
  static constexpr std::size_t kVersionDigits = 16;
  std::string content() const;
  static std::string versionOf(std::string_view content);
  // The names and bytes in such a text; an error when it is none. The configuration itself has an
  // empty name, and a folder's listing is called `FOLDER/*SUFFIX`.
  using Files = std::map<std::string, std::string, std::less<>>;
  static Result<Files> filesIn(std::string_view content);
  // Absolute paths of everything that was looked at.
  std::vector<std::string> watched() const { return {watched_.begin(), watched_.end()}; }

 private:
  Result<std::string> readKept(const std::string& name, std::size_t bytes_max) const;
  // How `path` is called in the version: a configuration that moves stays the same policy.
  std::string nameOf(const std::string& absolute_path) const;

  std::string directory_;                                         // absolute, without a final slash
  std::optional<Files> kept_;                                     // instead of the disk
  Files acting_;                                                  // by name; bytes
  std::map<std::string, std::unique_ptr<ConfigNode>> documents_;  // by absolute path
  std::set<std::string> watched_;
};

}  // namespace edgehold
