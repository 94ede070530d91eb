#include "primitives.h"

#include <openssl/ecdsa.h>

#include <chrono>

#include "openssl_error.h"

namespace sidecert {

namespace {

// What stands for the hash of a CSR; that hash is no part of the limit.
constexpr uint8_t kDigest[32] = {1, 2, 3};

// ECDSA P-384 signatures in DER are at most 104 octets.
constexpr size_t kMaxSignature = 112;

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Result<double> timeKeyAndSignature(uint32_t count, const EcCurve& curve) {
  EC_KEY* key = curve.key();
  uint8_t signature[kMaxSignature];
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count; ++i) {
    unsigned int size = 0;
    if (EC_KEY_generate_key(key) != 1 || ECDSA_sign(0, kDigest, sizeof kDigest, signature, &size, key) != 1) {
      return opensslFailure("key and signature");
    }
  }
  const double seconds = secondsSince(start);
  curve.forgetPrivateKey();
  return seconds;
}

Result<double> timeVerificationAndSignature(uint32_t count, const EcCurve& curve) {
  EC_KEY* key = curve.key();
  uint8_t known[kMaxSignature];
  uint8_t signature[kMaxSignature];
  unsigned int knownSize = 0;
  if (EC_KEY_generate_key(key) != 1 || ECDSA_sign(0, kDigest, sizeof kDigest, known, &knownSize, key) != 1) {
    return opensslFailure("key and signature");
  }
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count; ++i) {
    unsigned int size = 0;
    if (ECDSA_verify(0, kDigest, sizeof kDigest, known, static_cast<int>(knownSize), key) != 1 ||
        ECDSA_sign(0, kDigest, sizeof kDigest, signature, &size, key) != 1) {
      return opensslFailure("verification and signature");
    }
  }
  const double seconds = secondsSince(start);
  curve.forgetPrivateKey();
  return seconds;
}

}  // namespace sidecert
