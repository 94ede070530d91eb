#include "name_constraints.h"

#include <algorithm>
#include <string_view>

#include "der.h"

namespace sidecert {

namespace {

// A certificate that is held against more than this is hostile. OpenSSL and Go have such bounds, too.
constexpr size_t kMaxComparisons = 100'000;

constexpr uint8_t kClassBits = 0xc0;
constexpr uint8_t kContextClass = 0x80;

// The second half is ones, then zeros.
bool isMask(View network) {
  bool hasEnded = false;
  for (size_t i = network.size / 2; i < network.size; ++i) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool isOne = (network.data[i] >> bit & 1) != 0;
      if (isOne && hasEnded) return false;
      hasEnded = hasEnded || !isOne;
    }
  }
  return true;
}

bool isWellFormed(const DerElement& base) {
  if ((base.tag & kClassBits) != kContextClass) return false;
  if (base.tag == tag::ipName) {
    return (base.content.size == 8 || base.content.size == 32) && isMask(base.content);
  }
  return base.tag != tag::directoryName || readName(base.content).has_value();
}

std::optional<std::vector<GeneralName>> readSubtrees(View content) {
  const auto elements = elementsIn(content);
  if (!elements) return std::nullopt;
  std::vector<GeneralName> bases;
  for (const DerElement& element : *elements) {
    const auto parts = sequenceIn(element.raw);
    if (!parts || parts->size() != 1 || !isWellFormed((*parts)[0])) return std::nullopt;
    bases.push_back({(*parts)[0].tag, (*parts)[0].content});
  }
  return bases;
}

char lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
}

std::string lowered(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return low;
}

std::string_view textIn(View octets) { return {reinterpret_cast<const char*>(octets.data), octets.size}; }

bool isDigit(char character) { return character >= '0' && character <= '9'; }

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Four decimal numbers up to 255, without leading zeros: as isIPv4 of Node has them.
bool isIpv4(std::string_view host) {
  int parts = 0;
  for (size_t at = 0; at <= host.size(); ++parts) {
    const size_t end = std::min(host.find('.', at), host.size());
    const std::string_view part = host.substr(at, end - at);
    if (part.empty() || part.size() > 3 || !std::all_of(part.begin(), part.end(), isDigit)) return false;
    if ((part.size() > 1 && part[0] == '0') || std::stoi(std::string(part)) > 255) return false;
    at = end + 1;
  }
  return parts == 4;
}

// The host of `scheme://host:port/...`: nothing when there is none, or an address, which no constraint can be held against.
std::optional<std::string_view> hostOf(std::string_view uri) {
  const size_t schemeEnd = uri.find_first_of(":/?#");
  if (schemeEnd == 0 || schemeEnd == std::string_view::npos || uri.substr(schemeEnd, 3) != "://") return std::nullopt;
  const std::string_view rest = uri.substr(schemeEnd + 3);
  const size_t hostEnd = std::min(rest.find_first_of(":/?#@[]"), rest.size());
  const std::string_view host = rest.substr(0, hostEnd);
  size_t end = hostEnd;
  if (end < rest.size() && rest[end] == ':') {
    do ++end;
    while (end < rest.size() && isDigit(rest[end]));
  }
  const bool isEnded = end == rest.size() || rest[end] == '/' || rest[end] == '?' || rest[end] == '#';
  if (host.empty() || !isEnded || isIpv4(host)) return std::nullopt;
  return host;
}

// Of URIs: exactly this host; with a leading period, any host below it.
bool isHostIn(std::string_view host, std::string_view base) {
  if (!base.empty() && base[0] == '.') return endsWith(host, base) && host.size() > base.size();
  return host == base;
}

// The name itself, and what has labels before it.
bool isDnsIn(std::string_view name, std::string_view base) {
  if (base.empty() || name == base) return true;
  return name.size() > base.size() && endsWith(name, base) &&
         (base[0] == '.' || name[name.size() - base.size() - 1] == '.');
}

// `*.example.com` covers names that are excluded below example.com.
bool isWildcardOver(std::string_view name, std::string_view base) {
  return name.substr(0, 2) == "*." && isDnsIn(base, name.substr(2));
}

