// DER (X.690): a writer for the fixed shapes that we make, and a reader, on OpenSSL's own, for what peers send.
#ifndef SIDECERT_DER_H
#define SIDECERT_DER_H

#include <cstring>
#include <optional>
#include <vector>

#include "bytes.h"

namespace sidecert {

namespace tag {
constexpr uint8_t boolean = 0x01;
constexpr uint8_t integer = 0x02;
constexpr uint8_t bitString = 0x03;
constexpr uint8_t octetString = 0x04;
constexpr uint8_t oid = 0x06;
constexpr uint8_t utcTime = 0x17;
constexpr uint8_t generalizedTime = 0x18;
constexpr uint8_t sequence = 0x30;
constexpr uint8_t set = 0x31;
constexpr uint8_t emailName = 0x81;
constexpr uint8_t dnsName = 0x82;
constexpr uint8_t uriName = 0x86;
constexpr uint8_t ipName = 0x87;
constexpr uint8_t directoryName = 0xa4;
constexpr uint8_t context0 = 0xa0;
constexpr uint8_t context1 = 0xa1;
constexpr uint8_t context3 = 0xa3;
}  // namespace tag

// Writes from the end to the start, so that each length is known when its header is due: content first, then header.
// What has been written since a mark is the content. Container is Bytes, or SecretBytes for keys.
template <class Container>
class DerWriter {
 public:
  explicit DerWriter(size_t capacity) : memory_(capacity), start_(capacity) {}

  size_t mark() const { return memory_.size() - start_; }

  View written() const { return {memory_.data() + start_, mark()}; }

  // The bytes written after the mark, which stand before those of the mark.
  View since(size_t mark) const { return {memory_.data() + start_, this->mark() - mark}; }

  void raw(View bytes) {
    if (bytes.size == 0) return;
    reserve(bytes.size);
    start_ -= bytes.size;
    std::memcpy(memory_.data() + start_, bytes.data, bytes.size);
  }

  void octet(uint8_t octet) { raw({&octet, 1}); }

  // Shortest form of the length. (X.690 §10.1)
  void header(uint8_t tag, size_t mark) {
    size_t length = this->mark() - mark;
    if (length < 0x80) {
      octet(static_cast<uint8_t>(length));
    } else {
      uint8_t octets = 0;
      for (; length > 0; length >>= 8, ++octets) octet(static_cast<uint8_t>(length));
      octet(static_cast<uint8_t>(0x80 | octets));
    }
    octet(tag);
  }

  // An INTEGER from the big-endian octets of a number that is not negative. (X.690 §8.3)
  void unsignedInteger(View magnitude) {
    const size_t end = mark();
    while (magnitude.size > 1 && magnitude.data[0] == 0) magnitude = {magnitude.data + 1, magnitude.size - 1};
    raw(magnitude);
    if (magnitude.data[0] >= 0x80) octet(0);
    header(tag::integer, end);
  }

  // A BIT STRING of whole octets around what was written since the mark.
  void bitStringHeader(size_t mark) {
    octet(0);
    header(tag::bitString, mark);
  }

 private:
  // Grows to the front. A new vector, because the old one of SecretBytes is wiped when it goes.
  void reserve(size_t count) {
    if (count <= start_) return;
    const size_t used = mark();
    Container larger(2 * memory_.size() + count);
    const size_t start = larger.size() - used;
    std::memcpy(larger.data() + start, memory_.data() + start_, used);
    memory_ = std::move(larger);
    start_ = start;
  }

  Container memory_;
  size_t start_;
};

// One element of untrusted DER, lent from the bytes that were read.
struct DerElement {
  // The first octet: class, constructed bit and number.
  uint8_t tag = 0;
  View raw;
  View content;

  bool isConstructed() const { return (tag & 0x20) != 0; }
};

// The element at the start of `bytes`, whose header OpenSSL reads. Nothing for what is not DER: an indefinite or
// longer than shortest length, a tag number above 30, an end beyond that of `bytes`.
std::optional<DerElement> readElement(View bytes);

// Whether `element` is DER all the way down: see readElement; no constructed strings. What OpenSSL forgives must not
// get through, because the bytes are compared and signed as they are.
bool isStrictDer(const DerElement& element);

// The elements of a constructed element that isStrictDer.
std::vector<DerElement> childrenOf(const DerElement& parent);

// The octets of a BIT STRING that has no unused bits.
std::optional<View> wholeOctets(const DerElement& bits);

// The four below are for certificates that OpenSSL has parsed already: they find the places of what it does not tell. The same as
// src/pki/x509/der-view.ts.

// The one element with this tag that fills all of `bytes`.
std::optional<DerElement> wholeElement(View bytes, uint8_t tag);

// The elements that fill all of `bytes`, which is the content of a constructed element.
std::optional<std::vector<DerElement>> elementsIn(View bytes);

// The elements of the SEQUENCE that fills all of `bytes`.
std::optional<std::vector<DerElement>> sequenceIn(View bytes);

// The octets of a BIT STRING that has at most so many unused bits.
std::optional<View> bitsOf(const DerElement& bits, uint8_t maxUnused = 7);

}  // namespace sidecert

#endif
