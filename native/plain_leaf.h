// The leaf that our own CA makes, and whatever looks like it, read without X.509 objects: d2i_X509 looks up a decoder for its public key,
// which costs twice the verification of its signature (docs/adr/0008).
#ifndef SIDECERT_PLAIN_LEAF_H
#define SIDECERT_PLAIN_LEAF_H

#include <optional>
#include <string>

#include "algorithm.h"
#include "bytes.h"
#include "facts.h"
#include "key.h"

namespace sidecert {

// All of it lent from the DER.
struct PlainLeaf {
  View toBeSigned;
  const SignatureAlgorithm* algorithm;
  View signature;
  // A whole Name.
  View issuer;
  Validity validity;
  View publicKeyInfo;
  // The only subject alternative name.
  View uri;
  // Empty when the leaf says nothing of its issuer's key.
  View authorityKeyIdentifier;
  // Magnitude, without leading zeros.
  View serial;
};

// Nothing for a leaf that differs from the plain shape in any octet that is not a value, valid or not: version 3, a
// signature algorithm of ours, one URI as its only name, extensions that are known to the octet and stand there once.
// What is read here, OpenSSL's own reader accepts, and finds to be no CA.
std::optional<PlainLeaf> readPlainLeaf(View der);

// The SubjectPublicKeyInfo of a private key, taken from its PKCS#8: nothing unless it is of P-256 or P-384, and spelled
// as we spell it ourselves. What is read here, OpenSSL's own reader accepts.
std::optional<Bytes> plainPublicKeyInfo(View privateKeyInfo, const Curves& curves);

}  // namespace sidecert

#endif