// A mailbox, all of a host, or with a leading period, of the hosts below it. Case counts before the `@` alone.
bool isEmailIn(std::string_view email, std::string_view base) {
  const size_t at = email.rfind('@');
  const size_t baseAt = base.rfind('@');
  if (at == std::string_view::npos) return false;
  const std::string host = lowered(email.substr(at + 1));
  if (baseAt == std::string_view::npos) return isHostIn(host, lowered(base));
  return email.substr(0, at) == base.substr(0, baseAt) && host == lowered(base.substr(baseAt + 1));
}

// `network` is an address and a mask.
bool isAddressIn(View address, View network) {
  if (network.size != 2 * address.size) return false;
  for (size_t i = 0; i < address.size; ++i) {
    if (((address.data[i] ^ network.data[i]) & network.data[address.size + i]) != 0) return false;
  }
  return true;
}

bool isNameIn(View name, View base) {
  const auto whole = readName(name);
  const auto prefix = readName(base);
  return whole && prefix && isWithin(*whole, *prefix);
}

// By the narrowest reading among OpenSSL, BoringSSL and Go. A name of a kind that they do not compare is not permitted.
bool isPermitted(const GeneralName& name, const GeneralName& base) {
  switch (name.tag) {
    case tag::uriName: {
      const std::string uri = lowered(textIn(name.content));
      const auto host = hostOf(uri);
      return host && base.content.size > 0 && isHostIn(*host, lowered(textIn(base.content)));
    }
    case tag::dnsName:
      return isDnsIn(lowered(textIn(name.content)), lowered(textIn(base.content)));
    case tag::emailName:
      return isEmailIn(textIn(name.content), textIn(base.content));
    case tag::ipName:
      return isAddressIn(name.content, base.content);
    case tag::directoryName:
      return isNameIn(name.content, base.content);
    default:
      return false;
  }
}

// By the widest reading: Go excludes the hosts below a host, too; a URI or a mail address without a host cannot be compared.
bool isExcluded(const GeneralName& name, const GeneralName& base) {
  const std::string text = lowered(textIn(name.content));
  const std::string baseText = lowered(textIn(base.content));
  switch (name.tag) {
    case tag::uriName: {
      const auto host = hostOf(text);
      return !host || isDnsIn(*host, baseText) || isHostIn(*host, baseText);
    }
    case tag::dnsName:
      return isDnsIn(text, baseText) || isWildcardOver(text, baseText);
    case tag::emailName: {
      const size_t at = text.rfind('@');
      if (at == std::string::npos) return true;
      const std::string_view host = std::string_view(text).substr(at + 1);
      return isEmailIn(textIn(name.content), textIn(base.content)) || isDnsIn(host, baseText);
    }
    case tag::ipName:
    case tag::directoryName:
      return isPermitted(name, base);
    default:
      return true;
  }
}

}  // namespace

std::optional<NameConstraints> readNameConstraints(View value) {
  const auto parts = sequenceIn(value);
  if (!parts || parts->empty() || parts->size() > 2) return std::nullopt;
  const bool hasPermitted = (*parts)[0].tag == tag::context0;
  if (parts->size() == 2 ? !hasPermitted || (*parts)[1].tag != tag::context1
                         : !hasPermitted && (*parts)[0].tag != tag::context1) {
    return std::nullopt;
  }
  NameConstraints constraints;
  for (size_t i = 0; i < parts->size(); ++i) {
    auto bases = readSubtrees((*parts)[i].content);
    if (!bases) return std::nullopt;
    (i == 0 && hasPermitted ? constraints.permitted : constraints.excluded) = std::move(*bases);
  }
  return constraints;
}

std::optional<std::string> violation(const NameConstraints& constraints, const std::vector<GeneralName>& names) {
  const auto& [permitted, excluded] = constraints;
  if (names.size() * (permitted.size() + excluded.size()) > kMaxComparisons) return "more names than can be compared";
  for (const GeneralName& name : names) {
    if (name.tag == kNoNameTag) return "a mail address that is no IA5String, not permitted";
    bool isFree = true;
    bool isIn = false;
    for (const GeneralName& base : permitted) {
      if (base.tag != name.tag) continue;
      isFree = false;
      isIn = isIn || isPermitted(name, base);
    }
    if (!isFree && !isIn) return textOf(name) + " not permitted";
    const auto excludes = [&](const GeneralName& base) { return base.tag == name.tag && isExcluded(name, base); };
    if (std::any_of(excluded.begin(), excluded.end(), excludes)) return textOf(name) + " excluded";
  }
  return std::nullopt;
}

}  // namespace sidecert
