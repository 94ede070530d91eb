#include "der.h"

#include <openssl/asn1.h>

#include <algorithm>

namespace sidecert {

namespace {

// A certificate is 7 elements deep; the same limits as in src/pki/x509/strict-der.ts.
constexpr int kMaxDepth = 16;
constexpr int kMaxElements = 2000;

constexpr uint8_t kClassBits = 0xc0;
constexpr uint8_t kNumberBits = 0x1f;

// Universal tags that OpenSSL has no name for. (X.680 §8.4)
constexpr uint8_t kEmbeddedPdv = 11;
constexpr uint8_t kRelativeOid = 13;
constexpr uint8_t kReserved = 15;

size_t shortestLengthOctets(size_t length) {
  if (length < 0x80) return 1;
  size_t octets = 1;
  for (; length > 0; length >>= 8) ++octets;
  return octets;
}

// DER has constructed encodings for SEQUENCE, SET, OBJECT DESCRIPTOR, EXTERNAL, EMBEDDED PDV and explicit tags alone.
// (X.690 §10.2)
bool mayBeConstructed(uint8_t tag) {
  if ((tag & kClassBits) != 0) return true;
  switch (tag & kNumberBits) {
    case V_ASN1_OBJECT_DESCRIPTOR:
    case V_ASN1_EXTERNAL:
    case kEmbeddedPdv:
    case V_ASN1_SEQUENCE:
    case V_ASN1_SET:
      return true;
    default:
      return false;
  }
}

// YYYYMMDDHHMMSSZ (RFC 5280 §4.1.2.5.2)
bool isWholeSecond(View text) {
  const auto isDigit = [](uint8_t octet) { return octet >= '0' && octet <= '9'; };
  return text.size == 15 && std::all_of(text.data, text.data + 14, isDigit) && text.data[14] == 'Z';
}

// Whether the content of a primitive element can be one of its universal type. (The same as src/pki/x509/strict-der.ts)
bool isPlausible(uint8_t tag, View content) {
  switch (tag) {
    case V_ASN1_EOC:
    case kReserved:
    case V_ASN1_SEQUENCE:
    case V_ASN1_SET:
      return false;
    case tag::bitString:
      return content.size == 0 || content.data[0] <= 7;
    case tag::oid:
    case kRelativeOid:
      return content.size == 0 || content.data[content.size - 1] < 0x80;
    case tag::generalizedTime:
      return isWholeSecond(content);
    case V_ASN1_UNIVERSALSTRING:
      return content.size % 4 == 0;
    case V_ASN1_BMPSTRING:
      return content.size % 2 == 0;
    default:
      return true;
  }
}

bool isStrict(const DerElement& element, int depth, int& elements) {
  if (depth > kMaxDepth || ++elements > kMaxElements) return false;
  if (!element.isConstructed()) return isPlausible(element.tag, element.content);
  if (!mayBeConstructed(element.tag)) return false;
  for (View rest = element.content; rest.size > 0;) {
    const std::optional<DerElement> child = readElement(rest);
    if (!child || !isStrict(*child, depth + 1, elements)) return false;
    rest = {rest.data + child->raw.size, rest.size - child->raw.size};
  }
  return true;
}

}  // namespace

std::optional<DerElement> readElement(View bytes) {
  const unsigned char* at = bytes.data;
  long length = 0;
  int number = 0;
  int tagClass = 0;
  const int kind = ASN1_get_object(&at, &length, &number, &tagClass, static_cast<long>(bytes.size));
  // 0x80 says error, 0x01 an indefinite length. (ASN1_get_object(3))
  if ((kind & 0x81) != 0 || number >= kNumberBits || length < 0) return std::nullopt;
  const size_t headerSize = static_cast<size_t>(at - bytes.data);
  const size_t size = static_cast<size_t>(length);
  if (headerSize != 1 + shortestLengthOctets(size) || size > bytes.size - headerSize) return std::nullopt;
  return DerElement{bytes.data[0], {bytes.data, headerSize + size}, {at, size}};
}

bool isStrictDer(const DerElement& element) {
  int elements = 0;
  return isStrict(element, 0, elements);
}

std::vector<DerElement> childrenOf(const DerElement& parent) {
  std::vector<DerElement> children;
  if (!parent.isConstructed()) return children;
  for (View rest = parent.content; rest.size > 0;) {
    const std::optional<DerElement> child = readElement(rest);
    if (!child) break;
    children.push_back(*child);
    rest = {rest.data + child->raw.size, rest.size - child->raw.size};
  }
  return children;
}

std::optional<View> wholeOctets(const DerElement& bits) {
  if (bits.content.size < 1 || bits.content.data[0] != 0) return std::nullopt;
  return View{bits.content.data + 1, bits.content.size - 1};
}

std::optional<DerElement> wholeElement(View bytes, uint8_t tag) {
  const std::optional<DerElement> element = readElement(bytes);
  const bool isIt = element && element->tag == tag && element->raw.size == bytes.size;
  return isIt ? element : std::nullopt;
}

std::optional<std::vector<DerElement>> elementsIn(View bytes) {
  std::vector<DerElement> elements;
  for (View rest = bytes; rest.size > 0;) {
    const std::optional<DerElement> element = readElement(rest);
    if (!element) return std::nullopt;
    elements.push_back(*element);
    rest = {rest.data + element->raw.size, rest.size - element->raw.size};
  }
  return elements;
}

std::optional<std::vector<DerElement>> sequenceIn(View bytes) {
  const std::optional<DerElement> sequence = wholeElement(bytes, tag::sequence);
  return sequence ? elementsIn(sequence->content) : std::nullopt;
}

std::optional<View> bitsOf(const DerElement& bits, uint8_t maxUnused) {
  if (bits.tag != tag::bitString || bits.content.size < 1 || bits.content.data[0] > maxUnused) return std::nullopt;
  return View{bits.content.data + 1, bits.content.size - 1};
}

}  // namespace sidecert
