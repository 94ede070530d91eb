#include "csr.h"

#include <openssl/ecdsa.h>

#include <algorithm>

#include "openssl_error.h"
#include "pem.h"

namespace sidecert {

namespace {

constexpr std::string_view kCsrLabel = "CERTIFICATE REQUEST";
// What old OpenSSL wrote. (RFC 7468 §7)
constexpr std::string_view kOldCsrLabel = "NEW CERTIFICATE REQUEST";

constexpr uint8_t kVersion0[] = {0x02, 0x01, 0x00};
// RDNSequence with one attribute: O="" as PrintableString. (reference: Istio A36)
constexpr uint8_t kEmptyOrganization[] = {0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x13, 0x00};
// subjectAltName (2.5.29.17), critical.
constexpr uint8_t kSubjectAltNameCritical[] = {0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff};
constexpr uint8_t kSubjectAltNameOid[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
// extensionRequest. (RFC 2985 §5.4.2)
constexpr uint8_t kExtensionRequest[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e};

// An RSA-8192 CSR is about 3 kB of PEM.
constexpr size_t kMaxCsrBytes = 16 * 1024;

// Below: no longer accepted (NIST SP 800-131A). Above: TLS stacks refuse it, and it makes work for us cheaply.
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;

// Go's crypto/x509 and BoringSSL refuse larger exponents, so such a leaf would be of no use.
constexpr BN_ULONG kMaxRsaExponent = 0x7fffffff;

// First octet of a point that is not compressed. Peers' TLS stacks take no other form. (RFC 5480 §2.2)
constexpr uint8_t kUncompressedPoint = 0x04;

// A URI longer than a SPIFFE ID may be is not worth a log line.
constexpr size_t kMaxUriBytes = 2048;

Failure invalid(const std::string& got, const std::string& expected = "a PKCS#10 request in DER") {
  return refusal(Code::csrInvalid, "CSR", got, expected);
}

Failure unsupported(const std::string& got) {
  return refusal(Code::keyTypeUnsupported, "CSR public key", got,
                 "EC P-256 or P-384, or RSA of " + std::to_string(kMinRsaBits) + " to " +
                     std::to_string(kMaxRsaBits) + " bits");
}

// `elements[index]` when it is there and has this tag, else nothing.
const DerElement* childAt(const std::vector<DerElement>& elements, size_t index, uint8_t tag) {
  return index < elements.size() && elements[index].tag == tag ? &elements[index] : nullptr;
}

void writeToBeSigned(DerWriter<Bytes>& writer, View uri, const KeyPair& key) {
  writer.raw(uri);
  writer.header(tag::uriName, 0);
  writer.header(tag::sequence, 0);
  writer.header(tag::octetString, 0);
  writer.raw(viewOf(kSubjectAltNameCritical));
  writer.header(tag::sequence, 0);
  writer.header(tag::sequence, 0);
  writer.header(tag::set, 0);
  writer.raw(viewOf(kExtensionRequest));
  writer.header(tag::sequence, 0);
  writer.header(tag::context0, 0);
  key.writePublicKeyInfo(writer);
  writer.raw(viewOf(kEmptyOrganization));
  writer.raw(viewOf(kVersion0));
  writer.header(tag::sequence, 0);
}

// The public key of a CSR; exactly one of the two.
struct PublicKey {
  const EcCurve* curve = nullptr;
  RsaPtr rsa;
};

Result<PublicKey> readEcKey(View point, const EcCurve& curve) {
  if (point.size == 0 || point.data[0] != kUncompressedPoint) return unsupported("a compressed EC point");
  if (!curve.setPublicKey(point)) {
    return invalid("a public key that does not parse", "a SubjectPublicKeyInfo");
  }
  PublicKey key;
  key.curve = &curve;
  return key;
}

Result<PublicKey> readRsaKey(View octets) {
  const unsigned char* at = octets.data;
  PublicKey key;
  key.rsa.reset(d2i_RSAPublicKey(nullptr, &at, static_cast<long>(octets.size)));
  // Written again it must be the same: what OpenSSL forgives would otherwise go into the leaf as it is.
  unsigned char* written = nullptr;
  const int size = key.rsa ? i2d_RSAPublicKey(key.rsa.get(), &written) : 0;
  const OpensslMemoryPtr owner(written);
  if (size <= 0 || View{written, static_cast<size_t>(size)} != octets) {
    return invalid("a public key that does not parse", "a SubjectPublicKeyInfo");
  }
  const int bits = RSA_bits(key.rsa.get());
  if (bits < kMinRsaBits || bits > kMaxRsaBits) return unsupported("RSA of " + std::to_string(bits) + " bits");
  const BIGNUM* exponent = RSA_get0_e(key.rsa.get());
  if (BN_num_bits(exponent) > 31 || BN_get_word(exponent) < 3 || BN_get_word(exponent) > kMaxRsaExponent ||
      !BN_is_odd(exponent)) {
    return unsupported("an RSA exponent out of range");
  }
  return key;
}

Result<PublicKey> readPublicKey(const DerElement& publicKeyInfo, const Curves& curves) {
  const std::vector<DerElement> parts = childrenOf(publicKeyInfo);
  const DerElement* algorithm = childAt(parts, 0, tag::sequence);
  if (algorithm == nullptr) return invalid("no public key algorithm");
  const DerElement* bits = childAt(parts, 1, tag::bitString);
  const std::optional<View> octets = bits == nullptr ? std::nullopt : wholeOctets(*bits);
  if (!octets) return invalid("no public key of whole octets");
  // All of it goes into the leaf as it is, and what is behind the key would make that one no certificate. (RFC 5280 §4.1.2.7)
  if (parts.size() != 2) return invalid("a public key that does not parse", "a SubjectPublicKeyInfo");
  if (algorithm->raw == viewOf(kP256Algorithm)) return readEcKey(*octets, curves.p256());
  if (algorithm->raw == viewOf(kP384Algorithm)) return readEcKey(*octets, curves.p384());
  if (algorithm->raw == viewOf(kRsaAlgorithm)) return readRsaKey(*octets);
  return unsupported("another algorithm or curve");
}

bool isSignedBy(const PublicKey& key, Hash hash, View message, View signature) {
  if (key.curve != nullptr) return verifyWith(key.curve->key(), hash, message, signature);
  return verifyWith(key.rsa.get(), hash, message, signature);
}

Result<Nothing> checkSignature(const std::vector<DerElement>& request, const PublicKey& key) {
  const DerElement* identifier = childAt(request, 1, tag::sequence);
  const DerElement* bits = childAt(request, 2, tag::bitString);
  const std::optional<View> signature = bits == nullptr ? std::nullopt : wholeOctets(*bits);
  if (identifier == nullptr || !signature) return invalid("no signature of whole octets");
  const KeyKind kind = key.curve != nullptr ? KeyKind::ec : KeyKind::rsa;
  const auto* algorithm = std::find_if(
      std::begin(kSignatureAlgorithms), std::end(kSignatureAlgorithms),
      [&](const SignatureAlgorithm& known) { return known.keyKind == kind && known.identifier == identifier->raw; });
  if (algorithm == std::end(kSignatureAlgorithms)) {
    return invalid("another signature algorithm", "ECDSA or RSA with SHA-256, SHA-384 or SHA-512, as its key");
  }
  if (!isSignedBy(key, algorithm->hash, request[0].raw, *signature)) {
    return invalid("a signature that does not verify", "one by the key that it names");
  }
  return Nothing{};
}

bool isFitForLog(View uri) {
  return uri.size > 0 && uri.size <= kMaxUriBytes &&
         std::all_of(uri.data, uri.data + uri.size, [](uint8_t octet) { return octet > 0x20 && octet < 0x7f; });
}

// The value of the one extension subjectAltName. More than one, or a malformed one, is a failure. (RFC 5280 §4.2)
Result<std::optional<DerElement>> subjectAltNames(const DerElement& extensions) {
  std::optional<DerElement> found;
  for (const DerElement& extension : childrenOf(extensions)) {
    const std::vector<DerElement> parts = childrenOf(extension);
    if (parts.empty() || parts[0].raw != viewOf(kSubjectAltNameOid)) continue;
    if (found) return invalid("the same extension twice");
    // Between the OID and the value there may be `critical`, which does not matter to us.
    if (parts.back().tag != tag::octetString) return invalid("no extension value");
    const std::optional<DerElement> value = readElement(parts.back().content);
    if (!value || value->raw.size != parts.back().content.size || !isStrictDer(*value)) {
      return invalid("an extension value that is no DER");
    }
    found = value;
  }
  return found;
}

// Each is a type and a set of values, whatever they are. (RFC 2986 §4.1; as OpenSSL reads them)
bool areAttributes(const DerElement& attributes) {
  for (const DerElement& attribute : childrenOf(attributes)) {
    const std::vector<DerElement> parts = childrenOf(attribute);
    if (attribute.tag != tag::sequence || parts.size() != 2 || childAt(parts, 0, tag::oid) == nullptr ||
        childAt(parts, 1, tag::set) == nullptr) {
      return false;
    }
  }
  return true;
}

// The one URI that the CSR asks for. It decides nothing, so anything unusual but well-formed is nothing.
Result<std::optional<std::string>> requestedUri(const DerElement* attributes) {
  std::optional<std::string> none;
  if (attributes == nullptr) return none;
  std::vector<DerElement> request;
  for (const DerElement& attribute : childrenOf(*attributes)) {
    std::vector<DerElement> parts = childrenOf(attribute);
    if (parts.empty() || parts[0].raw != viewOf(kExtensionRequest)) continue;
    if (!request.empty()) return none;
    request = std::move(parts);
  }
  if (request.empty()) return none;
  const DerElement* values = childAt(request, 1, tag::set);
  if (values == nullptr) return invalid("no attribute values");
  const std::vector<DerElement> lists = childrenOf(*values);
  const DerElement* extensions = childAt(lists, 0, tag::sequence);
  if (extensions == nullptr) return invalid("no extensions");
  Result<std::optional<DerElement>> names = subjectAltNames(*extensions);
  if (!names.ok()) return names.failure();
  if (!names.value()) return none;
  std::vector<View> uris;
  for (const DerElement& name : childrenOf(*names.value())) {
    if (name.tag == tag::uriName) uris.push_back(name.content);
  }
  if (uris.size() != 1 || !isFitForLog(uris[0])) return none;
  return std::optional<std::string>(std::string(uris[0].data, uris[0].data + uris[0].size));
}

Result<CheckedCsr> checkDer(View der, const Curves& curves) {
  const std::optional<DerElement> csr = readElement(der);
  if (!csr || csr->raw.size != der.size || !isStrictDer(*csr)) return invalid("bytes that are no DER");
  const std::vector<DerElement> request = childrenOf(*csr);
  const DerElement* toBeSigned = childAt(request, 0, tag::sequence);
  if (csr->tag != tag::sequence || request.size() != 3 || toBeSigned == nullptr) {
    return invalid("no CertificationRequest");
  }
  const std::vector<DerElement> parts = childrenOf(*toBeSigned);
  const DerElement* publicKeyInfo = childAt(parts, 2, tag::sequence);
  const DerElement* attributes = childAt(parts, 3, tag::context0);
  // Version 0, a subject (which we ignore), the key, attributes or none. (RFC 2986 §4.1)
  if (publicKeyInfo == nullptr || parts[0].raw != viewOf(kVersion0) || childAt(parts, 1, tag::sequence) == nullptr ||
      parts.size() > 4 || (parts.size() == 4 && attributes == nullptr)) {
    return invalid("no CertificationRequestInfo of version 0");
  }
  if (attributes != nullptr && !areAttributes(*attributes)) return invalid("an odd attribute");
  Result<PublicKey> key = readPublicKey(*publicKeyInfo, curves);
  if (!key.ok()) return key.failure();
  Result<Nothing> isSigned = checkSignature(request, key.value());
  if (!isSigned.ok()) return isSigned.failure();
  Result<std::optional<std::string>> uri = requestedUri(attributes);
  if (!uri.ok()) return uri.failure();
  const View info = publicKeyInfo->raw;
  return CheckedCsr{Bytes(info.data, info.data + info.size), std::move(uri.value())};
}

}  // namespace

Result<Preparation> Preparation::begin(size_t p256Keys, size_t p384Keys, const Curves& curves) {
  Result<std::vector<EcKeyNumbers>> p256 = curves.p256().generate(p256Keys);
  if (!p256.ok()) return p256.failure();
  Result<std::vector<EcKeyNumbers>> p384 = curves.p384().generate(p384Keys);
  if (!p384.ok()) return p384.failure();
  Preparation preparation(curves);
  preparation.p256Keys_ = std::move(p256.value());
  preparation.p384Keys_ = std::move(p384.value());
  return preparation;
}

Result<KeyPair> Preparation::keyPair(KeyType type) {
  const bool isP256 = type == KeyType::ecP256;
  std::vector<EcKeyNumbers>& keys = isP256 ? p256Keys_ : p384Keys_;
  if (keys.empty()) return refusal(Code::internal, "prepare", "one key more", "as many as at the beginning");
  EcKeyNumbers numbers = std::move(keys.back());
  keys.pop_back();
  return KeyPair::ofNumbers(std::move(numbers), isP256 ? curves_->p256() : curves_->p384());
}

Result<PreparedKey> Preparation::prepare(KeyType type, View uri) {
  Result<KeyPair> pair = keyPair(type);
  if (!pair.ok()) return pair.failure();
  const KeyPair& key = pair.value();
  DerWriter<Bytes> toBeSigned(256 + uri.size);
  writeToBeSigned(toBeSigned, uri, key);
  Result<Bytes> signature = key.sign(toBeSigned.written());
  if (!signature.ok()) return signature.failure();
  DerWriter<Bytes> csr(toBeSigned.mark() + signature.value().size() + 64);
  csr.raw(viewOf(signature.value()));
  csr.bitStringHeader(0);
  csr.raw(key.algorithm().identifier);
  csr.raw(toBeSigned.written());
  csr.header(tag::sequence, 0);
  Result<SecretBytes> privateKey = key.privateKeyInfo();
  if (!privateKey.ok()) return privateKey.failure();
  Bytes pem(pemSize(kCsrLabel, csr.mark()));
  writePem(pem.data(), kCsrLabel, csr.written());
  return PreparedKey{std::move(privateKey.value()), std::move(pem)};
}

Result<CheckedCsr> checkCsr(View csrPem, const Curves& curves) {
  Result<std::vector<PemBlock>> read = readPem(csrPem, {"CSR", Code::csrInvalid, kMaxCsrBytes, 1});
  if (!read.ok()) return read.failure();
  const PemBlock& block = read.value().front();
  if (block.label != kCsrLabel && block.label != kOldCsrLabel) {
    return invalid("a PEM block " + block.label, std::string(kCsrLabel));
  }
  return checkDer(viewOf(block.der), curves);
}

}  // namespace sidecert
