#include "rules.h"

#include <algorithm>

namespace sidecert {

namespace {

constexpr uint8_t kNetscapeClientAndServer = 0xc0;

std::optional<Problem> usageProblem(const CertificateFacts& facts) {
  const char* missing = missingUsage(facts);
  if (missing == nullptr) return std::nullopt;
  return Problem{std::string("an extended key usage without ") + missing, "serverAuth and clientAuth, or none"};
}

std::optional<Problem> criticalProblem(const CertificateFacts& facts) {
  if (!facts.unknownCritical) return std::nullopt;
  return Problem{"the critical extension " + *facts.unknownCritical, "none that peers do not know"};
}

bool lacks(const CertificateFacts& facts, uint8_t usage) { return facts.keyUsage && (*facts.keyUsage & usage) == 0; }

// Whatever stands below it.
std::optional<Problem> ownProblem(const CertificateFacts& issuer, double nowMs) {
  if (const std::optional<Problem> problem = caProblem(issuer)) return problem;
  const auto& [notBeforeMs, notAfterMs] = issuer.validity;
  if (nowMs > notAfterMs) return Problem{"an expired certificate, notAfter " + isoTime(notAfterMs), "a valid one"};
  if (nowMs < notBeforeMs) {
    return Problem{"a certificate that is not yet valid, notBefore " + isoTime(notBeforeMs), "a valid one"};
  }
  std::optional<Problem> problem = usageProblem(issuer);
  if (!problem) problem = criticalProblem(issuer);
  return problem ? problem : issuer.keyProblem;
}

// RFC 5280 §4.2.1.9; Go counts self-issued certificates, too.
std::optional<Problem> pathLengthProblem(const CertificateFacts& issuer, const Below& below) {
  const size_t count = below.issuers.size();
  if (!issuer.pathLength || count <= *issuer.pathLength) return std::nullopt;
  return Problem{"pathlen " + std::to_string(*issuer.pathLength) + " above " + std::to_string(count) + " CAs",
                 "at least so many"};
}

std::optional<Problem> nameProblem(const CertificateFacts& issuer, const Below& below) {
  if (!issuer.constraints) return std::nullopt;
  std::optional<std::string> found;
  if (below.leaf != nullptr) found = violation(*issuer.constraints, below.leaf->constrainedNames);
  for (const CertificateFacts* one : below.issuers) {
    if (!found && !one->isSelfIssued) found = violation(*issuer.constraints, one->constrainedNames);
  }
  if (!found) return std::nullopt;
  return Problem{"name constraints: " + *found, "names that they permit"};
}

}  // namespace

std::optional<Problem> leafProblem(const CertificateFacts& leaf) {
  if (leaf.isCa) return Problem{"a CA certificate", "basicConstraints CA:FALSE"};
  if (lacks(leaf, key_usage::digitalSignature)) {
    return Problem{"a key usage without digitalSignature", "digitalSignature"};
  }
  if (leaf.keyUsage && (*leaf.keyUsage & (key_usage::keyCertSign | key_usage::crlSign)) != 0) {
    return Problem{"a key usage with keyCertSign or cRLSign", "neither"};
  }
  if (leaf.netscapeType && (~*leaf.netscapeType & kNetscapeClientAndServer) != 0) {
    return Problem{"a Netscape certificate type for one side alone", "client and server, or none"};
  }
  const std::optional<Problem> problem = usageProblem(leaf);
  return problem ? problem : criticalProblem(leaf);
}

std::optional<Problem> caProblem(const CertificateFacts& certificate) {
  if (!certificate.isCa) return Problem{"no CA certificate", "basicConstraints CA:TRUE"};
  if (lacks(certificate, key_usage::keyCertSign)) return Problem{"a key usage without keyCertSign", "keyCertSign"};
  return std::nullopt;
}

std::optional<Problem> issuerProblem(const CertificateFacts& issuer, const Below& below, double nowMs) {
  std::optional<Problem> problem = ownProblem(issuer, nowMs);
  if (!problem) problem = pathLengthProblem(issuer, below);
  return problem ? problem : nameProblem(issuer, below);
}

std::optional<Problem> policyProblem(const Below& below) {
  if (below.leaf == nullptr) return std::nullopt;
  bool isNeeded = false;
  bool haveAll = below.leaf->hasPolicies;
  size_t count = 1;
  for (const CertificateFacts* one : below.issuers) {
    isNeeded = isNeeded || (one->policyNeededAfter && *one->policyNeededAfter <= count);
    haveAll = haveAll && one->hasPolicies;
    // Self-issued certificates do not count. (RFC 5280 §6.1.4 h)
    if (!one->isSelfIssued) ++count;
  }
  if (!isNeeded || haveAll) return std::nullopt;
  return Problem{"below it policyConstraints with requireExplicitPolicy", "certificatePolicies in all below it"};
}

}  // namespace sidecert
