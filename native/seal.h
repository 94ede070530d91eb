// From an issued chain to what Envoy is sent.
#ifndef SIDECERT_SEAL_H
#define SIDECERT_SEAL_H

#include "chain.h"
#include "secret_bytes.h"

namespace sidecert {

struct SealRequest {
  // PKCS#8.
  View privateKey;
  View chainPem;
  View bundlePem;
  // The only URI SAN that the leaf may have.
  View spiffeId;
  double nowMs;
  // The leaf must stay valid for at least this long after nowMs.
  double minLifeMs;
};

struct SealedSvid {
  // `Secret{tls_certificate}` with the key, without its name.
  SecretBytes certificateBody;
  // `Secret{validation_context}`, without its name.
  Bytes bundleBody;
  // Lower-case hex.
  std::string serial;
  Validity validity;
};

// Proves that an issued chain is what was asked for, then serialises it. The order of the checks is that of
// src/hotpath/js/seal.ts, so that both refuse the same chain for the same reason.
Result<SealedSvid> seal(const SealRequest& request);

}  // namespace sidecert

#endif
