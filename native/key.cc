#include "key.h"

#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include "openssl_error.h"

namespace sidecert {

namespace {

// SEQUENCE of two INTEGERs, each below the order, in DER: an INTEGER has up to one octet more than its number, and headers
// have two octets, but the outer one three. (RFC 3279 §2.2.3)
constexpr size_t kMaxSignatureOctets = 3 + 2 * (2 + 1 + kMaxFieldOctets);

constexpr uint8_t kVersion0[] = {0x02, 0x01, 0x00};
constexpr uint8_t kVersion1[] = {0x02, 0x01, 0x01};
constexpr uint8_t kContext1 = 0xa1;

}  // namespace

std::unique_ptr<EcCurve> EcCurve::create(int nid) {
  std::unique_ptr<EcCurve> curve(new EcCurve());
  curve->group_.reset(EC_GROUP_new_by_curve_name(nid));
  curve->context_.reset(BN_CTX_new());
  curve->key_.reset(EC_KEY_new());
  curve->x_.reset(BN_new());
  curve->y_.reset(BN_new());
  curve->z_.reset(BN_new());
  if (!curve->group_ || !curve->context_ || !curve->key_ || !curve->x_ || !curve->y_ || !curve->z_) return nullptr;
  EC_GROUP_set_asn1_flag(curve->group_.get(), OPENSSL_EC_NAMED_CURVE);
  if (EC_KEY_set_group(curve->key_.get(), curve->group_.get()) != 1) return nullptr;
  curve->fieldOctets_ = static_cast<size_t>(EC_GROUP_get_degree(curve->group_.get()) + 7) / 8;
  const bool isP256 = nid == NID_X9_62_prime256v1;
  curve->algorithm_ = &kSignatureAlgorithms[isP256 ? 0 : 1];
  curve->publicKeyAlgorithm_ = isP256 ? viewOf(kP256Algorithm) : viewOf(kP384Algorithm);
  return curve;
}

Result<std::vector<EcKeyNumbers>> EcCurve::generate(size_t count) const {
  std::vector<EcKeyNumbers> keys(count);
  std::vector<EcPointPtr> points;
  std::vector<EC_POINT*> borrowed;
  points.reserve(count);
  borrowed.reserve(count);
  for (EcKeyNumbers& made : keys) {
    if (EC_KEY_generate_key(key_.get()) != 1) return opensslFailure("making an EC key");
    made.privateNumber.reset(BN_dup(EC_KEY_get0_private_key(key_.get())));
    points.emplace_back(EC_POINT_dup(EC_KEY_get0_public_key(key_.get()), group_.get()));
    if (!made.privateNumber || !points.back()) return opensslFailure("making an EC key");
    borrowed.push_back(points.back().get());
  }
  forgetPrivateKey();
  if (count > 1 && EC_POINTs_make_affine(group_.get(), count, borrowed.data(), context_.get()) != 1) {
    return opensslFailure("making an EC key");
  }
  for (size_t i = 0; i < count; ++i) {
    uint8_t* octets = keys[i].point.data();
    if (count > 1 ? !writeAffinePoint(borrowed[i], octets) : !writePoint(borrowed[i], octets)) return opensslFailure("writing an EC public key");
  }
  return keys;
}

// With the inversion of this curve alone, which is faster than the one that points share.
bool EcCurve::writePoint(const EC_POINT* point, uint8_t* octets) const {
  return EC_POINT_point2oct(group_.get(), point, POINT_CONVERSION_UNCOMPRESSED, octets, pointOctets(),
                            context_.get()) == pointOctets();
}

// EC_POINT_point2oct would invert z once more, though it is one: so the coordinates are read as they are.
bool EcCurve::writeAffinePoint(const EC_POINT* point, uint8_t* octets) const {
  const int size = static_cast<int>(fieldOctets_);
  octets[0] = POINT_CONVERSION_UNCOMPRESSED;
  return EC_POINT_get_Jprojective_coordinates_GFp(group_.get(), point, x_.get(), y_.get(), z_.get(),
                                                  context_.get()) == 1 &&
         BN_is_one(z_.get()) && BN_bn2binpad(x_.get(), octets + 1, size) == size &&
         BN_bn2binpad(y_.get(), octets + 1 + size, size) == size;
}

bool EcCurve::setPublicKey(View octets) const {
  return EC_KEY_oct2key(key_.get(), octets.data, octets.size, context_.get()) == 1;
}

bool EcCurve::isPrivateNumber(View octets) const {
  if (octets.size != fieldOctets_) return false;
  const BignumPtr number(BN_secure_new());
  return number && BN_bin2bn(octets.data, static_cast<int>(octets.size), number.get()) != nullptr &&
         !BN_is_zero(number.get()) && BN_cmp(number.get(), EC_GROUP_get0_order(group_.get())) < 0;
}

// OpenSSL answers 0 to this use, on purpose: "Return `0` to comply with legacy behavior". (EC_KEY_new(3))
void EcCurve::forgetPrivateKey() const { EC_KEY_set_private_key(key_.get(), nullptr); }

std::unique_ptr<Curves> Curves::create() {
  std::unique_ptr<Curves> curves(new Curves());
  curves->p256_ = EcCurve::create(NID_X9_62_prime256v1);
  curves->p384_ = EcCurve::create(NID_secp384r1);
  return curves->p256_ && curves->p384_ ? std::move(curves) : nullptr;
}

Result<KeyPair> KeyPair::ofNumbers(EcKeyNumbers numbers, const EcCurve& curve) {
  KeyPair pair;
  pair.curve_ = &curve;
  pair.numbers_ = std::move(numbers);
  if (EC_KEY_set_private_key(curve.key(), pair.numbers_.privateNumber.get()) != 1) {
    return opensslFailure("loading an EC key");
  }
  return pair;
}

KeyPair::KeyPair(KeyPair&& other) noexcept : curve_(other.curve_), numbers_(std::move(other.numbers_)) {
  other.curve_ = nullptr;
}

KeyPair::~KeyPair() {
  if (curve_ != nullptr) curve_->forgetPrivateKey();
}

void KeyPair::writePublicKeyInfo(DerWriter<Bytes>& writer) const {
  const size_t end = writer.mark();
  writer.raw({numbers_.point.data(), curve_->pointOctets()});
  writer.bitStringHeader(end);
  writer.raw(curve_->publicKeyAlgorithm());
  writer.header(tag::sequence, end);
}

Result<SecretBytes> KeyPair::privateKeyInfo() const {
  const size_t size = curve_->fieldOctets();
  SecretBytes number(size);
  if (BN_bn2binpad(numbers_.privateNumber.get(), number.data(), static_cast<int>(size)) < 0) {
    return opensslFailure("writing an EC key");
  }
  DerWriter<SecretBytes> writer(256);
  writer.raw({numbers_.point.data(), curve_->pointOctets()});
  writer.bitStringHeader(0);
  writer.header(kContext1, 0);
  const size_t publicEnd = writer.mark();
  writer.raw(viewOf(number));
  writer.header(tag::octetString, publicEnd);
  writer.raw(viewOf(kVersion1));
  writer.header(tag::sequence, 0);
  writer.header(tag::octetString, 0);
  writer.raw(curve_->publicKeyAlgorithm());
  writer.raw(viewOf(kVersion0));
  writer.header(tag::sequence, 0);
  const View written = writer.written();
  return SecretBytes(written.data, written.data + written.size);
}

Result<Bytes> KeyPair::sign(View message) const { return signWith(curve_->key(), algorithm().hash, message); }

Result<Bytes> signWith(EC_KEY* key, Hash hash, View message) {
  const Digest digest = digestOf(hash, message);
  // ECDSA_size would encode the curve's order again for each key.
  std::array<uint8_t, kMaxSignatureOctets> signature;
  unsigned int size = 0;
  if (ECDSA_sign(0, digest.octets.data(), static_cast<int>(digest.size), signature.data(), &size, key) != 1) {
    return opensslFailure("signing");
  }
  return Bytes(signature.data(), signature.data() + size);
}

Result<Bytes> signWith(RSA* key, Hash hash, View message) {
  const Digest digest = digestOf(hash, message);
  Bytes signature(static_cast<size_t>(RSA_size(key)));
  unsigned int size = 0;
  if (RSA_sign(nidOf(hash), digest.octets.data(), static_cast<unsigned int>(digest.size), signature.data(), &size,
               key) != 1) {
    return opensslFailure("signing");
  }
  signature.resize(size);
  return signature;
}

bool verifyWith(EC_KEY* key, Hash hash, View message, View signature) {
  const Digest digest = digestOf(hash, message);
  return ECDSA_verify(0, digest.octets.data(), static_cast<int>(digest.size), signature.data,
                      static_cast<int>(signature.size), key) == 1;
}

bool verifyWith(RSA* key, Hash hash, View message, View signature) {
  const Digest digest = digestOf(hash, message);
  return RSA_verify(nidOf(hash), digest.octets.data(), static_cast<unsigned int>(digest.size), signature.data,
                    static_cast<unsigned int>(signature.size), key) == 1;
}

}  // namespace sidecert
