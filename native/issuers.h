// Those who may have signed a leaf, with what is worth keeping of them between two leaves: intermediates and trust bundle
// parsed and proved, their keys ready for low-level verification, and their part of what Envoy is sent.
#ifndef SIDECERT_ISSUERS_H
#define SIDECERT_ISSUERS_H

#include <array>
#include <list>
#include <memory>
#include <vector>

#include "chain.h"
#include "plain_leaf.h"

namespace sidecert {

// One CA certificate whose key is RSA, P-256, P-384 or P-521.
class Issuer {
 public:
  // Nothing for another key, or a certificate that may not sign others.
  static std::unique_ptr<Issuer> of(X509* certificate);

  // As isIssuedBy, but for a leaf that says less or says it otherwise the answer may be no.
  bool hasIssued(const PlainLeaf& leaf) const;
  bool isValidAt(double nowMs) const { return validity_.holdsAt(nowMs); }

 private:
  Issuer() = default;
  bool loadKey(X509* certificate);
  bool isSignerOf(const PlainLeaf& leaf) const;

  Bytes subject_;
  // Empty when the certificate has none.
  Bytes keyIdentifier_;
  Validity validity_{};
  // Either an EC key or an RSA key.
  EcKeyPtr ec_;
  RsaPtr rsa_;
};

// A trust bundle, and the intermediates that lead to it from a leaf.
class Issuers {
 public:
  // Nothing unless each link between the intermediates, and from the last one to an anchor, holds but for the time.
  // `intermediates` are from below to above, and may be none.
  static std::unique_ptr<Issuers> prove(std::vector<Certificate> intermediates, std::vector<Certificate> bundle);

  // Whether the leaf is signed by the lowest intermediate, or, if there is none, by an anchor; and all above it are valid.
  bool haveIssued(const PlainLeaf& leaf, double nowMs) const;
  // The intermediates in PEM, as Envoy gets them.
  View intermediatesPem() const { return viewOf(intermediatesPem_); }
  View bundleBody() const { return viewOf(bundleBody_); }

 private:
  Issuers() = default;

  Bytes intermediatesPem_;
  Bytes bundleBody_;
  // The lowest intermediate; null when there is none.
  std::unique_ptr<Issuer> lowest_;
  std::vector<Validity> intermediateValidities_;
  // Without intermediates: the anchors that can be verified with here.
  std::vector<std::unique_ptr<Issuer>> anchors_;
  // With intermediates: of the anchors that have issued the highest.
  std::vector<Validity> anchorValidities_;
};

// The last few, by the content of what they were made of. For one thread.
class IssuersCache {
 public:
  // `intermediates` in DER, from below to above. Null when they prove nothing here; the general way then says why.
  const Issuers* issuersOf(const std::vector<View>& intermediates, View bundlePem);

 private:
  using Name = std::array<uint8_t, 32>;
  struct Kept {
    Name name;
    std::unique_ptr<Issuers> issuers;
  };

  // Last used first.
  std::list<Kept> kept_;
};

}  // namespace sidecert

#endif
