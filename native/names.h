// Names in certificates: the alternative ones, and those of subject and issuer. All of it is lent from the DER. The same as
// src/pki/x509/general-name.ts and src/pki/x509/distinguished-name.ts.
#ifndef SIDECERT_NAMES_H
#define SIDECERT_NAMES_H

#include <optional>
#include <string>
#include <vector>

#include "bytes.h"

namespace sidecert {

// A GeneralName: its tag, and the octets that it is made of. (RFC 5280 §4.2.1.6)
struct GeneralName {
  uint8_t tag;
  View content;
};

// Nothing when one is not as it should be: text of other than ASCII, an IP address of another size. Go does not parse a
// certificate with such a name.
std::optional<std::vector<GeneralName>> readGeneralNames(View value);

// As people read them: `URI:spiffe://a/b, DNS:c`.
std::string textOf(const std::vector<GeneralName>& names);
std::string textOf(const GeneralName& name);

// One attribute of a name, as it is compared: text without regard to case, runs of spaces, and kind of string.
struct Attribute {
  View oid;
  uint8_t tag;
  View value;
  bool isText;
  Bytes canonical;
};

using RelativeName = std::vector<Attribute>;
using DistinguishedName = std::vector<RelativeName>;

// The relative names of a whole Name. (RFC 5280 §4.1.2.4)
std::optional<DistinguishedName> readName(View name);

// Whether `name` begins with all of `base`: it is in the subtree of that name. (RFC 5280 §4.2.1.10)
bool isWithin(const DistinguishedName& name, const DistinguishedName& base);
bool isSameName(const DistinguishedName& one, const DistinguishedName& other);

// A name that cannot be held against constraints.
constexpr uint8_t kNoNameTag = 0;

// The mail addresses in it, which name constraints hold for, too; one that is no IA5String has kNoNameTag. (RFC 5280 §4.2.1.10)
std::vector<GeneralName> emailsIn(const DistinguishedName& name);

// As people read it: `O=Example, CN=root`; only the usual attributes.
std::string textOf(const DistinguishedName& name);

}  // namespace sidecert

#endif
