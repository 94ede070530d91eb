#include "plain_leaf.h"

#include <algorithm>
#include <vector>

#include "der.h"

namespace sidecert {

namespace {

// Version 3 is written as 2. (RFC 5280 §4.1.2.1)
constexpr uint8_t kV3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
constexpr uint8_t kEmptyName[] = {0x30, 0x00};
constexpr uint8_t kTrue[] = {0x01, 0x01, 0xff};
constexpr uint8_t kVersion0[] = {0x02, 0x01, 0x00};
constexpr uint8_t kVersion1[] = {0x02, 0x01, 0x01};
constexpr uint8_t kKeyIdentifier = 0x80;
constexpr uint8_t kContext1 = 0xa1;

// RFC 5280 §4.1.2.2
constexpr size_t kMaxSerialOctets = 20;

constexpr uint8_t kKeyUsageOid[] = {0x06, 0x03, 0x55, 0x1d, 0x0f};
constexpr uint8_t kExtendedKeyUsageOid[] = {0x06, 0x03, 0x55, 0x1d, 0x25};
constexpr uint8_t kBasicConstraintsOid[] = {0x06, 0x03, 0x55, 0x1d, 0x13};
constexpr uint8_t kAuthorityKeyIdentifierOid[] = {0x06, 0x03, 0x55, 0x1d, 0x23};
constexpr uint8_t kSubjectAltNameOid[] = {0x06, 0x03, 0x55, 0x1d, 0x11};

// digitalSignature alone, with keyEncipherment, and with keyAgreement too.
constexpr uint8_t kSigns[] = {0x03, 0x02, 0x07, 0x80};
constexpr uint8_t kSignsAndEnciphers[] = {0x03, 0x02, 0x05, 0xa0};
constexpr uint8_t kSignsEnciphersAgrees[] = {0x03, 0x02, 0x03, 0xa8};
// serverAuth, clientAuth.
constexpr uint8_t kServerAndClient[] = {0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03,
                                        0x01, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
constexpr uint8_t kNoCa[] = {0x30, 0x00};

std::optional<Validity> readValidity(const DerElement& element) {
  const std::vector<DerElement> dates = childrenOf(element);
  if (element.tag != tag::sequence || dates.size() != 2) return std::nullopt;
  const std::optional<double> notBeforeMs = readTime(dates[0]);
  const std::optional<double> notAfterMs = readTime(dates[1]);
  if (!notBeforeMs || !notAfterMs) return std::nullopt;
  return Validity{*notBeforeMs, *notAfterMs};
}

// Positive, in shortest form.
std::optional<View> readSerial(const DerElement& element) {
  View octets = element.content;
  if (element.tag != tag::integer || octets.size == 0 || octets.size > kMaxSerialOctets) return std::nullopt;
  if (octets.data[0] >= 0x80) return std::nullopt;
  if (octets.data[0] != 0) return octets;
  if (octets.size == 1 || octets.data[1] < 0x80) return std::nullopt;
  return View{octets.data + 1, octets.size - 1};
}

bool isPlainKeyUsage(View value) {
  return value == viewOf(kSigns) || value == viewOf(kSignsAndEnciphers) || value == viewOf(kSignsEnciphersAgrees);
}

// SEQUENCE around one element with this tag, which is not empty.
std::optional<View> onlyValue(View value, uint8_t tag) {
  const std::optional<DerElement> sequence = wholeElement(value, tag::sequence);
  const std::optional<DerElement> only = sequence ? wholeElement(sequence->content, tag) : std::nullopt;
  return only && only->content.size > 0 ? std::optional<View>(only->content) : std::nullopt;
}

// False when the value is not plain, or a second one for `found`.
bool isFirst(View& found, const std::optional<View>& value) {
  if (!value || found.size > 0) return false;
  found = *value;
  return true;
}

std::optional<View> valueIf(bool isPlain, View value) { return isPlain ? std::optional<View>(value) : std::nullopt; }

struct PlainExtensions {
  View keyUsage;
  View extendedKeyUsage;
  View basicConstraints;
  View authorityKeyIdentifier;
  View uri;
};

bool readExtension(const DerElement& extension, PlainExtensions& found) {
  const std::vector<DerElement> parts = childrenOf(extension);
  const bool isCritical = parts.size() == 3;
  if (extension.tag != tag::sequence || (parts.size() != 2 && !isCritical)) return false;
  if (isCritical && parts[1].raw != viewOf(kTrue)) return false;
  if (parts.back().tag != tag::octetString) return false;
  const View oid = parts[0].raw;
  const View value = parts.back().content;
  if (oid == viewOf(kKeyUsageOid)) return isFirst(found.keyUsage, valueIf(isPlainKeyUsage(value), value));
  if (oid == viewOf(kExtendedKeyUsageOid)) {
    return isFirst(found.extendedKeyUsage, valueIf(value == viewOf(kServerAndClient), value));
  }
  if (oid == viewOf(kBasicConstraintsOid)) {
    return isFirst(found.basicConstraints, valueIf(value == viewOf(kNoCa), value));
  }
  if (oid == viewOf(kAuthorityKeyIdentifierOid)) {
    return !isCritical && isFirst(found.authorityKeyIdentifier, onlyValue(value, kKeyIdentifier));
  }
  if (oid == viewOf(kSubjectAltNameOid)) return isFirst(found.uri, onlyValue(value, tag::uriName));
  return false;
}

// Key usage and basic constraints must be there: they say that it is no CA.
std::optional<PlainExtensions> readExtensions(const DerElement& element) {
  const std::optional<DerElement> list = wholeElement(element.content, tag::sequence);
  if (element.tag != tag::context3 || !list) return std::nullopt;
  PlainExtensions found;
  for (const DerElement& extension : childrenOf(*list)) {
    if (!readExtension(extension, found)) return std::nullopt;
  }
  const bool hasAll = found.keyUsage.size > 0 && found.basicConstraints.size > 0 && found.uri.size > 0;
  return hasAll ? std::optional<PlainExtensions>(found) : std::nullopt;
}

const SignatureAlgorithm* algorithmOf(View identifier) {
  const auto* const found = std::find_if(std::begin(kSignatureAlgorithms), std::end(kSignatureAlgorithms),
                                         [&](const SignatureAlgorithm& known) { return known.identifier == identifier; });
  return found == std::end(kSignatureAlgorithms) ? nullptr : found;
}

}  // namespace

std::optional<PlainLeaf> readPlainLeaf(View der) {
  const std::optional<DerElement> certificate = wholeElement(der, tag::sequence);
  if (!certificate || !isStrictDer(*certificate)) return std::nullopt;
  const std::vector<DerElement> parts = childrenOf(*certificate);
  if (parts.size() != 3 || parts[0].tag != tag::sequence || parts[2].tag != tag::bitString) return std::nullopt;
  const SignatureAlgorithm* algorithm = algorithmOf(parts[1].raw);
  const std::optional<View> signature = wholeOctets(parts[2]);
  const std::vector<DerElement> fields = childrenOf(parts[0]);
  if (algorithm == nullptr || !signature || fields.size() != 8) return std::nullopt;
  const bool isPlain = fields[0].raw == viewOf(kV3) && fields[2].raw == algorithm->identifier &&
                       fields[3].tag == tag::sequence && fields[3].raw != viewOf(kEmptyName) && fields[5].raw == viewOf(kEmptyName);
  const std::optional<View> serial = readSerial(fields[1]);
  const std::optional<Validity> validity = readValidity(fields[4]);
  const std::optional<PlainExtensions> extensions = readExtensions(fields[7]);
  if (!isPlain || !serial || !validity || !extensions) return std::nullopt;
  return PlainLeaf{parts[0].raw,    algorithm,       *signature,
                   fields[3].raw,   *validity,       fields[6].raw,
                   extensions->uri, extensions->authorityKeyIdentifier, *serial};
}

std::optional<Bytes> plainPublicKeyInfo(View privateKeyInfo, const Curves& curves) {
  const std::optional<DerElement> info = wholeElement(privateKeyInfo, tag::sequence);
  if (!info || !isStrictDer(*info)) return std::nullopt;
  const std::vector<DerElement> parts = childrenOf(*info);
  if (parts.size() != 3 || parts[0].raw != viewOf(kVersion0) || parts[2].tag != tag::octetString) return std::nullopt;
  const bool isP256 = parts[1].raw == viewOf(kP256Algorithm);
  if (!isP256 && parts[1].raw != viewOf(kP384Algorithm)) return std::nullopt;
  const EcCurve& curve = isP256 ? curves.p256() : curves.p384();
  const std::optional<DerElement> key = wholeElement(parts[2].content, tag::sequence);
  if (!key || !isStrictDer(*key)) return std::nullopt;
  const std::vector<DerElement> fields = childrenOf(*key);
  if (fields.size() != 3 || fields[0].raw != viewOf(kVersion1) || fields[2].tag != kContext1) return std::nullopt;
  if (fields[1].tag != tag::octetString || !curve.isPrivateNumber(fields[1].content)) return std::nullopt;
  const std::optional<DerElement> bits = wholeElement(fields[2].content, tag::bitString);
  const std::optional<View> point = bits ? wholeOctets(*bits) : std::nullopt;
  if (!point || point->size != curve.pointOctets() || !curve.setPublicKey(*point)) return std::nullopt;
  DerWriter<Bytes> writer(160);
  writer.raw(bits->raw);
  writer.raw(curve.publicKeyAlgorithm());
  writer.header(tag::sequence, 0);
  const View written = writer.written();
  return Bytes(written.data, written.data + written.size);
}

}  // namespace sidecert
