// SPDX-License-Identifier: Apache-2.0
// Keys of token issuers, behind key_source.h.
// Thread: any (synchronised by mutex_).
#include "filters/tokens/key_source.h"

#include <optional>
#include <utility>

#include "filters/upstream_name.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {

using namespace std::chrono_literals;

// Kept by the Async that it answers; given up when nobody waits any more.
class KeySource::Fetch {
 public:
  explicit Fetch(const KeySource& source) : source_(source) {}
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;
  ~Fetch() { source_.end(is_answered_); }

  void start(CallDesk& calls, const Clock& clock, const Resolver<Keys>& resolver) {
    CallRequest request;
    request.upstream = source_.terms_.upstream;
    request.target = source_.terms_.path;
    request.answer_bytes_max = limits::kJwksBytesMax;
    call_ = calls.call(std::move(request));
    call_->then([this, &clock, resolver](Result<CallAnswer> answer) {
      is_answered_ = true;
      const Instant now = clock.now();
      if (auto keys = read(answer)) {
        source_.keep(std::make_shared<const Jwks>(*std::move(keys)), now);
      } else {
        LogEvery(1000, WARNING) << "keys of `" << source_.terms_.upstream
                                << "`: " << keys.error().message;
      }
      const Resolver<Keys> kept = resolver;  // resolving destroys this
      kept.resolve(source_.current(now));
    });
  }

 private:
  static Result<Jwks> read(const Result<CallAnswer>& answer) {
    if (!answer) return fail(answer.error());
    if (answer->status != 200) return fail("status " + std::to_string(answer->status));
    return Jwks::parse(answer->body);
  }

  const KeySource& source_;
  bool is_answered_ = false;
  std::optional<Async<Result<CallAnswer>>> call_;
};

KeySource::KeySource(Jwks keys) : keys_(std::make_shared<const Jwks>(std::move(keys))) {}

KeySource::Keys KeySource::current(Instant now) const {
  const std::lock_guard lock(mutex_);
  const bool is_usable = fetched_ == Instant::max() || now - fetched_ < terms_.lifetime;
  return is_usable ? keys_ : nullptr;
}

bool KeySource::takeFetch(std::string_view key_id, Instant now) const {
  if (terms_.upstream.empty()) return false;
  const std::lock_guard lock(mutex_);
  const bool has_keys = keys_ != nullptr && now - fetched_ < terms_.lifetime;
  const bool is_wanted = !has_keys || now - fetched_ >= terms_.refresh || !keys_->knows(key_id);
  if (!is_wanted || (has_keys && now < next_fetch_)) return false;
  if (!has_keys && under_way_ >= kFirstFetchesMax) return false;
  ++under_way_;
  next_fetch_ = now + kFetchInterval;
  return true;
}

// Who leaves before the answer must not keep others from asking.
void KeySource::end(bool is_answered) const {
  const std::lock_guard lock(mutex_);
  --under_way_;
  if (!is_answered) next_fetch_ = Instant::min();
}

void KeySource::keep(Keys keys, Instant now) const {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  fetched_ = now;
}

Async<KeySource::Keys> KeySource::fetch(CallDesk& calls, const Clock& clock) const {
  auto [answer, resolver] = Async<Keys>::make();
  const auto fetch = std::make_shared<Fetch>(*this);
  answer.keep(fetch);
  fetch->start(calls, clock, resolver);
  return std::move(answer);
}

std::unique_ptr<KeySource> KeySource::read(ConfigReader& config, const FilterBuild& build) {
  const std::string file = config.text("jwks_file");
  auto published = config.child("jwks");
  if (file.empty() == !published.has_value()) {
    config.reject("jwks", "write either `jwks_file` or `jwks: {upstream: …, path: /…}`");
    return nullptr;
  }
  if (!file.empty()) {
    const auto text = build.files.read(file, limits::kJwksBytesMax);
    auto keys = text ? Jwks::parse(*text) : Result<Jwks>(fail(text.error()));
    if (keys) return std::make_unique<KeySource>(*std::move(keys));
    config.reject("jwks_file", keys.error().message);
    return nullptr;
  }
  Terms terms;
  terms.upstream = readUpstreamName(*published, build);
  terms.path = published->requiredText("path");
  const bool is_plain = terms.path.find_first_not_of(
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                            "/-._~?=&%") == std::string::npos;
  if (!terms.path.empty() && (!terms.path.starts_with('/') || !is_plain)) {
    published->reject("path", "expected a path such as `/.well-known/jwks.json`");
  }
  terms.refresh = published->duration("refresh", 1h);
  terms.lifetime = published->duration("lifetime", 24h);
  if (terms.refresh < kFetchInterval) published->reject("refresh", "must be at least `30s`");
  if (terms.lifetime < terms.refresh) published->reject("lifetime", "is shorter than `refresh`");
  published->finish();
  return std::make_unique<KeySource>(std::move(terms));
}

}  // namespace edgehold
