#include "digest.h"

#include <openssl/objects.h>

namespace sidecert {

Digest digestOf(Hash hash, View message) {
  Digest digest{};
  if (hash == Hash::sha256) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, message.data, message.size);
    SHA256_Final(digest.octets.data(), &context);
    digest.size = SHA256_DIGEST_LENGTH;
    return digest;
  }
  SHA512_CTX context;
  if (hash == Hash::sha384) {
    SHA384_Init(&context);
    SHA384_Update(&context, message.data, message.size);
    SHA384_Final(digest.octets.data(), &context);
    digest.size = SHA384_DIGEST_LENGTH;
  } else {
    SHA512_Init(&context);
    SHA512_Update(&context, message.data, message.size);
    SHA512_Final(digest.octets.data(), &context);
    digest.size = SHA512_DIGEST_LENGTH;
  }
  return digest;
}

int nidOf(Hash hash) {
  switch (hash) {
    case Hash::sha256:
      return NID_sha256;
    case Hash::sha384:
      return NID_sha384;
    case Hash::sha512:
      return NID_sha512;
  }
  return NID_undef;
}

}  // namespace sidecert
