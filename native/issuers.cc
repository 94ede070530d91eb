#include "issuers.h"

#include <algorithm>

#include "secret_writer.h"

namespace sidecert {

namespace {

// A root roll-over has two bundles and two intermediates at a time. A bundle may be a megabyte: so not many.
constexpr size_t kMaxKept = 4;

// So many certificates of one name are tried for one leaf. The general way takes more, so what is proved here is proved there.
constexpr size_t kMaxOfOneName = 8;

// As names are compared.
std::string keyOf(const DistinguishedName& name) {
  std::string key;
  for (const RelativeName& relative : name) {
    key += '/';
    for (const Attribute& attribute : relative) {
      key += std::to_string(attribute.oid.size) + (attribute.isText ? '=' : '#') + std::to_string(attribute.canonical.size()) + ':';
      key.append(attribute.oid.data, attribute.oid.data + attribute.oid.size);
      key.append(attribute.canonical.begin(), attribute.canonical.end());
    }
  }
  return key;
}

// Whether a leaf has few possible issuers in the pool, whatever its name is.
bool isPlain(const IssuerPool& pool) {
  std::map<std::string, size_t> counts;
  for (const Link* link : pool.candidates()) {
    if (link->facts() == nullptr || ++counts[keyOf(link->facts()->subject)] > kMaxOfOneName) return false;
  }
  return true;
}

bool isSignersCurve(int nid) {
  return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

}  // namespace

std::unique_ptr<Issuer> Issuer::of(X509* certificate) {
  std::unique_ptr<Issuer> issuer(new Issuer());
  const unsigned char* subject = nullptr;
  size_t subjectSize = 0;
  if (X509_NAME_get0_der(X509_get_subject_name(certificate), &subject, &subjectSize) != 1 ||
      !issuer->loadKey(certificate)) {
    return nullptr;
  }
  issuer->subject_.assign(subject, subject + subjectSize);
  if (const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(certificate)) {
    const unsigned char* octets = ASN1_STRING_get0_data(identifier);
    issuer->keyIdentifier_.emplace(octets, octets + ASN1_STRING_length(identifier));
  }
  return issuer;
}

bool Issuer::loadKey(X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return false;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) rsa_.reset(EVP_PKEY_get1_RSA(key));
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return rsa_ != nullptr;
  ec_.reset(EVP_PKEY_get1_EC_KEY(key));
  return ec_ && isSignersCurve(EC_GROUP_get_curve_name(EC_KEY_get0_group(ec_.get())));
}

bool Issuer::mayHaveIssued(const PlainLeaf& leaf) const {
  const bool hasBoth = leaf.authorityKeyIdentifier.size > 0 && keyIdentifier_.has_value();
  return leaf.issuer == viewOf(subject_) && (!hasBoth || leaf.authorityKeyIdentifier == viewOf(*keyIdentifier_));
}

bool Issuer::hasSigned(const PlainLeaf& leaf) const {
  const bool isEc = leaf.algorithm->keyKind == KeyKind::ec;
  if (isEc != (ec_ != nullptr)) return false;
  return isEc ? verifyWith(ec_.get(), leaf.algorithm->hash, leaf.toBeSigned, leaf.signature)
              : verifyWith(rsa_.get(), leaf.algorithm->hash, leaf.toBeSigned, leaf.signature);
}

std::unique_ptr<Issuers> Issuers::prove(std::vector<Certificate> others, std::vector<Certificate> bundle, double nowMs) {
  std::unique_ptr<Issuers> issuers(new Issuers());
  for (const std::vector<Certificate>* set : {&others, &bundle}) {
    for (const Certificate& one : *set) {
      const std::optional<Validity> validity = validityOf(one.x509.get());
      if (!validity) return nullptr;
      issuers->boundTime(*validity, nowMs);
    }
  }
  issuers->bundleBody_ = sidecert::bundleBody(usableAt(bundle, nowMs));
  const IssuerPool pool(std::move(bundle), std::move(others));
  if (!isPlain(pool)) return nullptr;
  PathSearch search(pool, nowMs);
  for (const Link* candidate : pool.candidates()) {
    const std::optional<Issuing> path = search.fromIssuer(*candidate);
    if (path && !issuers->addWay(*candidate, *path)) return nullptr;
  }
  return search.hasLeft(kMaxOfOneName, pool.candidates().size()) ? std::move(issuers) : nullptr;
}

void Issuers::boundTime(const Validity& validity, double nowMs) {
  const auto& [notBeforeMs, notAfterMs] = validity;
  if (notBeforeMs <= nowMs) begunMs_ = std::max(begunMs_, notBeforeMs);
  else beginsMs_ = std::min(beginsMs_, notBeforeMs);
  if (notAfterMs < nowMs) expiredMs_ = std::max(expiredMs_, notAfterMs);
  else expiresMs_ = std::min(expiresMs_, notAfterMs);
}

// False for what the plain way cannot tell from others as the general one does: another kind of key, or a name that is that of
// another issuer in other octets.
bool Issuers::addWay(const Link& link, const Issuing& path) {
  std::unique_ptr<Issuer> issuer = Issuer::of(link.x509());
  if (!issuer) return false;
  for (const Way& way : ways_) {
    const auto known = readName(way.issuer->subject());
    const bool isSpelledAlike = way.issuer->subject() == issuer->subject();
    if (!isSpelledAlike && known && isSameName(*known, link.facts()->subject)) return false;
  }
  std::vector<View> shown;
  for (const Link* one : shownIssuers(path)) shown.push_back(one->der());
  const bool dependsOnLeaf = std::any_of(path.begin(), path.end(), [](const Link* one) {
    return one->facts()->constraints.has_value() || one->facts()->policyNeededAfter.has_value();
  });
  ways_.push_back({std::move(issuer), pemOf(shown), dependsOnLeaf});
  return true;
}

std::optional<View> Issuers::shownFor(const PlainLeaf& leaf) const {
  for (const Way& way : ways_) {
    if (!way.issuer->mayHaveIssued(leaf) || !way.issuer->hasSigned(leaf)) continue;
    return way.dependsOnLeaf ? std::nullopt : std::optional<View>(viewOf(way.shownPem));
  }
  return std::nullopt;
}

const Issuers* IssuersCache::issuersOf(const std::vector<View>& others, View bundlePem, double nowMs) {
  // A hash of fixed size for each part, so that no two sets of parts are spelled alike.
  Bytes parts;
  const auto add = [&](View part) {
    const Digest digest = digestOf(Hash::sha256, part);
    parts.insert(parts.end(), digest.octets.begin(), digest.octets.begin() + digest.size);
  };
  add(bundlePem);
  for (const View other : others) add(other);
  const Digest digest = digestOf(Hash::sha256, viewOf(parts));
  Name name;
  std::copy_n(digest.octets.begin(), name.size(), name.begin());
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.name == name; });
  if (found != kept_.end() && !found->issuers->holdAt(nowMs)) {
    kept_.erase(found);
  } else if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return kept_.front().issuers.get();
  }
  std::vector<Certificate> links;
  for (const View other : others) {
    std::optional<Certificate> link = readCertificate(other);
    if (!link) return nullptr;
    links.push_back(std::move(*link));
  }
  Result<std::vector<Certificate>> bundle = readBundle(bundlePem);
  if (!bundle.ok()) return nullptr;
  std::unique_ptr<Issuers> issuers = Issuers::prove(std::move(links), std::move(bundle.value()), nowMs);
  if (!issuers) return nullptr;
  kept_.push_front({name, std::move(issuers)});
  if (kept_.size() > kMaxKept) kept_.pop_back();
  return kept_.front().issuers.get();
}

}  // namespace sidecert
