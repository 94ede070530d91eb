#include "seal.h"

#include <algorithm>

#include "openssl_error.h"
#include "pem.h"
#include "secret_writer.h"

namespace sidecert {

namespace {

Result<std::string> serialOf(X509* leaf) {
  const BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), nullptr));
  char* hex = number ? BN_bn2hex(number.get()) : nullptr;
  const OpensslMemoryPtr owner(reinterpret_cast<unsigned char*>(hex));
  if (hex == nullptr) return opensslFailure("reading a serial number");
  std::string serial(hex);
  for (char& digit : serial) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  return serial;
}

// No failure says more of the key: an error text about a private key must not leak.
Result<Nothing> checkKey(X509* leaf, View privateKey) {
  const unsigned char* at = privateKey.data;
  const PrivateKeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(privateKey.size)));
  const EvpPkeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key) return Failure{Code::svidKeyMismatch, "private key does not parse, expected PKCS#8 DER"};
  if (X509_check_private_key(leaf, key.get()) == 1) return Nothing{};
  return refusal(Code::svidKeyMismatch, "leaf", "another public key", "that of our private key");
}

Failure refused(Code code, const std::string& what, const Problem& problem) {
  return refusal(code, what, problem.got, problem.expected);
}

// One URI, which is ours; other names may stand beside it. (X509-SVID §2)
Result<Nothing> checkIdentity(const CertificateFacts& leaf, View spiffeId) {
  std::vector<GeneralName> uris;
  for (const GeneralName& name : leaf.names) {
    if (name.tag == tag::uriName) uris.push_back(name);
  }
  if (uris.size() == 1 && uris[0].content == spiffeId) return Nothing{};
  const std::string expected(spiffeId.data, spiffeId.data + spiffeId.size);
  return refusal(Code::svidIdentityMismatch, "leaf subject alternative names",
                 leaf.names.empty() ? "none" : textOf(leaf.names), "URI:" + expected + " as the only URI");
}

// What begins then is within the skew, and a leaf with this end lives for long enough from then on. Of numbers that are
// none it is false.
bool isInTime(double atMs, double notAfterMs, const SealRequest& request) {
  return atMs <= request.nowMs + request.maxAheadMs && atMs + request.minLifeMs <= notAfterMs;
}

// When the path is to be proved: now, or when a leaf begins that begins a little later. Nothing when the leaf is not
// valid then, or not for long enough.
std::optional<double> provedAtMs(const Validity& validity, const SealRequest& request) {
  const double atMs = std::max(request.nowMs, validity.notBeforeMs);
  return isInTime(atMs, validity.notAfterMs, request) ? std::optional<double>(atMs) : std::nullopt;
}

// When the last of the issuers begins, if one begins later than that: a CA whose clock is ahead may have made them all a
// moment ago.
std::optional<double> laterMs(const IssuerPool& pool, double atMs, double notAfterMs, const SealRequest& request) {
  std::optional<double> later;
  for (const Link* issuer : pool.candidates()) {
    if (issuer->facts() == nullptr) continue;
    const double beginsMs = issuer->facts()->validity.notBeforeMs;
    if (beginsMs > later.value_or(atMs) && isInTime(beginsMs, notAfterMs, request)) later = beginsMs;
  }
  return later;
}

Result<double> checkValidity(const Validity& validity, const SealRequest& request) {
  const std::optional<double> atMs = provedAtMs(validity, request);
  if (atMs) return *atMs;
  const auto& [notBeforeMs, notAfterMs] = validity;
  return refusal(Code::svidNotValidNow, "leaf validity", isoTime(notBeforeMs) + " to " + isoTime(notAfterMs),
                 "to hold from " + isoTime(request.nowMs) + " for " + wholeNumber(request.minLifeMs) + " ms");
}

// What concerns us alone, in the order of src/hotpath/js/seal.ts. When the path is to be proved.
Result<double> checkLeaf(const Link& leaf, const SealRequest& request) {
  Result<Nothing> key = checkKey(leaf.x509(), request.privateKey);
  if (!key.ok()) return key.failure();
  const CertificateFacts* facts = leaf.facts();
  if (facts == nullptr) return refused(Code::svidMalformed, "leaf", {leaf.malformed(), "a certificate of RFC 5280"});
  Result<Nothing> identity = checkIdentity(*facts, request.spiffeId);
  if (!identity.ok()) return identity.failure();
  if (const std::optional<Problem> problem = leafProblem(*facts)) return refused(Code::svidMalformed, "leaf", *problem);
  return checkValidity(facts->validity, request);
}

}  // namespace

