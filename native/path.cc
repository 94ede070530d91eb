#include "path.h"

#include <algorithm>

#include "openssl_error.h"

namespace sidecert {

namespace {

// Issuers above a leaf: real hierarchies have one to four. OpenSSL's verifier stops at 100.
constexpr size_t kMaxIssuers = 10;

// What one search may cost. A hostile set has many CAs of one name: without a bound, the paths through n of
// them are n!. (RFC 4158 §2.4.2; Go stops at 100 signatures, too)
constexpr size_t kMaxSignatures = 64;
constexpr size_t kMaxComparisons = 20'000;

const char kWellFormed[] = "a certificate of RFC 5280";

// As people know a certificate: a leaf of a mesh has no name but its SPIFFE ID.
std::string textOf(const Link& link) {
  const std::string name = link.facts() == nullptr ? "" : textOf(link.facts()->subject);
  return name.empty() ? "leaf" : "certificate \"" + name + "\"";
}

}  // namespace

bool Link::isRoot() const { return isIssuedBy(x509(), x509()); }

IssuerPool::IssuerPool(std::vector<Certificate> anchors, std::vector<Certificate> others) {
  const auto isKnown = [](const std::vector<LinkPtr>& links, View der) {
    return std::any_of(links.begin(), links.end(), [&](const LinkPtr& link) { return link->der() == der; });
  };
  for (Certificate& anchor : anchors) anchors_.push_back(std::make_unique<const Link>(std::move(anchor)));
  for (Certificate& other : others) {
    const View der = viewOf(other.der);
    if (isKnown(anchors_, der) || isKnown(others_, der)) continue;
    others_.push_back(std::make_unique<const Link>(std::move(other)));
  }
  for (const LinkPtr& anchor : anchors_) {
    if (anchor->namesItself()) candidates_.push_back(anchor.get());
  }
  for (const LinkPtr& anchor : anchors_) {
    if (!anchor->namesItself()) candidates_.push_back(anchor.get());
  }
  for (const LinkPtr& other : others_) {
    if (!other->namesItself()) candidates_.push_back(other.get());
  }
}

bool IssuerPool::isAnchor(const Link* link) const {
  return std::any_of(anchors_.begin(), anchors_.end(), [&](const LinkPtr& anchor) { return anchor.get() == link; });
}

Result<Issuing> PathSearch::fromLeaf(const Link& leaf) {
  Issuing path;
  if (extend(leaf, Below{leaf.facts(), {}}, path)) return path;
  if (!why_) keep(leaf, unknownIssuer(leaf), 0);
  return refusal(Code::svidUntrusted, why_->what, why_->problem.got, why_->problem.expected);
}

Problem PathSearch::unknownIssuer(const Link& link) const {
  if (link.facts() == nullptr) return {link.malformed(), kWellFormed};
  return {"issuer \"" + textOf(link.facts()->issuer) + "\"",
          "a path to one of the " + std::to_string(pool_.anchorCount()) + " certificates of the bundle"};
}

std::optional<Issuing> PathSearch::fromIssuer(const Link& issuer) {
  Issuing path;
  if (!goThrough(issuer, Below{nullptr, {}}, path)) return std::nullopt;
  return path;
}

bool PathSearch::hasLeft(size_t signatures, size_t comparisons) const {
  return signatures_ + signatures <= kMaxSignatures && comparisons_ + comparisons <= kMaxComparisons;
}

// The issuers above `last`, whose path so far is `path`; `below` are its facts. On success `path` is whole, else as it was.
bool PathSearch::extend(const Link& last, const Below& below, Issuing& path) {
  const CertificateFacts* facts = last.facts();
  if (facts == nullptr) return false;
  if (facts->signatureProblem) {
    note(last, *facts->signatureProblem, path.size());
    return false;
  }
  if (path.size() >= kMaxIssuers) {
    note(last, {std::to_string(kMaxIssuers) + " issuers below it", "a shorter path"}, path.size());
    return false;
  }
  bool hasIssuer = false;
  for (const Link* candidate : pool_.candidates()) {
    const bool isUsed = std::find(path.begin(), path.end(), candidate) != path.end();
    if (isUsed || !hasIssued(*candidate, last, path.size())) continue;
    hasIssuer = true;
    if (goThrough(*candidate, below, path)) return true;
  }
  if (!hasIssuer) keep(last, unknownIssuer(last), 2 * path.size() + 1);
  return false;
}

// The path through `issuer`, which has signed what is below it.
bool PathSearch::goThrough(const Link& issuer, const Below& below, Issuing& path) {
  const CertificateFacts* facts = issuer.facts();
  if (facts == nullptr) {
    note(issuer, {issuer.malformed(), kWellFormed}, path.size());
    return false;
  }
  if (const std::optional<Problem> problem = issuerProblem(*facts, below, nowMs_)) {
    note(issuer, *problem, path.size());
    return false;
  }
  path.push_back(&issuer);
  const bool isAnchor = pool_.isAnchor(&issuer);
  // An anchor that has an issuer itself: the path goes on to a root that is trusted, too, for peers that have that alone.
  if (!isAnchor || !issuer.namesItself()) {
    Below belowNext = below;
    belowNext.issuers.push_back(facts);
    if (extend(issuer, belowNext, path)) return true;
  }
  const std::optional<Problem> problem = isAnchor ? policyProblem(below) : std::nullopt;
  if (problem) note(issuer, *problem, path.size() - 1);
  if (isAnchor && !problem) return true;
  path.pop_back();
  return false;
}

// Names and key identifiers first, then the signature: as many as one search may cost.
bool PathSearch::hasIssued(const Link& issuer, const Link& last, size_t depth) {
  if (++comparisons_ > kMaxComparisons) return isTooMuch(last);
  // Compares names by meaning, key identifiers where both have one, and demands keyCertSign where the issuer has a KeyUsage.
  if (X509_check_issued(issuer.x509(), last.x509()) != X509_V_OK) {
    noteMissingUsage(issuer, last, depth);
    return false;
  }
  return ++signatures_ > kMaxSignatures ? isTooMuch(last) : isSignedBy(last, issuer);
}

bool PathSearch::isTooMuch(const Link& last) {
  keep(last, {"more possible issuers than are tried", "a few"}, SIZE_MAX);
  return false;
}

bool PathSearch::isSignedBy(const Link& link, const Link& issuer) {
  const auto known = signers_.find({&link, &issuer});
  if (known != signers_.end()) return known->second;
  EVP_PKEY* key = X509_get0_pubkey(issuer.x509());
  const bool isSigned = key != nullptr && X509_verify(link.x509(), key) == 1;
  signers_.insert({{&link, &issuer}, isSigned});
  return isSigned;
}

// OpenSSL says of it only that it is not the issuer.
void PathSearch::noteMissingUsage(const Link& issuer, const Link& last, size_t depth) {
  const CertificateFacts* facts = issuer.facts();
  if (facts == nullptr || last.facts() == nullptr || !facts->keyUsage) return;
  const bool maySign = (*facts->keyUsage & key_usage::keyCertSign) != 0;
  if (maySign || !isSameName(last.facts()->issuer, facts->subject)) return;
  if (const std::optional<Problem> problem = caProblem(*facts)) note(issuer, *problem, depth);
}

void PathSearch::note(const Link& link, const Problem& problem, size_t depth) {
  keep(link, problem, 2 * depth + 2);
}

// What is found furthest up says most.
void PathSearch::keep(const Link& link, const Problem& problem, size_t height) {
  if (!why_ || why_->height < height) why_ = Noted{height, textOf(link), problem};
}

Issuing shownIssuers(const Issuing& issuers) {
  Issuing shown = issuers;
  if (!shown.empty() && shown.back()->isRoot()) shown.pop_back();
  return shown;
}

}  // namespace sidecert
