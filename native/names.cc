#include "names.h"

#include <algorithm>

#include "der.h"
#include "text.h"

namespace sidecert {

namespace {

// How many names stand in a message, and how many attributes of one.
constexpr size_t kMaxNamesTold = 10;
constexpr size_t kMaxAttributesTold = 6;

constexpr uint8_t kClassBits = 0xc0;
constexpr uint8_t kContextClass = 0x80;

constexpr uint8_t kUtf8String = 0x0c;
constexpr uint8_t kPrintableString = 0x13;
constexpr uint8_t kT61String = 0x14;
constexpr uint8_t kIa5String = 0x16;

constexpr uint8_t kEmailAddress[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
constexpr uint8_t kCommonName[] = {0x55, 0x04, 0x03};
constexpr uint8_t kCountry[] = {0x55, 0x04, 0x06};
constexpr uint8_t kOrganization[] = {0x55, 0x04, 0x0a};
constexpr uint8_t kOrganizationalUnit[] = {0x55, 0x04, 0x0b};

bool isAscii(View text) {
  return std::all_of(text.data, text.data + text.size, [](uint8_t octet) { return octet < 0x80; });
}

bool isWellFormed(const DerElement& name) {
  if ((name.tag & kClassBits) != kContextClass) return false;
  if (name.tag == tag::emailName || name.tag == tag::dnsName || name.tag == tag::uriName) return isAscii(name.content);
  return name.tag != tag::ipName || name.content.size == 4 || name.content.size == 16;
}

// An address in decimal, or in hex by pairs of octets.
std::string ipText(View octets) {
  std::string text;
  for (size_t i = 0; i < octets.size; ++i) {
    if (octets.size == 4) {
      text += (i > 0 ? "." : "") + std::to_string(octets.data[i]);
    } else {
      text += (i > 0 && i % 2 == 0 ? ":" : "") + hexOf({octets.data + i, 1});
    }
  }
  return text;
}

bool isSpace(uint8_t octet) { return octet == ' ' || (octet >= '\t' && octet <= '\r'); }

// RFC 5280 §7.1, for ASCII; other octets count as they are.
Bytes canonicalText(View octets) {
  Bytes text;
  for (size_t i = 0; i < octets.size; ++i) {
    const uint8_t octet = octets.data[i];
    if (isSpace(octet)) {
      if (text.empty() || text.back() != ' ') text.push_back(' ');
    } else {
      text.push_back(octet >= 'A' && octet <= 'Z' ? static_cast<uint8_t>(octet - 'A' + 'a') : octet);
    }
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  if (!text.empty() && text.front() == ' ') text.erase(text.begin());
  return text;
}

std::optional<RelativeName> readRelative(View content) {
  const auto elements = elementsIn(content);
  if (!elements) return std::nullopt;
  RelativeName relative;
  for (const DerElement& element : *elements) {
    const auto parts = sequenceIn(element.raw);
    if (!parts || parts->size() != 2 || (*parts)[0].tag != tag::oid) return std::nullopt;
    const DerElement& value = (*parts)[1];
    const bool isText = value.tag == kUtf8String || value.tag == kPrintableString || value.tag == kT61String ||
                        value.tag == kIa5String;
    Bytes canonical = isText ? canonicalText(value.content) : Bytes(value.raw.data, value.raw.data + value.raw.size);
    relative.push_back({(*parts)[0].content, value.tag, value.content, isText, std::move(canonical)});
  }
  return relative;
}

bool isSame(const Attribute& one, const Attribute& other) {
  return one.oid == other.oid && one.isText == other.isText && one.canonical == other.canonical;
}

bool isSameRelative(const RelativeName& one, const RelativeName& other) {
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin(), isSame);
}

const char* labelOf(View oid) {
  if (oid == viewOf(kCommonName)) return "CN=";
  if (oid == viewOf(kOrganization)) return "O=";
  if (oid == viewOf(kOrganizationalUnit)) return "OU=";
  return oid == viewOf(kCountry) ? "C=" : nullptr;
}

}  // namespace

std::optional<std::vector<GeneralName>> readGeneralNames(View value) {
  const auto elements = sequenceIn(value);
  if (!elements || !std::all_of(elements->begin(), elements->end(), isWellFormed)) return std::nullopt;
  std::vector<GeneralName> names;
  for (const DerElement& element : *elements) names.push_back({element.tag, element.content});
  return names;
}

std::string textOf(const GeneralName& name) {
  switch (name.tag) {
    case tag::emailName:
      return "email:" + printable(name.content);
    case tag::dnsName:
      return "DNS:" + printable(name.content);
    case tag::uriName:
      return "URI:" + printable(name.content);
    case tag::ipName:
      return "IP:" + ipText(name.content);
    default:
      return "a name of another kind";
  }
}

std::string textOf(const std::vector<GeneralName>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMaxNamesTold; ++i) text += (i > 0 ? ", " : "") + textOf(names[i]);
  const size_t left = names.size() > kMaxNamesTold ? names.size() - kMaxNamesTold : 0;
  return left > 0 ? text + ", and " + std::to_string(left) + " more" : text;
}

std::optional<DistinguishedName> readName(View name) {
  const auto elements = sequenceIn(name);
  if (!elements) return std::nullopt;
  DistinguishedName whole;
  for (const DerElement& element : *elements) {
    std::optional<RelativeName> relative = element.tag == tag::set ? readRelative(element.content) : std::nullopt;
    if (!relative) return std::nullopt;
    whole.push_back(std::move(*relative));
  }
  return whole;
}

bool isWithin(const DistinguishedName& name, const DistinguishedName& base) {
  return base.size() <= name.size() && std::equal(base.begin(), base.end(), name.begin(), isSameRelative);
}

bool isSameName(const DistinguishedName& one, const DistinguishedName& other) {
  return one.size() == other.size() && isWithin(one, other);
}

std::vector<GeneralName> emailsIn(const DistinguishedName& name) {
  std::vector<GeneralName> emails;
  for (const RelativeName& relative : name) {
    for (const Attribute& attribute : relative) {
      if (attribute.oid != viewOf(kEmailAddress)) continue;
      emails.push_back({attribute.tag == kIa5String ? tag::emailName : kNoNameTag, attribute.value});
    }
  }
  return emails;
}

std::string textOf(const DistinguishedName& name) {
  std::string text;
  size_t told = 0;
  for (const RelativeName& relative : name) {
    for (const Attribute& attribute : relative) {
      const char* label = labelOf(attribute.oid);
      if (label == nullptr || told == kMaxAttributesTold) continue;
      text += (told++ > 0 ? ", " : "") + std::string(label) + printable(attribute.value);
    }
  }
  return text;
}

}  // namespace sidecert
