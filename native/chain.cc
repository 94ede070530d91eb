#include "chain.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <optional>
#include <string_view>

#include "openssl_error.h"
#include "pem.h"
#include "rules.h"

namespace sidecert {

namespace {

// Four RSA-8192 certificates in PEM are 20 kB; the TLS record layer is not the place for more than this.
constexpr size_t kMaxChainBytes = 128 * 1024;

// The leaf, and those among which its issuers are: a few, and of a CA that sends more than is needed a few more.
constexpr size_t kMaxChainCertificates = 32;

// A bundle is a handful of roots; a megabyte is far above any real one.
constexpr size_t kMaxBundleBytes = 1024 * 1024;

constexpr PemLimits kChainLimits{"certificate chain", Code::svidMalformed, kMaxChainBytes, kMaxChainCertificates};

// The bytes bound the certificates.
constexpr PemLimits kBundleLimits{"trust bundle", Code::bundleInvalid, kMaxBundleBytes,
                                  std::numeric_limits<size_t>::max(), true};

std::string ofChain(size_t position) { return "certificate " + std::to_string(position) + " of the chain"; }

// OpenSSL's own spelling of a certificate that it has read.
Bytes derOf(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return {};
  Bytes der(static_cast<size_t>(size));
  unsigned char* at = der.data();
  i2d_X509(certificate, &at);
  return der;
}

X509Ptr parse(View der) {
  const unsigned char* at = der.data;
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size)));
}

Result<Certificate> readLink(const PemBlock& block, size_t position) {
  const auto malformed = [&](const std::string& got, const std::string& expected) {
    return refusal(Code::svidMalformed, ofChain(position), got, expected);
  };
  if (block.label != "CERTIFICATE") return malformed("a PEM block " + block.label, "CERTIFICATE");
  X509Ptr x509 = parse(viewOf(block.der));
  if (!x509) return malformed("bytes that do not parse", "an X.509 certificate");
  Bytes der = derOf(x509.get());
  if (der.size() != block.der.size()) return malformed("bytes after its end", "one certificate");
  return Certificate{std::move(x509), std::move(der)};
}

std::optional<double> epochMsOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return static_cast<double>(timegm(&parts)) * 1000;
}

// Of a certificate that OpenSSL does not take for a CA's, but says no more.
Problem caProblemOf(View der) {
  const ReadFacts facts = readFacts(der);
  const CertificateFacts* read = std::get_if<0>(&facts);
  const std::optional<Problem> problem = read == nullptr ? std::nullopt : caProblem(*read);
  return problem ? *problem : Problem{"no CA certificate", "basicConstraints CA:TRUE"};
}

Result<Certificate> readAnchor(const PemBlock& block, size_t position) {
  const std::string what = "trust bundle: certificate " + std::to_string(position);
  X509Ptr x509 = parse(viewOf(block.der));
  if (!x509) return Failure{Code::bundleInvalid, what + " does not parse, expected an X.509 certificate"};
  Bytes der = derOf(x509.get());
  if (der.size() != block.der.size()) {
    return refusal(Code::bundleInvalid, what, "bytes after its end", "one certificate");
  }
  if (!isCa(x509.get())) {
    const Problem problem = caProblemOf(viewOf(der));
    return refusal(Code::bundleInvalid, what, problem.got, problem.expected);
  }
  return Certificate{std::move(x509), std::move(der)};
}

}  // namespace

Result<std::vector<Certificate>> readChain(View chainPem) {
  Result<std::vector<PemBlock>> blocks = readPem(chainPem, kChainLimits);
  if (!blocks.ok()) return blocks.failure();
  std::vector<Certificate> chain;
  for (const PemBlock& block : blocks.value()) {
    Result<Certificate> link = readLink(block, chain.size() + 1);
    if (!link.ok()) return link.failure();
    chain.push_back(std::move(link.value()));
  }
  return chain;
}

Result<std::vector<Bytes>> readChainDer(View chainPem) {
  Result<std::vector<PemBlock>> blocks = readPem(chainPem, kChainLimits);
  if (!blocks.ok()) return blocks.failure();
  std::vector<Bytes> chain;
  for (PemBlock& block : blocks.value()) {
    if (block.label != "CERTIFICATE") {
      return refusal(Code::svidMalformed, ofChain(chain.size() + 1), "a PEM block " + block.label, "CERTIFICATE");
    }
    chain.push_back(std::move(block.der));
  }
  return chain;
}

Result<std::vector<Certificate>> readBundle(View bundlePem) {
  Result<std::vector<PemBlock>> blocks = readPem(bundlePem, kBundleLimits);
  if (!blocks.ok()) return blocks.failure();
  std::vector<Certificate> bundle;
  size_t position = 0;
  for (const PemBlock& block : blocks.value()) {
    Result<Certificate> anchor = readAnchor(block, ++position);
    if (!anchor.ok()) return anchor.failure();
    const Bytes& der = anchor.value().der;
    const bool isKnown = std::any_of(bundle.begin(), bundle.end(), [&](const Certificate& known) { return known.der == der; });
    if (!isKnown) bundle.push_back(std::move(anchor.value()));
  }
  return bundle;
}

std::optional<Validity> validityOf(X509* certificate) {
  const std::optional<double> notBeforeMs = epochMsOf(X509_get0_notBefore(certificate));
  const std::optional<double> notAfterMs = epochMsOf(X509_get0_notAfter(certificate));
  if (!notBeforeMs || !notAfterMs) return std::nullopt;
  return Validity{*notBeforeMs, *notAfterMs};
}

std::vector<View> usableAt(const std::vector<Certificate>& bundle, double nowMs) {
  std::vector<View> valid;
  std::vector<View> early;
  for (const Certificate& one : bundle) {
    const std::optional<Validity> validity = validityOf(one.x509.get());
    if (!validity || nowMs > validity->notAfterMs) continue;
    (validity->holdsAt(nowMs) ? valid : early).push_back(viewOf(one.der));
  }
  valid.insert(valid.end(), early.begin(), early.end());
  if (!valid.empty()) return valid;
  for (const Certificate& one : bundle) valid.push_back(viewOf(one.der));
  return valid;
}

std::optional<Certificate> readCertificate(View der) {
  X509Ptr x509 = parse(der);
  Bytes own = x509 ? derOf(x509.get()) : Bytes();
  if (!x509 || own.size() != der.size) return std::nullopt;
  return Certificate{std::move(x509), std::move(own)};
}

bool isCa(X509* certificate) { return X509_check_ca(certificate) == 1; }

// X509_check_issued compares names and key identifiers, and demands keyCertSign where the issuer has a KeyUsage.
bool isIssuedBy(X509* certificate, X509* issuer) {
  if (X509_check_issued(issuer, certificate) != X509_V_OK) return false;
  EVP_PKEY* key = X509_get0_pubkey(issuer);
  return key != nullptr && X509_verify(certificate, key) == 1;
}

}  // namespace sidecert
