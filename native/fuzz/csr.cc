// Does any CSR harm us? In this program every signature verifies, because mutations would never get past a real one: what is
// behind it is reached, too. What is accepted must have a public key that OpenSSL reads as well.
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdlib>

#include "../csr.h"
#include "../openssl_error.h"
#include "input.h"

// In the place of OpenSSL's own, for the calls of native/key.cc.
extern "C" int ECDSA_verify(int, const unsigned char*, int, const unsigned char*, int, EC_KEY*) { return 1; }
extern "C" int RSA_verify(int, const unsigned char*, unsigned int, const unsigned char*, unsigned int, RSA*) {
  return 1;
}

using namespace sidecert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Curves> curves = Curves::create();
  const DrainedErrors drained;
  const Bytes pem = pemOfInput(data, size, "CERTIFICATE REQUEST");
  Result<CheckedCsr> checked = checkCsr(viewOf(pem), *curves);
  if (!checked.ok()) return 0;
  const Bytes& info = checked.value().publicKeyInfo;
  const unsigned char* at = info.data();
  const EvpPkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(info.size())));
  if (!key || at != info.data() + info.size()) std::abort();
  return 0;
}
