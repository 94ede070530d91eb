// Builds a path from a leaf to a trust anchor. A chain is a set: in any order, with certificates that do not belong. The same as
// src/pki/x509/path-search.ts. (RFC 5280 §6.1, RFC 4158)
#ifndef SIDECERT_PATH_H
#define SIDECERT_PATH_H

#include <map>

#include "chain.h"
#include "rules.h"

namespace sidecert {

// A certificate with what paths are built by. Its facts are lent from its DER, so it stays where it is.
class Link {
 public:
  explicit Link(Certificate certificate) : certificate_(std::move(certificate)), facts_(readFacts(der())) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  X509* x509() const { return certificate_.x509.get(); }
  View der() const { return viewOf(certificate_.der); }
  // Null when it is malformed.
  const CertificateFacts* facts() const { return std::get_if<0>(&facts_); }
  // What of it is malformed. Only where facts() is null.
  const std::string& malformed() const { return *std::get_if<1>(&facts_); }
  // Self-signed, and so of no use to a peer that does not have it.
  bool isRoot() const;
  // Names itself as its issuer, by name and key identifier: OpenSSL takes it for self-signed, and only a trust anchor may be.
  bool namesItself() const { return X509_check_issued(x509(), x509()) == X509_V_OK; }

 private:
  Certificate certificate_;
  ReadFacts facts_;
};

using LinkPtr = std::unique_ptr<const Link>;

// The certificates that a path may go through, each once, in the order in which they are tried: trust anchors first, of those the
// ones that name themselves as their issuer, so that a path is as short as can be (RFC 4158 §3.2); then the rest as it came,
// but for certificates that sign themselves: only an anchor may.
class IssuerPool {
 public:
  // `others` are from any source; an anchor need not sign itself (RFC 5280 §6.1.1), and stands in the bundle once.
  IssuerPool(std::vector<Certificate> anchors, std::vector<Certificate> others);

  const std::vector<const Link*>& candidates() const { return candidates_; }
  size_t anchorCount() const { return anchors_.size(); }
  bool isAnchor(const Link* link) const;

 private:
  std::vector<LinkPtr> anchors_;
  std::vector<LinkPtr> others_;
  std::vector<const Link*> candidates_;
};

// From below to above; the last is a trust anchor.
using Issuing = std::vector<const Link*>;

// One search is for one path, or for all that one pool has.
class PathSearch {
 public:
  PathSearch(const IssuerPool& pool, double nowMs) : pool_(pool), nowMs_(nowMs) {}

  // svidUntrusted, with the certificate that is in the way. The properties of the leaf itself are for leafProblem.
  Result<Issuing> fromLeaf(const Link& leaf);
  // The issuers from this one on, whatever it will sign: nothing when there is no path.
  std::optional<Issuing> fromIssuer(const Link& issuer);
  // Whether it has stayed so far below what one search may cost.
  bool hasLeft(size_t signatures, size_t comparisons) const;

 private:
  struct Noted {
    size_t height;
    std::string what;
    Problem problem;
  };

  bool extend(const Link& last, const Below& below, Issuing& path);
  bool goThrough(const Link& issuer, const Below& below, Issuing& path);
  bool hasIssued(const Link& issuer, const Link& last, size_t depth);
  bool isSignedBy(const Link& link, const Link& issuer);
  void noteMissingUsage(const Link& issuer, const Link& last, size_t depth);
  void note(const Link& link, const Problem& problem, size_t depth);
  void keep(const Link& link, const Problem& problem, size_t height);
  bool isTooMuch(const Link& last);
  Problem unknownIssuer(const Link& link) const;

  const IssuerPool& pool_;
  double nowMs_;
  size_t signatures_ = 0;
  size_t comparisons_ = 0;
  std::optional<Noted> why_;
  std::map<std::pair<const Link*, const Link*>, bool> signers_;
};

// The certificates of a path that a peer is shown beside the leaf: all but the root, which peers have or do not trust. A trust
// anchor that is no root goes along, for peers that have the root of it alone.
Issuing shownIssuers(const Issuing& issuers);

}  // namespace sidecert

#endif
