#include "issuers.h"

#include <algorithm>

#include "secret_writer.h"

namespace sidecert {

namespace {

// A root roll-over has two bundles and two intermediates at a time. A bundle may be a megabyte: so not many.
constexpr size_t kMaxKept = 4;

bool isSignersCurve(int nid) {
  return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

}  // namespace

std::unique_ptr<Issuer> Issuer::of(X509* certificate) {
  // isCa makes OpenSSL read the extensions; without a KeyUsage all of it is allowed.
  if (!isCa(certificate) || (X509_get_extension_flags(certificate) & EXFLAG_INVALID) != 0) return nullptr;
  if ((X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) return nullptr;
  std::unique_ptr<Issuer> issuer(new Issuer());
  Result<Validity> validity = validityOf(certificate);
  const unsigned char* subject = nullptr;
  size_t subjectSize = 0;
  if (!validity.ok() || X509_NAME_get0_der(X509_get_subject_name(certificate), &subject, &subjectSize) != 1 ||
      !issuer->loadKey(certificate)) {
    return nullptr;
  }
  issuer->validity_ = validity.value();
  issuer->subject_.assign(subject, subject + subjectSize);
  if (const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(certificate)) {
    const unsigned char* octets = ASN1_STRING_get0_data(identifier);
    issuer->keyIdentifier_.assign(octets, octets + ASN1_STRING_length(identifier));
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

// X509_check_issued compares names by meaning, and key identifiers where both have one.
bool Issuer::hasIssued(const PlainLeaf& leaf) const {
  return leaf.issuer == viewOf(subject_) &&
         (leaf.authorityKeyIdentifier.size == 0 || leaf.authorityKeyIdentifier == viewOf(keyIdentifier_)) &&
         isSignerOf(leaf);
}

bool Issuer::isSignerOf(const PlainLeaf& leaf) const {
  const bool isEc = leaf.algorithm->keyKind == KeyKind::ec;
  if (isEc != (ec_ != nullptr)) return false;
  return isEc ? verifyWith(ec_.get(), leaf.algorithm->hash, leaf.toBeSigned, leaf.signature)
              : verifyWith(rsa_.get(), leaf.algorithm->hash, leaf.toBeSigned, leaf.signature);
}

std::unique_ptr<Issuers> Issuers::prove(std::vector<Certificate> intermediates, std::vector<Certificate> bundle) {
  std::unique_ptr<Issuers> issuers(new Issuers());
  for (size_t i = 0; i < intermediates.size(); ++i) {
    X509* link = intermediates[i].x509.get();
    Result<Validity> validity = validityOf(link);
    if (!validity.ok() || !isCa(link)) return nullptr;
    if (i + 1 < intermediates.size() && !isIssuedBy(link, intermediates[i + 1].x509.get())) return nullptr;
    issuers->intermediateValidities_.push_back(validity.value());
  }
  for (const Certificate& anchor : bundle) {
    Result<Validity> validity = validityOf(anchor.x509.get());
    // The general way refuses such an anchor only when it comes to it.
    if (!validity.ok()) return nullptr;
    if (intermediates.empty()) {
      std::unique_ptr<Issuer> issuer = Issuer::of(anchor.x509.get());
      if (issuer) issuers->anchors_.push_back(std::move(issuer));
    } else if (isIssuedBy(intermediates.back().x509.get(), anchor.x509.get())) {
      issuers->anchorValidities_.push_back(validity.value());
    }
  }
  if (!intermediates.empty()) {
    issuers->lowest_ = Issuer::of(intermediates.front().x509.get());
    if (!issuers->lowest_) return nullptr;
  }
  issuers->intermediatesPem_ = pemOf(intermediates);
  issuers->bundleBody_ = sidecert::bundleBody(bundle);
  return issuers;
}

bool Issuers::haveIssued(const PlainLeaf& leaf, double nowMs) const {
  const auto holds = [&](const Validity& validity) { return validity.holdsAt(nowMs); };
  if (!lowest_) {
    return std::any_of(anchors_.begin(), anchors_.end(),
                       [&](const auto& anchor) { return anchor->isValidAt(nowMs) && anchor->hasIssued(leaf); });
  }
  return std::all_of(intermediateValidities_.begin(), intermediateValidities_.end(), holds) &&
         std::any_of(anchorValidities_.begin(), anchorValidities_.end(), holds) && lowest_->hasIssued(leaf);
}

const Issuers* IssuersCache::issuersOf(const std::vector<View>& intermediates, View bundlePem) {
  // A hash of fixed size for each part, so that no two sets of parts are spelled alike.
  Bytes parts;
  const auto add = [&](View part) {
    const Digest digest = digestOf(Hash::sha256, part);
    parts.insert(parts.end(), digest.octets.begin(), digest.octets.begin() + digest.size);
  };
  add(bundlePem);
  for (const View intermediate : intermediates) add(intermediate);
  const Digest digest = digestOf(Hash::sha256, viewOf(parts));
  Name name;
  std::copy_n(digest.octets.begin(), name.size(), name.begin());
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.name == name; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return kept_.front().issuers.get();
  }
  std::vector<Certificate> links;
  for (const View intermediate : intermediates) {
    std::optional<Certificate> link = readCertificate(intermediate);
    if (!link) return nullptr;
    links.push_back(std::move(*link));
  }
  Result<std::vector<Certificate>> bundle = readBundle(bundlePem);
  if (!bundle.ok()) return nullptr;
  std::unique_ptr<Issuers> issuers = Issuers::prove(std::move(links), std::move(bundle.value()));
  if (!issuers) return nullptr;
  kept_.push_front({name, std::move(issuers)});
  if (kept_.size() > kMaxKept) kept_.pop_back();
  return kept_.front().issuers.get();
}

}  // namespace sidecert
