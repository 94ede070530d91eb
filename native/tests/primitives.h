// The bare cryptography under the hot path, in loops: the limit that the hot path is measured against.
#ifndef SIDECERT_PRIMITIVES_H
#define SIDECERT_PRIMITIVES_H

#include "key.h"

namespace sidecert {

// `count` times: a key is made, and a digest signed with it. Returns seconds.
Result<double> timeKeyAndSignature(uint32_t count, const EcCurve& curve);

// `count` times: an ECDSA signature is verified, and a digest signed. Returns seconds.
Result<double> timeVerificationAndSignature(uint32_t count, const EcCurve& curve);

// `count` times: an ECDSA signature is verified. Returns seconds.
Result<double> timeVerification(uint32_t count, const EcCurve& curve);

}  // namespace sidecert

#endif
