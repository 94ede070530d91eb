#include "facts.h"

#include <algorithm>

namespace sidecert {

namespace {

constexpr uint8_t kVersion3[] = {0x02, 0x01, 0x02};
constexpr char kNoDer[] = "a structure that is no DER";
constexpr char kExtensionsNoDer[] = "extensions that are no DER";

// By the content of their object identifiers.
constexpr uint8_t kKeyUsage[] = {0x55, 0x1d, 0x0f};
constexpr uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};
constexpr uint8_t kBasicConstraints[] = {0x55, 0x1d, 0x13};
constexpr uint8_t kNameConstraints[] = {0x55, 0x1d, 0x1e};
constexpr uint8_t kCertificatePolicies[] = {0x55, 0x1d, 0x20};
constexpr uint8_t kPolicyMappings[] = {0x55, 0x1d, 0x21};
constexpr uint8_t kPolicyConstraints[] = {0x55, 0x1d, 0x24};
constexpr uint8_t kExtendedKeyUsage[] = {0x55, 0x1d, 0x25};
constexpr uint8_t kInhibitAnyPolicy[] = {0x55, 0x1d, 0x36};
constexpr uint8_t kNetscapeType[] = {0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x01, 0x01};

struct KnownExtension {
  View oid;
  const char* name;
  // Those that OpenSSL, BoringSSL (Envoy) and Go all know: any other one, marked critical, makes a peer refuse the certificate.
  bool mayBeCritical;
};

constexpr KnownExtension kKnownExtensions[] = {
    {viewOf(kKeyUsage), "keyUsage", true},
    {viewOf(kSubjectAltName), "subjectAltName", true},
    {viewOf(kBasicConstraints), "basicConstraints", true},
    {viewOf(kNameConstraints), "nameConstraints", true},
    {viewOf(kCertificatePolicies), "certificatePolicies", true},
    {viewOf(kPolicyMappings), "policyMappings", true},
    {viewOf(kPolicyConstraints), "policyConstraints", true},
    {viewOf(kExtendedKeyUsage), "extendedKeyUsage", true},
    {viewOf(kInhibitAnyPolicy), "inhibitAnyPolicy", true},
    {viewOf(kNetscapeType), "netscapeCertificateType", false},
};

constexpr uint8_t kServerAuth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
constexpr uint8_t kClientAuth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};

// Signatures that all verifiers take: whole AlgorithmIdentifiers. (RFC 5758 §3.2; RFC 4055 §5)
constexpr uint8_t kEcdsaSha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
constexpr uint8_t kEcdsaSha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
constexpr uint8_t kEcdsaSha512[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
constexpr uint8_t kRsaSha256[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
constexpr uint8_t kRsaSha384[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00};
constexpr uint8_t kRsaSha512[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00};

// RSA-PSS, MGF1 with the same hash, salt as long as the hash: the hash stands in two places, the salt's length is last.
constexpr uint8_t kPss[] = {0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f,
                            0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
                            0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09,
                            0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20};
constexpr size_t kPssHashAt = 29;
constexpr size_t kPssMaskHashAt = 60;

struct PssHash {
  uint8_t number;
  uint8_t saltOctets;
};
constexpr PssHash kPssHashes[] = {{1, 0x20}, {2, 0x30}, {3, 0x40}};

// By the content of their object identifiers.
constexpr uint8_t kMd5Rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04};
constexpr uint8_t kSha1Rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05};
constexpr uint8_t kSha1Ecdsa[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01};

