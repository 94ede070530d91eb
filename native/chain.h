// Certificates from others: read, and proved to lead from a leaf to a trust bundle.
#ifndef SIDECERT_CHAIN_H
#define SIDECERT_CHAIN_H

#include <optional>
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

  bool holdsAt(double nowMs) const { return notBeforeMs <= nowMs && nowMs <= notAfterMs; }
};

// One certificate in DER that fills all of the bytes. Nothing for what does not parse.
std::optional<Certificate> readCertificate(View der);

// Reads a chain in PEM, leaf first: svidMalformed. Never empty.
Result<std::vector<Certificate>> readChain(View chainPem);

// The DER of a chain in PEM, leaf first, as it came: svidMalformed for what is no PEM, or not of certificates alone.
Result<std::vector<Bytes>> readChainDer(View chainPem);

// Reads a trust bundle in PEM: bundleInvalid. Never empty, never two of the same certificate, CA certificates only.
Result<std::vector<Certificate>> readBundle(View bundlePem);

// svidMalformed: dates that are none.
Result<Validity> validityOf(X509* certificate);

// Milliseconds since 1970 of a whole Time. Nothing for a date that OpenSSL cannot read.
std::optional<double> epochMsOf(View time);

bool isCa(X509* certificate);

// Whether `issuer` is named as the issuer of `certificate`, may sign it, and has.
bool isIssuedBy(X509* certificate, X509* issuer);

// Proves that each link of the chain is signed by the next, and the last by a certificate of the bundle, all valid at
// `nowMs`: svidUntrusted. The same rules as src/hotpath/js/chain-check.ts.
Result<Nothing> checkChain(const std::vector<Certificate>& chain, const std::vector<Certificate>& bundle,
                           double nowMs);

}  // namespace sidecert

#endif
