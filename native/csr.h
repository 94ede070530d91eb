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

// Makes key pairs and a CSR for each, with one critical URI SAN. EC keys are made ahead for a whole batch.
class Preparation {
 public:
  // For a batch with so many keys of each of the two EC types.
  static Result<Preparation> begin(size_t p256Keys, size_t p384Keys, const Curves& curves);

  // The caller has checked `uri`. No more EC keys than were asked for at the beginning.
  Result<PreparedKey> prepare(KeyType type, View uri);

 private:
  explicit Preparation(const Curves& curves) : curves_(&curves) {}
  Result<KeyPair> keyPair(KeyType type);

  const Curves* curves_;
  std::vector<EcKeyNumbers> p256Keys_;
  std::vector<EcKeyNumbers> p384Keys_;
};

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
