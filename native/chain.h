// Certificates from others: read, and proved to lead from a leaf to a trust bundle.
#ifndef SIDECERT_CHAIN_H
#define SIDECERT_CHAIN_H

#include <vector>

#include "bytes.h"
#include "openssl_ptr.h"
#include "result.h"

namespace sidecert {

// A certificate with the DER that OpenSSL writes for it.
struct Certificate {
  X509Ptr x509;
  Bytes der;
};

// Milliseconds since 1970; both ends belong to the period. (RFC 5280 §4.1.2.5)
struct Validity {
  double notBeforeMs;
  double notAfterMs;
};

// Reads a chain in PEM, leaf first: svidMalformed. Never empty.
Result<std::vector<Certificate>> readChain(View chainPem);

// Reads a trust bundle in PEM: bundleInvalid. Never empty, never two of the same certificate, CA certificates only.
Result<std::vector<Certificate>> readBundle(View bundlePem);

// svidMalformed: dates that are none.
Result<Validity> validityOf(X509* certificate);

bool isCa(X509* certificate);

// Proves that each link of the chain is signed by the next, and the last by a certificate of the bundle, all valid at
// `nowMs`: svidUntrusted. The same rules as src/hotpath/js/chain-check.ts.
Result<Nothing> checkChain(const std::vector<Certificate>& chain, const std::vector<Certificate>& bundle,
                           double nowMs);

}  // namespace sidecert

#endif
