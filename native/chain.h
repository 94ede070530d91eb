// Certificates from others, read: see path.h for what they prove.
#ifndef SIDECERT_CHAIN_H
#define SIDECERT_CHAIN_H

#include <optional>
#include <vector>

#include "bytes.h"
#include "facts.h"
#include "openssl_ptr.h"
#include "result.h"

namespace sidecert {

// A certificate with the DER that OpenSSL writes for it.
struct Certificate {
  X509Ptr x509;
  Bytes der;
};

// One certificate in DER that fills all of the bytes. Nothing for what does not parse.
std::optional<Certificate> readCertificate(View der);

// Reads a chain in PEM, leaf first, then those among which its issuers are: svidMalformed. Never empty.
Result<std::vector<Certificate>> readChain(View chainPem);

// The DER of a chain in PEM, leaf first, as it came: svidMalformed for what is no PEM, or not of certificates alone.
Result<std::vector<Bytes>> readChainDer(View chainPem);

// Reads a trust bundle in PEM: bundleInvalid. Never empty, never two of the same certificate, CA certificates only.
Result<std::vector<Certificate>> readBundle(View bundlePem);

// Nothing for dates that OpenSSL cannot read.
std::optional<Validity> validityOf(X509* certificate);

// The certificates that a verifier may be given at `nowMs`: none that have expired, and those that are not yet valid last. Envoy
// takes the first certificate of a fitting name, and refuses every peer when that one is expired or not yet valid. All of them,
// when all have expired: a bundle is never empty.
std::vector<View> usableAt(const std::vector<Certificate>& bundle, double nowMs);

bool isCa(X509* certificate);

// Whether `issuer` is named as the issuer of `certificate`, may sign it, and has.
bool isIssuedBy(X509* certificate, X509* issuer);

}  // namespace sidecert

#endif