// Keys: whole AlgorithmIdentifiers. (RFC 5480 §2.1.1; RFC 3279 §2.3.1)
constexpr uint8_t kP256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                             0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr uint8_t kP384[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                             0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr uint8_t kP521[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                             0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr uint8_t kRsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

// The same for keys and signatures. (RFC 8410 §3)
constexpr uint8_t kEd25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

// Below: no longer accepted. (NIST SP 800-131A; Envoy refuses such a leaf)
constexpr size_t kMinRsaBits = 2048;

// Nothing is as long as this.
constexpr size_t kMaxNumberOctets = 4;

Problem unusualKey(const std::string& got) {
  return {got, "RSA of at least " + std::to_string(kMinRsaBits) + " bits, P-256, P-384, P-521 or Ed25519"};
}

// Of RSAPublicKey. (RFC 8017 §A.1.1)
std::optional<size_t> rsaBits(const DerElement& bits) {
  const std::optional<View> octets = bitsOf(bits, 0);
  const auto parts = octets ? sequenceIn(*octets) : std::nullopt;
  if (!parts || parts->empty() || (*parts)[0].tag != tag::integer) return std::nullopt;
  View modulus = (*parts)[0].content;
  while (modulus.size > 0 && modulus.data[0] == 0) modulus = {modulus.data + 1, modulus.size - 1};
  if (modulus.size == 0) return std::nullopt;
  size_t size = 8 * (modulus.size - 1);
  for (uint8_t first = modulus.data[0]; first > 0; first >>= 1) ++size;
  return size;
}

// Why peers do not take this public key; `info` is the whole SubjectPublicKeyInfo.
std::optional<Problem> keyProblemOf(View info) {
  const auto parts = sequenceIn(info);
  const View kind = parts && !parts->empty() ? (*parts)[0].raw : View{};
  for (const View good : {viewOf(kP256), viewOf(kP384), viewOf(kP521), viewOf(kEd25519)}) {
    if (kind == good) return std::nullopt;
  }
  if (kind != viewOf(kRsa)) return unusualKey("a key of another kind or curve");
  const std::optional<size_t> size = parts->size() > 1 ? rsaBits((*parts)[1]) : std::nullopt;
  if (!size) return unusualKey("an RSA key that does not parse");
  if (*size >= kMinRsaBits) return std::nullopt;
  return unusualKey("an RSA key of " + std::to_string(*size) + " bits");
}

bool isGoodPss(View algorithm) {
  return std::any_of(std::begin(kPssHashes), std::end(kPssHashes), [&](const PssHash& hash) {
    Bytes known(std::begin(kPss), std::end(kPss));
    known[kPssHashAt] = known[kPssMaskHashAt] = hash.number;
    known.back() = hash.saltOctets;
    return viewOf(known) == algorithm;
  });
}

// Why peers do not take this signature; `algorithm` is the whole AlgorithmIdentifier.
std::optional<Problem> signatureProblemOf(View algorithm) {
  for (const View good : {viewOf(kEcdsaSha256), viewOf(kEcdsaSha384), viewOf(kEcdsaSha512), viewOf(kRsaSha256),
                          viewOf(kRsaSha384), viewOf(kRsaSha512), viewOf(kEd25519)}) {
    if (algorithm == good) return std::nullopt;
  }
  if (isGoodPss(algorithm)) return std::nullopt;
  const auto parts = sequenceIn(algorithm);
  const View oid = parts && !parts->empty() ? (*parts)[0].content : View{};
  std::string got = "a signature of another kind";
  if (oid == viewOf(kMd5Rsa)) got = "a signature with MD5";
  if (oid == viewOf(kSha1Rsa) || oid == viewOf(kSha1Ecdsa)) got = "a signature with SHA-1";
  return Problem{got, "Ed25519, or ECDSA or RSA with SHA-256, SHA-384 or SHA-512"};
}

// The first octet of a BIT STRING, 0 when it has none.
std::optional<uint8_t> firstBits(View value) {
  const auto elements = elementsIn(value);
  const std::optional<View> bits = elements && elements->size() == 1 ? bitsOf((*elements)[0]) : std::nullopt;
  if (!bits) return std::nullopt;
  return bits->size > 0 ? bits->data[0] : uint8_t{0};
}

// Of a number that is not negative; whatever is larger than four octets is the largest of them.
std::optional<uint32_t> smallNumber(View content) {
  if (content.size == 0 || content.data[0] >= 0x80) return std::nullopt;
  while (content.size > 1 && content.data[0] == 0) content = {content.data + 1, content.size - 1};
  if (content.size > kMaxNumberOctets) return UINT32_MAX;
  uint32_t number = 0;
  for (size_t i = 0; i < content.size; ++i) number = number << 8 | content.data[i];
  return number;
}

bool readUsages(View value, Extensions& found) {
  const auto usages = sequenceIn(value);
  if (!usages || usages->empty()) return false;
  std::vector<View> oids;
  for (const DerElement& usage : *usages) {
    if (usage.tag != tag::oid) return false;
    oids.push_back(usage.content);
  }
  found.extendedKeyUsage = std::move(oids);
  return true;
}

bool readBasicConstraints(View value, Extensions& found) {
  const auto parts = sequenceIn(value);
  if (!parts) return false;
  size_t at = 0;
  if (parts->size() > 0 && (*parts)[0].tag == tag::boolean) {
    if ((*parts)[0].content.size != 1) return false;
    found.isCa = (*parts)[0].content.data[0] != 0;
    at = 1;
  }
  if (at == parts->size()) return true;
  // Without CA:TRUE a path length means nothing, and verifiers refuse it.
  if (at + 1 != parts->size() || (*parts)[at].tag != tag::integer || !found.isCa) return false;
  found.pathLength = smallNumber((*parts)[at].content);
  return found.pathLength.has_value();
}

// Both are optional, implicit INTEGERs: requireExplicitPolicy [0], inhibitPolicyMapping [1]. (RFC 5280 §4.2.1.11)
bool readPolicyConstraints(View value, Extensions& found) {
  constexpr uint8_t kRequireExplicitPolicy = 0x80;
  const auto parts = sequenceIn(value);
  if (!parts || parts->empty()) return false;
  for (const DerElement& part : *parts) {
    if (part.tag != kRequireExplicitPolicy) continue;
    found.policyNeededAfter = smallNumber(part.content);
    return found.policyNeededAfter.has_value();
  }
  return true;
}

template <class Value>
bool take(std::optional<Value>& target, std::optional<Value> value) {
  target = std::move(value);
  return target.has_value();
}

// False when the value is malformed.
bool readValue(View oid, View value, Extensions& found) {
  if (oid == viewOf(kKeyUsage)) return take(found.keyUsage, firstBits(value));
  if (oid == viewOf(kNetscapeType)) return take(found.netscapeType, firstBits(value));
  if (oid == viewOf(kExtendedKeyUsage)) return readUsages(value, found);
  if (oid == viewOf(kBasicConstraints)) return readBasicConstraints(value, found);
  if (oid == viewOf(kNameConstraints)) return take(found.constraints, readNameConstraints(value));
  if (oid == viewOf(kPolicyConstraints)) return readPolicyConstraints(value, found);
  if (oid == viewOf(kCertificatePolicies)) return found.hasPolicies = sequenceIn(value).has_value();
  if (oid != viewOf(kSubjectAltName)) return true;
  auto names = readGeneralNames(value);
  if (names) found.names = std::move(*names);
  return names.has_value();
}

// `2.5.29.15` from the content of an OID. (X.690 §8.19)
std::string dotted(View oid) {
  std::string text;
  uint64_t number = 0;
  for (size_t i = 0; i < oid.size; ++i) {
    // Beyond 2^49 it is cut: only a message.
    number = (number & ((uint64_t{1} << 42) - 1)) << 7 | (oid.data[i] & 0x7f);
    if (oid.data[i] >= 0x80) continue;
    if (text.empty()) {
      const uint64_t arc = std::min<uint64_t>(2, number / 40);
      text = std::to_string(arc) + "." + std::to_string(number - 40 * arc);
    } else {
      text += "." + std::to_string(number);
    }
    number = 0;
  }
  return text.empty() ? "0.0" : text;
}

const KnownExtension* knownExtension(View oid) {
  const auto* const found = std::find_if(std::begin(kKnownExtensions), std::end(kKnownExtensions),
                                         [&](const KnownExtension& known) { return known.oid == oid; });
  return found == std::end(kKnownExtensions) ? nullptr : found;
}

struct RawExtension {
  View oid;
  bool isCritical;
  View value;
};

std::optional<RawExtension> readExtension(const DerElement& element) {
  const auto parts = sequenceIn(element.raw);
  if (!parts || parts->size() < 2 || parts->size() > 3) return std::nullopt;
  if ((*parts)[0].tag != tag::oid || parts->back().tag != tag::octetString) return std::nullopt;
  const bool hasFlag = parts->size() == 3;
  if (hasFlag && ((*parts)[1].tag != tag::boolean || (*parts)[1].content.size != 1)) return std::nullopt;
  return RawExtension{(*parts)[0].content, hasFlag && (*parts)[1].content.data[0] != 0, parts->back().content};
}

// Empty when all are well formed; else what is malformed.
std::string readExtensions(View explicitContent, Extensions& found) {
  const auto list = sequenceIn(explicitContent);
  if (!list) return kExtensionsNoDer;
  std::vector<View> seen;
  for (const DerElement& element : *list) {
    const std::optional<RawExtension> extension = readExtension(element);
    if (!extension) return kExtensionsNoDer;
    const View oid = extension->oid;
    const KnownExtension* known = knownExtension(oid);
    const std::string name = known == nullptr ? "" : known->name;
    const auto isIt = [&](View other) { return other == oid; };
    if (std::any_of(seen.begin(), seen.end(), isIt)) {
      return "the extension " + (known == nullptr ? dotted(oid) : name) + " twice";
    }
    seen.push_back(oid);
    if (!readValue(oid, extension->value, found)) return "the extension " + name + ", malformed";
    const bool isUnknown = extension->isCritical && (known == nullptr || !known->mayBeCritical);
    if (isUnknown && !found.unknownCritical) found.unknownCritical = dotted(oid);
  }
  return "";
}

std::optional<Validity> readValidity(const DerElement& element) {
  const auto dates = sequenceIn(element.raw);
  if (!dates || dates->size() < 2) return std::nullopt;
  const std::optional<double> notBeforeMs = readTime((*dates)[0]);
  const std::optional<double> notAfterMs = readTime((*dates)[1]);
  if (!notBeforeMs || !notAfterMs) return std::nullopt;
  return Validity{*notBeforeMs, *notAfterMs};
}

// Days since 1970 of a date in the proleptic Gregorian calendar. (Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", days_from_civil)
int64_t daysSince1970(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = year / 400;
  const int64_t yearOfEra = year - era * 400;
  const int64_t dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719'468;
}

int64_t daysOf(int64_t year, int64_t month) {
  const bool isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month == 2) return isLeap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// YYYYMMDDHHMMSSZ
std::optional<double> epochMsOf(const std::string& text) {
  const auto isDigit = [](char character) { return character >= '0' && character <= '9'; };
  if (text.size() != 15 || text.back() != 'Z' || !std::all_of(text.begin(), text.end() - 1, isDigit)) return std::nullopt;
  const auto part = [&](size_t at, size_t size) { return static_cast<int64_t>(std::stoi(text.substr(at, size))); };
  const int64_t year = part(0, 4), month = part(4, 2), day = part(6, 2);
  const int64_t hour = part(8, 2), minute = part(10, 2), second = part(12, 2);
  // The same as in src/pki/x509/time.ts.
  constexpr int64_t kMinYear = 100;
  if (year < kMinYear || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const int64_t seconds = daysSince1970(year, month, day) * 86'400 + hour * 3600 + minute * 60 + second;
  return static_cast<double>(seconds) * 1000;
}

std::vector<GeneralName> constrainedNamesOf(const Extensions& extensions, View subject, const DistinguishedName& name) {
  std::vector<GeneralName> names = extensions.names;
  if (name.empty()) return names;
  names.push_back({tag::directoryName, subject});
  for (const GeneralName& email : emailsIn(name)) names.push_back(email);
  return names;
}

}  // namespace

std::optional<double> readTime(const DerElement& time) {
  const std::string text(time.content.data, time.content.data + time.content.size);
  if (time.tag == tag::utcTime) return epochMsOf((text.substr(0, 2) >= "50" ? "19" : "20") + text);
  return time.tag == tag::generalizedTime ? epochMsOf(text) : std::nullopt;
}

const char* missingUsage(const Extensions& extensions) {
  if (!extensions.extendedKeyUsage) return nullptr;
  const auto has = [&](View oid) {
    const std::vector<View>& usages = *extensions.extendedKeyUsage;
    return std::any_of(usages.begin(), usages.end(), [&](View usage) { return usage == oid; });
  };
  if (!has(viewOf(kServerAuth))) return "serverAuth";
  return has(viewOf(kClientAuth)) ? nullptr : "clientAuth";
}

ReadFacts readFacts(View der) {
  const auto parts = sequenceIn(der);
  if (!parts || parts->size() != 3 || (*parts)[0].tag != tag::sequence) return kNoDer;
  auto fields = elementsIn((*parts)[0].content);
  if (!fields) return kNoDer;
  View version;
  if (!fields->empty() && (*fields)[0].tag == tag::context0) {
    version = (*fields)[0].content;
    fields->erase(fields->begin());
  }
  // Serial number, signature algorithm, issuer, validity, subject, key; then unique identifiers, and extensions.
  if (fields->size() < 6) return kNoDer;
  CertificateFacts facts;
  auto issuer = readName((*fields)[2].raw);
  auto subject = readName((*fields)[4].raw);
  const auto validity = readValidity((*fields)[3]);
  if (!issuer || !subject) return "a name that is no DER";
  if (!validity) return "dates that are none";
  const auto field = std::find_if(fields->begin() + 6, fields->end(),
                                  [](const DerElement& element) { return element.tag == tag::context3; });
  if (field != fields->end()) {
    if (version != viewOf(kVersion3)) return "extensions in a certificate that is not of version 3";
    std::string malformed = readExtensions(field->content, facts);
    if (!malformed.empty()) return malformed;
  }
  facts.issuer = std::move(*issuer);
  facts.subject = std::move(*subject);
  facts.isSelfIssued = isSameName(facts.issuer, facts.subject);
  facts.validity = *validity;
  facts.constrainedNames = constrainedNamesOf(facts, (*fields)[4].raw, facts.subject);
  facts.keyProblem = keyProblemOf((*fields)[5].raw);
  facts.signatureProblem = signatureProblemOf((*parts)[1].raw);
  return facts;
}

}  // namespace sidecert
