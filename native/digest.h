// SHA-2 by the low-level calls: the EVP ones look their algorithm up again each time, which costs more than the hash of
// a CSR.
#ifndef SIDECERT_DIGEST_H
#define SIDECERT_DIGEST_H

#include <openssl/sha.h>

#include <array>

#include "bytes.h"

namespace sidecert {

enum class Hash { sha256, sha384, sha512 };

struct Digest {
  std::array<uint8_t, SHA512_DIGEST_LENGTH> octets;
  size_t size;
};

Digest digestOf(Hash hash, View message);

// As OpenSSL numbers it: NID_sha256 and so on.
int nidOf(Hash hash);

}  // namespace sidecert

#endif
