// What the names below a CA must be in, and must not be in. (RFC 5280 §4.2.1.10) The same as src/pki/x509/name-constraints.ts.
#ifndef SIDECERT_NAME_CONSTRAINTS_H
#define SIDECERT_NAME_CONSTRAINTS_H

#include "names.h"

namespace sidecert {

struct NameConstraints {
  std::vector<GeneralName> permitted;
  std::vector<GeneralName> excluded;
};

// Nothing when it is not well formed, or has `minimum` or `maximum`, which verifiers refuse.
std::optional<NameConstraints> readNameConstraints(View value);

// Why a name is forbidden; nothing when all of them are allowed.
std::optional<std::string> violation(const NameConstraints& constraints, const std::vector<GeneralName>& names);

}  // namespace sidecert

#endif
