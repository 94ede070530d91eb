// What peers demand of a leaf, and of those above it: RFC 5280 §6.1, and what OpenSSL, BoringSSL or Go demand beyond it. The same as
// src/pki/x509/rules.ts.
#ifndef SIDECERT_RULES_H
#define SIDECERT_RULES_H

#include "facts.h"

namespace sidecert {

// Why peers refuse this certificate as that of a workload, from any issuer. (X509-SVID §4; RFC 5280 §4.2.1.12)
std::optional<Problem> leafProblem(const CertificateFacts& leaf);

// Why it is the certificate of no CA. (RFC 5280 §4.2.1.3, §4.2.1.9)
std::optional<Problem> caProblem(const CertificateFacts& certificate);

// What stands below an issuer in a path.
struct Below {
  // Null where the leaf is not there yet.
  const CertificateFacts* leaf;
  // CAs, from below to above.
  std::vector<const CertificateFacts*> issuers;
};

// Why peers do not take `issuer` above what is below it, at `nowMs`; whether it has signed that is another question.
std::optional<Problem> issuerProblem(const CertificateFacts& issuer, const Below& below, double nowMs);

// Of all that is below the anchor. An issuer may demand that there be a policy from so many certificates below it on, which then
// must go through the whole path; we do not compare policies, and take their presence for enough. (RFC 5280 §6.1.3 f)
std::optional<Problem> policyProblem(const Below& below);

}  // namespace sidecert

#endif
