// SPDX-License-Identifier: Apache-2.0
// `edgehold channel sign`: a request as a platform would send it, as a curl command or as JSON.
// Thread: main only.
#include <iostream>
#include <iterator>
#include <optional>

#include "proxy/base/file.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/secret.h"
#include "proxy/crypto/signing_key.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

constexpr std::string_view kUsage = "edgehold channel sign: ";

struct Sample {
  const Route& route;
  SampleRequest request;
};

// The first route, or the one that was named, whose channel is of that platform.
Result<Sample> makeSample(const PolicySnapshot& policy, const Options& options, SampleWish wish) {
  for (const auto& route : policy.routes()) {
    if (!options.route.empty() && route->name() != options.route) continue;
    wish.path = route->match().path;
    for (const ChainEntry& entry : route->chain().entries()) {
      auto request = entry.filter->sample(wish);
      if (!request) continue;
      if (!*request) return fail(std::move(*request).error());
      return Sample{*route, *std::move(*request)};
    }
  }
  return fail(Reason::kRouteNotFound,
              options.route.empty()
                  ? "no route has a channel `" + options.platform + "`"
                  : "the route `" + options.route + "` has no channel `" + options.platform + "`");
}

// As a shell takes it for one word, whatever is in it.
std::string shellWord(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += R"('\'')";
    } else {
      word += c;
    }
  }
  return word + "'";
}

// Where the first listener can be reached from this machine.
std::string listenerUrl(const PolicySnapshot& policy) {
  const ListenerSpec& listener = policy.server().listeners.front();
  std::string address = listener.address.toString();
  for (const std::string_view any : {"0.0.0.0:", "[::]:"}) {
    if (address.starts_with(any)) address.replace(0, any.size() - 1, "localhost");
  }
  return (listener.is_tls ? "https://" : "http://") + address;
}

std::string urlOf(const Sample& sample, const PolicySnapshot& policy, const Options& options) {
  std::string url = options.url.empty() ? listenerUrl(policy) : options.url;
  if (url.ends_with('/')) url.pop_back();
  url += sample.route.match().path;
  return sample.request.query.empty() ? url : url + "?" + sample.request.query;
}

std::string curlOf(const Sample& sample, const std::string& url) {
  std::string text = "curl -sS -i -X " + sample.request.method;
  const auto& hosts = sample.route.match().hosts;
  if (!hosts.empty()) text += " \\\n  -H " + shellWord("Host: " + hosts.front());
  for (const auto& [name, value] : sample.request.headers) {
    text += " \\\n  -H " + shellWord(name + ": " + value);
  }
  if (!sample.request.body.empty()) {
    text += " \\\n  --data-binary " + shellWord(sample.request.body);
  }
  return text + " \\\n  " + shellWord(url) + "\n";
}

std::string jsonOf(const Sample& sample, const std::string& url) {
  Json::Value tree(Json::objectValue);
  tree["route"] = sample.route.name();
  tree["method"] = sample.request.method;
  tree["url"] = url;
  tree["headers"] = Json::Value(Json::arrayValue);
  for (const auto& [name, value] : sample.request.headers) {
    Json::Value pair(Json::arrayValue);
    pair.append(name);
    pair.append(value);
    tree["headers"].append(std::move(pair));
  }
  tree["body"] = sample.request.body;
  return writeJsonPretty(tree);
}

Result<std::string> readBody(const std::string& file) {
  if (file.empty()) return std::string();
  if (file != "-") return readFile(file, limits::kBufferedBodyBytesCeiling);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// Nothing when no file is named. The file's bytes are wiped here, the key with its owner.
Result<std::optional<SigningKey>> readSigningKey(const std::string& file) {
  if (file.empty()) return std::optional<SigningKey>();
  TRY_ASSIGN(std::string text, readFile(file, limits::kSecretBytesMax));
  const SecretString pem = SecretString::take(std::move(text));
  Result<SigningKey> key = SigningKey::fromPem(pem.reveal());
  if (key) return std::optional(*std::move(key));
  return fail("`" + file + "` " + key.error().message);
}

// What to sign and by what, out of the files that the options name.
struct Materials {
  std::string body;
  std::optional<SigningKey> signing_key;

  static Result<Materials> read(const Options& options) {
    Materials materials;
    TRY_ASSIGN(materials.body, readBody(options.body_file));
    TRY_ASSIGN(materials.signing_key, readSigningKey(options.signing_key_file));
    return materials;
  }
  const SigningKey* key() const { return signing_key ? &*signing_key : nullptr; }
};

}  // namespace

ExitCode signSample(const Options& options, const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << printable(error) << "\n";
  if (loaded.snapshot == nullptr) return ExitCode::kUsage;
  const auto materials = Materials::read(options);
  if (!materials) {
    world.err << kUsage << printable(materials.error().message) << "\n";
    return ExitCode::kUsage;
  }
  SystemRandom random;
  const auto sample = makeSample(
      *loaded.snapshot, options,
      {options.platform, materials->body, {}, world.clock.wallNow(), random, materials->key()});
  if (!sample) {
    world.err << kUsage << printable(sample.error().message) << "\n";
    return sample.error().reason == Reason::kRouteNotFound ? ExitCode::kUsage : ExitCode::kFailure;
  }
  const std::string url = urlOf(*sample, *loaded.snapshot, options);
  world.out << (options.is_json ? jsonOf(*sample, url) : curlOf(*sample, url));
  return ExitCode::kOk;
}

}  // namespace edgehold
