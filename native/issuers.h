// Those who may have signed a leaf, with what is worth keeping of them between two leaves: certificates parsed, paths built, keys
// ready for low-level verification, and their part of what Envoy is sent.
#ifndef SIDECERT_ISSUERS_H
#define SIDECERT_ISSUERS_H

#include <array>
#include <cmath>
#include <list>
#include <memory>
#include <vector>

#include "path.h"
#include "plain_leaf.h"

namespace sidecert {

// One CA certificate whose key is RSA, P-256, P-384 or P-521.
class Issuer {
 public:
  // Nothing for another key.
  static std::unique_ptr<Issuer> of(X509* certificate);

  // Whether names and key identifiers say that it has issued the leaf: X509_check_issued, for names of the same octets.
  bool mayHaveIssued(const PlainLeaf& leaf) const;
  // Whether it has signed it.
  bool hasSigned(const PlainLeaf& leaf) const;
  View subject() const { return viewOf(subject_); }

 private:
  Issuer() = default;
  bool loadKey(X509* certificate);

  Bytes subject_;
  // Nothing when the certificate has none.
  std::optional<Bytes> keyIdentifier_;
  // Either an EC key or an RSA key.
  EcKeyPtr ec_;
  RsaPtr rsa_;
};

// A trust bundle, and the paths that lead to it from a leaf.
class Issuers {
 public:
  // Nothing when the set is too large or too odd for the plain way.
  static std::unique_ptr<Issuers> prove(std::vector<Certificate> others, std::vector<Certificate> bundle, double nowMs);

  // Whether what was proved holds at this time, too.
  bool holdAt(double nowMs) const {
    return expiredMs_ < nowMs && begunMs_ <= nowMs && nowMs <= expiresMs_ && nowMs < beginsMs_;
  }
  // The PEM of what a peer is shown beside the leaf: nothing when no issuer here has signed it, or when the path depends on what is
  // in the leaf.
  std::optional<View> shownFor(const PlainLeaf& leaf) const;
  View bundleBody() const { return viewOf(bundleBody_); }

 private:
  // An issuer, and the path from it to an anchor.
  struct Way {
    std::unique_ptr<Issuer> issuer;
    Bytes shownPem;
    // By name constraints and policies.
    bool dependsOnLeaf;
  };

  Issuers() = default;
  void boundTime(const Validity& validity, double nowMs);
  bool addWay(const Link& issuer, const Issuing& path);

  // In the order in which the general way tries them.
  std::vector<Way> ways_;
  Bytes bundleBody_;
  // When one of the certificates begins or expires, paths and bundle are others: the last time and the next of each.
  double begunMs_ = -HUGE_VAL;
  double beginsMs_ = HUGE_VAL;
  double expiredMs_ = -HUGE_VAL;
  double expiresMs_ = HUGE_VAL;
};

// The last few, by the content of what they were made of. For one thread.
class IssuersCache {
 public:
  // `others` in DER, as they came behind the leaf. Null when they prove nothing here; the general way then says why.
  const Issuers* issuersOf(const std::vector<View>& others, View bundlePem, double nowMs);

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
