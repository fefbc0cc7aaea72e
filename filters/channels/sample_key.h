// SPDX-License-Identifier: Apache-2.0
// Samples of platforms that sign with private keys: by an operator's own key, whose public half is
// listed beside the platform's for the time of a test.
// Thread: main only.
#pragma once

#include <string>
#include <string_view>

#include "filters/channels/credentials.h"
#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/crypto/ed25519.h"
#include "proxy/crypto/signing_key.h"
#include "proxy/exchange/sample.h"

namespace edgehold {

// The wish's key, if it is of that algorithm, which `kind` names. Errors say what to give instead.
Result<const SigningKey*> sampleKey(const SampleWish& wish, JwsAlgorithm algorithm,
                                    std::string_view kind);

// What the wish's key signs, if its public half is one of `keys` that counts now. The error tells
// that half as `write` writes it, to be listed.
Result<std::string> signSample(const SampleWish& wish, const Credentials<Ed25519Key>& keys,
                               std::string (*write)(ByteView public_key), ByteView message);

}  // namespace edgehold
