// Key pairs: made, written as PKCS#8, and signed with. By the low-level calls of OpenSSL, which its version 3 calls
// deprecated: the EVP ones fetch provider and encoder again for each key, which costs four times the cryptography
// (docs/adr/0008).
#ifndef SIDECERT_KEY_H
#define SIDECERT_KEY_H

#include <array>
#include <string_view>
#include <vector>

#include "algorithm.h"
#include "bytes.h"
#include "der.h"
#include "openssl_ptr.h"
#include "result.h"
#include "secret_bytes.h"

namespace sidecert {

// Of keys that are made here: the first of KEY_TYPES in src/pki/x509/key-type.ts, in its order.
enum class KeyType { ecP256, ecP384 };

// Prime size in octets of the largest curve that a signer may have, P-521.
constexpr size_t kMaxFieldOctets = 66;

// 0x04, x, y. (SEC 1 §2.3.3)
constexpr size_t kMaxPointOctets = 1 + 2 * kMaxFieldOctets;

// A fresh EC key, not yet in an EC_KEY.
struct EcKeyNumbers {
  // BN_clear_free wipes it.
  BignumPtr privateNumber;
  std::array<uint8_t, kMaxPointOctets> point{};
};

// One curve with what is worth keeping between keys. For one thread.
class EcCurve {
 public:
  // Nothing when memory has run out.
  static std::unique_ptr<EcCurve> create(int nid);

  size_t fieldOctets() const { return fieldOctets_; }
  size_t pointOctets() const { return 1 + 2 * fieldOctets_; }
  // The same key object for each request: to make another copies the whole group.
  EC_KEY* key() const { return key_.get(); }
  // ECDSA with the hash that is as strong as the curve. (RFC 5480 §4)
  const SignatureAlgorithm& algorithm() const { return *algorithm_; }
  View publicKeyAlgorithm() const { return publicKeyAlgorithm_; }

  // Makes `count` keys. Together, because a public point leaves the multiplication in a form that takes a modular
  // inversion to write down, a sixth of the work for a key; and many can share one. (Montgomery's trick)
  Result<std::vector<EcKeyNumbers>> generate(size_t count) const;
  // Puts the public point that `octets` spell, which must be on the curve, into key(). False when they spell none.
  bool setPublicKey(View octets) const;
  // Whether big-endian octets of the size of the field spell a private key: from one to the order less one.
  bool isPrivateNumber(View octets) const;
  // Clears and frees the private number in key().
  void forgetPrivateKey() const;

 private:
  EcCurve() = default;
  bool writePoint(const EC_POINT* point, uint8_t* octets) const;
  bool writeAffinePoint(const EC_POINT* point, uint8_t* octets) const;

  EcGroupPtr group_;
  BnContextPtr context_;
  EcKeyPtr key_;
  BignumPtr x_;
  BignumPtr y_;
  BignumPtr z_;
  size_t fieldOctets_ = 0;
  const SignatureAlgorithm* algorithm_ = nullptr;
  View publicKeyAlgorithm_;
};

// The curves that workloads' keys are on. One per environment of Node, so one per thread: no locks.
class Curves {
 public:
  static std::unique_ptr<Curves> create();

  const EcCurve& p256() const { return *p256_; }
  const EcCurve& p384() const { return *p384_; }

 private:
  Curves() = default;

  std::unique_ptr<EcCurve> p256_;
  std::unique_ptr<EcCurve> p384_;
};

// A fresh EC key pair that signs once, its own CSR. It is in its curve's key() while this lives, so there is one at a time.
class KeyPair {
 public:
  static Result<KeyPair> ofNumbers(EcKeyNumbers numbers, const EcCurve& curve);

  KeyPair(KeyPair&& other) noexcept;
  KeyPair& operator=(KeyPair&&) = delete;
  // The private key is forgotten.
  ~KeyPair();

  const SignatureAlgorithm& algorithm() const { return curve_->algorithm(); }
  // Writes the SubjectPublicKeyInfo. (RFC 5280 §4.1)
  void writePublicKeyInfo(DerWriter<Bytes>& writer) const;
  // PrivateKeyInfo around ECPrivateKey with its public key. (RFC 5208 §5; RFC 5915 §3)
  Result<SecretBytes> privateKeyInfo() const;
  Result<Bytes> sign(View message) const;

 private:
  KeyPair() = default;

  // Null when it has been moved from.
  const EcCurve* curve_ = nullptr;
  EcKeyNumbers numbers_;
};

// ECDSA with the given key; the signature in DER. (RFC 3279 §2.2.3)
Result<Bytes> signWith(EC_KEY* key, Hash hash, View message);

// RSASSA-PKCS1-v1_5. (RFC 8017 §8.2)
Result<Bytes> signWith(RSA* key, Hash hash, View message);

// Whether the key has made this signature, in the forms of signWith.
bool verifyWith(EC_KEY* key, Hash hash, View message, View signature);
bool verifyWith(RSA* key, Hash hash, View message, View signature);

}  // namespace sidecert

#endif
