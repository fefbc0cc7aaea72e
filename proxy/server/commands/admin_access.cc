// SPDX-License-Identifier: Apache-2.0
// Finding and asking the admin listener, behind admin_access.h.
// Thread: main only.
#include "proxy/server/commands/admin_access.h"

#include <array>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

// Where a service manager puts it, and where it is without one.
constexpr std::array<std::string_view, 2> kUsualPlaces = {"/run/edgehold/admin.sock",
                                                          "/var/lib/edgehold/admin.sock"};
constexpr const char* kPlaceVariable = "EDGEHOLD_ADMIN";

Result<AdminPlace> parsePlace(std::string_view text, std::string_view from) {
  if (const auto place = AdminPlace::parse(text)) return *place;
  return fail(std::string(from) + ": `" + printable(text) +
              "` is neither a path with a slash nor an address such as `127.0.0.1:9901`");
}

Result<AdminPlace> placeOfConfig(const std::string& file, const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(file, world.loadTools());
  if (loaded.snapshot == nullptr) {
    std::string text =
        "cannot find the admin socket, for the configuration has mistakes (name the "
        "socket with --admin):";
    for (const std::string& error : loaded.errors) text += "\n" + printable(error);
    return fail(std::move(text));
  }
  const AdminSpec& admin = loaded.snapshot->server().admin;
  if (!admin.socket_path.empty()) return AdminPlace::at(admin.socket_path);
  if (admin.address) return AdminPlace::at(*admin.address);
  return fail("`" + file + "` configures no admin listener");
}

// --admin, else of -c FILE, else $EDGEHOLD_ADMIN, else the usual places.
Result<AdminPlace> findAdmin(const Options& options, const CommandWorld& world) {
  if (!options.admin.empty()) return parsePlace(options.admin, "--admin");
  if (!options.config_file.empty()) return placeOfConfig(options.config_file, world);
  if (const auto named = world.environment(kPlaceVariable)) {
    return parsePlace(*named, std::string("$") + kPlaceVariable);
  }
  std::error_code ignored;
  for (const std::string_view path : kUsualPlaces) {
    if (std::filesystem::exists(path, ignored)) return AdminPlace::at(std::string(path));
  }
  return AdminPlace::at(std::string(kUsualPlaces.front()));
}

// An answer that is a refusal is an answer.
std::variant<AdminAnswered, ExitCode> askAdmin(const AdminCall& call, const Options& options,
                                               const CommandWorld& world) {
  const auto place = findAdmin(options, world);
  if (!place) {
    world.err << "edgehold: " << place.error().message << "\n";
    return ExitCode::kUsage;
  }
  auto answered = AdminClient(*place, world.clock).ask(call);
  if (answered) return std::move(*answered);
  world.err << "edgehold: " << answered.error().message << "\n";
  if (answered.error().reason == Reason::kUpstreamUnreachable) {
    world.err << "Is edgehold running, and may you use its admin socket? Name the socket with "
                 "--admin SOCKET\nor the configuration with -c FILE; `edgehold run -c FILE` starts "
                 "it.\n";
  }
  return ExitCode::kFailure;
}

// Writes a refusal (problem+json) for people to world.err, or as it is to world.out with --json.
ExitCode tellRefusal(const AdminAnswered& answered, const Options& options,
                     const CommandWorld& world) {
  if (options.is_json) {
    world.out << answered.body << "\n";
    return ExitCode::kFailure;
  }
  const auto tree = parseJsonTree(answered.body);
  const auto title = tree ? stringMember(*tree, "title") : std::nullopt;
  world.err << "edgehold: "
            << printable(title.value_or("refused with status " + std::to_string(answered.status)));
  const auto detail = tree ? stringMember(*tree, "detail") : std::nullopt;
  if (detail) world.err << ": " << printable(*detail);
  world.err << "\n";
  const Json::Value* const errors = tree ? anyMember(*tree, "errors") : nullptr;
  if (errors != nullptr && errors->isArray()) {
    for (const Json::Value& error : *errors) {
      if (error.isString()) world.err << printable(error.asString()) << "\n";
    }
  }
  return ExitCode::kFailure;
}

}  // namespace

std::variant<Json::Value, ExitCode> askTree(const AdminCall& call, const Options& options,
                                            const CommandWorld& world) {
  const auto asked = askAdmin(call, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& answered = std::get<AdminAnswered>(asked);
  if (!answered.isSuccess()) return tellRefusal(answered, options, world);
  auto tree = parseJsonTree(answered.body);
  if (tree) return std::move(*tree);
  world.err << "edgehold: the answer is no JSON: " << tree.error().message << "\n";
  return ExitCode::kFailure;
}

}  // namespace edgehold
