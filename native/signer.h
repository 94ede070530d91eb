// The key and certificate that leaves are signed with.
#ifndef SIDECERT_SIGNER_H
#define SIDECERT_SIGNER_H

#include "key.h"

namespace sidecert {

// A signer with all that is the same for each leaf worked out beforehand. For one thread.
class LoadedSigner {
 public:
  // signerInvalid: either does not parse, or the key is none that we sign with. That the two belong together has been
  // checked by Signer.load in src/hotpath/signer.ts.
  static Result<std::unique_ptr<LoadedSigner>> load(View certificateDer, View privateKeyDer);

  const SignatureAlgorithm& algorithm() const { return *algorithm_; }
  // The raw subject of its certificate: the leaf's issuer, octet by octet. (RFC 5280 §4.1.2.4)
  View subject() const { return viewOf(subject_); }
  // Its SubjectKeyIdentifier; SHA-1 of its public key where it has none. (RFC 5280 §4.2.1.2)
  View keyIdentifier() const { return viewOf(keyIdentifier_); }
  Result<Bytes> sign(View message) const;

 private:
  LoadedSigner() = default;
  Result<Nothing> loadKey(View der);
  Result<Nothing> readCertificate(View der);

  // Exactly one of the two.
  EcKeyPtr ec_;
  RsaPtr rsa_;
  const SignatureAlgorithm* algorithm_ = nullptr;
  Bytes subject_;
  Bytes keyIdentifier_;
};

}  // namespace sidecert

#endif
