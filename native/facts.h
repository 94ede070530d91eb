// What counts of a certificate when a path is built: read from its DER, since OpenSSL forgives what other verifiers refuse. All
// of it is lent from the DER. The same as src/pki/x509/certificate-facts.ts and src/pki/x509/extensions.ts. (RFC 5280 §4)
#ifndef SIDECERT_FACTS_H
#define SIDECERT_FACTS_H

#include <variant>

#include "der.h"
#include "name_constraints.h"
#include "text.h"

namespace sidecert {

// Milliseconds since 1970; both ends belong to the period. (RFC 5280 §4.1.2.5)
struct Validity {
  double notBeforeMs;
  double notAfterMs;

  bool holdsAt(double nowMs) const { return notBeforeMs <= nowMs && nowMs <= notAfterMs; }
};

// The first octet of a KeyUsage. (RFC 5280 §4.2.1.3)
namespace key_usage {
constexpr uint8_t digitalSignature = 0x80;
constexpr uint8_t keyCertSign = 0x04;
constexpr uint8_t crlSign = 0x02;
}  // namespace key_usage

// What counts of a certificate's extensions. (RFC 5280 §4.2)
struct Extensions {
  // basicConstraints CA:TRUE.
  bool isCa = false;
  // How many CAs may stand below it.
  std::optional<uint32_t> pathLength;
  // The first octet.
  std::optional<uint8_t> keyUsage;
  // Object identifiers.
  std::optional<std::vector<View>> extendedKeyUsage;
  // The first octet.
  std::optional<uint8_t> netscapeType;
  std::vector<GeneralName> names;
  std::optional<NameConstraints> constraints;
  bool hasPolicies = false;
  // After how many certificates a policy is needed: requireExplicitPolicy.
  std::optional<uint32_t> policyNeededAfter;
  // The first critical extension that peers do not know, dotted.
  std::optional<std::string> unknownCritical;
};

struct CertificateFacts : Extensions {
  DistinguishedName issuer;
  DistinguishedName subject;
  // Names itself as its issuer. (RFC 5280 §3.2)
  bool isSelfIssued = false;
  Validity validity{};
  // What name constraints of its issuers hold for: its alternative names, its subject, and the mail addresses in that.
  std::vector<GeneralName> constrainedNames;
  // Why its public key may sign nothing.
  std::optional<Problem> keyProblem;
  // Why its signature proves nothing.
  std::optional<Problem> signatureProblem;
};

// A text says what is malformed.
using ReadFacts = std::variant<CertificateFacts, std::string>;

// Reads a certificate that OpenSSL has parsed.
ReadFacts readFacts(View der);

// Milliseconds since 1970 of a UTCTime or GeneralizedTime as DER has it; nothing for all else. (RFC 5280 §4.1.2.5)
std::optional<double> readTime(const DerElement& time);

// Which of the two usages that a mesh needs an extended key usage lacks: null when none.
const char* missingUsage(const Extensions& extensions);

}  // namespace sidecert

#endif