Result<SealedSvid> sealAny(const SealRequest& request) {
  Result<std::vector<Certificate>> chain = readChain(request.chainPem);
  if (!chain.ok()) return chain.failure();
  std::vector<Certificate>& others = chain.value();
  const Link leaf(std::move(others.front()));
  others.erase(others.begin());
  Result<double> atMs = checkLeaf(leaf, request);
  if (!atMs.ok()) return atMs.failure();
  Result<std::vector<Certificate>> bundle = readBundle(request.bundlePem);
  if (!bundle.ok()) return bundle.failure();
  Bytes trusted = bundleBody(usableAt(bundle.value(), request.nowMs));
  const IssuerPool pool(std::move(bundle.value()), std::move(others));
  Validity validity = leaf.facts()->validity;
  Result<Issuing> path = PathSearch(pool, atMs.value()).fromLeaf(leaf);
  if (!path.ok()) {
    const std::optional<double> later = laterMs(pool, atMs.value(), validity.notAfterMs, request);
    if (!later) return path.failure();
    Result<Issuing> second = PathSearch(pool, *later).fromLeaf(leaf);
    if (!second.ok()) return path.failure();
    path = std::move(second);
    validity.notBeforeMs = *later;
  }
  std::vector<View> shown;
  for (const Link* issuer : shownIssuers(path.value())) shown.push_back(issuer->der());
  Result<std::string> serial = serialOf(leaf.x509());
  if (!serial.ok()) return serial.failure();
  const Bytes shownPem = pemOf(shown);
  Result<SecretBytes> body = certificateBody(leaf.der(), viewOf(shownPem), "PRIVATE KEY", request.privateKey);
  if (!body.ok()) return body.failure();
  return SealedSvid{std::move(body.value()), std::move(trusted), std::move(serial.value()), validity};
}

std::optional<SealedSvid> sealPlain(const SealRequest& request, const Curves& curves, IssuersCache& cache) {
  Result<std::vector<Bytes>> read = readChainDer(request.chainPem);
  if (!read.ok()) return std::nullopt;
  const std::vector<Bytes>& chain = read.value();
  const std::optional<PlainLeaf> leaf = readPlainLeaf(viewOf(chain.front()));
  if (!leaf || leaf->uri != request.spiffeId) return std::nullopt;
  const std::optional<double> atMs = provedAtMs(leaf->validity, request);
  if (!atMs) return std::nullopt;
  const std::optional<Bytes> publicKeyInfo = plainPublicKeyInfo(request.privateKey, curves);
  if (!publicKeyInfo || viewOf(*publicKeyInfo) != leaf->publicKeyInfo) return std::nullopt;
  std::vector<View> others;
  for (size_t i = 1; i < chain.size(); ++i) others.push_back(viewOf(chain[i]));
  const Issuers* issuers = cache.issuersOf(others, request.bundlePem, request.nowMs);
  // What holds now and then holds between, too.
  if (issuers == nullptr || !issuers->holdAt(*atMs)) return std::nullopt;
  const std::optional<View> shownPem = issuers->shownFor(*leaf);
  if (!shownPem) return std::nullopt;
  Result<SecretBytes> body = certificateBody(viewOf(chain.front()), *shownPem, "PRIVATE KEY", request.privateKey);
  if (!body.ok()) return std::nullopt;
  const View bundle = issuers->bundleBody();
  return SealedSvid{std::move(body.value()), Bytes(bundle.data, bundle.data + bundle.size), hexOf(leaf->serial),
                    leaf->validity};
}

Result<SealedSvid> seal(const SealRequest& request, const Curves& curves, IssuersCache& cache) {
  std::optional<SealedSvid> sealed = sealPlain(request, curves, cache);
  return sealed ? Result<SealedSvid>(std::move(*sealed)) : sealAny(request);
}

}  // namespace sidecert
