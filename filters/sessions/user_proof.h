// SPDX-License-Identifier: Apache-2.0
// What a mini program's user data is proved by: the session_key that the platform shares with us
// and never with the client. A proof says that data came from the platform, in some session that
// had this key: never when, so that it is no login by itself.
// Thread: any (stateless).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"

namespace edgehold {

// A session_key as the platform writes it: the base64 of 16 bytes.
bool isSessionKey(std::string_view text);

// `signature` is the hexadecimal SHA-1 of `raw` and the key's text (wx.getUserInfo).
bool provesUserInfo(ByteView raw, std::string_view session_key, std::string_view signature);
// `signature` is the hexadecimal HMAC-SHA-256 of `posted` under the key's text.
bool provesPost(ByteView posted, std::string_view session_key, std::string_view signature);

// As a client sends it: base64 both.
struct EncryptedUserData {
  std::string_view text;
  std::string_view iv;
};
// AES-128-CBC. The watermark in it must name our `app` and be no further from `now` than
// `kWatermarkWindow`. Errors: kSignatureInvalid (not encrypted with this key, of another app),
// kTimestampOutsideWindow.
inline constexpr std::chrono::minutes kWatermarkWindow{5};
Result<std::string> openUserData(const EncryptedUserData& sent, std::string_view session_key,
                                 std::string_view app, WallTime now, JsonPool& json);

}  // namespace edgehold
