// The leaf certificates that we sign.
#ifndef SIDECERT_CERTIFICATE_H
#define SIDECERT_CERTIFICATE_H

#include "csr.h"
#include "signer.h"

namespace sidecert {

struct IssueRequest {
  View csrPem;
  // Whole GeneralNames, one after the other.
  View generalNames;
  View serial;
  // Seconds since 1970; both from years 1970 to 9999.
  int64_t notBefore;
  int64_t notAfter;
};

struct IssuedLeaf {
  Bytes pem;
  std::optional<std::string> requestedUri;
};

// Checks a CSR and signs a leaf for its key. See checkCsr for its failures.
Result<IssuedLeaf> issue(const IssueRequest& request, const LoadedSigner& signer, const Curves& curves);

}  // namespace sidecert

#endif
