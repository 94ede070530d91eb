// PKCS#10 (RFC 2986): the request that we make, and the check of one from an untrusted peer.
#ifndef SIDECERT_CSR_H
#define SIDECERT_CSR_H

#include <optional>
#include <string>

#include "key.h"

namespace sidecert {

struct PreparedKey {
  // PKCS#8.
  SecretBytes privateKey;
  Bytes csrPem;
};

// Makes a key pair and a CSR for it: subject O="", one critical URI SAN. The caller has checked `uri`.
Result<PreparedKey> prepare(KeyType type, View uri, const Curves& curves);

// What of a CSR counts, once it is known to be signed by the key that it names.
struct CheckedCsr {
  // The whole SubjectPublicKeyInfo.
  Bytes publicKeyInfo;
  // See IssuedLeaf.requestedUri in src/hotpath/hot-path.ts.
  std::optional<std::string> requestedUri;
};

// Reads a CSR from an untrusted peer and proves that it holds the private key. csrInvalid: form or signature;
// keyTypeUnsupported: a key that we issue nothing for.
Result<CheckedCsr> checkCsr(View csrPem, const Curves& curves);

}  // namespace sidecert

#endif
