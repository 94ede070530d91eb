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

struct Signature {
  uint8_t octets[kMaxSignature];
  unsigned int size = 0;
};

bool sign(EC_KEY* key, Signature* made) {
  return ECDSA_sign(0, kDigest, sizeof kDigest, made->octets, &made->size, key) == 1;
}

bool verifies(EC_KEY* key, const Signature& known) {
  return ECDSA_verify(0, kDigest, sizeof kDigest, known.octets, static_cast<int>(known.size), key) == 1;
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Result<double> timeKeyAndSignature(uint32_t count, const EcCurve& curve) {
  EC_KEY* key = curve.key();
  Signature made;
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count; ++i) {
    if (EC_KEY_generate_key(key) != 1 || !sign(key, &made)) return opensslFailure("key and signature");
  }
  const double seconds = secondsSince(start);
  curve.forgetPrivateKey();
  return seconds;
}

Result<double> timeVerificationAndSignature(uint32_t count, const EcCurve& curve) {
  EC_KEY* key = curve.key();
  Signature known;
  Signature made;
  if (EC_KEY_generate_key(key) != 1 || !sign(key, &known)) return opensslFailure("key and signature");
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count; ++i) {
    if (!verifies(key, known) || !sign(key, &made)) return opensslFailure("verification and signature");
  }
  const double seconds = secondsSince(start);
  curve.forgetPrivateKey();
  return seconds;
}

Result<double> timeVerification(uint32_t count, const EcCurve& curve) {
  EC_KEY* key = curve.key();
  Signature known;
  if (EC_KEY_generate_key(key) != 1 || !sign(key, &known)) return opensslFailure("key and signature");
  curve.forgetPrivateKey();
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < count; ++i) {
    if (!verifies(key, known)) return opensslFailure("verification");
  }
  return secondsSince(start);
}

}  // namespace sidecert
