// The two kinds of Envoy's Secret, written by hand, without their names.
#ifndef SIDECERT_SECRET_WRITER_H
#define SIDECERT_SECRET_WRITER_H

#include <string_view>
#include <vector>

#include "bytes.h"
#include "secret_bytes.h"

namespace sidecert {

// One block per certificate in DER.
Bytes pemOf(const std::vector<View>& certificates);

// `Secret{tls_certificate}`; leaf and key in DER, the key's label that of its form.
SecretBytes certificateBody(View leaf, View intermediatesPem, std::string_view keyLabel, View privateKey);

// `Secret{validation_context}`
Bytes bundleBody(const std::vector<View>& bundle);

}  // namespace sidecert

#endif
