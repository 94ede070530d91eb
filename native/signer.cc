#include "signer.h"

#include <openssl/obj_mac.h>
#include <openssl/sha.h>

#include "openssl_error.h"

namespace sidecert {

namespace {

Failure invalid(const std::string& got, const std::string& expected) {
  return refusal(Code::signerInvalid, "signer", got, expected);
}

// The hash that is as strong as the curve. (RFC 5480 §4)
const SignatureAlgorithm* algorithmOfCurve(int nid) {
  switch (nid) {
    case NID_X9_62_prime256v1:
      return &kSignatureAlgorithms[0];
    case NID_secp384r1:
      return &kSignatureAlgorithms[1];
    case NID_secp521r1:
      return &kSignatureAlgorithms[2];
    default:
      return nullptr;
  }
}

}  // namespace

Result<std::unique_ptr<LoadedSigner>> LoadedSigner::load(View certificateDer, View privateKeyDer) {
  std::unique_ptr<LoadedSigner> signer(new LoadedSigner());
  Result<Nothing> key = signer->loadKey(privateKeyDer);
  if (!key.ok()) return key.failure();
  Result<Nothing> certificate = signer->readCertificate(certificateDer);
  if (!certificate.ok()) return certificate.failure();
  return signer;
}

Result<Nothing> LoadedSigner::loadKey(View der) {
  const unsigned char* at = der.data;
  const PrivateKeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size)));
  const EvpPkeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key) return invalid("a private key that does not parse", "PKCS#8 DER");
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC) {
    ec_.reset(EVP_PKEY_get1_EC_KEY(key.get()));
    algorithm_ = ec_ ? algorithmOfCurve(EC_GROUP_get_curve_name(EC_KEY_get0_group(ec_.get()))) : nullptr;
  } else if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
    rsa_.reset(EVP_PKEY_get1_RSA(key.get()));
    algorithm_ = rsa_ ? &kSignatureAlgorithms[3] : nullptr;
  }
  if (algorithm_ == nullptr) return invalid("a key of another kind or curve", "RSA, P-256, P-384 or P-521");
  return Nothing{};
}

Result<Nothing> LoadedSigner::readCertificate(View der) {
  const unsigned char* at = der.data;
  const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size)));
  if (!certificate) return invalid("a certificate that does not parse", "X.509 in DER");
  const unsigned char* subject = nullptr;
  size_t subjectSize = 0;
  if (X509_NAME_get0_der(X509_get_subject_name(certificate.get()), &subject, &subjectSize) != 1) {
    return invalid("a certificate without a subject", "X.509 in DER");
  }
  subject_.assign(subject, subject + subjectSize);
  if (X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) {
    return invalid("a certificate with malformed extensions", "X.509 in DER");
  }
  if (const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(certificate.get())) {
    const unsigned char* octets = ASN1_STRING_get0_data(identifier);
    keyIdentifier_.assign(octets, octets + ASN1_STRING_length(identifier));
    return Nothing{};
  }
  const ASN1_BIT_STRING* publicKey = X509_get0_pubkey_bitstr(certificate.get());
  keyIdentifier_.resize(SHA_DIGEST_LENGTH);
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, ASN1_STRING_get0_data(publicKey), static_cast<size_t>(ASN1_STRING_length(publicKey)));
  SHA1_Final(keyIdentifier_.data(), &context);
  return Nothing{};
}

Result<Bytes> LoadedSigner::sign(View message) const {
  if (ec_) return signWith(ec_.get(), algorithm_->hash, message);
  return signWith(rsa_.get(), algorithm_->hash, message);
}

}  // namespace sidecert
