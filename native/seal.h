// From an issued chain to what Envoy is sent.
#ifndef SIDECERT_SEAL_H
#define SIDECERT_SEAL_H

#include <optional>

#include "issuers.h"
#include "key.h"
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
  // Of the key in the sealed bytes.
  // How long after nowMs the leaf may begin: another machine's clock made it.
  double maxAheadMs = 0;
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

// Proves that an issued leaf is what was asked for, builds its path to the bundle, then serialises it: the plain way, or, where that says nothing, the
// general one.
Result<SealedSvid> seal(const SealRequest& request, const Curves& curves, IssuersCache& cache);

// The general way, for chains of any shape, and the only one that refuses. The order of the checks is that of
// src/hotpath/js/seal.ts, so that both refuse the same chain for the same reason.
Result<SealedSvid> sealAny(const SealRequest& request);

// The plain way: EC key, leaf as in plain_leaf.h, issuers that are known from the last time. It accepts nothing that
// sealAny refuses, and says nothing of what it does not accept.
std::optional<SealedSvid> sealPlain(const SealRequest& request, const Curves& curves, IssuersCache& cache);

}  // namespace sidecert

#endif
