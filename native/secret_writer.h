// The two kinds of Envoy's Secret, written by hand, without their names.
#ifndef SIDECERT_SECRET_WRITER_H
#define SIDECERT_SECRET_WRITER_H

#include <vector>

#include "chain.h"
#include "secret_bytes.h"

namespace sidecert {

Bytes pemOf(const std::vector<Certificate>& certificates);

// `Secret{tls_certificate}`; the leaf in DER, the key in PKCS#8.
SecretBytes certificateBody(View leaf, View intermediatesPem, View privateKey);

// `Secret{validation_context}`
Bytes bundleBody(const std::vector<Certificate>& bundle);

}  // namespace sidecert

#endif
